//! The ends of a request that are not an approval: turned down, withdrawn, run out.

use super::{Event, PENDING_TTL_MS, Registry};
use crate::domain::{
    Decider,
    ids::RequestId,
    operation::Operation,
    permit::{Permit, Reach},
    principal::Principal,
    refusal::Refusal,
    scope::{Known, ScopeSet},
    time::UnixMillis,
};

/// Turns a request down. A device may withdraw its own with no scope at all (N1 A1.6); withdrawing
/// is not held against it.
pub(super) fn reject(
    state: &Registry,
    permit: &Permit,
    request_id: RequestId,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::RejectPairing)?;
    state.authority(permit)?;
    let request = state.find_pending(request_id)?;
    let own = permit.principal().device() == Some(request.device);
    if !own {
        if matches!(permit.reach(), Reach::Own(_)) {
            let required = ScopeSet::from_iter([Known::Pairing]);
            return Err(Refusal::MissingScope { missing: Known::Pairing.into(), required });
        }
        let is_device = matches!(permit.principal(), Principal::Device(..));
        if is_device && !permit.standing().scopes.satisfies_known(Known::Admin) {
            return Err(Refusal::NotYours);
        }
    }
    let (device, role) = (request.device, request.role);
    Ok(vec![Event::PairingRejected { request_id, device, role, withdrawn: own }])
}

/// Ends a request that was not repeated for long enough.
pub(super) fn expire(
    state: &Registry,
    permit: &Permit,
    request_id: RequestId,
    last_asked: UnixMillis,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ExpirePairing)?;
    let Some(request) = state.pending(request_id) else { return Ok(vec![]) };
    let last_asked = last_asked.max(request.asked.at);
    if now < last_asked.plus(PENDING_TTL_MS) {
        return Ok(vec![]);
    }
    let (device, role) = (request.device, request.role);
    Ok(vec![Event::PairingExpired { request_id, device, role }])
}
