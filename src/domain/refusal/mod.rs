//! The closed vocabulary of "no": a stable code, what is missing, who can grant it, what to run.
//!
//! Every front maps this one enum, each in one table of its own; no front invents a refusal. The
//! sentences in [`words`] are for people; the codes are for programs and never change their meaning.
//! Start with [`Refusal`].

mod approval;
#[cfg(test)]
pub(crate) mod samples;
mod words;

pub use approval::ApprovalFault;

use super::{
    ids::{DeviceId, RequestId, Seq},
    origin::OriginFault,
    principal::SecretKind,
    registry::hold::{Item, Lost},
    scope::{Role, Scope, ScopeSet},
};

/// Why a device's proof of its key did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofFault {
    /// The id is not the fingerprint of the key, or the key is malformed.
    IdMismatch,
    /// `signedAt` is further from the gateway's clock than the protocol allows.
    Stale,
    /// The nonce is blank.
    NonceMissing,
    /// The nonce is not the one of this connection's challenge.
    NonceMismatch,
    /// The signature does not verify.
    Signature,
}

/// Why a setup code is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// There is no such code (any more).
    Unknown,
    /// Another device was faster.
    Used,
    /// Its time is over.
    Expired,
}

/// Why a service token is not good here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// There is no such token (any more).
    Unknown,
    /// Its time is over.
    Expired,
    /// It may not be used from this address.
    Address,
}

/// Why nobody knows which person a request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFault {
    /// It does not come through a trusted proxy.
    Direct,
    /// The proxy is on loopback, where any process of the host could pass for it.
    Loopback,
    /// The proxy has an address of the gateway's own host, and so has any process there.
    OwnAddress,
    /// A required header is missing or blank.
    Header,
    /// The header with the name is missing, blank, there twice or unreadable.
    Name,
}

/// Why a known or unknown device has to be approved (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairingReason {
    /// Never approved, or no longer.
    NotPaired,
    /// Approved, in another role.
    RoleUpgrade,
    /// Approved, for fewer scopes.
    ScopeUpgrade,
    /// Approved, but its claimed platform changed and the claim is not covered by its signature.
    MetadataUpgrade,
}

/// What the owner of a refused device needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingRequired {
    /// Why.
    pub reason: PairingReason,
    /// The request that now waits for approval.
    pub request_id: RequestId,
    /// The device.
    pub device: DeviceId,
    /// The role it asked for.
    pub role: Role,
    /// The scopes it asked for.
    pub scopes: ScopeSet,
    /// The roles it has already.
    pub approved_roles: Vec<Role>,
    /// The scopes it has already, in the role it asked for or in any.
    pub approved_scopes: ScopeSet,
}

