//! `doorward status --url`: how a gateway is, as a client on the network sees it.
//!
//! It works with any gateway of the protocol. A gateway that lets the client in but not look is
//! reachable, and is said to be: what is missing is authority, not a network.

use serde_json::{Value, json};

use super::{
    Session,
    client::{self, ConnectError, ConnectOptions, Refusal, RpcError},
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::support::secret::Secret;

/// The scope that looking needs.
const READ: &str = "operator.read";

/// What was seen.
struct Seen {
    url: String,
    hello: Value,
    status: Result<Value, Refusal>,
}

/// Connects as an operator without a device, asks, and says what it saw.
///
/// # Errors
/// If the gateway cannot be reached, or lets this client not in.
pub async fn status(
    session: &mut Session<'_>,
    url: &str,
    token: Option<Secret<String>>,
) -> Result<ExitStatusCode, Trouble> {
    let options = ConnectOptions::operator(token, &[READ]);
    let mut connected = client::connect(url, &options).await.map_err(|error| no_entry(&error))?;
    let status = match connected.request("status", json!({})).await {
        Ok(status) => Ok(status),
        Err(RpcError::Refused(refusal)) => Err(refusal),
        Err(error) => return Err(Trouble::new(ExitStatusCode::UNREACHABLE, error.to_string())),
    };
    let seen = Seen { url: url.to_owned(), hello: connected.hello.clone(), status };
    connected.close().await;
    session.out.result(|| text(&seen), || document(&seen))?;
    Ok(if seen.status.is_ok() { ExitStatusCode::OK } else { ExitStatusCode::REFUSED })
}

/// Why a client was not let in, for people.
pub(super) fn no_entry(error: &ConnectError) -> Trouble {
    let exit = match error {
        ConnectError::Url(_) => ExitStatusCode::USAGE,
        ConnectError::Refused { .. } | ConnectError::Upgrade { status: 403, .. } => {
            ExitStatusCode::REFUSED
        }
        ConnectError::Unreachable(_)
        | ConnectError::Upgrade { .. }
        | ConnectError::Closed(_)
        | ConnectError::TimedOut
        | ConnectError::NotThisProtocol(_) => ExitStatusCode::UNREACHABLE,
    };
    let what = upgrade_refused(error).unwrap_or_else(|| error.to_string());
    let mut trouble = Trouble::new(exit, words::line(&what));
    trouble.advice.code = error.details_code().map(words::plain);
    let hint = error.refusal().and_then(hint);
    // doorward's own hints name both who and what; another gateway's are taken as they are.
    match hint.as_deref().and_then(|hint| hint.split_once(" can grant it. Run: ")) {
        Some((grantors, remedy)) => {
            trouble.advice.grantors = Some(grantors.into());
            trouble.advice.remedy = Some(remedy.into());
        }
        None => trouble.advice.remedy = hint,
    }
    trouble
}

/// What a gateway says that refuses the upgrade itself, because of a proxy in between.
fn upgrade_refused(error: &ConnectError) -> Option<String> {
    let ConnectError::Upgrade { status: 403, body } = error else { return None };
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body["error"]["message"].as_str()?.to_owned())
}

/// What the gateway says to do.
fn hint(refusal: &Refusal) -> Option<String> {
    refusal.details["remediationHint"].as_str().map(words::line)
}

/// The scopes that this session got, as the gateway says.
fn granted(seen: &Seen) -> Vec<String> {
    let scopes = seen.hello["auth"]["scopes"].as_array();
    let names = scopes.into_iter().flatten().filter_map(Value::as_str);
    names.map(words::plain).collect()
}

fn text(seen: &Seen) -> String {
    let version = seen.hello["server"]["version"].as_str().map_or("unknown".into(), words::plain);
    let granted = granted(seen);
    let granted = if granted.is_empty() { "(none)".into() } else { granted.join(" ") };
    let (verdict, more) = match &seen.status {
        Ok(status) => {
            let uptime = status["uptimeMs"].as_u64().map_or("unknown".into(), words::span);
            ("reachable".to_owned(), Some(("up for", uptime)))
        }
        Err(refusal) => {
            let needed = refusal.details["missingScope"].as_str().unwrap_or(READ);
            let verdict = format!("reachable, limited: needs {}", words::plain(needed));
            (verdict, hint(refusal).map(|hint| ("what to do", hint)))
        }
    };
    let mut facts = vec![("gateway", verdict), ("address", seen.url.clone()), ("version", version)];
    facts.push(("scopes", granted));
    facts.extend(more);
    table::facts(&facts)
}

