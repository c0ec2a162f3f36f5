//! Gate 1. The only place where a permission is made.
//!
//! A [`Permit`] has private fields and one constructor, [`authorize`]. Whatever needs a permission
//! asks for a `&Permit` in its signature, so "is it allowed?" cannot be forgotten: without the
//! answer there is nothing to call with.

use super::{
    ids::DeviceId,
    operation::{Operation, Requirement},
    principal::{Principal, Standing},
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
};

/// Leave to do one operation, bound to the one who asked.
#[derive(Debug, Clone)]
pub struct Permit {
    standing: Standing,
    operation: Operation,
    reach: Reach,
}

/// How far a permit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any subject.
    Any,
    /// Only what belongs to this device.
    Own(DeviceId),
}

impl Permit {
    /// Who may.
    pub fn principal(&self) -> &Principal {
        &self.standing.principal
    }

    /// Who may, with what they hold.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What they may.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// On which subjects.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether this is leave for `operation`. Deciders ask first: a permit for one thing is no
    /// permit for another.
    pub(super) fn expect(&self, operation: Operation) -> Result<(), Refusal> {
        if self.operation == operation { Ok(()) } else { Err(Refusal::HostOnly) }
    }

    /// [`Self::expect`], on this device.
    pub(super) fn expect_on(&self, operation: Operation, device: DeviceId) -> Result<(), Refusal> {
        self.expect(operation)?;
        match self.reach {
            Reach::Own(own) if own != device => Err(Refusal::NotYours),
            Reach::Any | Reach::Own(_) => Ok(()),
        }
    }
}

/// Decides whether `standing` may do `operation` at all.
///
/// # Errors
/// [`Refusal::MissingScope`] names the first missing scope; [`Refusal::WrongRole`] a role that has
/// no part in this operation.
pub fn authorize(standing: &Standing, operation: Operation) -> Result<Permit, Refusal> {
    let reach = reach(standing, operation)?;
    Ok(Permit { standing: standing.clone(), operation, reach })
}

/// [`authorize`] without making the permit: for calls that only read, on the hot path.
///
/// # Errors
/// As [`authorize`].
pub fn check(standing: &Standing, operation: Operation) -> Result<(), Refusal> {
    reach(standing, operation).map(drop)
}

fn reach(standing: &Standing, operation: Operation) -> Result<Reach, Refusal> {
    let by_rule = matches!(&standing.principal, Principal::System(rule) if rule.approves());
    if by_rule && operation == Operation::ApprovePairing {
        return Ok(Reach::Any);
    }
    meets(standing, operation.requirement())
}

/// Whether `standing` meets a requirement, and on which subjects.
///
/// # Errors
/// As [`authorize`].
pub(super) fn meets(standing: &Standing, requirement: Requirement) -> Result<Reach, Refusal> {
    let principal = &standing.principal;
    if principal.is_root() {
        return Ok(Reach::Any);
    }
    match requirement {
        Requirement::Scope(scope) => scoped(standing, scope),
        Requirement::ScopeOrNode(_) if standing.role == Role::Node => Ok(Reach::Any),
        Requirement::ScopeOrNode(scope) => scoped(standing, scope),
        Requirement::ScopeOrOwn(scope) => match (scoped(standing, scope), principal) {
            (Err(_), Principal::Device(id, _)) => Ok(Reach::Own(*id)),
            (outcome, _) => outcome,
        },
        Requirement::Node if standing.role == Role::Node => Ok(Reach::Any),
        Requirement::Node => Err(Refusal::WrongRole { role: standing.role }),
        Requirement::Dynamic => scoped(standing, Known::Admin),
        Requirement::DeviceKey => own(principal),
        Requirement::Anyone => Ok(Reach::Any),
        Requirement::Root => Err(Refusal::HostOnly),
    }
}

fn scoped(standing: &Standing, scope: Known) -> Result<Reach, Refusal> {
    if standing.role != Role::Operator {
        return Err(Refusal::WrongRole { role: standing.role });
    }
    if standing.scopes.satisfies_known(scope) {
        return Ok(Reach::Any);
    }
    let required = ScopeSet::from_iter([scope]);
    Err(Refusal::MissingScope { missing: scope.into(), required })
}

fn own(principal: &Principal) -> Result<Reach, Refusal> {
    principal.device().map(Reach::Own).ok_or(Refusal::DeviceIdentityRequired)
}
