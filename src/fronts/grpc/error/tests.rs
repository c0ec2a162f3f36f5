//! Every refusal, one by one.

use super::*;
use crate::domain::{
    ids::{DeviceId, RequestId},
    origin::OriginFault,
    principal::SecretKind,
    refusal::{PairingReason, PairingRequired, ProofFault},
    scope::{Known, Role, Scope, ScopeSet},
};

/// Names the variant, so that a new one does not compile until it has a row below.
fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::SecretMissing(_) => "SecretMissing",
        Refusal::SecretMismatch { .. } => "SecretMismatch",
        Refusal::DeviceTokenMismatch => "DeviceTokenMismatch",
        Refusal::DeviceScopeMismatch { .. } => "DeviceScopeMismatch",
        Refusal::BootstrapInvalid => "BootstrapInvalid",
        Refusal::DeviceIdentityRequired => "DeviceIdentityRequired",
        Refusal::DeviceProof(_) => "DeviceProof",
        Refusal::OriginNotAllowed(_) => "OriginNotAllowed",
        Refusal::PairingRequired(_) => "PairingRequired",
        Refusal::TooManyPending => "TooManyPending",
        Refusal::TooManyScopes => "TooManyScopes",
        Refusal::MissingScope { .. } => "MissingScope",
        Refusal::BeyondApprover { .. } => "BeyondApprover",
        Refusal::WrongRole { .. } => "WrongRole",
        Refusal::NotYours => "NotYours",
        Refusal::HostOnly => "HostOnly",
        Refusal::UnknownRequest => "UnknownRequest",
        Refusal::RequestSuperseded { .. } => "RequestSuperseded",
        Refusal::RequestClosed { .. } => "RequestClosed",
        Refusal::RequestChanged { .. } => "RequestChanged",
        Refusal::GrantEnded => "GrantEnded",
        Refusal::UnknownDevice => "UnknownDevice",
        Refusal::UnknownRecord => "UnknownRecord",
        Refusal::Unavailable { .. } => "Unavailable",
    }
}

fn rows() -> Vec<(Refusal, Code)> {
    use Code::*;
    let missing = Scope::from(Known::Admin);
    let required = ScopeSet::from_iter([Known::Admin]);
    let pairing = PairingRequired {
        reason: PairingReason::NotPaired,
        request_id: RequestId([7; 16]),
        device: DeviceId([7; 32]),
        role: Role::Operator,
        scopes: required.clone(),
        approved_roles: vec![],
        approved_scopes: ScopeSet::empty(),
    };
    vec![
        (Refusal::SecretMissing(SecretKind::Token), Unauthenticated),
        (
            Refusal::SecretMismatch { kind: SecretKind::Password, device_proven: false },
            Unauthenticated,
        ),
        (Refusal::DeviceTokenMismatch, Unauthenticated),
        (
            Refusal::DeviceScopeMismatch { missing: missing.clone(), granted: required.clone() },
            PermissionDenied,
        ),
        (Refusal::BootstrapInvalid, Unauthenticated),
        (Refusal::DeviceIdentityRequired, Unauthenticated),
        (Refusal::DeviceProof(ProofFault::Stale), Unauthenticated),
        (Refusal::OriginNotAllowed(OriginFault::NotAllowed), PermissionDenied),
        (Refusal::PairingRequired(Box::new(pairing)), PermissionDenied),
        (Refusal::TooManyPending, ResourceExhausted),
        (Refusal::TooManyScopes, ResourceExhausted),
        (
            Refusal::MissingScope { missing: missing.clone(), required: required.clone() },
            PermissionDenied,
        ),
        (Refusal::BeyondApprover { missing, required: required.clone() }, PermissionDenied),
        (Refusal::WrongRole { role: Role::Node }, PermissionDenied),
        (Refusal::NotYours, PermissionDenied),
        (Refusal::HostOnly, PermissionDenied),
        (Refusal::UnknownRequest, NotFound),
        (Refusal::RequestSuperseded { by: RequestId([8; 16]) }, Aborted),
        (Refusal::RequestClosed { how: "approved" }, FailedPrecondition),
        (Refusal::RequestChanged { now: required }, Aborted),
        (Refusal::GrantEnded, PermissionDenied),
        (Refusal::UnknownDevice, NotFound),
        (Refusal::UnknownRecord, OutOfRange),
        (Refusal::Unavailable { reason: "x", retry_after_ms: 500 }, Unavailable),
    ]
}

#[test]
fn every_refusal_has_its_code_and_says_all_that_it_knows() {
    for (refusal, expected) in rows() {
        let failure = refused(&refusal);
        let said = |key| failure.metadata().get(key).map(|value| value.to_str().unwrap());
        let name = name(&refusal);
        assert_eq!(failure.code(), expected, "{name}");
        assert_eq!(said(CODE), Some(refusal.code()), "{name}");
        assert_eq!(said(MISSING), Some(refusal.missing().as_str()), "{name}");
        assert_eq!(said(GRANTORS), Some(refusal.grantors()), "{name}");
        assert_eq!(said(REMEDY), Some(refusal.remedy().as_str()), "{name}");
        let retry = matches!(refusal, Refusal::Unavailable { .. }).then_some("500");
        assert_eq!(said(RETRY_AFTER_MS), retry, "{name}");
    }
}

#[test]
fn the_table_above_has_every_refusal_once() {
    let mut names: Vec<_> = rows().iter().map(|(refusal, _)| name(refusal)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows().len(), "a row is there twice");
    // Each arm of `name` above; a new refusal changes this number and needs a row.
    assert_eq!(names.len(), 24);
}

#[test]
fn what_is_not_ascii_does_not_break_the_answer() {
    assert_eq!(ascii("naïve\u{1b}[31m").to_str().unwrap(), "na?ve?[31m");
}
