//! Shapes of the wire, each written by hand from domain values.
//!
//! No wire type leaves this folder, and no domain type is serialised by derive: a field that is
//! added to the domain does not reach a client by accident. The published schema refuses unknown
//! fields and empty texts, so what is absent is left out.

pub mod approvals;
mod connect;
mod fields;
pub mod params;
mod profile;
pub mod talk;
pub mod usage;

use serde_json::{Map, Value, json};

pub use connect::{ConnectParams, read_connect};
pub use fields::{Fields, no_params};
pub use params::{
    Misread, NewSecret, NewSetup, NewToken, OfDevice, OfGrant, OfRequest, OfSetup, OfToken, Params,
    Rename, Rotate, Upgrade, read_params,
};

use crate::{
    domain::{
        ids::{CodeId, DeviceId, RequestId},
        principal::Subject,
        registry::{Access, ApprovedBy, Device, PairingRequest, Registry, warning::EndingSoon},
        scope::ScopeSet,
        time::UnixMillis,
    },
    service::{Info, Pairings, Presence, PresenceBoard, Service, limits},
    support::{clock, keys},
};

/// The names of a set of scopes.
pub fn scopes(scopes: &ScopeSet) -> Value {
    scopes.iter().map(|scope| Value::from(scope.name())).collect()
}