fn document(seen: &Seen) -> Value {
    let refusal = seen.status.as_ref().err();
    json!({
        "reachable": true,
        "limited": refusal.is_some(),
        "url": seen.url,
        "version": seen.hello["server"]["version"],
        "scopes": granted(seen),
        "status": seen.status.as_ref().ok(),
        "needs": refusal.map(|refusal| refusal.details["missingScope"].as_str().unwrap_or(READ)),
        "hint": refusal.and_then(hint),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::client::Closed;

    fn seen(status: Result<Value, Refusal>, scopes: &[&str]) -> Seen {
        let hello = json!({"server": {"version": "1.2.3"}, "auth": {"scopes": scopes}});
        Seen { url: "ws://h:1".into(), hello, status }
    }

    fn refusal(details: Value) -> Refusal {
        Refusal {
            code: "FORBIDDEN".into(),
            message: "missing scope: operator.read".into(),
            details,
            retryable: false,
            retry_after_ms: None,
        }
    }

    #[test]
    fn a_gateway_that_lets_one_not_look_is_reachable_all_the_same() {
        let details = json!({"missingScope": "operator.read", "remediationHint": "ask the host"});
        let seen = seen(Err(refusal(details)), &[]);
        assert_eq!(
            text(&seen),
            "gateway     reachable, limited: needs operator.read\n\
             address     ws://h:1\n\
             version     1.2.3\n\
             scopes      (none)\n\
             what to do  ask the host\n"
        );
        let document = document(&seen);
        assert_eq!((&document["reachable"], &document["limited"]), (&json!(true), &json!(true)));
        assert_eq!(document["needs"], "operator.read");
    }

    #[test]
    fn a_gateway_that_answers_is_reachable() {
        let seen = seen(Ok(json!({"uptimeMs": 61_000})), &["operator.read"]);
        assert_eq!(
            text(&seen),
            "gateway  reachable\n\
             address  ws://h:1\n\
             version  1.2.3\n\
             scopes   operator.read\n\
             up for   1m 1s\n"
        );
        assert_eq!(document(&seen)["limited"], false);
    }

    #[test]
    fn a_hint_is_taken_apart_only_if_it_is_our_own() {
        for (hint, grantors, remedy) in [
            ("the host can grant it. Run: doorward status", Some("the host"), "doorward status"),
            ("pair the device", None, "pair the device"),
        ] {
            let refusal = Box::new(refusal(json!({"remediationHint": hint})));
            let advice = no_entry(&ConnectError::Refused { refusal, close: None }).advice;
            assert_eq!(advice.grantors.as_deref(), grantors);
            assert_eq!(advice.remedy.as_deref(), Some(remedy));
        }
    }

    #[test]
    fn a_refused_upgrade_is_told_in_the_words_of_the_gateway() {
        let body = json!({"error": {"message": "no such\u{1b} proxy"}}).to_string();
        let trouble = no_entry(&ConnectError::Upgrade { status: 403, body });
        assert_eq!(trouble.what, "no such\u{fffd} proxy");
    }

    #[test]
    fn no_entry_row_by_row() {
        let refused = ConnectError::Refused {
            refusal: Box::new(refusal(
                json!({"code": "AUTH_TOKEN_MISSING", "remediationHint": "x"}),
            )),
            close: None,
        };
        let trouble = no_entry(&refused);
        assert_eq!(trouble.exit, ExitStatusCode::REFUSED);
        assert_eq!(trouble.advice.code.as_deref(), Some("AUTH_TOKEN_MISSING"));
        assert_eq!(trouble.advice.remedy.as_deref(), Some("x"));
        let closed = Closed { code: 1006, reason: "\u{1b}[2J".into() };
        for (error, expected) in [
            (ConnectError::Url("x".into()), ExitStatusCode::USAGE),
            (ConnectError::TimedOut, ExitStatusCode::UNREACHABLE),
            (
                ConnectError::Upgrade { status: 404, body: String::new() },
                ExitStatusCode::UNREACHABLE,
            ),
            (ConnectError::Upgrade { status: 403, body: String::new() }, ExitStatusCode::REFUSED),
            (ConnectError::Closed(closed), ExitStatusCode::UNREACHABLE),
        ] {
            let trouble = no_entry(&error);
            assert_eq!(trouble.exit, expected, "{error}");
            assert!(!trouble.what.contains('\u{1b}'), "a stranger's words reach the terminal");
        }
    }
}
