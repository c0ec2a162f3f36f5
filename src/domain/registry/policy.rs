//! The policy: what a shared secret is worth, and what the gateway approves by itself.
//!
//! It comes from configuration, but what counts is what was written to the ledger: a record that
//! stands on the policy names the event that put it in force.

use super::{Event, Registry};
use crate::domain::{
    ids::PublicKey, operation::Operation, origin::Locality, permit::Permit, refusal::Refusal,
    scope::ScopeSet,
};

/// Which proof the gateway asks of clients that are not paired devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthMode {
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// Nothing; only ever on a loopback bind.
    None,
}

impl AuthMode {
    /// The wire name, which is also the configuration's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::None => "none",
        }
    }
}

/// What holds for everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The proof that is asked for.
    pub auth_mode: AuthMode,
    /// What the shared secret holds from anywhere.
    pub shared_scopes: ScopeSet,
    /// What it holds from this machine.
    pub loopback_scopes: ScopeSet,
    /// Whether local devices that prove the secret are approved by rule.
    pub auto_approve_local: bool,
}

impl Policy {
    /// What a proven shared secret holds, seen from where the client is. What holds anywhere holds
    /// locally too.
    pub fn secret_grant(&self, locality: Locality) -> ScopeSet {
        match locality {
            Locality::DirectLoopback => self.loopback_scopes.union(&self.shared_scopes),
            Locality::Elsewhere => self.shared_scopes.clone(),
        }
    }
}

/// The first record, written once, and the policy, unless it is the one in force: a start that
/// changes nothing writes nothing.
pub(super) fn start(
    state: &Registry,
    permit: &Permit,
    gateway_key: PublicKey,
    policy: Policy,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::AdoptPolicy)?;
    let begun = state.gateway_key().is_none().then_some(Event::Begun { gateway_key });
    let in_force = state.policy().is_some_and(|(_, current)| *current == policy);
    let adopted = (!in_force).then_some(Event::PolicyAdopted(policy));
    Ok(begun.into_iter().chain(adopted).collect())
}
