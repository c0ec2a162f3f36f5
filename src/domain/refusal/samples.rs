//! One refusal of each kind, and more where a kind has several codes: for the tests that walk all.

use super::{
    ApprovalFault, CodeFault, IdentityFault, PairingReason, PairingRequired, ProofFault, Refusal,
    TokenFault,
};
use crate::domain::{
    ids::{DeviceId, RequestId, Seq},
    origin::OriginFault,
    principal::SecretKind,
    registry::hold::{Item, Lost},
    scope::{Known, Role, Scope, ScopeSet},
};

/// Every refusal.
pub(crate) fn every() -> Vec<Refusal> {
    [door(), pairing(), credentials()].concat()
}

/// What can be said at the door.
fn door() -> Vec<Refusal> {
    use Refusal as R;
    let proof = [
        ProofFault::IdMismatch,
        ProofFault::Stale,
        ProofFault::NonceMissing,
        ProofFault::NonceMismatch,
        ProofFault::Signature,
    ];
    let code = [CodeFault::Unknown, CodeFault::Used, CodeFault::Expired];
    let token = [TokenFault::Unknown, TokenFault::Expired, TokenFault::Address];
    let identity = [
        IdentityFault::Direct,
        IdentityFault::Loopback,
        IdentityFault::OwnAddress,
        IdentityFault::Header,
        IdentityFault::Name,
    ];
    let mut every = vec![
        R::SecretMissing(SecretKind::Token),
        R::SecretMissing(SecretKind::Password),
        R::SecretMismatch { kind: SecretKind::Token, device_proven: false },
        R::SecretMismatch { kind: SecretKind::Password, device_proven: true },
        R::DeviceTokenMismatch,
        R::DeviceScopeMismatch { missing: admin(), granted: ScopeSet::empty() },
        R::IdentityNotAllowed,
        R::RateLimited { retry_after_ms: 500 },
        R::DeviceIdentityRequired,
        R::OriginNotAllowed(OriginFault::MissingOrInvalid),
        R::OriginNotAllowed(OriginFault::NotAllowed),
    ];
    every.extend(identity.map(R::IdentityMissing));
    every.extend(proof.map(R::DeviceProof));
    every.extend(code.map(R::SetupCode));
    every.extend(token.map(R::ServiceToken));
    every
}

/// What is said about requests and their approval.
fn pairing() -> Vec<Refusal> {
    use Refusal as R;
    let required = || ScopeSet::from_iter([Known::Admin]);
    let pairing = PairingRequired {
        reason: PairingReason::NotPaired,
        request_id: RequestId([7; 16]),
        device: DeviceId([7; 32]),
        role: Role::Operator,
        scopes: required(),
        approved_roles: vec![],
        approved_scopes: ScopeSet::empty(),
    };
    vec![
        R::PairingRequired(Box::new(pairing)),
        R::TooManyPending,
        R::TooManyScopes,
        R::MissingScope { missing: admin(), required: required() },
        R::BeyondApprover { missing: admin(), required: required() },
        R::WrongRole { role: Role::Node },
        R::NotYours,
        R::HostOnly,
        R::UnknownRequest,
        R::RequestSuperseded { by: RequestId([8; 16]) },
        R::RequestClosed { how: "approved" },
        R::RequestChanged { now: required() },
        R::GrantEnded,
    ]
}

/// What is said about what someone holds.
fn credentials() -> Vec<Refusal> {
    use Refusal as R;
    vec![
        R::HeldForReview {
            item: Item::Device(DeviceId([7; 32]), Role::Operator),
            record: Seq(40),
            lost: Lost { from: 30, until: 38 },
        },
        R::UnknownDevice,
        R::NoGrant { role: Role::Node },
        R::BeyondBaseline { missing: admin() },
        R::LastAdmin,
        R::UnknownToken,
        R::UnknownCode,
        R::UnknownCeiling,
        R::NameTaken,
        R::LimitReached { what: "service tokens" },
        R::LimitReached { what: "lockouts" },
        R::AlreadyOver,
        R::WeakSecret { why: "is empty" },
        R::SecretIsElsewhere { place: "the environment variable X".into() },
        R::Throttled { retry_after_ms: 500 },
        R::UnknownRecord,
        R::UnknownAgent,
        R::UnknownSession,
        R::SessionWasReset,
        R::UnknownRun,
        R::LabelTaken,
        R::UnknownMethod,
        R::IdempotencyKeyReused,
        R::AddressUnfit { why: "nobody could reach it" },
        R::Unavailable { reason: "busy", retry_after_ms: 500 },
        R::Approval(ApprovalFault::Unknown),
        R::Approval(ApprovalFault::Closed { how: "denied", by: Some("host".into()) }),
        R::Approval(ApprovalFault::Closed { how: "expired", by: None }),
        R::Approval(ApprovalFault::NotOffered {
            decision: "allow-always",
            offered: vec!["allow-once", "deny"],
        }),
    ]
}

fn admin() -> Scope {
    Known::Admin.into()
}

/// How many kinds of refusals there are.
const KINDS: usize = 50;

/// A number for each kind, from 0 on. A new kind does not compile until it has one; it then needs
/// [`KINDS`] and a sample.
fn number(refusal: &Refusal) -> usize {
    use Refusal as R;
    match refusal {
        R::SecretMissing(_) => 0,
        R::SecretMismatch { .. } => 1,
        R::DeviceTokenMismatch => 2,
        R::DeviceScopeMismatch { .. } => 3,
        R::SetupCode(_) => 4,
        R::ServiceToken(_) => 5,
        R::IdentityMissing(_) => 6,
        R::IdentityNotAllowed => 7,
        R::RateLimited { .. } => 8,
        R::Throttled { .. } => 9,
        R::DeviceIdentityRequired => 10,
        R::DeviceProof(_) => 11,
        R::OriginNotAllowed(_) => 12,
        R::PairingRequired(_) => 13,
        R::TooManyPending => 14,
        R::TooManyScopes => 15,
        R::MissingScope { .. } => 16,
        R::BeyondApprover { .. } => 17,
        R::WrongRole { .. } => 18,
        R::NotYours => 19,
        R::HostOnly => 20,
        R::UnknownRequest => 21,
        R::RequestSuperseded { .. } => 22,
        R::RequestClosed { .. } => 23,
        R::RequestChanged { .. } => 24,
        R::GrantEnded => 25,
        R::UnknownDevice => 26,
        R::NoGrant { .. } => 27,
        R::BeyondBaseline { .. } => 28,
        R::LastAdmin => 29,
        R::UnknownToken => 30,
        R::UnknownCode => 31,
        R::UnknownCeiling => 32,
        R::NameTaken => 33,
        R::LimitReached { .. } => 34,
        R::AlreadyOver => 35,
        R::WeakSecret { .. } => 36,
        R::SecretIsElsewhere { .. } => 37,
        R::UnknownRecord => 38,
        R::Unavailable { .. } => 39,
        R::UnknownMethod => 40,
        R::IdempotencyKeyReused => 41,
        R::AddressUnfit { .. } => 42,
        R::UnknownAgent => 43,
        R::UnknownSession => 44,
        R::SessionWasReset => 45,
        R::UnknownRun => 46,
        R::LabelTaken => 47,
        R::Approval(_) => 48,
        R::HeldForReview { .. } => 49,
    }
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let mut numbers: Vec<_> = every().iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..KINDS).collect::<Vec<_>>());
}
