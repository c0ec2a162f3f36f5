//! The registry: pairing requests, devices, their grants and tokens, and the policy in force.
//!
//! One decider for all of them, because approving touches all of them. This file holds the command
//! and event vocabulary and hands each to its operation; every operation has a file of its own, with
//! its rule. [`state`] is what the events add up to, [`admit`] reads it when a client knocks.

pub mod admit;
mod apply;
mod approve;
mod close;
mod describe;
pub mod policy;
mod request;
pub mod state;
#[cfg(test)]
mod tests;
mod token;

use super::{
    Decider,
    ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash},
    origin::Locality,
    permit::Permit,
    principal::{Principal, Rule, SecretKind},
    refusal::{PairingReason, Refusal},
    scope::{Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

pub use policy::{AuthMode, Policy};
pub use state::{Device, Grant, PairingRequest, Registry};

/// A pending request ends this long after its last retry. The real gateway's five minutes.
pub const PENDING_TTL_MS: u64 = 5 * 60 * 1000;

/// How many requests may wait at once. The real gateway has no bound; a home has a few dozen
/// devices, and a thousand rows are still a list that a person can clear.
pub const PENDING_MAX: usize = 1000;

/// How many closed requests are remembered, so that a late approval is told what became of it.
pub const CLOSED_MAX: usize = 256;

/// What a device says about itself. Shown to people; no rule trusts it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// A name to show.
    pub display_name: Option<String>,
    /// The client program, one of the protocol's client ids.
    pub client_id: String,
    /// The client's mode.
    pub client_mode: String,
    /// The client's version.
    pub version: String,
    /// The operating system.
    pub platform: String,
    /// The kind of device.
    pub device_family: Option<String>,
}

/// A device that proved its key, asking for a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The id to give the request, should it become one.
    pub request_id: RequestId,
    /// The device.
    pub device: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// The role it wants.
    pub role: Role,
    /// The scopes it wants.
    pub scopes: ScopeSet,
    /// Why it needs a grant.
    pub reason: PairingReason,
    /// What it says about itself.
    pub profile: Profile,
    /// Where it asks from, to show to the approver.
    pub address: Option<String>,
    /// The shared secret that it proved, if any.
    pub secret: Option<SecretKind>,
    /// Whether it is on this machine.
    pub locality: Locality,
}

/// On whose word a device was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApprovedBy {
    /// Someone on the host.
    Host,
    /// An operator over the network.
    Operator,
    /// The local policy.
    LocalPolicy,
}

/// What the registry can be asked to do. Times, ids and hashes were minted by the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin the ledger, unless it has begun, and put a policy in force, unless it is already.
    Start {
        /// The gateway's own key.
        gateway_key: PublicKey,
        /// What the configuration says.
        policy: Policy,
    },
    /// Ask to be paired: keeps an identical request, supersedes a different one.
    RequestPairing(Box<Ask>),
    /// Approve an ask at once, under the local policy.
    ApproveLocally {
        /// What is asked for.
        ask: Box<Ask>,
        /// The hash of the token that goes out with the grant.
        token: TokenHash,
    },
    /// Approve a pending request.
    ApprovePairing {
        /// Which.
        request_id: RequestId,
        /// What the approver saw; if the request asks for something else now, it is refused.
        expected: Option<ScopeSet>,
    },
    /// Turn a request down, or withdraw one's own.
    RejectPairing {
        /// Which.
        request_id: RequestId,
    },
    /// End a request that was not repeated for [`PENDING_TTL_MS`].
    ExpirePairing {
        /// Which.
        request_id: RequestId,
        /// When the device last asked.
        last_asked: UnixMillis,
        /// The time now.
        now: UnixMillis,
    },
    /// Give a granted device its token, once.
    IssueToken {
        /// In which role.
        role: Role,
        /// The hash of the token that will be handed out.
        token: TokenHash,
    },
    /// Note what a paired device says about itself now.
    Describe {
        /// All of it.
        profile: Profile,
    },
}

