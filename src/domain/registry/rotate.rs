//! Replacing a device's token.
//!
//! Source: the protocol's operator-scope document. Nothing is minted beyond what was approved for the
//! device, nor beyond what the caller holds in this session. A grant that holds more can be narrowed
//! to what the caller holds: the official command line narrows on a session with no more than that
//! and `operator.pairing`, which is enough to take the device out altogether. Of a device's session,
//! other devices need admin, and so do roles other than operator. A device that asks for itself is
//! answered with its token; for any other device the token is withheld, and the device fetches it
//! when it connects next.
//!
//! The old token admits its device, with a proof of the key, until the new one was used: an answer
//! that was lost, or a gateway that was killed, strands nobody (N4). So do those that were handed out
//! in between. None of them is any use without the key.

use super::{
    Event, Registry,
    approve::{for_as_long, not_above, only_own_without_admin, within},
};
use crate::domain::{
    Decider,
    ids::{DeviceId, TokenHash},
    operation::Operation,
    permit::Permit,
    refusal::Refusal,
    scope::{Role, ScopeSet},
};

pub(super) fn rotate(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    role: Role,
    scopes: Option<ScopeSet>,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RotateToken, device)?;
    state.authority(permit)?;
    let caller = permit.standing();
    only_own_without_admin(caller, device)?;
    let grant = state.find_grant(device, role)?;
    let scopes = scopes.unwrap_or_else(|| grant.scopes.clone());
    if let Some(missing) = grant.baseline.first_missing(&scopes) {
        return Err(Refusal::BeyondBaseline { missing });
    }
    // What a ceiling hides for now is given all the same.
    let gained = scopes.beyond(&grant.scopes);
    not_above(caller, role, &state.capped(&scopes, grant.ceiling.as_deref()))?;
    within(caller, role, &gained)?;
    for_as_long(state, caller, &gained, grant.ends.as_ref().map(|ending| ending.at))?;
    let itself = permit.principal().device() == Some(device);
    let events = vec![Event::TokenRotated { device, role, scopes, token: itself.then_some(token) }];
    state.leave_an_admin(&events)?;
    Ok(events)
}
