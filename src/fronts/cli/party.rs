//! Whom someone means: a device, a service token, the shared secret, or a person.

use super::{admin::Admin, exit::Trouble, words};
use crate::proto::v1::{
    Among, Party,
    party::{Anyone, Kind},
};

/// How people are named where others are too.
const PERSON: &str = "person:";

/// Whom someone means. A device before a service token of the same name.
///
/// # Errors
/// If it is nobody, or could be several.
pub async fn find(admin: &mut Admin, who: &str) -> Result<Kind, Trouble> {
    let local = who.starts_with("local-");
    match who {
        "shared-secret" | "local-shared-secret" => return Ok(Kind::SharedSecret(Anyone { local })),
        "open" | "local-open" => return Ok(Kind::Open(Anyone { local })),
        _ => {}
    }
    if let Some(name) = who.strip_prefix(PERSON) {
        return Ok(Kind::Person(name.to_owned()));
    }
    admin.resolve(who, Among::Unspecified).await
}

/// Whom, in words.
pub fn words(party: Option<&Party>) -> String {
    let Some(Party { kind: Some(kind), name }) = party else { return "unknown".into() };
    let here = |what: &str, anyone: &Anyone| match anyone.local {
        true => format!("{what}, on this machine"),
        false => what.to_owned(),
    };
    let who = match kind {
        Kind::Device(device) => {
            format!("{} {}", words::role(device.role), words::short(&device.device_id))
        }
        Kind::TokenId(id) => format!("token {}", words::short(id)),
        Kind::SharedSecret(anyone) => here("the shared secret", anyone),
        Kind::Open(anyone) => here("anyone", anyone),
        Kind::Person(name) if name == "*" => "any other person".into(),
        Kind::Person(name) => return format!("person {}", words::plain(name)),
    };
    match name {
        Some(name) => format!("{} ({who})", words::plain(name)),
        None => who,
    }
}

/// Whom, for programs.
pub fn json(party: Option<&Party>) -> serde_json::Value {
    use serde_json::json;
    let Some(Party { kind: Some(kind), name }) = party else { return serde_json::Value::Null };
    match kind {
        Kind::Device(device) => json!({
            "kind": "device",
            "deviceId": device.device_id,
            "role": words::role(device.role),
            "name": name,
        }),
        Kind::TokenId(id) => json!({"kind": "service-token", "tokenId": id, "name": name}),
        Kind::SharedSecret(anyone) => json!({"kind": "shared-secret", "local": anyone.local}),
        Kind::Open(anyone) => json!({"kind": "open", "local": anyone.local}),
        Kind::Person(name) => json!({"kind": "person", "name": name}),
    }
}

/// As filters name someone.
pub fn reference(kind: &Kind) -> String {
    match kind {
        Kind::Device(device) => format!("device:{}", device.device_id),
        Kind::TokenId(id) => format!("token:{id}"),
        Kind::SharedSecret(_) => "shared-secret".into(),
        Kind::Open(_) => "open".into(),
        Kind::Person(name) => format!("{PERSON}{name}"),
    }
}
