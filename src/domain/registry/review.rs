//! What a restored backup may not bring back by itself: everything that was taken away, narrowed or
//! replaced after it was made (N18 A18.2).
//!
//! The backup's state is compared with the newest state that is known. Whoever holds now what they
//! held then goes on undisturbed; whoever holds less, or has another token, loses the grant and asks
//! anew. Nobody is given anything.

use std::collections::BTreeSet;

use super::{Event, Grant, Registry, holders::Holder};
use crate::domain::{
    ids::{DeviceId, RequestId},
    origin::Locality,
    principal::Subject,
    scope::Role,
};

/// Why a grant did not come back, for the record.
pub const REASON: &str = "restore: it changed after the backup was made";

/// What is to happen to the state of a backup so that nothing comes back that the `newer` state had
/// taken away. Policy and shared secret are the configuration's, and not looked at here.
pub fn review(backup: &Registry, newer: &Registry) -> Vec<Event> {
    // What is held for review in one of them was not taken away by that.
    let (backup, newer) = (&backup.without_holds(), &newer.without_holds());
    let devices = backup.devices().flat_map(|(id, device)| {
        let grants = device.grants.iter();
        grants.filter_map(move |(role, grant)| about_grant(backup, newer, id, *role, grant))
    });
    let devices: Vec<_> = devices.collect();
    let tokens = backup.service_tokens().filter_map(|(id, token)| {
        let same = newer.service_token(id).is_some_and(|now| now.hash == token.hash);
        let reason = Some(REASON.into());
        let kept = same && holds_as_much(backup, newer, &Subject::Token(id));
        (!kept).then_some(Event::ServiceTokenRevoked { id, reason })
    });
    let taken: BTreeSet<_> = devices.iter().filter_map(bars).collect();
    let barred = newer.barred.keys().filter(|device| !backup.is_barred(**device));
    let barred = barred.filter(|device| !taken.contains(*device));
    // Turning down a request that nobody made bars a device and touches nothing that it holds.
    let barred = barred.map(|device| Event::PairingRejected {
        request_id: RequestId([0; 16]),
        device: *device,
        role: Role::Operator,
        withdrawn: false,
    });
    let list = |state: &Registry| state.keys.as_ref().map(|(_, list)| list.clone());
    let keys = list(newer).filter(|list_now| list(backup).as_ref() != Some(list_now));
    let keys = keys.map(|list| Event::KeysAdopted((*list).clone()));
    devices.into_iter().chain(tokens).chain(barred).chain(keys).collect()
}

/// The device that an event bars by itself.
fn bars(event: &Event) -> Option<DeviceId> {
    match event {
        Event::GrantRevoked { device, bars: true, .. } => Some(*device),
        _ => None,
    }
}

fn about_grant(
    backup: &Registry,
    newer: &Registry,
    device: DeviceId,
    role: Role,
    grant: &Grant,
) -> Option<Event> {
    let hash = |grant: &Grant| grant.token.map(|token| token.hash);
    let now = newer.grant(device, role).filter(|now| hash(now) == hash(grant));
    match now.filter(|_| holds_as_much(backup, newer, &Subject::Device(device, role))) {
        None => {
            let reason = Some(REASON.into());
            Some(Event::GrantRevoked { device, role, reason, bars: true })
        }
        // A token that was replaced, and is dead since the new one was used, stays dead.
        Some(now) if grant.retired.iter().any(|token| !now.retired.contains(token)) => {
            Some(Event::TokenConfirmed { device, role })
        }
        Some(_) => None,
    }
}

/// Whether a subject holds at least as much, for at least as long, under the same ceiling.
fn holds_as_much(backup: &Registry, newer: &Registry, subject: &Subject) -> bool {
    let of = |state: &Registry| state.holder(subject, Locality::Elsewhere);
    let as_much = |then: Holder, now: Holder| {
        now.scopes.covers(&then.scopes)
            && now.ceiling == then.ceiling
            && now.ends.is_none_or(|now| then.ends.is_some_and(|then| then <= now))
    };
    of(backup).zip(of(newer)).is_some_and(|(then, now)| as_much(then, now))
}
