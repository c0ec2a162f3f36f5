//! How values are said to programs: the contract's messages as JSON, names in camelCase, absent
//! values left out as `null`, times as milliseconds since the Unix epoch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use super::super::record::json::{principal, record, scopes};
use super::words;
use crate::{
    proto::v1::{
        Device, Grant, PendingRequest, Policy, Profile, ProveResponse, Scopes, ServiceToken,
        StateAsOfResponse, StatusResponse, VerifyResponse, WhoamiResponse,
    },
    support::keys::to_base64url,
};

fn profile(profile: Option<&Profile>) -> Value {
    let profile = profile.cloned().unwrap_or_default();
    json!({
        "displayName": profile.display_name,
        "clientId": profile.client_id,
        "clientMode": profile.client_mode,
        "version": profile.version,
        "platform": profile.platform,
        "deviceFamily": profile.device_family,
    })
}

fn grant(grant: &Grant) -> Value {
    json!({
        "role": words::role(grant.role),
        "scopes": scopes(grant.scopes.as_ref()),
        "seq": grant.seq,
        "grantedAtMs": grant.granted_at_ms,
        "sinceMs": grant.since_ms,
        "approvedBy": words::approved_by(grant.approved_by),
        "tokenIssuedAtMs": grant.token_issued_at_ms,
        "approvedScopes": scopes(grant.approved.as_ref()),
        "approver": principal(grant.approver.as_ref()),
        "rotatedAtMs": grant.rotated_at_ms,
        "untilMs": grant.until_ms,
        "fallsBackTo": grant.falls_back_to.as_ref().map(|left| &left.names),
        "ceiling": grant.ceiling,
        "ephemeral": grant.ephemeral,
        "reviewSeq": grant.review_seq,
    })
}

/// A paired device.
pub fn device(device: &Device) -> Value {
    json!({
        "deviceId": device.device_id,
        "publicKey": to_base64url(&device.public_key),
        "profile": profile(device.profile.as_ref()),
        "pairedAtMs": device.paired_at_ms,
        "grants": device.grants.iter().map(grant).collect::<Vec<_>>(),
        "barred": device.barred,
        "connected": device.connected,
        "lastSeenMs": device.last_seen_ms,
        "label": device.label,
    })
}

/// A service token.
pub fn service_token(token: &ServiceToken) -> Value {
    json!({
        "tokenId": token.token_id,
        "name": token.name,
        "scopes": scopes(token.scopes.as_ref()),
        "ranges": token.ranges,
        "creator": principal(token.creator.as_ref()),
        "createdAtMs": token.created_at_ms,
        "lastUsedMs": token.last_used_ms,
        "rotatedAtMs": token.rotated_at_ms,
        "untilMs": token.until_ms,
        "ceiling": token.ceiling,
        "reviewSeq": token.review_seq,
        "seq": token.seq,
    })
}

/// A request that waits.
pub fn pending(request: &PendingRequest) -> Value {
    json!({
        "requestId": request.request_id,
        "deviceId": request.device_id,
        "publicKey": to_base64url(&request.public_key),
        "role": words::role(request.role),
        "requestedScopes": scopes(request.requested.as_ref()),
        "currentScopes": scopes(request.current.as_ref()),
        "reason": words::reason(request.reason),
        "profile": profile(request.profile.as_ref()),
        "address": request.address,
        "seq": request.seq,
        "requestedAtMs": request.requested_at_ms,
        "expiresAtMs": request.expires_at_ms,
    })
}

/// What waits and what is paired.
pub fn pairings(pending_requests: &[PendingRequest], devices: &[Device]) -> Value {
    json!({
        "pending": pending_requests.iter().map(pending).collect::<Vec<_>>(),
        "paired": devices.iter().map(device).collect::<Vec<_>>(),
    })
}

fn named(sets: &BTreeMap<String, Scopes>) -> Value {
    sets.iter().map(|(name, held)| (name.clone(), scopes(Some(held)))).collect()
}

fn policy(policy: &Policy) -> Value {
    json!({
        "seq": policy.seq,
        "authMode": words::auth_mode(policy.auth_mode),
        "sharedScopes": scopes(policy.shared_scopes.as_ref()),
        "loopbackScopes": scopes(policy.loopback_scopes.as_ref()),
        "autoApproveLocal": policy.auto_approve_local,
        "autoApproveCidrs": policy.auto_approve_cidrs,
        "people": named(&policy.people),
        "others": policy.others.as_ref().map(|others| &others.names),
        "roles": named(&policy.ceilings),
    })
}

/// The state at one place.
pub fn as_of(state: &StateAsOfResponse) -> Value {
    let mut document = pairings(&state.pending, &state.devices);
    document["seq"] = state.seq.into();
    document["timeMs"] = state.time_ms.into();
    document["gatewayKey"] = to_base64url(&state.gateway_key).into();
    document["tokens"] = state.tokens.iter().map(service_token).collect();
    document["policy"] = state.policy.as_ref().map(policy).into();
    document
}

/// What a check found.
pub fn verdict(verdict: &VerifyResponse) -> Value {
    let broken = verdict.broken.as_ref();
    json!({
        "ok": broken.is_none(),
        "size": verdict.size,
        "rootHash": words::hex(&verdict.root_hash),
        "firstBadSeq": broken.map(|broken| broken.first_bad_seq),
        "what": broken.map(|broken| broken.what.as_str()),
        "checkpoint": verdict.checkpoint,
    })
}

/// The proof of a record.
pub fn proof(seq: u64, proof: &ProveResponse) -> Value {
    json!({"seq": seq, "proof": proof.proof, "gatewayKey": words::hex(&proof.gateway_key)})
}

/// Who the caller is, as clients of the protocol are told it.
pub fn whoami(whoami: &WhoamiResponse) -> Value {
    json!({
        "address": whoami.address,
        "peer": whoami.peer,
        "verdict": if whoami.local { "local" } else { "elsewhere" },
        "rule": whoami.rule,
        "because": whoami.because,
        "remedy": whoami.remedy,
        "principal": principal(whoami.principal.as_ref()),
        "role": words::role(whoami.role),
        "scopes": scopes(whoami.scopes.as_ref()),
        "grantSeq": whoami.grant_seq,
        "untilMs": whoami.until_ms,
    })
}

/// How the gateway is.
pub fn status(status: &StatusResponse) -> Value {
    json!({
        "version": status.version,
        "startedAtMs": status.started_at_ms,
        "uptimeMs": status.uptime_ms,
        "stateDir": status.state_dir,
        "configPath": status.config_path,
        "authMode": words::auth_mode(status.auth_mode),
        "address": status.address,
        "connections": status.connections,
        "devices": status.devices,
        "pending": status.pending,
        "held": status.held,
        "ledgerSize": status.ledger_size,
        "ledgerWritable": status.ledger_writable,
        "publishedSize": status.published_size,
        "unverifiedRecords": status.unverified_records,
        "sinks": status.sinks,
        "sinksInTrouble": status.sinks_in_trouble,
        "sharedSecretFile": status.shared_secret_file,
    })
}
