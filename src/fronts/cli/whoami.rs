//! `doorward whoami`: who this client is to the gateway, and where it is seen to come from.

use serde_json::{Value, json};

use super::{
    Session,
    args::StatusArgs,
    client::{self, ConnectOptions, RpcError},
    exit::{ExitStatusCode, Trouble},
    json,
    network::no_entry,
    table, words,
};

/// Asks: over the admin socket, or over the network as any client does.
///
/// # Errors
/// What the gateway said instead.
pub async fn whoami(
    session: &mut Session<'_>,
    args: StatusArgs,
) -> Result<ExitStatusCode, Trouble> {
    let document = match args {
        StatusArgs { url: Some(url), token } => {
            let options = ConnectOptions::operator(token, &[]);
            over_network(&url, &options).await?
        }
        StatusArgs { url: None, .. } => json::whoami(&session.admin().await?.whoami().await?),
    };
    session.out.result(|| text(&document), || document.clone())?;
    Ok(ExitStatusCode::OK)
}

async fn over_network(url: &str, options: &ConnectOptions) -> Result<Value, Trouble> {
    let mut connected = client::connect(url, options).await.map_err(|error| no_entry(&error))?;
    let answer = connected.request("doorward.whoami", json!({})).await;
    connected.close().await;
    answer.map_err(|error| match error {
        RpcError::Refused(refusal) => {
            Trouble::new(ExitStatusCode::REFUSED, words::line(&refusal.to_string()))
        }
        error => Trouble::new(ExitStatusCode::UNREACHABLE, error.to_string()),
    })
}

fn text(document: &Value) -> String {
    let said = |name: &str| document[name].as_str().map_or("unknown".into(), words::line);
    let scopes = document["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let scopes: Vec<_> = scopes.map(words::plain).collect();
    let until = document["untilMs"].as_u64().map_or("for good".into(), words::time);
    table::facts(&[
        ("you are", principal(&document["principal"])),
        ("role", said("role")),
        ("scopes", if scopes.is_empty() { "(none)".into() } else { scopes.join(" ") }),
        ("granted by", format!("record {}, {until}", document["grantSeq"])),
        ("address", said("address")),
        ("peer", said("peer")),
        ("verdict", said("verdict")),
        ("rule", format!("{}: {}", said("rule"), said("because"))),
        ("to change", said("remedy")),
    ])
}

fn principal(principal: &Value) -> String {
    let said = |name: &str| principal[name].as_str().map_or("unknown".into(), words::plain);
    let id = |name: &str| principal[name].as_str().map_or("unknown".into(), words::line);
    match principal["kind"].as_str() {
        Some("host") => format!("the host, uid {}", principal["uid"]),
        Some("shared_secret") => format!("a client with the shared {}", said("proof")),
        Some("open") => "anyone: no proof is asked for".into(),
        Some("device") => format!("device {}", id("deviceId")),
        Some("service_token") => format!("service token {}", id("tokenId")),
        Some("person") => format!("{}, by the word of the proxy", said("name")),
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn everyone_as_people_see_it() {
        let seen = json!({
            "address": "203.0.113.9",
            "peer": "172.17.0.1",
            "verdict": "elsewhere",
            "rule": "x-forwarded-for",
            "because": "a trusted proxy names the client in X-Forwarded-For",
            "remedy": "if 172.17.0.1 is no proxy of yours, take it out of gateway.trustedProxies",
            "role": "operator",
            "scopes": ["operator.read", "operator.write"],
            "grantSeq": 12,
            "untilMs": null,
        });
        let mut shown = String::new();
        for principal in [
            json!({"kind": "host", "uid": 1000}),
            json!({"kind": "shared_secret", "proof": "token"}),
            json!({"kind": "open"}),
            json!({"kind": "device", "deviceId": "1a".repeat(32), "role": "operator"}),
            json!({"kind": "service_token", "tokenId": "7f1c2f6e-1111-4222-8333-444455556666"}),
            json!({"kind": "person", "name": "ann@example.com"}),
            json!({"kind": "person", "name": "\u{1b}[2Jann"}),
        ] {
            shown.push_str(&format!("{}\n", super::principal(&principal)));
        }
        let mut person = seen;
        person["principal"] = json!({"kind": "person", "name": "ann@example.com"});
        let mut ending = person.clone();
        ending["untilMs"] = json!(1_700_000_000_000_u64);
        ending["scopes"] = json!([]);
        ending["address"] = Value::Null;
        let golden = [text(&person), text(&ending), shown].join("---\n");
        samples::assert_golden("whoami.txt", &golden);
    }
}
