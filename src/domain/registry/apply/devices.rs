//! What events do to devices, their requests and their grants.

use std::sync::Arc;

use super::close;
use crate::domain::{
    ids::{DeviceId, TokenHash},
    registry::{
        Approval, Event, Registry,
        state::{
            Closure, Device, Ending, Grant, IssuedToken, Lasting, PairingRequest, RETIRED_MAX,
        },
    },
    scope::{Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

pub(super) fn requested(state: &mut Registry, stamp: Stamp, event: &Event) {
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

pub(super) fn approved(state: &mut Registry, stamp: Stamp, approval: &Approval) {
    let Approval { device: id, role, profile, .. } = approval;
    close(state, stamp, approval.request_id, Closure::Approved);
    state.barred.remove(id);
    let mut device = state.device(*id).cloned().unwrap_or_else(|| Device {
        public_key: approval.public_key,
        profile: profile.clone(),
        label: None,
        paired_at: stamp.at,
        seen_at: stamp.at,
        grants: Default::default(),
    });
    let before = device.grants.get(role).map(|grant| &**grant);
    let grant = granted(before, stamp, approval);
    device.grants.insert(*role, Box::new(grant));
    device.profile = profile.clone();
    device.seen_at = stamp.at;
    state.devices.insert(*id, Arc::new(device));
}

fn granted(before: Option<&Grant>, stamp: Stamp, approval: &Approval) -> Grant {
    let ends = approval.until.map(|at| Ending { at, leaves: before.and_then(Grant::lasting) });
    let given = Grant {
        seq: stamp.seq,
        line: before.map_or(stamp.seq, |grant| grant.line),
        at: stamp.at,
        since: before.map_or(stamp.at, |grant| grant.since),
        by: approval.by,
        approver: approval.approver.clone(),
        baseline: approval.scopes.clone(),
        scopes: approval.scopes.clone(),
        token: before.and_then(|grant| grant.token),
        retired: before.map(|grant| grant.retired.clone()).unwrap_or_default(),
        rotated_at: before.and_then(|grant| grant.rotated_at),
        ends,
        ceiling: approval.ceiling.clone(),
        ephemeral: approval.ephemeral,
    };
    match before.and_then(|before| Some((before, before.ends.as_ref()?.at))) {
        Some((top, at)) if given.ends.is_none() && !given.scopes.covers(&top.scopes) => {
            beneath(top, at, given)
        }
        _ => given,
    }
}

/// What is given for good comes to lie beneath what ends, and neither lengthens nor shortens it. A
/// ceiling that came with it lies on all of it at once, or what it is for would be in force without.
fn beneath(top: &Grant, at: UnixMillis, given: Grant) -> Grant {
    let before = top.lasting().and_then(|lasting| lasting.ceiling);
    let named = given.ceiling.clone().filter(|named| Some(named) != before.as_ref());
    Grant {
        seq: top.seq,
        at: top.at,
        by: top.by,
        approver: top.approver.clone(),
        baseline: top.baseline.union(&given.baseline),
        scopes: top.scopes.union(&given.scopes),
        ceiling: named.or(top.ceiling.clone()),
        ephemeral: top.ephemeral,
        ends: Some(Ending { at, leaves: given.lasting() }),
        ..given
    }
}

pub(super) fn grant(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::TokenIssued { device, role, token } => {
            change_grant(state, *device, *role, |grant| {
                replace_token(grant, stamp, Some(*token));
            })
        }
        Event::TokenConfirmed { device, role } => {
            change_grant(state, *device, *role, |grant| grant.retired.clear());
        }
        Event::TokenRotated { device, role, scopes, token } => {
            change_grant(state, *device, *role, |grant| {
                narrow_beneath(grant, scopes);
                grant.scopes = scopes.clone();
                grant.rotated_at = Some(stamp.at);
                replace_token(grant, stamp, *token);
            });
        }
        Event::GrantRevoked { device, role, bars, .. } => {
            change_device(state, *device, |device| drop(device.grants.remove(role)));
            bar(state, stamp, *device, *bars);
        }
        Event::GrantExpired { device, role, .. } => {
            change_device(state, *device, |device| expire(device, *role));
        }
        _ => {}
    }
}

/// What was held for good before is all that is held again.
fn expire(device: &mut Device, role: Role) {
    let Some(mut grant) = device.grants.remove(&role) else { return };
    let Some(Lasting { seq, by, approver, baseline, scopes, ceiling, ephemeral }) =
        grant.ends.take().and_then(|ending| ending.leaves)
    else {
        return;
    };
    let left = Grant { seq, by, approver, baseline, scopes, ceiling, ephemeral, ..*grant };
    device.grants.insert(role, Box::new(left));
}

/// Who was given less does not get it back by the end of what was given on top.
fn narrow_beneath(grant: &mut Grant, scopes: &ScopeSet) {
    let lasting = grant.ends.as_mut().and_then(|ending| ending.leaves.as_mut());
    if let Some(lasting) = lasting.filter(|lasting| !scopes.covers(&lasting.scopes)) {
        lasting.scopes = lasting.scopes.narrowed_to(scopes);
    }
}

fn bar(state: &mut Registry, stamp: Stamp, device: DeviceId, bars: bool) {
    if bars {
        state.barred.insert(device, stamp.seq);
    }
}

/// What was replaced stays good to fetch another one with. Where there are too many, the first one
/// stays, which the device has surely had, and the newest, one of which it was told last.
fn replace_token(grant: &mut Grant, stamp: Stamp, token: Option<TokenHash>) {
    grant.retired.extend(grant.token.map(|token| token.hash));
    if grant.retired.len() > RETIRED_MAX {
        grant.retired.remove(1);
    }
    let Stamp { seq, at: issued_at } = stamp;
    grant.token = token.map(|hash| IssuedToken { hash, issued_at, seq });
}

pub(super) fn device(state: &mut Registry, stamp: Stamp, event: &Event) {
    match event {
        Event::DeviceDescribed { device, profile } => {
            change_device(state, *device, |device| device.profile = profile.clone());
        }
        Event::DeviceSeen { device } => {
            change_device(state, *device, |device| device.seen_at = stamp.at);
        }
        Event::DeviceRenamed { device, label } => {
            change_device(state, *device, |device| device.label = Some(label.clone()));
        }
        Event::DeviceRemoved { device, bars, .. } => {
            state.devices.remove(device);
            bar(state, stamp, *device, *bars);
        }
        _ => {}
    }
}

pub(super) fn change_grant(
    state: &mut Registry,
    id: DeviceId,
    role: Role,
    change: impl FnOnce(&mut Grant),
) {
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