/// `stateVersion`: how often each part of the snapshot has changed.
pub fn state_version(service: &Service, presence: u64) -> String {
    let told = service.info().uptime.elapsed().as_secs() / limits::HEALTH_INTERVAL.as_secs();
    format!(r#"{{"presence":{presence},"health":{}}}"#, told + 1)
}

/// The health of the gateway. The schema knows only `ok: true`; a gateway that is not well leaves
/// the field out.
pub fn health(service: &Service) -> String {
    let ok = if service.is_ready() { r#""ok":true,"# } else { "" };
    format!(
        r#"{{{ok}"ts":{},"durationMs":0,"channels":{{}},"channelOrder":[],"channelLabels":{{}}}}"#,
        clock::unix_millis()
    )
}

/// Everyone who is connected; the gateway itself comes first.
pub fn presence_list(board: &PresenceBoard, info: &Info) -> String {
    let this = json!({
        "host": info.host,
        "version": info.version,
        "mode": "gateway",
        "reason": "self",
        "instanceId": info.boot_id,
        "text": format!("Gateway: {} · doorward {}", info.host, info.version),
        "ts": info.started_at.0,
    });
    let others = board.entries.iter().map(|presence| presence_entry(presence));
    Value::from_iter([this].into_iter().chain(others)).to_string()
}

fn presence_entry(presence: &Presence) -> Value {
    let mut entry = Map::new();
    put(&mut entry, "host", &presence.host);
    put(&mut entry, "ip", presence.address.as_deref().unwrap_or_default());
    put(&mut entry, "version", &presence.version);
    put(&mut entry, "platform", &presence.platform);
    put(&mut entry, "deviceFamily", presence.device_family.as_deref().unwrap_or_default());
    put(&mut entry, "mode", &presence.mode);
    put(&mut entry, "instanceId", &presence.instance_id);
    if let Some(device) = presence.device {
        put(&mut entry, "deviceId", &device.to_string());
    }
    put(&mut entry, "reason", "connect");
    put(&mut entry, "text", &format!("{} · {}", presence.host, presence.mode));
    entry.insert("roles".into(), json!([presence.role]));
    entry.insert("scopes".into(), scopes(&presence.scopes));
    entry.insert("onlineSince".into(), presence.since.0.into());
    entry.insert("ts".into(), presence.since.0.into());
    Value::Object(entry)
}

/// The schema refuses empty texts: an absent field says the same.
fn put(entry: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        entry.insert(name.into(), value.into());
    }
}

/// A pairing request, as listed and as announced. The list also says when it runs out.
pub fn pairing_request(id: RequestId, request: &PairingRequest, expires_at: Option<u64>) -> Value {
    let mut row = Map::new();
    put(&mut row, "requestId", &id.to_string());
    put(&mut row, "deviceId", &request.device.to_string());
    put(&mut row, "publicKey", &keys::to_base64url(&request.public_key.0));
    profile::put(&mut row, &request.profile);
    put(&mut row, "remoteIp", request.address.as_deref().unwrap_or_default());
    row.insert("role".into(), request.role.name().into());
    row.insert("roles".into(), json!([request.role.name()]));
    row.insert("scopes".into(), scopes(&request.scopes));
    row.insert("silent".into(), false.into());
    let is_repair = request.reason != crate::domain::refusal::PairingReason::NotPaired;
    row.insert("isRepair".into(), is_repair.into());
    row.insert("ts".into(), request.asked.at.0.into());
    if let Some(expires_at) = expires_at {
        row.insert("expiresAtMs".into(), expires_at.into());
    }
    Value::Object(row)
}

/// What a device that came with a setup code has become. Holds no secret.
pub fn setup_completion(
    code: CodeId,
    device: DeviceId,
    name: Option<&str>,
    access: Access,
    at: UnixMillis,
) -> Value {
    let mut row = Map::new();
    put(&mut row, "setupId", &code.to_string());
    put(&mut row, "deviceId", &device.to_string());
    put(&mut row, "deviceName", name.unwrap_or_default());
    put(&mut row, "access", access.name());
    row.insert("ts".into(), at.0.into());
    Value::Object(row)
}

/// What is about to end. Its subject is named as `doorward.whoami` names it.
pub fn ending(ending: &EndingSoon, at: UnixMillis) -> Value {
    let mut row = Map::new();
    match &ending.subject {
        Subject::Device(id, role) => {
            put(&mut row, "kind", "device");
            put(&mut row, "deviceId", &id.to_string());
            put(&mut row, "role", role.name());
        }
        Subject::Token(id) => {
            put(&mut row, "kind", "service_token");
            put(&mut row, "tokenId", &id.to_string());
        }
        // These do not end.
        Subject::SharedSecret | Subject::Open | Subject::Person(_) => {}
    }
    put(&mut row, "name", ending.name.as_deref().unwrap_or_default());
    row.insert("untilMs".into(), ending.until.0.into());
    row.insert("ts".into(), at.0.into());
    Value::Object(row)
}

/// A paired device, with what is in force of its grants. Never shows a token.
pub fn paired_device(
    id: DeviceId,
    device: &Device,
    state: &Registry,
    pairings: Option<&Pairings>,
) -> Value {
    let mut row = Map::new();
    put(&mut row, "deviceId", &id.to_string());
    put(&mut row, "publicKey", &keys::to_base64url(&device.public_key.0));
    profile::put(&mut row, &device.profile);
    put(&mut row, "operatorLabel", device.label.as_deref().unwrap_or_default());
    let latest = device.grants.iter().max_by_key(|(_, grant)| grant.seq);
    if let Some((role, grant)) = latest {
        row.insert("role".into(), role.name().into());
        row.insert("scopes".into(), scopes(&state.in_force(grant)));
        row.insert("approvedVia".into(), approved_via(grant.by).into());
        row.insert("approvedAtMs".into(), grant.at.0.into());
    }
    let roles: Vec<_> = device.grants.keys().map(|role| role.name()).collect();
    row.insert("roles".into(), json!(roles));
    row.insert("createdAtMs".into(), device.paired_at.0.into());
    let tokens: Vec<_> = device
        .grants
        .iter()
        .map(|(role, grant)| {
            let scopes = scopes(&state.in_force(grant));
            let mut token =
                json!({"role": role.name(), "scopes": scopes, "createdAtMs": grant.since.0});
            if let Some(at) = grant.rotated_at {
                token["rotatedAtMs"] = at.0.into();
            }
            token
        })
        .collect();
    row.insert("tokens".into(), tokens.into());
    if let Some(pairings) = pairings {
        row.insert("connected".into(), pairings.connected(id).into());
        let seen = pairings.last_seen(id).unwrap_or(device.seen_at);
        row.insert("lastSeenAtMs".into(), seen.0.into());
    }
    Value::Object(row)
}

/// The real gateway's words: a rule's approval is `silent`, a person's is `owner`.
fn approved_via(by: ApprovedBy) -> &'static str {
    match by {
        ApprovedBy::LocalPolicy => "silent",
        ApprovedBy::Host | ApprovedBy::Operator | ApprovedBy::KeyList => "owner",
        ApprovedBy::TrustedCidr => "trusted-cidr",
        ApprovedBy::SetupCode => "bootstrap",
    }
}
