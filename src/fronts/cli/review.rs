//! `doorward review`: what is held because records are lost, and letting it be in force again.

use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    party, table, words,
};
use crate::proto::v1::{
    Held, ListHeldResponse, ReleaseHeldRequest, held, party::Kind, release_held_request::What,
};

/// What people call the rules that approve without a person.
const RULES: &str = "rules";

/// `review list`
///
/// # Errors
/// What the gateway said instead.
pub async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.held().await?;
    let release = session.command("review release <WHOM>");
    session.out.result(
        || list_text(&listed, &release),
        || json!({"held": listed.held.iter().map(row).collect::<Vec<_>>(), "nowMs": listed.now_ms}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `review release`
///
/// # Errors
/// As [`list`], or if it is nobody.
pub async fn release(
    session: &mut Session<'_>,
    whom: Option<&str>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let what = match whom {
        None => What::All(true),
        Some(RULES) => What::Rules(true),
        Some(whom) => match party::find(&mut admin, whom).await? {
            Kind::Device(device) => What::DeviceId(device.device_id),
            Kind::TokenId(id) => What::TokenId(id),
            Kind::SharedSecret(_) | Kind::Open(_) | Kind::Person(_) => {
                let what = format!("{} is the configuration's, and never held", words::plain(whom));
                return Err(Trouble::new(ExitStatusCode::USAGE, what));
            }
        },
    };
    let released = admin.release_held(ReleaseHeldRequest { what: Some(what) }).await?.released;
    let rows = || released.iter().map(|held| format!("  {}\n", name(held))).collect::<String>();
    session.out.done(
        "released",
        || format!("{} of what was held\n{}", released.len(), rows()),
        || json!({"released": released.iter().map(row).collect::<Vec<_>>()}),
    )?;
    Ok(ExitStatusCode::OK)
}

fn list_text(listed: &ListHeldResponse, release: &str) -> String {
    const HEAD: [&str; 6] =
        ["WHOM", "NAME", "WOULD HOLD operator.*", "HELD SINCE", "RECORD", "LOST RECORDS"];
    if listed.held.is_empty() {
        return "Nothing is held for review.\n".into();
    }
    let rows = listed.held.iter().map(|held| {
        vec![
            whom(held),
            name(held),
            held.scopes.as_ref().map_or_else(|| "-".into(), |some| words::scopes_short(Some(some))),
            words::ago(held.at_ms, listed.now_ms),
            format!("#{}", held.seq),
            lost(held),
        ]
    });
    let rows = table::text(&HEAD, rows);
    let many = listed.held.len();
    format!(
        "Held for review ({many}), because records are lost that may have taken it away:\n{rows}\
         Let it in again with: {release}\n\
         Or take it away: doorward devices revoke, doorward tokens revoke\n"
    )
}

/// It as `review release` takes it.
fn whom(held: &Held) -> String {
    match &held.what {
        Some(held::What::Party(party)) => match &party.kind {
            Some(Kind::Device(device)) => words::short(&device.device_id).into(),
            Some(Kind::TokenId(id)) => words::short(id).into(),
            _ => "-".into(),
        },
        _ => RULES.into(),
    }
}

fn name(held: &Held) -> String {
    match &held.what {
        Some(held::What::Party(party)) => party::words(Some(party)),
        _ => "approval without a person".into(),
    }
}

fn lost(held: &Held) -> String {
    match held.lost_until.checked_sub(held.lost_from + 1) {
        Some(0) => format!("#{}", held.lost_from),
        Some(_) => format!("#{} to #{}", held.lost_from, held.lost_until - 1),
        None => format!("from #{} on", held.lost_from),
    }
}

fn row(held: &Held) -> Value {
    let mut row = match &held.what {
        Some(held::What::Party(party)) => party::json(Some(party)),
        _ => json!({"kind": RULES}),
    };
    row["scopes"] = json!(held.scopes.as_ref().map(|scopes| &scopes.names));
    row["seq"] = held.seq.into();
    row["atMs"] = held.at_ms.into();
    row["lostFrom"] = held.lost_from.into();
    row["lostUntil"] = held.lost_until.into();
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fronts::cli::samples,
        proto::v1::{DeviceInRole, Party, Role, Scopes},
    };

    #[test]
    fn the_list_as_people_see_it() {
        let held = |what, names: Option<&[&str]>, lost_until| Held {
            what: Some(what),
            scopes: names
                .map(|names| Scopes { names: names.iter().map(|n| (*n).into()).collect() }),
            seq: 31,
            at_ms: samples::NOW - 65_000,
            lost_from: 30,
            lost_until,
        };
        let party = |kind, name: &str| {
            held::What::Party(Party { kind: Some(kind), name: Some(name.to_owned()) })
        };
        let device = DeviceInRole { device_id: "3f2a91c4".repeat(8), role: Role::Operator.into() };
        let token = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        let listed = ListHeldResponse {
            held: vec![
                held(party(Kind::Device(device), "Laptop"), Some(&["operator.admin"]), 38),
                held(party(Kind::TokenId(token.into()), "grafana"), Some(&["operator.read"]), 31),
                held(held::What::Rules(true), None, 30),
            ],
            now_ms: samples::NOW,
            ..Default::default()
        };
        let text = list_text(&listed, "doorward review release <WHOM>")
            + "---\n"
            + &list_text(&ListHeldResponse::default(), "");
        samples::assert_golden("review.txt", &text);
    }
}
