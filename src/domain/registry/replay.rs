//! History under another policy: which past decisions would have gone otherwise.
//!
//! Every record is judged again on the state as it would have come: whether its actor held what it
//! takes, whether it held what it gave, whether the rule that acted would have. What would have been
//! refused is left out of that state, and what came of it, too. What was refused in its time is in
//! no record of authority and cannot be judged; and whether a client proved the shared secret is not
//! on record, so only the rule for addresses is tried on those who had to wait.

use std::net::IpAddr;

use super::{
    Approval, ApprovedBy, Ask, Basis, Event, Policy, Registry, apply,
    approve::{held_afterwards, within},
};
use crate::domain::{
    operation::Operation,
    origin::Locality,
    permit,
    principal::{Principal, Rule, SecretKind, Standing},
    refusal::{PairingReason, Refusal, TokenFault},
    scope::{Role, ScopeSet},
    time::Stamp,
};

/// What a record says, as far as it can be judged again.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// Its place and time.
    pub stamp: Stamp,
    /// Who did it.
    pub principal: &'a Principal,
    /// From where.
    pub address: Option<IpAddr>,
    /// What that was taken to mean.
    pub locality: Locality,
    /// What its subject held before, in history.
    pub before: &'a ScopeSet,
    /// What happened.
    pub event: &'a Event,
}

/// How a decision would have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// It would have been refused.
    Refused(Refusal),
    /// A rule would have approved at once what had to wait.
    ByRule(Basis),
    /// There would have been nothing to do it to.
    Moot,
}

/// The state as it would have come.
#[derive(Debug)]
pub struct Replay {
    state: Registry,
    policy: Policy,
}

impl Replay {
    /// From the beginning, under this policy.
    pub fn under(policy: Policy) -> Self {
        Self { state: Registry::default(), policy }
    }

    /// The state so far.
    pub fn state(&self) -> &Registry {
        &self.state
    }

    /// Judges the next record; `None` if it would have gone as it went.
    pub fn take(&mut self, decided: Decided<'_>) -> Option<Otherwise> {
        let Decided { stamp, event, .. } = decided;
        let event = match event {
            Event::PolicyAdopted(_) => Event::PolicyAdopted(self.policy.clone()),
            event => event.clone(),
        };
        if !self.has_its_subject(&event) {
            return Some(Otherwise::Moot);
        }
        let event = self.as_given(event, decided.before);
        if let Err(refusal) = self.judge(&Decided { event: &event, ..decided }) {
            return Some(Otherwise::Refused(refusal));
        }
        let waited = matches!(event, Event::PairingRequested { .. });
        let by_rule = waited && self.rule_covers(&decided, Basis::TrustedCidr);
        apply::apply(&mut self.state, stamp, &event);
        by_rule.then_some(Otherwise::ByRule(Basis::TrustedCidr))
    }

    /// Whether what it was done to is there.
    fn has_its_subject(&self, event: &Event) -> bool {
        match event {
            Event::PairingRequested { .. } => true,
            Event::PairingApproved(approval) => {
                let waits = self.state.pending(approval.request_id).is_some();
                waits || !matches!(approval.by, ApprovedBy::Host | ApprovedBy::Operator)
            }
            Event::PairingSuperseded { request_id, .. }
            | Event::PairingRejected { request_id, .. }
            | Event::PairingExpired { request_id, .. } => self.state.pending(*request_id).is_some(),
            Event::CodeRedeemed { id, .. } => self.state.setup_code(*id).is_some(),
            Event::ServiceTokenCreated { .. } => true,
            event => match (event.device(), event.service_token()) {
                (Some((id, Some(role))), _) => self.state.grant(id, role).is_some(),
                (Some((id, None)), _) => self.state.device(id).is_some(),
                (None, Some(id)) => self.state.service_token(id).is_some(),
                (None, None) => true,
            },
        }
    }

    fn judge(&self, decided: &Decided<'_>) -> Result<(), Refusal> {
        let Decided { principal, locality, event, .. } = decided;
        if let Principal::System(rule) = principal {
            return self.judge_rule(*rule, decided);
        }
        let Some(subject) = principal.subject() else { return Ok(()) };
        let held = self.state.held(&subject, *locality).ok_or(Refusal::GrantEnded)?;
        let role = match principal {
            Principal::Device(_, role) => *role,
            _ => Role::Operator,
        };
        let principal = (*principal).clone();
        let standing = Standing { principal, role, scopes: held.scopes, grant: held.grant };
        match operation_of(event) {
            Some(operation) => permit::check(&standing, operation)?,
            None => return Ok(()),
        }
        match event {
            Event::PairingApproved(approval) => within(&standing, approval.role, &approval.scopes),
            Event::ServiceTokenCreated { scopes, .. } | Event::CodeCreated { scopes, .. } => {
                within(&standing, Role::Operator, scopes)
            }
            Event::ServiceTokenRotated { id, .. } => {
                let token = self.state.service_token(*id);
                let token = token.ok_or(Refusal::ServiceToken(TokenFault::Unknown))?;
                within(&standing, Role::Operator, &token.scopes)
            }
            _ => Ok(()),
        }
    }

