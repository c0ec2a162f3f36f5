//! What the registry can be asked to do.

use super::{
    Access, Ask, LockKey, Policy, Profile, approvals,
    digest::{SessionAct, TranscriptDigest},
    hold::Release,
    keys::KeyList,
    lockout::Failures,
    service_token::NewToken,
};
use crate::domain::{
    ids::{CodeId, DeviceId, PublicKey, RequestId, TokenHash, TokenId},
    principal::{SecretKind, Subject},
    scope::{Role, ScopeSet},
    time::UnixMillis,
};

/// How an approver limits what it grants. Nothing by default: grants are permanent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// When the grant ends, falling back to what was held for good before (N16).
    pub until: Option<UnixMillis>,
    /// A role of the policy that lies on it as a ceiling (N17 A17.1).
    pub ceiling: Option<String>,
    /// Whether the device is to vanish once it has disconnected (N12).
    pub ephemeral: bool,
}

/// Why a rule may approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A local client that proved the shared secret.
    LocalPolicy,
    /// A fresh node without scopes, from an address of the policy.
    TrustedCidr,
    /// A key of the adopted list.
    KeyList,
    /// A setup code with this hash.
    SetupCode(TokenHash),
}

/// What the registry can be asked to do. Times, ids and hashes were minted by the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin the ledger, unless it has begun, and put policy and secret in force, unless they are.
    Start {
        /// The gateway's own key.
        gateway_key: PublicKey,
        /// What the configuration says.
        policy: Policy,
        /// The shared secret's kind and fingerprint, if there is one.
        secret: Option<(SecretKind, TokenHash)>,
    },
    /// Ask to be paired: keeps an identical request, supersedes a different one.
    RequestPairing(Box<Ask>),
    /// Approve an ask at once, by a rule.
    ApproveByRule {
        /// What is asked for.
        ask: Box<Ask>,
        /// By which rule.
        basis: Basis,
        /// The hash of the token that goes out with the grant.
        token: TokenHash,
        /// The time now.
        now: UnixMillis,
    },
    /// Approve a pending request.
    ApprovePairing {
        /// Which.
        request_id: RequestId,
        /// What the approver saw; if the request asks for something else now, it is refused.
        expected: Option<ScopeSet>,
        /// How the grant is limited.
        terms: Terms,
        /// The time now.
        now: UnixMillis,
    },
    /// Turn a request down, or withdraw one's own.
    RejectPairing {
        /// Which.
        request_id: RequestId,
    },
    /// End a request that was not repeated for [`super::PENDING_TTL_MS`].
    ExpirePairing {
        /// Which.
        request_id: RequestId,
        /// When the device last asked.
        last_asked: UnixMillis,
        /// The time now.
        now: UnixMillis,
    },
    /// Give a granted device its token.
    IssueToken {
        /// In which role.
        role: Role,
        /// The hash of the token that will be handed out.
        token: TokenHash,
        /// Why it may have another one, if it has one already.
        renewal: Renewal,
    },
    /// Note that a device has used its new token.
    ConfirmToken {
        /// In which role.
        role: Role,
        /// The hash of what it presented.
        token: TokenHash,
    },
    /// Note what a paired device says about itself now.
    Describe {
        /// All of it.
        profile: Profile,
    },
    /// Note that a paired device was here.
    NoteSeen,
    /// Replace a device's token.
    RotateToken {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// What is to be in force, within what was approved; `None` leaves it.
        scopes: Option<ScopeSet>,
        /// The hash of the new token, used only if the device itself asks.
        token: TokenHash,
    },
    /// End a device's grant in one role.
    RevokeToken {
        /// Whose.
        device: DeviceId,
        /// In which role.
        role: Role,
        /// The host's reason to take `operator.admin` from its last holder.
        force: Option<String>,
    },
    /// Take a device out.
    RemoveDevice {
        /// Which.
        device: DeviceId,
        /// The host's reason to take `operator.admin` from its last holder.
        force: Option<String>,
    },
    /// Give a device a name.
    RenameDevice {
        /// Which.
        device: DeviceId,
        /// The name.
        label: String,
    },
    /// Put a role's ceiling on a grant, or take it off.
    AssignCeiling {
        /// On whose.
        subject: Subject,
        /// The role's name; `None` takes it off.
        ceiling: Option<String>,
    },
    /// End the grant of a subject that reached its end.
    EndGrant {
        /// Whose.
        subject: Subject,
        /// The time now.
        now: UnixMillis,
    },
    /// Take out a device that was enrolled for as long as it stayed connected.
    EndEnrolment {
        /// Which.
        device: DeviceId,
    },
    /// Put another shared secret in force.
    RotateSecret {
        /// Its kind.
        kind: SecretKind,
        /// Its keyed digest.
        fingerprint: TokenHash,
    },
    /// Make a service token.
    CreateToken(Box<NewToken>),
    /// Replace a service token's secret.
    RotateServiceToken {
        /// Which.
        id: TokenId,
        /// The new secret's hash.
        token: TokenHash,
    },
    /// End a service token.
    RevokeServiceToken {
        /// Which.
        id: TokenId,
        /// Why it is to be done even if nobody holds `operator.admin` then. For the host alone.
        force: Option<String>,
    },
    /// Make a setup code.
    CreateCode {
        /// The id to give it.
        id: CodeId,
        /// The secret's hash.
        code: TokenHash,
        /// What for.
        access: Access,
        /// When it ends.
        until: UnixMillis,
    },
    /// Adopt a list of keys that need no approval.
    AdoptKeys(KeyList),
    /// Stop listening to what keeps failing, for a while.
    LockOut {
        /// To what.
        key: LockKey,
        /// The failures that filled it.
        failures: Failures,
        /// Until when.
        until: UnixMillis,
        /// The time now.
        now: UnixMillis,
    },
    /// Lift one lockout, or all.
    ClearLockouts {
        /// Which; `None` means all.
        key: Option<LockKey>,
    },
    /// Something about what waits for a person.
    Approval(approvals::Command),
    /// Put on record what a transcript was that is about to go.
    NoteSession {
        /// What is done.
        act: SessionAct,
        /// What it was.
        digest: TranscriptDigest,
    },
    /// Let be in force again what was held for review.
    ReleaseHeld {
        /// What.
        what: Release,
    },
}

/// Why a device may have another token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It may not: this is for a device that has none.
    No,
    /// It presented a token that was replaced, and has never used the one that replaced it.
    Retired(TokenHash),
    /// Its grant grew while it waited for that.
    Upgraded,
}
