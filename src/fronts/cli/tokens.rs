//! `doorward tokens`: credentials for clients that have no device key.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Session,
    admin::Admin,
    args::Force,
    devices::manage,
    exit::{ExitStatusCode, Trouble},
    json, table, words,
};
use crate::proto::v1::{
    Among, CreateTokenRequest, ListTokensResponse, RevokeServiceTokenRequest, Scopes,
    assign_ceiling_request::Subject, party::Kind,
};

/// What is said beside a secret that is shown this once.
const ONCE: &str = "It is shown this once; the gateway keeps only its hash.";

/// `tokens list`
///
/// # Errors
/// What the gateway said instead; so for every command.
pub async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.tokens().await?;
    session.out.result(|| list_text(&listed), || list_json(&listed))?;
    Ok(ExitStatusCode::OK)
}

/// `tokens create`
///
/// # Errors
/// As [`list`].
pub async fn create(
    session: &mut Session<'_>,
    name: String,
    scopes: Vec<String>,
    ttl: Option<Duration>,
    ranges: Vec<String>,
) -> Result<ExitStatusCode, Trouble> {
    let request = CreateTokenRequest {
        name: name.clone(),
        scopes: Some(Scopes { names: scopes }),
        until_ms: ttl.map(words::from_now),
        ranges,
    };
    let made = session.admin().await?.create_token(request).await?;
    session.out.done(
        "created",
        || format!("service token {name} (record {})\n\n  {}\n\n{ONCE}", made.seq, made.secret),
        || json!({"created": true, "tokenId": made.token_id, "name": name, "secret": made.secret, "seq": made.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `tokens rotate`
///
/// # Errors
/// As [`list`].
pub async fn rotate(session: &mut Session<'_>, token: &str) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let token_id = find(&mut admin, token).await?;
    let made = admin.rotate_service_token(token_id).await?;
    session.out.done(
        "rotated",
        || format!("service token {token} (record {})\n\n  {}\n\n{ONCE}", made.seq, made.secret),
        || json!({"rotated": true, "tokenId": made.token_id, "secret": made.secret, "seq": made.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `tokens revoke`
///
/// # Errors
/// As [`list`].
pub async fn revoke(
    session: &mut Session<'_>,
    token: &str,
    force: Force,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let token_id = find(&mut admin, token).await?;
    let request = RevokeServiceTokenRequest { token_id, force_reason: force.reason };
    let ended = admin.revoke_service_token(request).await?;
    session.out.done(
        "revoked",
        || format!("service token {token}; its sessions have ended (record {})", ended.seq),
        || json!({"revoked": true, "tokenId": ended.token_id, "seq": ended.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// `tokens role`
///
/// # Errors
/// As [`list`].
pub async fn ceiling(
    session: &mut Session<'_>,
    token: &str,
    ceiling: Option<String>,
) -> Result<ExitStatusCode, Trouble> {
    let mut admin = session.admin().await?;
    let subject = Subject::TokenId(find(&mut admin, token).await?);
    manage::assign(session, subject, &format!("service token {token}"), ceiling).await
}

/// The id of a token that was named.
async fn find(admin: &mut Admin, given: &str) -> Result<String, Trouble> {
    match admin.resolve(given, Among::ServiceTokens).await? {
        Kind::TokenId(id) => Ok(id),
        _ => Err(Trouble::new(ExitStatusCode::INTERNAL, "the gateway named no service token")),
    }
}

fn list_text(listed: &ListTokensResponse) -> String {
    if listed.tokens.is_empty() {
        return "There is no service token.\n".into();
    }
    const HEAD: [&str; 8] =
        ["TOKEN", "NAME", "HOLDS operator.*", "FROM", "BY", "CREATED", "USED", "ENDS"];
    let now = listed.now_ms;
    table::text(
        &HEAD,
        listed.tokens.iter().map(|token| {
            let scopes = words::scopes_short(token.scopes.as_ref());
            let scopes = match token.review_seq {
                Some(_) => format!("nothing, held for review: {scopes}"),
                None => scopes,
            };
            let under = token.ceiling.as_ref().map(|name| format!(" under {}", words::plain(name)));
            let ends = token.until_ms.map_or_else(
                || "never".into(),
                |at| {
                    let soon = words::ends_soon(token.created_at_ms, at, now);
                    let left = words::span(at.saturating_sub(now));
                    format!("{}in {left}", if soon { "! " } else { "" })
                },
            );
            vec![
                words::short(&token.token_id).into(),
                words::plain(&token.name),
                scopes + &under.unwrap_or_default(),
                if token.ranges.is_empty() { "anywhere".into() } else { token.ranges.join(" ") },
                words::principal(token.creator.as_ref()),
                words::ago(token.created_at_ms, now),
                token.last_used_ms.map_or_else(|| "-".into(), |at| words::ago(at, now)),
                ends,
            ]
        }),
    )
}

fn list_json(listed: &ListTokensResponse) -> Value {
    let tokens: Vec<_> = listed.tokens.iter().map(json::service_token).collect();
    json!({"tokens": tokens})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn the_list_as_people_and_programs_see_it() {
        let listed = samples::tokens();
        samples::assert_golden("tokens-list.txt", &list_text(&listed));
        samples::assert_golden("tokens-list.json", &list_json(&listed).to_string());
        let none = ListTokensResponse::default();
        assert_eq!(list_text(&none), "There is no service token.\n");
    }
}
