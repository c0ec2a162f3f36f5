//! The state and its parts, from the domain's language to the contract's.
//!
//! Structs are taken apart field by field, so that a new field of the domain does not compile until
//! someone decides whether the contract tells it.

use std::collections::BTreeMap;

use super::record::principal;
pub(super) use super::record::{role, scopes};
use crate::{
    domain::{
        ids::{DeviceId, RequestId, Seq, TokenId},
        refusal::PairingReason,
        registry::{
            self, ApprovedBy, AuthMode, Policy, Profile, Registry, ServiceToken,
            hold::Item,
            state::{Device, Grant, IssuedToken, PairingRequest},
        },
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    proto::v1,
    service::Pairings,
};

pub(super) fn reason(reason: PairingReason) -> v1::PairingReason {
    match reason {
        PairingReason::NotPaired => v1::PairingReason::NotPaired,
        PairingReason::RoleUpgrade => v1::PairingReason::RoleUpgrade,
        PairingReason::ScopeUpgrade => v1::PairingReason::ScopeUpgrade,
        PairingReason::MetadataUpgrade => v1::PairingReason::MetadataUpgrade,
    }
}

pub(super) fn auth_mode(mode: AuthMode) -> v1::AuthMode {
    match mode {
        AuthMode::Token => v1::AuthMode::Token,
        AuthMode::Password => v1::AuthMode::Password,
        AuthMode::None => v1::AuthMode::None,
        AuthMode::TrustedProxy => v1::AuthMode::TrustedProxy,
    }
}

fn approved_by(by: ApprovedBy) -> v1::ApprovedBy {
    match by {
        ApprovedBy::Host => v1::ApprovedBy::Host,
        ApprovedBy::Operator => v1::ApprovedBy::Operator,
        ApprovedBy::LocalPolicy => v1::ApprovedBy::LocalPolicy,
        ApprovedBy::TrustedCidr => v1::ApprovedBy::TrustedCidr,
        ApprovedBy::KeyList => v1::ApprovedBy::KeyList,
        ApprovedBy::SetupCode => v1::ApprovedBy::SetupCode,
    }
}

fn profile(profile: &Profile) -> v1::Profile {
    let Profile { display_name, client_id, client_mode, version, platform, device_family } =
        profile.clone();
    v1::Profile { display_name, client_id, client_mode, version, platform, device_family }
}

fn grant(state: &Registry, id: DeviceId, in_role: Role, grant: &Grant) -> v1::Grant {
    let Grant {
        seq,
        line: _,
        at,
        since,
        by,
        approver,
        baseline,
        scopes: held,
        token,
        retired: _,
        rotated_at,
        ends,
        ceiling,
        ephemeral,
    } = grant;
    let issued = |IssuedToken { hash: _, issued_at, seq: _ }: IssuedToken| issued_at.0;
    v1::Grant {
        role: role(in_role).into(),
        scopes: Some(scopes(&state.in_force(grant))),
        seq: seq.0,
        granted_at_ms: at.0,
        since_ms: since.0,
        approved_by: approved_by(*by).into(),
        token_issued_at_ms: token.map(issued),
        approved: Some(scopes(baseline)),
        rotated_at_ms: rotated_at.map(|at| at.0),
        until_ms: ends.as_ref().map(|ending| ending.at.0),
        falls_back_to: ends
            .as_ref()
            .and_then(|ending| ending.leaves.as_ref())
            .map(|lasting| scopes(&lasting.scopes)),
        ceiling: ceiling.clone(),
        ephemeral: *ephemeral,
        approver: approver.as_ref().map(principal),
        held_back: state.held_back(held, ceiling.as_deref()).as_ref().map(scopes),
        review_seq: state.hold_on(Item::Device(id, in_role)).map(|hold| hold.seq.0),
    }
}

pub(super) fn policy((seq, policy): (Seq, &Policy)) -> v1::Policy {
    let Policy {
        auth_mode: mode,
        shared_scopes,
        loopback_scopes,
        auto_approve_local,
        auto_approve_cidrs,
        people,
        others,
        ceilings,
    } = policy;
    let named = |sets: &BTreeMap<String, ScopeSet>| {
        sets.iter().map(|(name, held)| (name.clone(), scopes(held))).collect()
    };
    v1::Policy {
        seq: seq.0,
        auth_mode: auth_mode(*mode).into(),
        shared_scopes: Some(scopes(shared_scopes)),
        loopback_scopes: Some(scopes(loopback_scopes)),
        auto_approve_local: *auto_approve_local,
        auto_approve_cidrs: auto_approve_cidrs.iter().map(ToString::to_string).collect(),
        people: named(people),
        others: others.as_ref().map(scopes),
        ceilings: named(ceilings),
    }
}

/// What is known beside the state, because it is about now.
pub(super) trait Now {
    fn connected(&self, device: DeviceId) -> bool;
    fn last_seen(&self, device: DeviceId) -> Option<UnixMillis>;
    fn expires_at(&self, request: RequestId) -> Option<UnixMillis>;
}

impl Now for Pairings {
    fn connected(&self, device: DeviceId) -> bool {
        Pairings::connected(self, device)
    }

    fn last_seen(&self, device: DeviceId) -> Option<UnixMillis> {
        Pairings::last_seen(self, device)
    }

    fn expires_at(&self, request: RequestId) -> Option<UnixMillis> {
        Some(Pairings::expires_at(self, request))
    }
}

/// The past has no now.
pub(super) struct Past;

impl Now for Past {
    fn connected(&self, _: DeviceId) -> bool {
        false
    }

    fn last_seen(&self, _: DeviceId) -> Option<UnixMillis> {
        None
    }

    fn expires_at(&self, _: RequestId) -> Option<UnixMillis> {
        None
    }
}

/// One paired device.
pub(super) fn device(state: &Registry, id: DeviceId, known: &Device, now: &impl Now) -> v1::Device {
    let Device { public_key, profile: claims, label, paired_at, seen_at, grants } = known;
    v1::Device {
        device_id: id.to_string(),
        public_key: public_key.0.to_vec(),
        profile: Some(profile(claims)),
        paired_at_ms: paired_at.0,
        grants: grants.iter().map(|(role, held)| grant(state, id, *role, held)).collect(),
        barred: state.is_barred(id),
        connected: now.connected(id),
        last_seen_ms: Some(now.last_seen(id).unwrap_or(*seen_at).0),
        label: label.clone(),
    }
}

/// One service token. `last_used` is what is known since the gateway started.
pub(super) fn token(
    state: &Registry,
    id: TokenId,
    known: &ServiceToken,
    last_used: Option<UnixMillis>,
) -> v1::ServiceToken {
    let ServiceToken {
        seq,
        line: _,
        at,
        name,
        scopes: held,
        hash: _,
        until,
        ranges,
        creator,
        rotated_at,
        ceiling,
    } = known;
    v1::ServiceToken {
        token_id: id.to_string(),
        name: name.clone(),
        scopes: Some(scopes(&state.in_force_of(known))),
        held_back: state.held_back(held, ceiling.as_deref()).as_ref().map(scopes),
        seq: seq.0,
        created_at_ms: at.0,
        creator: Some(principal(creator)),
        last_used_ms: last_used.map(|at| at.0),
        until_ms: until.map(|at| at.0),
        ranges: ranges.iter().map(ToString::to_string).collect(),
        rotated_at_ms: rotated_at.map(|at| at.0),
        ceiling: ceiling.clone(),
        review_seq: state.hold_on(Item::Token(id)).map(|hold| hold.seq.0),
    }
}

/// Every request that waits, newest first.
pub(super) fn newest_first(state: &Registry) -> Vec<(RequestId, &PairingRequest)> {
    let mut all: Vec<_> = state.all_pending().collect();
    all.sort_by_key(|(_, request)| std::cmp::Reverse(request.asked.seq));
    all
}

/// One request that waits.
pub(super) fn pending_request(
    state: &Registry,
    id: RequestId,
    request: &PairingRequest,
    now: &impl Now,
) -> v1::PendingRequest {
    let registry::PairingRequest {
        device,
        public_key,
        role: wanted,
        scopes: requested,
        reason: why,
        profile: claims,
        address,
        asked,
    } = request;
    let current = state.grant(*device, *wanted).map(|grant| scopes(&state.in_force(grant)));
    v1::PendingRequest {
        request_id: id.to_string(),
        device_id: device.to_string(),
        public_key: public_key.0.to_vec(),
        role: role(*wanted).into(),
        requested: Some(scopes(requested)),
        current: Some(current.unwrap_or_default()),
        reason: reason(*why).into(),
        profile: Some(profile(claims)),
        address: address.clone(),
        seq: asked.seq.0,
        requested_at_ms: asked.at.0,
        expires_at_ms: now.expires_at(id).map(|at| at.0),
    }
}
