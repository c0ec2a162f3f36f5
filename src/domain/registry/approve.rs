//! Approving: the one place where a device comes to hold scopes.
//!
//! Source: the protocol's operator-scope document. Nobody grants what they do not hold; roles other
//! than operator need admin; a device session without admin acts on its own device alone.

use super::{ApprovedBy, Ask, Event, Grant, Registry};
use crate::domain::{
    Decider,
    ids::{DeviceId, RequestId, TokenHash},
    operation::Operation,
    origin::Locality,
    permit::Permit,
    principal::{Principal, Rule, Standing},
    refusal::{PairingReason, Refusal},
    scope::{Known, Role, ScopeSet},
};

/// Approves a pending request. What the device held before stays: an upgrade never takes away.
pub(super) fn pending(
    state: &Registry,
    permit: &Permit,
    request_id: RequestId,
    expected: Option<&ScopeSet>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ApprovePairing)?;
    state.authority(permit)?;
    let request = state.find_pending(request_id)?;
    if expected.is_some_and(|expected| *expected != request.scopes) {
        return Err(Refusal::RequestChanged { now: request.scopes.clone() });
    }
    let approver = permit.standing();
    only_own_without_admin(approver, request.device)?;
    let scopes = held_afterwards(state, request.device, request.role, &request.scopes)?;
    within(approver, request.role, &scopes)?;
    Ok(vec![Event::PairingApproved {
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
    }])
}

/// Approves an ask under the local policy, with no more than the shared secret holds locally.
///
/// The token goes out with the grant, in one batch: a fresh local device costs one sync.
pub(super) fn locally(
    state: &Registry,
    permit: &Permit,
    ask: Ask,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ApprovePairing)?;
    let by_rule = *permit.principal() == Principal::System(Rule::LocalPolicy);
    if !by_rule || !state.local_policy_covers(&ask) {
        return Err(Refusal::HostOnly);
    }
    if state.already_grants(&ask) && state.grant(ask.device, ask.role).is_some_and(has_token) {
        return Ok(vec![]);
    }
    let scopes = held_afterwards(state, ask.device, ask.role, &ask.scopes)?;
    let mut events = vec![Event::PairingApproved {
        request_id: ask.request_id,
        device: ask.device,
        public_key: ask.public_key,
        role: ask.role,
        scopes,
        profile: ask.profile,
        by: ApprovedBy::LocalPolicy,
    }];
    if !state.grant(ask.device, ask.role).is_some_and(has_token) {
        events.push(Event::TokenIssued { device: ask.device, role: ask.role, token });
    }
    // An older request of the same device for the same role is answered by this one.
    if let Some((request_id, request)) = state.request_of(ask.device, ask.role) {
        let by = ask.request_id;
        events.insert(0, Event::PairingSuperseded { request_id, device: request.device, by });
    }
    Ok(events)
}

impl Registry {
    /// Whether the device holds what it asks for by now: an approval may have come in between.
    /// Whoever is here for another platform asks for more than scopes.
    pub(super) fn already_grants(&self, ask: &Ask) -> bool {
        let held = self.grant(ask.device, ask.role);
        ask.reason != PairingReason::MetadataUpgrade
            && held.is_some_and(|grant| grant.scopes.covers(&ask.scopes))
    }

    /// Whether the local policy covers this ask.
    ///
    /// Only for a direct local client that proved the shared secret, only within that secret's
    /// local grant, and never for a device that someone turned down: a rule must not undo a
    /// person's word.
    pub fn local_policy_covers(&self, ask: &Ask) -> bool {
        let Some((_, policy)) = self.policy() else { return false };
        let grant = policy.secret_grant(Locality::DirectLoopback);
        let Ok(scopes) = held_afterwards(self, ask.device, ask.role, &ask.scopes) else {
            return false;
        };
        policy.auto_approve_local
            && ask.secret.is_some()
            && ask.locality == Locality::DirectLoopback
            && !self.is_barred(ask.device)
            && grant.covers(&scopes)
            && (ask.role == Role::Operator || grant.satisfies_known(Known::Admin))
    }

    /// The local policy as a principal: it holds what the shared secret holds locally, and stands
    /// on the record that put it in force.
    pub fn local_policy_standing(&self) -> Option<Standing> {
        self.policy().map(|(grant, policy)| Standing {
            principal: Principal::System(Rule::LocalPolicy),
            role: Role::Operator,
            scopes: policy.secret_grant(Locality::DirectLoopback),
            grant,
        })
    }
}

fn has_token(grant: &Grant) -> bool {
    grant.token.is_some()
}

/// What the device would hold. Bounded, because it goes into a record of at most 64 KiB.
fn held_afterwards(
    state: &Registry,
    device: DeviceId,
    role: Role,
    asked: &ScopeSet,
) -> Result<ScopeSet, Refusal> {
    let held = state.grant(device, role);
    let scopes = held.map_or_else(|| asked.clone(), |grant| grant.scopes.union(asked));
    if scopes.len() > ScopeSet::LEN_MAX { Err(Refusal::TooManyScopes) } else { Ok(scopes) }
}

fn only_own_without_admin(approver: &Standing, device: DeviceId) -> Result<(), Refusal> {
    match approver.principal {
        Principal::Device(own, _)
            if own != device && !approver.scopes.satisfies_known(Known::Admin) =>
        {
            Err(Refusal::NotYours)
        }
        _ => Ok(()),
    }
}

fn within(approver: &Standing, role: Role, scopes: &ScopeSet) -> Result<(), Refusal> {
    let mut required = scopes.clone();
    if role != Role::Operator {
        required.insert(Known::Admin.into());
    }
    if approver.covers(&required) {
        return Ok(());
    }
    let missing = approver.scopes.first_missing(&required).unwrap_or(Known::Admin.into());
    Err(Refusal::BeyondApprover { missing, required })
}