    fn judge_rule(&self, rule: Rule, decided: &Decided<'_>) -> Result<(), Refusal> {
        let basis = match (rule, decided.event) {
            (Rule::LocalPolicy, Event::PairingApproved(_)) => Basis::LocalPolicy,
            (Rule::TrustedCidr, Event::PairingApproved(_)) => Basis::TrustedCidr,
            _ => return Ok(()),
        };
        if self.rule_covers(decided, basis) { Ok(()) } else { Err(Refusal::HostOnly) }
    }

    /// Whether the rule would have approved whoever asked there.
    fn rule_covers(&self, decided: &Decided<'_>, basis: Basis) -> bool {
        let ask = match decided.event {
            Event::PairingApproved(approval) => {
                let Approval { request_id, device, public_key, role, scopes, profile, .. } =
                    &**approval;
                let scopes = newly(scopes, decided.before);
                let reason = PairingReason::NotPaired;
                (*request_id, *device, *public_key, *role, scopes, reason, profile.clone())
            }
            Event::PairingRequested {
                request_id,
                device,
                public_key,
                role,
                scopes,
                reason,
                profile,
                ..
            } => {
                let (role, scopes, profile) = (*role, scopes.clone(), profile.clone());
                (*request_id, *device, *public_key, role, scopes, *reason, profile)
            }
            _ => return false,
        };
        let (request_id, device, public_key, role, scopes, reason, profile) = ask;
        // The local rule acted, so the secret was proven, and from this machine.
        let secret = (basis == Basis::LocalPolicy).then_some(SecretKind::Token);
        let (address, locality) = (decided.address, decided.locality);
        let ask = Ask {
            request_id,
            device,
            public_key,
            role,
            scopes,
            reason,
            profile,
            address,
            secret,
            locality,
        };
        self.state.covered(&ask, basis, decided.stamp.at).is_ok()
    }

    /// An approval names all that is held then; what is given is what was not held before.
    fn as_given(&self, event: Event, before: &ScopeSet) -> Event {
        let Event::PairingApproved(mut approval) = event else { return event };
        let held = self.state.grant(approval.device, approval.role);
        let given = newly(&approval.scopes, before);
        let ends = approval.until.is_some();
        approval.scopes = held_afterwards(held, &given, ends).unwrap_or(given);
        Event::PairingApproved(approval)
    }
}

/// What of `scopes` is not in `before`.
fn newly(scopes: &ScopeSet, before: &ScopeSet) -> ScopeSet {
    scopes.beyond(before)
}

/// What was done, where its actor has to hold something for it. What comes along with another record
/// is not judged by itself.
fn operation_of(event: &Event) -> Option<Operation> {
    match event {
        Event::PairingApproved(_) => Some(Operation::ApprovePairing),
        Event::PairingRejected { withdrawn: false, .. } => Some(Operation::RejectPairing),
        Event::TokenRotated { .. } => Some(Operation::RotateToken),
        Event::GrantRevoked { .. } => Some(Operation::RevokeToken),
        Event::DeviceRemoved { .. } => Some(Operation::RemoveDevice),
        Event::DeviceRenamed { .. } => Some(Operation::RenameDevice),
        Event::CeilingAssigned { .. } => Some(Operation::AssignRole),
        Event::SecretAdopted { .. } => Some(Operation::RotateSecret),
        Event::ServiceTokenCreated { .. } => Some(Operation::CreateToken),
        Event::ServiceTokenRotated { .. } => Some(Operation::RotateServiceToken),
        Event::ServiceTokenRevoked { .. } => Some(Operation::RevokeServiceToken),
        Event::CodeCreated { .. } => Some(Operation::CreateCode),
        Event::LockoutCleared { .. } => Some(Operation::ClearLockouts),
        Event::SessionDeleted(_) | Event::SessionReset(_) => Some(Operation::ManageSessions),
        Event::ReviewEnded { .. } => Some(Operation::ReleaseHeld),
        _ => None,
    }
}
