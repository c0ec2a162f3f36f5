//! Moves the state by one event. Cannot refuse: the event is history.
//!
//! Live work and replay come through here alike, so nothing may depend on anything but the state
//! and the event: no clock, no policy of today. An event about something that is not there changes
//! nothing. Start with [`apply`]; [`devices`] and [`credentials`] do the work.

mod credentials;
mod devices;

use std::sync::Arc;

use super::{CLOSED_MAX, Event, Registry, Touched, approvals, hold, state::Closure};
use crate::domain::{ids::RequestId, principal::Subject, scope::Role, time::Stamp};

pub(super) fn apply(state: &mut Registry, stamp: Stamp, event: &Event) {
    change(state, stamp, event);
    match event.touches() {
        Touched::One(subject) => {
            state.drop_holds(&subject);
            state.index_admin(subject);
        }
        Touched::Device(id) => {
            [Role::Operator, Role::Node]
                .iter()
                .for_each(|role| state.drop_holds(&Subject::Device(id, *role)));
            state.index_admin(Subject::Device(id, Role::Operator));
        }
        // A policy lies on what is held, and changes none of it.
        Touched::Everyone | Touched::Nobody => {}
    }
}

fn change(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::Begun { gateway_key } => state.gateway_key = Some(*gateway_key),
        Event::PolicyAdopted(policy) => {
            state.policy = Some((stamp.seq, Arc::new(policy.clone())));
        }
        Event::PairingRequested { .. } => devices::requested(state, stamp, event),
        Event::PairingSuperseded { request_id, by, .. } => {
            close(state, stamp, *request_id, Closure::Superseded(*by));
        }
        Event::PairingApproved(approval) => devices::approved(state, stamp, approval),
        Event::PairingRejected { request_id, device, withdrawn, .. } => {
            close(state, stamp, *request_id, Closure::Rejected);
            if !withdrawn {
                state.barred.insert(*device, stamp.seq);
            }
        }
        Event::PairingExpired { request_id, .. } => {
            close(state, stamp, *request_id, Closure::Expired);
        }
        Event::TokenIssued { .. }
        | Event::TokenConfirmed { .. }
        | Event::TokenRotated { .. }
        | Event::GrantRevoked { .. }
        | Event::GrantExpired { .. } => devices::grant(state, stamp, event),
        Event::DeviceDescribed { .. }
        | Event::DeviceSeen { .. }
        | Event::DeviceRemoved { .. }
        | Event::DeviceRenamed { .. } => devices::device(state, stamp, event),
        Event::CeilingAssigned { subject, ceiling } => {
            credentials::ceiling(state, subject, ceiling.as_deref());
        }
        Event::SecretAdopted { kind, fingerprint } => {
            credentials::secret(state, stamp, *kind, *fingerprint);
        }
        Event::ServiceTokenCreated { .. }
        | Event::ServiceTokenRotated { .. }
        | Event::ServiceTokenRevoked { .. }
        | Event::ServiceTokenExpired { .. } => credentials::service_token(state, stamp, event),
        Event::CodeCreated { .. } | Event::CodeRedeemed { .. } => {
            credentials::setup_code(state, stamp, event);
        }
        Event::KeysAdopted(list) => state.keys = Some((stamp.seq, Arc::new(list.clone()))),
        Event::LockedOut { .. } | Event::LockoutCleared { .. } => {
            credentials::lockout(state, stamp, event);
        }
        Event::Approval(event) => approvals::apply(&mut state.approvals, stamp, event),
        // What is left is the state; what was lost, nobody knows.
        Event::Recovered { .. } => {}
        // What was said is no authority.
        Event::SessionDeleted(_) | Event::SessionReset(_) => {}
        Event::Restored { .. } => {
            state.codes.clear();
            state.code_by_hash.clear();
        }
        Event::ReviewBegun { lost, .. } => hold::begin(state, stamp, *lost),
        Event::ReviewEnded { item } => drop(state.held.remove(item)),
    }
}

/// Takes a request off the list and remembers what became of it, for a while. An approval by rule was
/// never on the list: nobody knows its id, so nobody will ask.
fn close(state: &mut Registry, stamp: Stamp, id: RequestId, how: Closure) {
    let Some(request) = state.pending.remove(&id) else { return };
    let key = (request.device, request.role);
    // A superseding request may have taken the place already.
    if state.asking.get(&key) == Some(&id) {
        state.asking.remove(&key);
    }
    state.closed.insert(id, (stamp.seq, how));
    state.closed_order.insert(stamp.seq, id);
    while state.closed_order.len() > CLOSED_MAX {
        if let Some((seq, id)) = state.closed_order.get_min().copied() {
            state.closed_order.remove(&seq);
            state.closed.remove(&id);
        }
    }
}
