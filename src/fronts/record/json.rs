//! A record as a JSON document: names in camelCase, absent values as `null`, times as milliseconds
//! since the Unix epoch.

use serde_json::{Value, json};

use super::names;
use crate::proto::v1::{LedgerRecord, Principal, Scopes, Via, principal::Kind};

/// A set of scopes.
pub fn scopes(scopes: Option<&Scopes>) -> Value {
    scopes.map(|scopes| scopes.names.clone()).unwrap_or_default().into()
}

/// Who did it.
pub fn principal(principal: Option<&Principal>) -> Value {
    match principal.and_then(|principal| principal.kind.as_ref()) {
        Some(Kind::Host(host)) => json!({"kind": "host", "uid": host.uid}),
        Some(Kind::SharedSecret(secret)) => {
            json!({"kind": "shared_secret", "proof": names::auth_mode(secret.proof)})
        }
        Some(Kind::Open(_)) => json!({"kind": "open"}),
        Some(Kind::Device(device)) => {
            let role = names::role(device.role);
            json!({"kind": "device", "deviceId": device.device_id, "role": role})
        }
        Some(Kind::Applicant(applicant)) => {
            json!({"kind": "applicant", "deviceId": applicant.device_id})
        }
        Some(Kind::System(system)) => json!({"kind": "system", "rule": system.rule}),
        Some(Kind::ServiceToken(token)) => {
            json!({"kind": "service_token", "tokenId": token.token_id})
        }
        Some(Kind::Person(person)) => json!({"kind": "person", "name": person.name}),
        None => Value::Null,
    }
}

fn via(via: Option<&Via>) -> Value {
    let via = via.cloned().unwrap_or_default();
    json!({
        "transport": names::transport(via.transport),
        "address": via.address,
        "directLoopback": via.direct_loopback,
        "connection": via.connection,
        "request": via.request,
    })
}

/// One record.
pub fn record(record: &LedgerRecord) -> Value {
    let event = record.event.clone().unwrap_or_default();
    json!({
        "seq": record.seq,
        "timeMs": record.time_ms,
        "principal": principal(record.principal.as_ref()),
        "authoritySeq": record.authority_seq,
        "via": via(record.via.as_ref()),
        "before": scopes(record.before.as_ref()),
        "after": scopes(record.after.as_ref()),
        "event": {
            "kind": event.kind,
            "version": event.version,
            "deviceId": event.device_id,
            "role": event.role.map(names::role),
            "details": event.details,
        },
        "leafHash": names::hex(&record.leaf_hash),
    })
}
