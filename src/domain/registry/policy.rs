//! The policy: what a shared secret is worth, and what the gateway approves by itself.
//!
//! It comes from configuration, but what counts is what was written to the ledger: a record that
//! stands on the policy names the event that put it in force.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{Event, Registry, approve::for_as_long};
use crate::domain::{
    ids::{PublicKey, TokenHash},
    operation::Operation,
    origin::Locality,
    permit::Permit,
    principal::SecretKind,
    refusal::Refusal,
    scope::{Known, ScopeSet},
};

/// How many address ranges, people and roles a policy may name: with the longest names, a policy
/// still fits into one record of 64 KiB.
pub const LIST_MAX: usize = 128;

/// The longest name of a person, a role, a device or a service token, in bytes. docs/PROTOCOL.md:
/// labels have at most 64 characters.
pub const NAME_BYTES_MAX: usize = 256;

/// Which proof the gateway asks of clients that are not paired devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthMode {
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// Nothing; only ever on a loopback bind.
    None,
    /// A proxy in front vouches for people.
    TrustedProxy,
}

impl AuthMode {
    /// The wire name, which is also the configuration's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::None => "none",
            Self::TrustedProxy => "trusted-proxy",
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
    /// From where fresh nodes without scopes are approved by rule.
    pub auto_approve_cidrs: Vec<IpNet>,
    /// What the people hold whom a trusted proxy vouches for, by name.
    pub people: BTreeMap<String, ScopeSet>,
    /// What other people hold; `None` keeps them out.
    pub others: Option<ScopeSet>,
    /// Roles that can be put on a grant as a ceiling, by name.
    pub ceilings: BTreeMap<String, ScopeSet>,
}

impl Policy {
    /// The role that every policy has: it reads and exports the ledger and does nothing else
    /// (N17 A17.3).
    pub const AUDITOR: &str = "auditor";

    /// What a proven shared secret holds, seen from where the client is. What holds anywhere holds
    /// locally too.
    pub fn secret_grant(&self, locality: Locality) -> ScopeSet {
        match locality {
            Locality::DirectLoopback => self.loopback_scopes.union(&self.shared_scopes),
            Locality::Elsewhere => self.shared_scopes.clone(),
        }
    }

    /// Whether clients may enter without any proof.
    pub fn admits_open(&self) -> bool {
        self.auth_mode == AuthMode::None
    }

    /// What a person holds whom a trusted proxy vouches for; `None` if that person may not enter.
    pub fn person_grant(&self, name: &str) -> Option<&ScopeSet> {
        let vouched = self.auth_mode == AuthMode::TrustedProxy;
        self.people.get(name).or(self.others.as_ref()).filter(|_| vouched)
    }

    /// A person's name in its one form, as policies and sessions have it: without blanks around it,
    /// and an e-mail address in lower case, as two spellings of one are one person. `None` if it is
    /// no name.
    pub fn person_name(text: &str) -> Option<String> {
        let text = text.trim();
        let name = if text.contains('@') { text.to_lowercase() } else { text.to_owned() };
        let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
        (fits && !name.chars().any(char::is_control)).then_some(name)
    }

    /// The most that a role leaves.
    pub fn ceiling(&self, name: &str) -> Option<ScopeSet> {
        let built_in = (name == Self::AUDITOR).then(|| ScopeSet::from_iter([Known::Audit]));
        self.ceilings.get(name).cloned().or(built_in)
    }
}

/// The first record, written once, and policy and secret, unless they are the ones in force: a
/// start that changes nothing writes nothing.
pub(super) fn start(
    state: &Registry,
    permit: &Permit,
    gateway_key: PublicKey,
    policy: Policy,
    secret: Option<(SecretKind, TokenHash)>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::AdoptPolicy)?;
    let begun = state.gateway_key().is_none().then_some(Event::Begun { gateway_key });
    let in_force = state.policy().is_some_and(|(_, current)| *current == policy);
    let adopted = (!in_force).then_some(Event::PolicyAdopted(policy));
    let secret = secret.filter(|secret| !is_in_force(state, *secret));
    let secret = secret.map(|(kind, fingerprint)| Event::SecretAdopted { kind, fingerprint });
    Ok(begun.into_iter().chain(adopted).chain(secret).collect())
}

/// Puts another shared secret in force. Its own sessions end with the old one; whoever stands on a
/// grant of its own stays (N10 A10.2).
pub(super) fn rotate_secret(
    state: &Registry,
    permit: &Permit,
    kind: SecretKind,
    fingerprint: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::RotateSecret)?;
    if let Some((_, policy)) = state.policy() {
        let most = policy.secret_grant(Locality::DirectLoopback);
        for_as_long(state, permit.standing(), &most, None)?;
    }
    if is_in_force(state, (kind, fingerprint)) {
        return Ok(vec![]);
    }
    Ok(vec![Event::SecretAdopted { kind, fingerprint }])
}

fn is_in_force(state: &Registry, (kind, fingerprint): (SecretKind, TokenHash)) -> bool {
    state.secret.is_some_and(|ours| ours.kind == kind && ours.fingerprint == fingerprint)
}