/// What can happen to the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The ledger began; the root of all authority is the host that holds this key.
    Begun {
        /// The gateway's public key.
        gateway_key: PublicKey,
    },
    /// This policy is in force from here on.
    PolicyAdopted(Policy),
    /// A device asks to be approved.
    PairingRequested {
        /// The request.
        request_id: RequestId,
        /// Who asks.
        device: DeviceId,
        /// Its key.
        public_key: PublicKey,
        /// In which role.
        role: Role,
        /// For which scopes.
        scopes: ScopeSet,
        /// Why.
        reason: PairingReason,
        /// What it says about itself.
        profile: Profile,
        /// Where it asks from.
        address: Option<String>,
    },
    /// A newer request of the same device and role took the place of this one.
    PairingSuperseded {
        /// The old request.
        request_id: RequestId,
        /// Whose.
        device: DeviceId,
        /// The new request.
        by: RequestId,
    },
    /// A device was granted scopes in a role.
    PairingApproved {
        /// The request, or the id it would have had.
        request_id: RequestId,
        /// Who was approved.
        device: DeviceId,
        /// Its key.
        public_key: PublicKey,
        /// In which role.
        role: Role,
        /// Everything it holds in that role from here on.
        scopes: ScopeSet,
        /// What it said about itself.
        profile: Profile,
        /// On whose word.
        by: ApprovedBy,
    },
    /// A request was turned down. No rule approves that device by itself any more.
    PairingRejected {
        /// The request.
        request_id: RequestId,
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// Whether the device itself withdrew it.
        withdrawn: bool,
    },
    /// A request ran out.
    PairingExpired {
        /// The request.
        request_id: RequestId,
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
    },
    /// A granted device was given its token.
    TokenIssued {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// The token's hash.
        token: TokenHash,
    },
    /// A paired device says something else about itself.
    DeviceDescribed {
        /// Which.
        device: DeviceId,
        /// All of it.
        profile: Profile,
    },
}

impl Event {
    /// The device and role that it is about, if it is about one.
    pub fn subject(&self) -> Option<(DeviceId, Option<Role>)> {
        match self {
            Self::Begun { .. } | Self::PolicyAdopted(_) => None,
            Self::PairingRequested { device, role, .. }
            | Self::PairingApproved { device, role, .. }
            | Self::PairingRejected { device, role, .. }
            | Self::PairingExpired { device, role, .. }
            | Self::TokenIssued { device, role, .. } => Some((*device, Some(*role))),
            Self::PairingSuperseded { device, .. } | Self::DeviceDescribed { device, .. } => {
                Some((*device, None))
            }
        }
    }
}

impl Decider for Registry {
    type Command = Command;
    type Event = Event;

    fn decide(&self, permit: &Permit, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Start { gateway_key, policy } => {
                policy::start(self, permit, gateway_key, policy)
            }
            Command::RequestPairing(ask) => request::request(self, permit, *ask),
            Command::ApproveLocally { ask, token } => approve::locally(self, permit, *ask, token),
            Command::ApprovePairing { request_id, expected } => {
                approve::pending(self, permit, request_id, expected.as_ref())
            }
            Command::RejectPairing { request_id } => close::reject(self, permit, request_id),
            Command::ExpirePairing { request_id, last_asked, now } => {
                close::expire(self, permit, request_id, last_asked, now)
            }
            Command::IssueToken { role, token } => token::issue(self, permit, role, token),
            Command::Describe { profile } => describe::describe(self, permit, profile),
        }
    }

    fn apply(&mut self, stamp: Stamp, event: &Event) {
        apply::apply(self, stamp, event);
    }

    fn authority(&self, permit: &Permit) -> Result<Seq, Refusal> {
        let policy = self.policy().filter(|(_, policy)| {
            let granted = policy.secret_grant(Locality::DirectLoopback);
            granted.covers(&permit.standing().scopes)
        });
        let policy = policy.map(|(seq, _)| seq);
        match *permit.principal() {
            Principal::Host { .. } | Principal::System(Rule::Startup | Rule::Expiry) => Ok(Seq(0)),
            Principal::SharedSecret(_)
            | Principal::Open
            | Principal::Applicant(_)
            | Principal::System(Rule::LocalPolicy) => policy.ok_or(Refusal::GrantEnded),
            Principal::Device(device, role) => self
                .grant(device, role)
                .filter(|grant| grant.scopes.covers(&permit.standing().scopes))
                .map(|grant| grant.seq)
                .ok_or(Refusal::GrantEnded),
        }
    }

    fn holdings(&self, event: &Event) -> ScopeSet {
        match event.subject() {
            Some((device, Some(role))) => {
                self.grant(device, role).map(|grant| grant.scopes.clone()).unwrap_or_default()
            }
            _ => ScopeSet::empty(),
        }
    }
}
