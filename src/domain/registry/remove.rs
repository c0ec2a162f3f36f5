//! Taking away: one grant of a device, or the device with everything that it holds.
//!
//! A device may always take itself out. Nobody takes `operator.admin` from its last holder, but for
//! the host, with a reason that goes into the record (N1 A1.7).

use super::{Event, Grant, Registry, approve::only_own_without_admin};
use crate::domain::{
    Decider,
    ids::DeviceId,
    operation::Operation,
    permit::Permit,
    principal::{Principal, Subject},
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
};

/// Ends a grant. Doing it twice is no fault.
pub(super) fn revoke(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    role: Role,
    force: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RevokeToken, device)?;
    state.authority(permit)?;
    let caller = permit.standing();
    only_own_without_admin(caller, device)?;
    if state.device(device).is_none() {
        return Err(Refusal::UnknownDevice);
    }
    let admin = caller.covers(&ScopeSet::from_iter([Known::Admin]));
    let own = permit.principal().device() == Some(device);
    if role != Role::Operator && !admin && !own {
        let required = ScopeSet::from_iter([Known::Admin]);
        return Err(Refusal::MissingScope { missing: Known::Admin.into(), required });
    }
    if state.grant(device, role).is_none() {
        return Ok(vec![]);
    }
    let reason =
        state.leave_an_admin(permit, force, |subject| *subject == Subject::Device(device, role))?;
    let mut events = state.drop_requests(device, Some(role));
    events.push(Event::GrantRevoked { device, role, reason, bars: true });
    Ok(events)
}

/// Takes a device out, and its pending requests with it (N10 A10.1).
pub(super) fn remove(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    force: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RemoveDevice, device)?;
    state.authority(permit)?;
    only_own_without_admin(permit.standing(), device)?;
    if state.device(device).is_none() {
        return Err(Refusal::UnknownDevice);
    }
    let reason = state.leave_an_admin(
        permit,
        force,
        |subject| matches!(subject, Subject::Device(id, _) if *id == device),
    )?;
    let mut events = state.drop_requests(device, None);
    events.push(Event::DeviceRemoved { device, reason, bars: true });
    Ok(events)
}

impl Registry {
    /// The grant of a device in a role, or which of the two is missing.
    pub(super) fn find_grant(&self, device: DeviceId, role: Role) -> Result<&Grant, Refusal> {
        let device = self.device(device).ok_or(Refusal::UnknownDevice)?;
        device.grants.get(&role).ok_or(Refusal::NoGrant { role })
    }

    /// The ends of a device's pending requests, in one role or in all.
    pub(super) fn drop_requests(&self, device: DeviceId, role: Option<Role>) -> Vec<Event> {
        let roles = [Role::Operator, Role::Node].into_iter();
        let roles = roles.filter(|of| role.is_none_or(|role| role == *of));
        roles
            .filter_map(|role| {
                let (request_id, _) = self.request_of(device, role)?;
                Some(Event::PairingRejected { request_id, device, role, withdrawn: false })
            })
            .collect()
    }

    /// Everyone who holds `operator.admin` for good: devices and service tokens without an end.
    pub fn admins(&self) -> impl Iterator<Item = Subject> + '_ {
        let devices = self.devices().filter_map(|(id, device)| {
            let grant = device.grants.get(&Role::Operator)?;
            let lasting = grant.lasting();
            let lasting = self.capped(lasting?, grant.ceiling.as_deref());
            lasting.satisfies_known(Known::Admin).then_some(Subject::Device(id, Role::Operator))
        });
        let tokens = self.tokens.iter().filter_map(|(id, token)| {
            let scopes = self.capped(&token.scopes, token.ceiling.as_deref());
            let lasts = token.until.is_none() && scopes.satisfies_known(Known::Admin);
            lasts.then_some(Subject::Token(*id))
        });
        devices.chain(tokens)
    }

    /// Refuses what would leave nobody with `operator.admin`, unless the host gives a reason; that
    /// reason is for the record. Where nobody holds it, nobody loses it.
    pub(super) fn leave_an_admin(
        &self,
        permit: &Permit,
        force: Option<String>,
        goes: impl Fn(&Subject) -> bool,
    ) -> Result<Option<String>, Refusal> {
        let (going, staying): (Vec<_>, Vec<_>) = self.admins().partition(goes);
        if going.is_empty() || !staying.is_empty() {
            return Ok(None);
        }
        match (force, permit.principal()) {
            (Some(reason), Principal::Host { .. }) => Ok(Some(reason)),
            (Some(_), _) => Err(Refusal::HostOnly),
            (None, _) => Err(Refusal::LastAdmin),
        }
    }
}

impl Grant {
    /// What is held for good; `None` if nothing is.
    pub fn lasting(&self) -> Option<&ScopeSet> {
        match &self.ends {
            None => Some(&self.scopes),
            Some(ending) => ending.leaves.as_ref().map(|lasting| &lasting.scopes),
        }
    }
}