/// Every way to be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A shared secret is configured and none was given.
    SecretMissing(SecretKind),
    /// A shared secret was given and is wrong.
    SecretMismatch {
        /// Which kind this gateway expects.
        kind: SecretKind,
        /// Whether the client also proved a device key, so that its device token may still work.
        device_proven: bool,
    },
    /// The device token is not (or no longer) this device's token for this role.
    DeviceTokenMismatch,
    /// The device token is right and holds less than was asked for.
    DeviceScopeMismatch {
        /// The first scope that the grant does not hold.
        missing: Scope,
        /// What the grant holds.
        granted: ScopeSet,
    },
    /// The setup code is unknown, used or over.
    SetupCode(CodeFault),
    /// The service token is unknown, over, or not for this address.
    ServiceToken(TokenFault),
    /// No trusted proxy said who the person is.
    IdentityMissing(IdentityFault),
    /// The person whom the proxy named is not among those who may enter.
    IdentityNotAllowed,
    /// Too many failures to authenticate, with this kind of credential and from there.
    RateLimited {
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// Too many calls that the session has no right to.
    Throttled {
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// This needs a device key (nodes always; operators if they prove no shared secret).
    DeviceIdentityRequired,
    /// The device's proof of its key does not hold.
    DeviceProof(ProofFault),
    /// The page that opened the connection may not.
    OriginNotAllowed(OriginFault),
    /// The device must be approved first.
    PairingRequired(Box<PairingRequired>),
    /// Too many requests wait for approval already.
    TooManyPending,
    /// The device would hold more scopes than a record can name.
    TooManyScopes,
    /// The call needs a scope that this session does not hold.
    MissingScope {
        /// The first one missing.
        missing: Scope,
        /// All that are needed.
        required: ScopeSet,
    },
    /// The approver does not hold what it would grant.
    BeyondApprover {
        /// The first scope that it lacks.
        missing: Scope,
        /// All that the approval would grant.
        required: ScopeSet,
    },
    /// The role has no part in this call.
    WrongRole {
        /// The session's role.
        role: Role,
    },
    /// A device session without admin may only act on its own device.
    NotYours,
    /// Only the host itself may do this.
    HostOnly,
    /// No such pairing request.
    UnknownRequest,
    /// The request was replaced by a newer one of the same device.
    RequestSuperseded {
        /// The request to look at instead.
        by: RequestId,
    },
    /// The request was already decided, or ran out.
    RequestClosed {
        /// `approved`, `rejected` or `expired`.
        how: &'static str,
    },
    /// The request is not what the approver saw.
    RequestChanged {
        /// What it asks for now.
        now: ScopeSet,
    },
    /// The grant that the caller stood on has ended.
    GrantEnded,
    /// It is there, and held until someone has looked at it: records that may have taken it away are
    /// lost.
    HeldForReview {
        /// What.
        item: Item,
        /// The record of the hold.
        record: Seq,
        /// Which records are lost.
        lost: Lost,
    },
    /// No such device.
    UnknownDevice,
    /// The device holds nothing in that role.
    NoGrant {
        /// The role.
        role: Role,
    },
    /// More than what was approved for the device.
    BeyondBaseline {
        /// The first scope that was never approved.
        missing: Scope,
    },
    /// Nobody would hold `operator.admin` any more (N1 A1.7).
    LastAdmin,
    /// No such service token.
    UnknownToken,
    /// No such setup code.
    UnknownCode,
    /// No such role among the ceilings of the policy.
    UnknownCeiling,
    /// Another service token has this name.
    NameTaken,
    /// There are as many of these as there may be.
    LimitReached {
        /// Of what.
        what: &'static str,
    },
    /// The end that was asked for is over already.
    AlreadyOver,
    /// A shared secret that is too easy to guess.
    WeakSecret {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The shared secret is not the gateway's to change.
    SecretIsElsewhere {
        /// Where it comes from.
        place: String,
    },
    /// No such method or operation.
    UnknownMethod,
    /// The caller used the same idempotency key for something else before.
    IdempotencyKeyReused,
    /// There is no address that could be given to a client.
    AddressUnfit {
        /// What is wrong with what there is.
        why: &'static str,
    },
    /// No such record in the ledger.
    UnknownRecord,
    /// No such agent.
    UnknownAgent,
    /// No such session.
    UnknownSession,
    /// The session goes on with another transcript than the one that was meant.
    SessionWasReset,
    /// No such run, or not any more.
    UnknownRun,
    /// Another session has this label.
    LabelTaken,
    /// The approval cannot be decided, or not like this.
    Approval(ApprovalFault),
    /// Not now. Nothing was changed, unless the reason says to look again.
    Unavailable {
        /// What is in the way.
        reason: &'static str,
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
}

impl Refusal {
    /// Whether it is that whoever asked holds too little, and nothing else would have helped.
    pub fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::MissingScope { .. }
                | Self::WrongRole { .. }
                | Self::BeyondApprover { .. }
                | Self::NotYours
                | Self::HostOnly
        )
    }

    /// The stable code, in the protocol's words where it has some.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SecretMissing(SecretKind::Token) => "AUTH_TOKEN_MISSING",
            Self::SecretMissing(SecretKind::Password) => "AUTH_PASSWORD_MISSING",
            Self::SecretMismatch { kind: SecretKind::Token, .. } => "AUTH_TOKEN_MISMATCH",
            Self::SecretMismatch { kind: SecretKind::Password, .. } => "AUTH_PASSWORD_MISMATCH",
            Self::DeviceTokenMismatch => "AUTH_DEVICE_TOKEN_MISMATCH",
            Self::DeviceScopeMismatch { .. } => "AUTH_SCOPE_MISMATCH",
            Self::SetupCode(CodeFault::Unknown) => "AUTH_BOOTSTRAP_TOKEN_INVALID",
            Self::SetupCode(CodeFault::Used) => "SETUP_CODE_USED",
            Self::SetupCode(CodeFault::Expired) => "SETUP_CODE_EXPIRED",
            Self::ServiceToken(TokenFault::Unknown) => "SERVICE_TOKEN_INVALID",
            Self::ServiceToken(TokenFault::Expired) => "SERVICE_TOKEN_EXPIRED",
            Self::ServiceToken(TokenFault::Address) => "SERVICE_TOKEN_ADDRESS",
            Self::IdentityMissing(_) => "AUTH_IDENTITY_HEADER_REQUIRED",
            Self::IdentityNotAllowed => "AUTH_VERIFIED_USER_REQUIRED",
            Self::RateLimited { .. } => "AUTH_RATE_LIMITED",
            Self::Throttled { .. } => "CALLS_THROTTLED",
            Self::DeviceIdentityRequired => "DEVICE_IDENTITY_REQUIRED",
            Self::DeviceProof(ProofFault::IdMismatch) => "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            Self::DeviceProof(ProofFault::Stale) => "DEVICE_AUTH_SIGNATURE_EXPIRED",
            Self::DeviceProof(ProofFault::NonceMissing) => "DEVICE_AUTH_NONCE_REQUIRED",
            Self::DeviceProof(ProofFault::NonceMismatch) => "DEVICE_AUTH_NONCE_MISMATCH",
            Self::DeviceProof(ProofFault::Signature) => "DEVICE_AUTH_SIGNATURE_INVALID",
            Self::OriginNotAllowed(_) => "CONTROL_UI_ORIGIN_NOT_ALLOWED",
            Self::PairingRequired(_) => "PAIRING_REQUIRED",
            Self::TooManyPending => "PAIRING_LIMIT_REACHED",
            Self::TooManyScopes => "SCOPE_LIMIT_REACHED",
            Self::MissingScope { .. } => "MISSING_SCOPE",
            Self::BeyondApprover { .. } => "BEYOND_APPROVER",
            Self::WrongRole { .. } => "WRONG_ROLE",
            Self::NotYours => "NOT_YOUR_DEVICE",
            Self::HostOnly => "HOST_ONLY",
            Self::UnknownRequest => "UNKNOWN_REQUEST",
            Self::RequestSuperseded { .. } => "REQUEST_SUPERSEDED",
            Self::RequestClosed { .. } => "REQUEST_CLOSED",
            Self::RequestChanged { .. } => "REQUEST_CHANGED",
            Self::GrantEnded => "GRANT_ENDED",
            Self::HeldForReview { .. } => "HELD_FOR_REVIEW",
            Self::UnknownDevice => "UNKNOWN_DEVICE",
            Self::NoGrant { .. } => "NO_GRANT",
            Self::BeyondBaseline { .. } => "BEYOND_BASELINE",
            Self::LastAdmin => "LAST_ADMIN",
            Self::UnknownToken => "UNKNOWN_TOKEN",
            Self::UnknownCode => "UNKNOWN_CODE",
            Self::UnknownCeiling => "UNKNOWN_ROLE",
            Self::NameTaken => "NAME_TAKEN",
            Self::LimitReached { .. } => "LIMIT_REACHED",
            Self::AlreadyOver => "ALREADY_OVER",
            Self::WeakSecret { .. } => "WEAK_SECRET",
            Self::SecretIsElsewhere { .. } => "SECRET_IS_ELSEWHERE",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::AddressUnfit { .. } => "ADDRESS_UNFIT",
            Self::UnknownRecord => "UNKNOWN_RECORD",
            Self::UnknownAgent => "UNKNOWN_AGENT",
            Self::UnknownSession => "UNKNOWN_SESSION",
            Self::SessionWasReset => "SESSION_WAS_RESET",
            Self::UnknownRun => "UNKNOWN_RUN",
            Self::LabelTaken => "LABEL_TAKEN",
            Self::Approval(fault) => fault.code(),
            Self::Unavailable { .. } => "UNAVAILABLE",
        }
    }
}
