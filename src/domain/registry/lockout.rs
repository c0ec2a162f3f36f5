//! Lockouts: what keeps failing to authenticate is not listened to for a while (N11).
//!
//! The counting is soft and lies with the service; what is written down is the lockout itself, once,
//! with the failures that filled it, so that it survives a restart and can be listed and lifted.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Event, Registry};
use crate::domain::{
    Decider, ids::Seq, operation::Operation, permit::Permit, refusal::Refusal, time::UnixMillis,
};

/// How many lockouts are kept at once; past that, only the one for everywhere is written.
pub const LOCKOUTS_MAX: usize = 1024;

/// Failures to authenticate, by code.
pub type Failures = BTreeMap<String, u32>;

/// The kinds of credentials that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialClass {
    /// The shared token or password.
    SharedSecret,
    /// A device's token or signature.
    DeviceToken,
    /// A service token.
    ServiceToken,
    /// A setup code.
    SetupCode,
    /// A person's name from a proxy.
    Person,
}

impl CredentialClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::SharedSecret, Self::DeviceToken, Self::ServiceToken, Self::SetupCode, Self::Person];

    /// The name to show and to ask for.
    pub fn name(self) -> &'static str {
        match self {
            Self::SharedSecret => "shared-secret",
            Self::DeviceToken => "device-token",
            Self::ServiceToken => "service-token",
            Self::SetupCode => "setup-code",
            Self::Person => "person",
        }
    }

    /// The class of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// What is locked out: a kind of credential, from an address or from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockKey {
    /// With what.
    pub class: CredentialClass,
    /// From where; `None` is everywhere. IPv6 by its /64, whose other half its owner chooses.
    pub address: Option<IpAddr>,
}

/// A lockout in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockout {
    /// The record of it.
    pub seq: Seq,
    /// Since when.
    pub at: UnixMillis,
    /// Until when.
    pub until: UnixMillis,
    /// The failures that filled it.
    pub failures: Failures,
}

/// Locks out; one that is locked out already stays so, and nothing is written.
pub(super) fn lock(
    state: &Registry,
    permit: &Permit,
    key: LockKey,
    failures: Failures,
    until: UnixMillis,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::LockOut)?;
    if state.lockout(&key).is_some_and(|lockout| lockout.until >= until) {
        return Ok(vec![]);
    }
    let in_force =
        || state.lockouts.iter().filter(|(other, one)| **other != key && one.until > now).count();
    // Those that are over make room.
    let full = state.lockouts.len() >= LOCKOUTS_MAX && in_force() >= LOCKOUTS_MAX;
    if full && key.address.is_some() {
        return Err(Refusal::LimitReached { what: "lockouts" });
    }
    Ok(vec![Event::LockedOut { key, failures, until }])
}

/// Lifts one lockout, or all.
pub(super) fn clear(
    state: &Registry,
    permit: &Permit,
    key: Option<LockKey>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ClearLockouts)?;
    state.authority(permit)?;
    let wanted = |found: &&LockKey| key.is_none_or(|key| key == **found);
    let cleared = state.lockouts.keys().filter(wanted);
    Ok(cleared.map(|key| Event::LockoutCleared { key: *key }).collect())
}

impl Registry {
    /// The lockout of this key; whether it is over is for the reader to see.
    pub fn lockout(&self, key: &LockKey) -> Option<&Lockout> {
        self.lockouts.get(key).map(|lockout| &**lockout)
    }

    /// Every lockout that is kept, by key.
    pub fn lockouts(&self) -> impl Iterator<Item = (LockKey, &Lockout)> {
        self.lockouts.iter().map(|(key, lockout)| (*key, &**lockout))
    }
}
