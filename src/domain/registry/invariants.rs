//! What is true of every state, whatever was asked in whatever order: INV-1 to INV-11.
//!
//! Checked after every event in tests and debug builds (there while the state is small), and by the
//! model checker.

use super::{CLOSED_MAX, Grant, PENDING_MAX, Registry, hold::Item, state::RETIRED_MAX};
use crate::domain::scope::Role;

/// The first invariant that does not hold.
///
/// # Errors
/// Its number and what it says.
pub fn check(state: &Registry) -> Result<(), &'static str> {
    let grants = || state.devices.values().flat_map(|device| device.grants.values());
    let every = |holds: fn(&Grant) -> bool| grants().all(|grant| holds(grant));
    let asking = state.asking.iter().all(|((device, role), id)| {
        state.pending(*id).is_some_and(|one| one.device == *device && one.role == *role)
    });
    let nodes_hold_no_scope = state
        .devices
        .values()
        .all(|device| device.grants.get(&Role::Node).is_none_or(|grant| grant.scopes.is_empty()));
    for (holds, rule) in [
        (
            asking && state.asking.len() == state.pending.len(),
            "INV-1 one request waits per device and role",
        ),
        (
            every(|grant| {
                grant.baseline.covers(&grant.scopes)
                    && grant.lasting().is_none_or(|held| held.baseline.covers(&held.scopes))
            }),
            "INV-2 nothing is in force beyond what was approved",
        ),
        (
            every(|grant| {
                grant.line <= grant.seq
                    && grant.lasting().is_none_or(|lasting| grant.line <= lasting.seq)
            }),
            "INV-3 a grant is not older than its line",
        ),
        (nodes_hold_no_scope, "INV-4 nodes hold no scopes"),
        (indexed(state), "INV-5 every secret leads to the one that it is of"),
        (
            state.pending.keys().all(|id| !state.closed.contains_key(id)),
            "INV-6 no request both waits and is closed",
        ),
        (
            state.closed.len() <= CLOSED_MAX && state.pending.len() <= PENDING_MAX,
            "INV-7 what is remembered is bounded",
        ),
        (
            every(|grant| {
                grant.token.is_none_or(|new| !grant.retired.contains(&new.hash))
                    && grant.retired.len() <= RETIRED_MAX
            }),
            "INV-8 a token does not replace itself",
        ),
        (
            state.admin_index == state.administering(),
            "INV-9 the index of admins is what a look finds",
        ),
        (
            state.approvals.are_sound(),
            "INV-10 an approval waits or has ended once, and what is kept is bounded",
        ),
        (
            state.all_held().all(|(item, _)| match item {
                Item::Device(id, role) => state.grant(id, role).is_some(),
                Item::Token(id) => state.tokens.contains_key(&id),
                Item::Rules => true,
            }),
            "INV-11 what is held for review is there",
        ),
    ] {
        if !holds {
            return Err(rule);
        }
    }
    Ok(())
}

/// [`check`] for a state that is small enough to be looked at after every event; the others pass.
pub(super) fn check_small(state: &Registry) -> Result<(), &'static str> {
    let size = state.devices.len() + state.pending.len() + state.tokens.len() + state.codes.len();
    if size <= 64 { check(state) } else { Ok(()) }
}

fn indexed(state: &Registry) -> bool {
    let tokens =
        state.tokens.iter().all(|(id, one)| state.token_by_hash.get(&one.hash) == Some(id));
    let codes = state.codes.iter().all(|(id, one)| state.code_by_hash.get(&one.hash) == Some(id));
    tokens
        && codes
        && state.tokens.len() == state.token_by_hash.len()
        && state.codes.len() == state.code_by_hash.len()
}
