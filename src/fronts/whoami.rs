//! "Who am I here, and where do I come from?", as JSON, for every door that speaks it (N7 A7.2).
//!
//! Names are those of the records (`doorward audit log --json`).

use serde_json::{Value, json};

use crate::{
    domain::{
        principal::{Principal, SecretKind},
        refusal::Refusal,
    },
    service::{Seen, Whoami},
};

/// Where a client was seen to come from, with nothing said of who it is.
pub fn seen(seen: &Seen) -> Value {
    let address = |address: Option<std::net::IpAddr>| address.map(|address| address.to_string());
    json!({
        "address": address(seen.address),
        "peer": address(seen.peer),
        "verdict": match seen.local {
            Some(true) => "local",
            Some(false) => "elsewhere",
            None => "refused",
        },
        "rule": seen.rule.name(),
        "because": seen.rule.sentence(),
        "remedy": seen.remedy(),
        "principal": null,
        "role": null,
        "scopes": [],
        "grantSeq": null,
        "untilMs": null,
    })
}

/// The same of a client that was let in.
pub fn document(from: &Seen, whoami: &Whoami) -> Value {
    let Whoami { standing, ends_at } = whoami;
    let scopes: Vec<_> = standing.scopes.iter().map(|scope| scope.name().to_owned()).collect();
    let mut document = seen(from);
    document["principal"] = principal(&standing.principal);
    document["role"] = standing.role.name().into();
    document["scopes"] = scopes.into();
    document["grantSeq"] = standing.grant.0.into();
    document["untilMs"] = ends_at.map(|at| at.0).into();
    document
}

/// What a client is told that proved nothing.
pub fn refused(from: &Seen, refusal: &Refusal) -> Value {
    let mut document = seen(from);
    document["refusal"] = json!({
        "code": refusal.code(),
        "missing": refusal.missing(),
        "grantors": refusal.grantors(),
        "remedy": refusal.remedy(),
    });
    document
}

fn principal(principal: &Principal) -> Value {
    match principal {
        Principal::Host { uid } => json!({"kind": "host", "uid": uid}),
        Principal::SharedSecret(kind) => {
            let proof = match kind {
                SecretKind::Token => "token",
                SecretKind::Password => "password",
            };
            json!({"kind": "shared_secret", "proof": proof})
        }
        Principal::Open => json!({"kind": "open"}),
        Principal::Device(id, role) => {
            json!({"kind": "device", "deviceId": id.to_string(), "role": role.name()})
        }
        Principal::Applicant(id) => json!({"kind": "applicant", "deviceId": id.to_string()}),
        Principal::System(_) => json!({"kind": "system"}),
        Principal::Token(id) => json!({"kind": "service_token", "tokenId": id.to_string()}),
        Principal::Person(name) => json!({"kind": "person", "name": name}),
    }
}
