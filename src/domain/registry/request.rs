//! Asking to be paired.
//!
//! An identical retry keeps its request and its id, and writes nothing: a client that reconnects a
//! hundred times is one line in the list. Anything else that changed supersedes the old request, so
//! that an approver never approves something other than what was shown (N1 A1.3, A1.4).

use super::{Ask, Event, PENDING_MAX, Registry};
use crate::domain::{operation::Operation, permit::Permit, refusal::Refusal};

pub(super) fn request(state: &Registry, permit: &Permit, ask: Ask) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RequestPairing, ask.device)?;
    if state.already_grants(&ask) {
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

/// The address is left out on purpose: a phone that changes networks still asks the same.
fn is_same(request: &super::PairingRequest, ask: &Ask) -> bool {
    request.scopes == ask.scopes
        && request.public_key == ask.public_key
        && request.reason == ask.reason
        && request.profile.platform == ask.profile.platform
        && request.profile.device_family == ask.profile.device_family
}
