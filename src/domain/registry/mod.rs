//! The registry: pairing requests, devices, service tokens, setup codes, their grants, and the
//! policy in force.
//!
//! One decider for all of them, because approving touches all of them. This file hands
//! each [`Command`] to its operation; every operation has a file of its own, with its rule.
//! [`Event`] is what can happen, [`state`] what the events add up to; [`admit`] reads it when a
//! client knocks, [`session`] whenever it changes under a client that was let in.

pub mod admit;
mod apply;
pub mod approvals;
mod approve;
pub mod automatic;
pub mod called;
mod ceiling;
mod close;
mod command;
mod describe;
pub mod digest;
mod event;
mod expiry;
pub mod explain;
pub mod hold;
pub mod holders;
pub mod invariants;
pub mod keys;
mod kind;
pub mod lockout;
pub mod narrowing;
mod parts;
pub mod policy;
mod remove;
pub mod replay;
mod request;
pub mod review;
mod rotate;
pub mod service_token;
pub mod session;
pub mod setup_code;
pub mod state;
#[cfg(test)]
mod tests;
mod token;
pub mod warning;

use std::net::IpAddr;

use super::{
    Decider,
    ids::{DeviceId, PublicKey, RequestId, Seq},
    origin::Locality,
    permit::Permit,
    principal::SecretKind,
    refusal::{PairingReason, Refusal},
    scope::{Role, ScopeSet},
    time::Stamp,
};

pub use command::{Basis, Command, Renewal, Terms};
pub use event::{Approval, Event, Touched};
pub use lockout::{CredentialClass, LockKey};
pub use parts::Parts;
pub use policy::{AuthMode, Policy};
pub use remove::Admins;
pub use service_token::ServiceToken;
pub use setup_code::SetupCode;
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
    /// Where it asks from: shown to the approver, and looked at by the rule for addresses.
    pub address: Option<IpAddr>,
    /// The shared secret that it proved, if any.
    pub secret: Option<SecretKind>,
    /// Whether it is on this machine.
    pub locality: Locality,
}

impl Ask {
    /// What counts of it: a node asks for its role, not for scopes.
    fn in_its_role(mut self) -> Self {
        if self.role == Role::Node {
            self.scopes = ScopeSet::empty();
        }
        self
    }
}

/// What a setup code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// The owner: everything.
    Full,
    /// An operator that reads, writes and answers, and administers nothing.
    Limited,
    /// A node.
    Node,
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
    /// The addresses that the policy names.
    TrustedCidr,
    /// The adopted list of keys.
    KeyList,
    /// A setup code.
    SetupCode,
}

impl Decider for Registry {
    type Command = Command;
    type Event = Event;

    fn decide(&self, permit: &Permit, command: Command) -> Result<Vec<Event>, Refusal> {
        use Command as C;
        match command {
            C::Start { gateway_key, policy, secret } => {
                policy::start(self, permit, gateway_key, policy, secret)
            }
            C::RequestPairing(ask) => request::request(self, permit, ask.in_its_role()),
            C::ApproveByRule { ask, basis, token, now } => {
                automatic::approve(self, permit, ask.in_its_role(), basis, token, now)
            }
            C::ApprovePairing { request_id, expected, terms, now } => {
                approve::pending(self, permit, request_id, expected.as_ref(), terms, now)
            }
            C::RejectPairing { request_id } => close::reject(self, permit, request_id),
            C::ExpirePairing { request_id, last_asked, now } => {
                close::expire(self, permit, request_id, last_asked, now)
            }
            C::IssueToken { role, token, renewal } => {
                token::issue(self, permit, role, token, renewal)
            }
            C::ConfirmToken { role, token } => token::confirm(self, permit, role, token),
            C::Describe { profile } => describe::describe(self, permit, profile),
            C::NoteSeen => describe::seen(self, permit),
            C::RotateToken { device, role, scopes, token } => {
                rotate::rotate(self, permit, device, role, scopes, token)
            }
            C::RevokeToken { device, role, force } => {
                remove::revoke(self, permit, device, role, force)
            }
            C::RemoveDevice { device, force } => remove::remove(self, permit, device, force),
            C::RenameDevice { device, label } => describe::rename(self, permit, device, label),
            C::AssignCeiling { subject, ceiling } => {
                ceiling::assign(self, permit, subject, ceiling)
            }
            C::EndGrant { subject, now } => expiry::end(self, permit, subject, now),
            C::EndEnrolment { device } => expiry::end_enrolment(self, permit, device),
            C::RotateSecret { kind, fingerprint } => {
                policy::rotate_secret(self, permit, kind, fingerprint)
            }
            C::CreateToken(new) => service_token::create(self, permit, *new),
            C::RotateServiceToken { id, token } => service_token::rotate(self, permit, id, token),
            C::RevokeServiceToken { id, force } => service_token::revoke(self, permit, id, force),
            C::CreateCode { id, code, access, until } => {
                setup_code::create(self, permit, id, code, access, until)
            }
            C::AdoptKeys(list) => keys::adopt(self, permit, list),
            C::LockOut { key, failures, until, now } => {
                lockout::lock(self, permit, key, failures, until, now)
            }
            C::ClearLockouts { key } => lockout::clear(self, permit, key),
            C::Approval(command) => approvals::decide(self, permit, command),
            C::NoteSession { act, digest } => digest::note(self, permit, act, digest),
            C::ReleaseHeld { what } => hold::release(self, permit, what),
        }
    }

    fn apply(&mut self, stamp: Stamp, event: &Event) {
        apply::apply(self, stamp, event);
        debug_assert_eq!(invariants::check_small(self), Ok(()), "after record {}", stamp.seq);
    }

    fn authority(&self, permit: &Permit) -> Result<Seq, Refusal> {
        session::authority(self, permit.standing())
    }

    fn holdings(&self, event: &Event) -> ScopeSet {
        session::holdings(self, &event.subject())
    }
}
