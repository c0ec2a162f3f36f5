//! Asking to be paired.
//!
//! An identical retry keeps its request and its id, and writes nothing: a client that reconnects a
//! hundred times is one line in the list. Anything else that changed supersedes the old request, so
//! that an approver never approves something other than what was shown (N1 A1.3, A1.4).

use super::{Ask, Event, PENDING_MAX, Registry, token::may_fetch};
use crate::domain::{
    operation::Operation,
    permit::Permit,
    principal::{Principal, Standing},
    refusal::Refusal,
};

pub(super) fn request(state: &Registry, permit: &Permit, ask: Ask) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RequestPairing, ask.device)?;
    if state.already_grants(&ask) && has_its_way(state, permit.standing(), &ask) {
        return Ok(vec![]);
    }
    let current = state.request_of(ask.device, ask.role);
    if current.is_some_and(|(_, request)| is_same(request, &ask)) {
        return Ok(vec![]);
    }
    if current.is_none() && state.pending.len() >= PENDING_MAX {
        return Err(Refusal::TooManyPending);
    }
    let superseded = current.map(|(request_id, request)| Event::PairingSuperseded {
        request_id,
        device: request.device,
        by: ask.request_id,
    });
    let requested = Event::PairingRequested {
        request_id: ask.request_id,
        device: ask.device,
        public_key: ask.public_key,
        role: ask.role,
        scopes: ask.scopes,
        reason: ask.reason,
        profile: ask.profile,
        address: ask.address.map(|address| address.to_string()),
    };
    Ok(superseded.into_iter().chain([requested]).collect())
}

/// Whether someone whose device holds what it asks for needs nobody to get it. At the door it does not;
/// a session with less may not fetch the token that is worth more, so somebody has to say so again.
fn has_its_way(state: &Registry, who: &Standing, ask: &Ask) -> bool {
    let Principal::Device(device, role) = who.principal else { return true };
    let grant = state.grant(device, role).filter(|_| role == ask.role);
    grant.is_none_or(|grant| may_fetch(state, who, role, grant).is_ok())
}

/// The address is left out on purpose: a phone that changes networks still asks the same.
fn is_same(request: &super::PairingRequest, ask: &Ask) -> bool {
    request.scopes == ask.scopes
        && request.public_key == ask.public_key
        && request.reason == ask.reason
        && request.profile.platform == ask.profile.platform
        && request.profile.device_family == ask.profile.device_family
}
