//! The closed vocabulary of "no": a stable code, what is missing, who can grant it, what to run.
//!
//! Every front maps this one enum, each in one table of its own; no front invents a refusal. The
//! sentences here are for people; the codes are for programs and never change their meaning.

use super::{
    ids::{DeviceId, RequestId},
    origin::OriginFault,
    principal::SecretKind,
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
    BootstrapInvalid,
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
    /// No such device.
    UnknownDevice,
    /// No such record in the ledger.
    UnknownRecord,
    /// Not now. Nothing was changed, unless the reason says to look again.
    Unavailable {
        /// What is in the way.
        reason: &'static str,
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
}

impl Refusal {
    /// The stable code, in the protocol's words where it has some.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SecretMissing(SecretKind::Token) => "AUTH_TOKEN_MISSING",
            Self::SecretMissing(SecretKind::Password) => "AUTH_PASSWORD_MISSING",
            Self::SecretMismatch { kind: SecretKind::Token, .. } => "AUTH_TOKEN_MISMATCH",
            Self::SecretMismatch { kind: SecretKind::Password, .. } => "AUTH_PASSWORD_MISMATCH",
            Self::DeviceTokenMismatch => "AUTH_DEVICE_TOKEN_MISMATCH",
            Self::DeviceScopeMismatch { .. } => "AUTH_SCOPE_MISMATCH",
            Self::BootstrapInvalid => "AUTH_BOOTSTRAP_TOKEN_INVALID",
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
            Self::UnknownDevice => "UNKNOWN_DEVICE",
            Self::UnknownRecord => "UNKNOWN_RECORD",
            Self::Unavailable { .. } => "UNAVAILABLE",
        }
    }

    /// What the asker lacks, in a few words.
    pub fn missing(&self) -> String {
        match self {
            Self::SecretMissing(kind) | Self::SecretMismatch { kind, .. } => match kind {
                SecretKind::Token => "the gateway's shared token".into(),
                SecretKind::Password => "the gateway's shared password".into(),
            },
            Self::DeviceTokenMismatch => "this device's current token".into(),
            Self::DeviceScopeMismatch { missing, .. }
            | Self::MissingScope { missing, .. }
            | Self::BeyondApprover { missing, .. } => format!("scope {missing}"),
            Self::BootstrapInvalid => "a setup code that is still good".into(),
            Self::DeviceIdentityRequired => "a shared secret or a device key".into(),
            Self::DeviceProof(_) => "a valid proof of the device key".into(),
            Self::OriginNotAllowed(_) => "an allowed page origin".into(),
            Self::PairingRequired(_) => "an approval of this device".into(),
            Self::TooManyPending => "a free place among the pending requests".into(),
            Self::TooManyScopes => "a shorter list of scopes".into(),
            Self::WrongRole { .. } => "the other role".into(),
            Self::NotYours => "scope operator.admin".into(),
            Self::HostOnly => "a shell on the gateway host".into(),
            Self::UnknownRequest | Self::RequestClosed { .. } => "a pending request".into(),
            Self::RequestSuperseded { .. } | Self::RequestChanged { .. } => {
                "a look at the request as it is now".into()
            }
            Self::GrantEnded => "a grant that is still in force".into(),
            Self::UnknownDevice => "a paired device".into(),
            Self::UnknownRecord => "a record with that number".into(),
            Self::Unavailable { reason, .. } => (*reason).into(),
        }
    }

    /// Which principals can grant it.
    pub fn grantors(&self) -> &'static str {
        match self {
            Self::SecretMissing(_) | Self::SecretMismatch { .. } | Self::OriginNotAllowed(_) => {
                "whoever configures the gateway host"
            }
            Self::DeviceTokenMismatch
            | Self::DeviceScopeMismatch { .. }
            | Self::BootstrapInvalid
            | Self::PairingRequired(_)
            | Self::TooManyPending
            | Self::MissingScope { .. }
            | Self::BeyondApprover { .. }
            | Self::NotYours
            | Self::GrantEnded
            | Self::UnknownDevice => {
                "the gateway host, or an operator with operator.pairing that holds those scopes"
            }
            Self::HostOnly => "the gateway host",
            Self::UnknownRequest
            | Self::RequestSuperseded { .. }
            | Self::RequestClosed { .. }
            | Self::RequestChanged { .. } => "the device, by asking again",
            Self::DeviceIdentityRequired
            | Self::DeviceProof(_)
            | Self::TooManyScopes
            | Self::WrongRole { .. } => "the client itself",
            Self::UnknownRecord => "nobody; the ledger ends before it",
            Self::Unavailable { .. } => "nobody; wait",
        }
    }

    /// What to run (a command to copy), or to do where there is no command.
    pub fn remedy(&self) -> String {
        match self {
            Self::SecretMissing(_) | Self::SecretMismatch { .. } => {
                "doorward status  (on the host; it says where the secret lies)".into()
            }
            Self::PairingRequired(pairing) => {
                format!("doorward devices approve {}", pairing.request_id)
            }
            Self::RequestSuperseded { by } => format!("doorward devices approve {by}"),
            Self::RequestChanged { .. }
            | Self::UnknownRequest
            | Self::RequestClosed { .. }
            | Self::UnknownDevice
            | Self::TooManyPending
            | Self::DeviceTokenMismatch
            | Self::GrantEnded
            | Self::BootstrapInvalid => "doorward devices list".into(),
            Self::DeviceScopeMismatch { .. } => {
                "reconnect with the shared secret to ask for more, then: doorward devices list"
                    .into()
            }
            Self::MissingScope { missing, .. } => format!(
                "connect asking for {missing}; if pairing is then required: doorward devices approve"
            ),
            Self::BeyondApprover { .. } | Self::NotYours | Self::HostOnly => {
                "doorward devices approve <request-id>  (on the host)".into()
            }
            Self::DeviceIdentityRequired => {
                "pass the shared secret (doorward status says where it lies), or pair the device"
                    .into()
            }
            Self::DeviceProof(ProofFault::Stale) => "set the client's clock".into(),
            Self::DeviceProof(_) => "sign this connection's challenge with the device's key".into(),
            Self::OriginNotAllowed(_) => {
                "add the origin to gateway.controlUi.allowedOrigins, then: doorward config check"
                    .into()
            }
            Self::WrongRole { .. } => "connect in the other role".into(),
            Self::TooManyScopes => "ask for fewer scopes".into(),
            Self::UnknownRecord => "doorward audit log".into(),
            Self::Unavailable { retry_after_ms, .. } => format!("try again in {retry_after_ms} ms"),
        }
    }
}
