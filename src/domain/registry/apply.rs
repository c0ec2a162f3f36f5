//! Moves the state by one event. Cannot refuse: the event is history.

use std::sync::Arc;

use super::{
    CLOSED_MAX, Event, Registry,
    state::{Closure, Device, Grant, IssuedToken, PairingRequest},
};
use crate::domain::{
    ids::{DeviceId, RequestId},
    scope::Role,
    time::Stamp,
};

pub(super) fn apply(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::Begun { gateway_key } => state.gateway_key = Some(*gateway_key),
        Event::PolicyAdopted(policy) => {
            state.policy = Some((stamp.seq, Arc::new(policy.clone())));
        }
        Event::PairingRequested { .. } => requested(state, stamp, event),
        Event::PairingSuperseded { request_id, by, .. } => {
            close(state, stamp, *request_id, Closure::Superseded(*by));
        }
        Event::PairingApproved { .. } => approved(state, stamp, event),
        Event::PairingRejected { request_id, device, withdrawn, .. } => {
            close(state, stamp, *request_id, Closure::Rejected);
            if !withdrawn {
                state.barred.insert(*device, stamp.seq);
            }
        }
        Event::PairingExpired { request_id, .. } => {
            close(state, stamp, *request_id, Closure::Expired);
        }
        Event::TokenIssued { device, role, token } => {
            change_grant(state, *device, *role, |grant| {
                grant.token = Some(IssuedToken { hash: *token, issued_at: stamp.at });
            });
        }
        Event::DeviceDescribed { device, profile } => {
            change_device(state, *device, |device| device.profile = profile.clone());
        }
    }
}

fn requested(state: &mut Registry, stamp: Stamp, event: &Event) {
    let Event::PairingRequested {
        request_id,
        device,
        public_key,
        role,
        scopes,
        reason,
        profile,
        address,
    } = event
    else {
        return;
    };
    let request = PairingRequest {
        device: *device,
        public_key: *public_key,
        role: *role,
        scopes: scopes.clone(),
        reason: *reason,
        profile: profile.clone(),
        address: address.clone(),
        asked: stamp,
    };
    state.asking.insert((*device, *role), *request_id);
    state.pending.insert(*request_id, Arc::new(request));
}

fn approved(state: &mut Registry, stamp: Stamp, event: &Event) {
    let Event::PairingApproved { request_id, device: id, public_key, role, scopes, profile, by } =
        event
    else {
        return;
    };
    close(state, stamp, *request_id, Closure::Approved);
    state.barred.remove(id);
    let mut device = state.device(*id).cloned().unwrap_or_else(|| Device {
        public_key: *public_key,
        profile: profile.clone(),
        paired_at: stamp.at,
        grants: Default::default(),
    });
    let before = device.grants.get(role);
    let grant = Grant {
        seq: stamp.seq,
        at: stamp.at,
        since: before.map_or(stamp.at, |grant| grant.since),
        by: *by,
        scopes: scopes.clone(),
        token: before.and_then(|grant| grant.token),
    };
    device.grants.insert(*role, grant);
    device.profile = profile.clone();
    state.devices.insert(*id, Arc::new(device));
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

fn change_grant(state: &mut Registry, id: DeviceId, role: Role, change: impl FnOnce(&mut Grant)) {
    change_device(state, id, |device| {
        if let Some(grant) = device.grants.get_mut(&role) {
            change(grant);
        }
    });
}

fn change_device(state: &mut Registry, id: DeviceId, change: impl FnOnce(&mut Device)) {
    if let Some(device) = state.devices.get_mut(&id) {
        change(Arc::make_mut(device));
    }
}
