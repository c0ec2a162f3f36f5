//! What can happen to the registry: the vocabulary of the ledger's records.
//!
//! An event names everything that it changes, so that a reader of the ledger needs no other record
//! to see what happened. It never names a secret; where one changed hands, there is its hash.

use ipnet::IpNet;

use super::{
    Access, ApprovedBy, Policy, Profile, approvals,
    digest::TranscriptDigest,
    hold::{Item, Lost},
    keys::KeyList,
    lockout::{Failures, LockKey},
};
use crate::domain::{
    ids::{CodeId, DeviceId, PublicKey, RequestId, TokenHash, TokenId},
    principal::{Principal, SecretKind, Subject},
    refusal::PairingReason,
    scope::{Role, ScopeSet},
    time::UnixMillis,
};

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
    PairingApproved(Box<Approval>),
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
    /// A granted device was given its token; an earlier one stays good to fetch another with, until
    /// this one was used.
    TokenIssued {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// The token's hash.
        token: TokenHash,
    },
    /// A device showed that it has its new token: the one before is dead from here on.
    TokenConfirmed {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
    },
    /// A paired device says something else about itself.
    DeviceDescribed {
        /// Which.
        device: DeviceId,
        /// All of it.
        profile: Profile,
    },
    /// A paired device was here; written once a day at the most.
    DeviceSeen {
        /// Which.
        device: DeviceId,
    },
    /// A device's token was replaced; its grant stays, or gets smaller, within what was approved.
    TokenRotated {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// What is in force from here on.
        scopes: ScopeSet,
        /// The new token's hash, if the device asked itself; otherwise it fetches one.
        token: Option<TokenHash>,
    },
    /// A device holds nothing in this role any more.
    GrantRevoked {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// Why, where a reason was asked for.
        reason: Option<String>,
        /// Whether no rule approves it by itself any more, because a person took it away.
        bars: bool,
    },
    /// A device is gone, with everything that it held.
    DeviceRemoved {
        /// Which.
        device: DeviceId,
        /// Why, where a reason was asked for.
        reason: Option<String>,
        /// Whether no rule approves it by itself any more, because a person took it away.
        bars: bool,
    },
    /// A device goes by another name.
    DeviceRenamed {
        /// Which.
        device: DeviceId,
        /// The name.
        label: String,
    },
    /// A grant with an end reached it.
    GrantExpired {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// What is left: what the device held for good before.
        scopes: Option<ScopeSet>,
    },
    /// A role's ceiling lies on a grant from here on, or no longer.
    CeilingAssigned {
        /// On whose.
        subject: Subject,
        /// The role's name.
        ceiling: Option<String>,
    },
    /// This shared secret is in force from here on.
    SecretAdopted {
        /// Its kind.
        kind: SecretKind,
        /// A keyed digest, which tells one secret from another and nothing else.
        fingerprint: TokenHash,
    },
    /// A service token was made.
    ServiceTokenCreated {
        /// Which.
        id: TokenId,
        /// What it is called.
        name: String,
        /// What it holds.
        scopes: ScopeSet,
        /// The secret's hash.
        token: TokenHash,
        /// When it ends.
        until: Option<UnixMillis>,
        /// From where it may be used; empty means anywhere.
        ranges: Vec<IpNet>,
        /// Who made it.
        creator: Principal,
    },
    /// A service token has another secret.
    ServiceTokenRotated {
        /// Which.
        id: TokenId,
        /// The secret's hash.
        token: TokenHash,
    },
    /// A service token is gone.
    ServiceTokenRevoked {
        /// Which.
        id: TokenId,
        /// Why nobody was to hold `operator.admin` any more, if the host forced it.
        reason: Option<String>,
    },
    /// A service token reached its end.
    ServiceTokenExpired {
        /// Which.
        id: TokenId,
    },
    /// A setup code was made.
    CodeCreated {
        /// Which.
        id: CodeId,
        /// The secret's hash.
        code: TokenHash,
        /// What for.
        access: Access,
        /// What its redeemer will hold.
        scopes: ScopeSet,
        /// When it ends.
        until: UnixMillis,
        /// Who made it; not known of codes from before this was written down.
        creator: Option<Principal>,
    },
    /// A device redeemed a setup code.
    CodeRedeemed {
        /// Which.
        id: CodeId,
        /// Who.
        device: DeviceId,
        /// From where.
        address: Option<String>,
    },
    /// These keys need no approval from here on.
    KeysAdopted(KeyList),
    /// Something keeps failing to authenticate, and is not listened to for a while.
    LockedOut {
        /// With what, and from where.
        key: LockKey,
        /// The failures that filled it: how often which code.
        failures: Failures,
        /// Until when.
        until: UnixMillis,
    },
    /// A lockout was lifted before its time.
    LockoutCleared {
        /// Which.
        key: LockKey,
    },
    /// The ledger was damaged and was rebuilt from its published records, which end before this one.
    Recovered {
        /// How many records after them were signed once, and are gone.
        lost: u64,
        /// How many of the last of them no checkpoint proves.
        unsigned: u64,
        /// What was wrong with the damaged one.
        fault: String,
    },
    /// The ledger up to here was restored from a backup. Setup codes end with it: which of them were
    /// redeemed after the backup is not known.
    Restored {
        /// How many records the backup had.
        size: u64,
        /// Their Merkle root.
        root: [u8; 32],
        /// How many records there had been, at least, if they are known to have been more.
        newest: Option<u64>,
    },
    /// Something about what waits for a person.
    Approval(approvals::Event),
    /// A session is gone, with all that was said in it.
    SessionDeleted(TranscriptDigest),
    /// A session goes on under its key with nothing said; its transcript is kept for a while.
    SessionReset(TranscriptDigest),
    /// Records are lost, and with them what they took away: everything that they could have ended is
    /// held from here on, until someone has looked at it. Setup codes end.
    ReviewBegun {
        /// Which records.
        lost: Lost,
        /// The Merkle root of the newest checkpoint that tells of them, where one does; it covers
        /// `lost.until` records.
        root: Option<[u8; 32]>,
    },
    /// Something that was held is in force again.
    ReviewEnded {
        /// What.
        item: Item,
    },
}

