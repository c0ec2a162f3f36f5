//! The vocabulary of "no" is complete.

use super::*;
use crate::domain::refusal::ProofFault;

#[test]
fn n6_a6_1_every_refusal_says_what_is_missing_who_can_grant_it_and_what_to_run() {
    let scope = || Scope::Known(crate::domain::scope::Known::Read);
    let pairing = crate::domain::refusal::PairingRequired {
        reason: PairingReason::NotPaired,
        request_id: request(1),
        device: device(1),
        role: Role::Operator,
        scopes: set("read"),
        approved_roles: vec![],
        approved_scopes: ScopeSet::empty(),
    };
    let refusals = [
        Refusal::SecretMissing(SecretKind::Token),
        Refusal::SecretMissing(SecretKind::Password),
        Refusal::SecretMismatch { kind: SecretKind::Token, device_proven: false },
        Refusal::SecretMismatch { kind: SecretKind::Password, device_proven: true },
        Refusal::DeviceTokenMismatch,
        Refusal::DeviceScopeMismatch { missing: scope(), granted: ScopeSet::empty() },
        Refusal::BootstrapInvalid,
        Refusal::DeviceIdentityRequired,
        Refusal::DeviceProof(ProofFault::Stale),
        Refusal::OriginNotAllowed(crate::domain::origin::OriginFault::NotAllowed),
        Refusal::PairingRequired(Box::new(pairing)),
        Refusal::TooManyPending,
        Refusal::TooManyScopes,
        Refusal::MissingScope { missing: scope(), required: set("read") },
        Refusal::BeyondApprover { missing: scope(), required: set("read") },
        Refusal::WrongRole { role: Role::Node },
        Refusal::NotYours,
        Refusal::HostOnly,
        Refusal::UnknownRequest,
        Refusal::RequestSuperseded { by: request(2) },
        Refusal::RequestClosed { how: "expired" },
        Refusal::RequestChanged { now: set("read") },
        Refusal::GrantEnded,
        Refusal::UnknownDevice,
        Refusal::UnknownRecord,
        Refusal::Unavailable { reason: "busy", retry_after_ms: 250 },
    ];
    for refusal in refusals {
        let code = refusal.code();
        let shouted = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(!code.is_empty() && code.bytes().all(shouted), "{code}");
        for said in [refusal.missing(), refusal.grantors().to_owned(), refusal.remedy()] {
            assert!(said.len() > 3, "{code} says {said:?}");
        }
    }
}
