//! Approving: the one place where a device comes to hold scopes.
//!
//! Source: the protocol's operator-scope document. Nobody grants what they do not hold; roles other
//! than operator need admin; a device session without admin acts on its own device alone.

use super::{Approval, ApprovedBy, Ask, Event, Registry, Terms};
use crate::domain::{
    Decider,
    ids::{DeviceId, RequestId},
    operation::Operation,
    permit::Permit,
    principal::{Principal, Standing},
    refusal::{PairingReason, Refusal},
    scope::{Known, Role, ScopeSet},
    time::UnixMillis,
};

/// What someone gives to a device that asks.
pub(super) struct Offer {
    /// Everything that it will hold.
    pub scopes: ScopeSet,
    /// On whose word.
    pub by: ApprovedBy,
    /// On whose word exactly.
    pub approver: Principal,
}

impl Offer {
    /// The event of giving it, for good.
    pub(super) fn to(self, ask: Ask) -> Event {
        Event::PairingApproved(Box::new(Approval {
            request_id: ask.request_id,
            device: ask.device,
            public_key: ask.public_key,
            role: ask.role,
            scopes: self.scopes,
            profile: ask.profile,
            by: self.by,
            approver: Some(self.approver),
            until: None,
            ceiling: None,
            ephemeral: false,
        }))
    }
}

/// Approves a pending request. What the device held before stays: an upgrade never takes away.
pub(super) fn pending(
    state: &Registry,
    permit: &Permit,
    request_id: RequestId,
    expected: Option<&ScopeSet>,
    terms: Terms,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ApprovePairing)?;
    state.authority(permit)?;
    let request = state.find_pending(request_id)?;
    if expected.is_some_and(|expected| *expected != request.scopes) {
        return Err(Refusal::RequestChanged { now: request.scopes.clone() });
    }
    let approver = permit.standing();
    only_own_without_admin(approver, request.device)?;
    let Terms { until, ceiling, ephemeral } = terms;
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::AlreadyOver);
    }
    let held = state.grant(request.device, request.role);
    // A ceiling stays on the grant when the grant grows.
    let ceiling = ceiling.or_else(|| held.and_then(|grant| grant.ceiling.clone()));
    if let Some(name) = &ceiling {
        state
            .policy()
            .and_then(|(_, policy)| policy.ceiling(name))
            .ok_or(Refusal::UnknownCeiling)?;
    }
    let scopes = held_afterwards(state, request.device, request.role, &request.scopes)?;
    within(approver, request.role, &state.capped(&scopes, ceiling.as_deref()))?;
    Ok(vec![Event::PairingApproved(Box::new(Approval {
        request_id,
        device: request.device,
        public_key: request.public_key,
        role: request.role,
        scopes,
        profile: request.profile.clone(),
        by: match approver.principal {
            Principal::Host { .. } => ApprovedBy::Host,
            _ => ApprovedBy::Operator,
        },
        approver: Some(approver.principal.clone()),
        until,
        ceiling,
        ephemeral,
    }))])
}

impl Registry {
    /// Whether the device holds what it asks for by now: an approval may have come in between.
    /// Whoever is here for another platform asks for more than scopes.
    pub(super) fn already_grants(&self, ask: &Ask) -> bool {
        let held = self.grant(ask.device, ask.role);
        ask.reason != PairingReason::MetadataUpgrade
            && held.is_some_and(|grant| self.in_force(grant).covers(&ask.scopes))
    }
}

/// What the device would hold: nodes no scopes, whatever they name. Bounded, because it goes into a
/// record of at most 64 KiB.
pub(super) fn held_afterwards(
    state: &Registry,
    device: DeviceId,
    role: Role,
    asked: &ScopeSet,
) -> Result<ScopeSet, Refusal> {
    if role == Role::Node {
        return Ok(ScopeSet::empty());
    }
    let held = state.grant(device, role);
    let scopes = held.map_or_else(|| asked.clone(), |grant| grant.scopes.union(asked));
    if scopes.len() > ScopeSet::LEN_MAX { Err(Refusal::TooManyScopes) } else { Ok(scopes) }
}

/// A device session without admin acts on its own device alone.
pub(super) fn only_own_without_admin(asker: &Standing, device: DeviceId) -> Result<(), Refusal> {
    match asker.principal {
        Principal::Device(own, _)
            if own != device && !asker.scopes.satisfies_known(Known::Admin) =>
        {
            Err(Refusal::NotYours)
        }
        _ => Ok(()),
    }
}

/// Nobody hands out what they do not hold; roles other than operator need admin.
pub(super) fn within(giver: &Standing, role: Role, scopes: &ScopeSet) -> Result<(), Refusal> {
    let mut required = scopes.clone();
    if role != Role::Operator {
        required.insert(Known::Admin.into());
    }
    if giver.covers(&required) {
        return Ok(());
    }
    let missing = giver.scopes.first_missing(&required).unwrap_or(Known::Admin.into());
    Err(Refusal::BeyondApprover { missing, required })
}