/// A grant, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The request, or the id it would have had.
    pub request_id: RequestId,
    /// Who was approved.
    pub device: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// In which role.
    pub role: Role,
    /// Everything it holds in that role from here on.
    pub scopes: ScopeSet,
    /// What it said about itself.
    pub profile: Profile,
    /// On whose word.
    pub by: ApprovedBy,
    /// On whose word exactly; not known of grants from before this was written down.
    pub approver: Option<Principal>,
    /// When it ends, falling back to what was held for good before.
    pub until: Option<UnixMillis>,
    /// The role's ceiling that lies on it.
    pub ceiling: Option<String>,
    /// Whether the device is to vanish once it has disconnected.
    pub ephemeral: bool,
}

/// Whose authority an event may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// Nobody's.
    Nobody,
    /// One subject's.
    One(Subject),
    /// A device's, in every role.
    Device(DeviceId),
    /// Anybody's.
    Everyone,
}

impl Event {
    /// Whose authority it may have changed; live sessions are looked at again by this.
    pub fn touches(&self) -> Touched {
        match self {
            Self::PolicyAdopted(_) => Touched::Everyone,
            Self::PairingApproved(approval) => {
                Touched::One(Subject::Device(approval.device, approval.role))
            }
            Self::TokenRotated { device, role, .. }
            | Self::GrantRevoked { device, role, .. }
            | Self::GrantExpired { device, role, .. } => {
                Touched::One(Subject::Device(*device, *role))
            }
            Self::DeviceRemoved { device, .. } => Touched::Device(*device),
            Self::CeilingAssigned { subject, .. } => Touched::One(subject.clone()),
            Self::SecretAdopted { .. } => Touched::One(Subject::SharedSecret),
            Self::ServiceTokenCreated { id, .. }
            | Self::ServiceTokenRotated { id, .. }
            | Self::ServiceTokenRevoked { id, .. }
            | Self::ServiceTokenExpired { id } => Touched::One(Subject::Token(*id)),
            Self::ReviewBegun { .. } => Touched::Everyone,
            Self::ReviewEnded { item } => item.subject().map_or(Touched::Nobody, Touched::One),
            _ => Touched::Nobody,
        }
    }

    /// Whose scopes the record of it names, before and after.
    pub(super) fn subject(&self) -> Touched {
        match self {
            Self::PairingRequested { device, role, .. }
            | Self::PairingRejected { device, role, .. }
            | Self::PairingExpired { device, role, .. }
            | Self::TokenIssued { device, role, .. }
            | Self::TokenConfirmed { device, role } => {
                Touched::One(Subject::Device(*device, *role))
            }
            Self::PolicyAdopted(_) => Touched::Nobody,
            _ => self.touches(),
        }
    }
}
