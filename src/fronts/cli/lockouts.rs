//! `doorward lockouts`: who gave too many wrong credentials, and letting them try again.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::proto::v1::{ClearLockoutsRequest, ListLockoutsResponse, LockKey, Lockout};

/// `lockouts`
///
/// # Errors
/// What the gateway said instead.
pub async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.lockouts().await?;
    let clear = session.command("lockouts clear");
    session.out.result(|| list_text(&listed, &clear), || list_json(&listed))?;
    Ok(ExitStatusCode::OK)
}

/// `lockouts clear`
///
/// # Errors
/// As [`list`].
pub async fn clear(
    session: &mut Session<'_>,
    address: Option<IpAddr>,
    class: Option<String>,
) -> Result<ExitStatusCode, Trouble> {
    let address = address.map(|address| address.to_string());
    let request = ClearLockoutsRequest { class, address };
    let cleared = session.admin().await?.clear_lockouts(request).await?.cleared;
    let count = match cleared.len() {
        1 => "1 lockout".into(),
        several => format!("{several} lockouts"),
    };
    session.out.done(
        "cleared",
        || {
            let rows = cleared.iter().map(|key| format!("{}\n", named(key)));
            format!("{count}\n{}", rows.collect::<String>())
        },
        || json!({"cleared": cleared.iter().map(key_json).collect::<Vec<_>>()}),
    )?;
    Ok(ExitStatusCode::OK)
}

fn list_text(listed: &ListLockoutsResponse, clear: &str) -> String {
    const HEAD: [&str; 6] = ["CREDENTIAL", "FROM", "SINCE", "ENDS IN", "AFTER", "RECORD"];
    if listed.lockouts.is_empty() {
        return "Nobody is locked out.\n".into();
    }
    let now = listed.now_ms;
    let row = |lockout: &Lockout| {
        let Lockout { key, seq, at_ms, until_ms, failures } = lockout;
        let key = key.clone().unwrap_or_default();
        let failures: Vec<_> = failures
            .iter()
            .map(|(code, count)| format!("{count} {}", words::plain(code)))
            .collect();
        vec![
            words::plain(&key.class),
            from(&key),
            words::ago(*at_ms, now),
            words::span(until_ms.saturating_sub(now)),
            failures.join(", "),
            format!("#{seq}"),
        ]
    };
    let rows = table::text(&HEAD, listed.lockouts.iter().map(row));
    format!("Locked out ({}):\n{rows}Let them try again with: {clear}\n", listed.lockouts.len())
}

fn list_json(listed: &ListLockoutsResponse) -> Value {
    let row = |lockout: &Lockout| {
        let mut row = key_json(&lockout.key.clone().unwrap_or_default());
        row["seq"] = lockout.seq.into();
        row["atMs"] = lockout.at_ms.into();
        row["untilMs"] = lockout.until_ms.into();
        row["failures"] = json!(lockout.failures);
        row
    };
    json!({"lockouts": listed.lockouts.iter().map(row).collect::<Vec<_>>(), "nowMs": listed.now_ms})
}

fn key_json(key: &LockKey) -> Value {
    json!({"class": key.class, "address": key.address})
}

fn named(key: &LockKey) -> String {
    format!("  {} from {}", words::plain(&key.class), from(key))
}

fn from(key: &LockKey) -> String {
    key.address.as_deref().map_or_else(|| "everywhere".into(), words::plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fronts::cli::samples;

    fn listed() -> ListLockoutsResponse {
        let now_ms = samples::NOW;
        let lockout = |class: &str, address: Option<&str>, seq, failures: &[(&str, u32)]| Lockout {
            key: Some(LockKey { class: class.into(), address: address.map(Into::into) }),
            seq,
            at_ms: now_ms - 65_000,
            until_ms: now_ms + 235_000,
            failures: failures.iter().map(|(code, n)| ((*code).into(), *n)).collect(),
        };
        let mixed = [("AUTH_PASSWORD_MISMATCH", 3), ("AUTH_TOKEN_MISMATCH", 7)];
        let lockouts = vec![
            lockout("shared-secret", None, 41, &[("AUTH_TOKEN_MISMATCH", 500)]),
            lockout("shared-secret", Some("192.168.1.7"), 40, &mixed),
            lockout("setup-code", Some("2001:db8::"), 12, &[("AUTH_BOOTSTRAP_TOKEN_INVALID", 10)]),
        ];
        ListLockoutsResponse { lockouts, now_ms, ..Default::default() }
    }

    #[test]
    fn the_list_as_people_see_it() {
        let nobody = ListLockoutsResponse::default();
        let clear = "doorward lockouts clear";
        let text = list_text(&listed(), clear) + "---\n" + &list_text(&nobody, clear);
        samples::assert_golden("lockouts.txt", &text);
    }

    #[test]
    fn the_list_as_programs_see_it() {
        let document = list_json(&listed());
        assert_eq!(document["nowMs"], samples::NOW);
        let failures: BTreeMap<_, _> = [("AUTH_TOKEN_MISMATCH", 500)].into();
        assert_eq!(
            document["lockouts"][0],
            json!({
                "class": "shared-secret", "address": null, "seq": 41, "failures": failures,
                "atMs": samples::NOW - 65_000, "untilMs": samples::NOW + 235_000,
            })
        );
        assert_eq!(document["lockouts"][2]["address"], "2001:db8::");
    }
}
