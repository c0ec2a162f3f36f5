//! Every refusal, one by one.

use super::*;
use crate::domain::refusal::samples;

/// The gRPC code of each refusal's own code.
fn expected(code: &str) -> Code {
    match code {
        "AUTH_TOKEN_MISSING"
        | "AUTH_PASSWORD_MISSING"
        | "AUTH_TOKEN_MISMATCH"
        | "AUTH_PASSWORD_MISMATCH"
        | "AUTH_DEVICE_TOKEN_MISMATCH"
        | "AUTH_BOOTSTRAP_TOKEN_INVALID"
        | "SETUP_CODE_USED"
        | "SETUP_CODE_EXPIRED"
        | "SERVICE_TOKEN_INVALID"
        | "SERVICE_TOKEN_EXPIRED"
        | "SERVICE_TOKEN_ADDRESS"
        | "AUTH_IDENTITY_HEADER_REQUIRED"
        | "DEVICE_IDENTITY_REQUIRED"
        | "DEVICE_AUTH_DEVICE_ID_MISMATCH"
        | "DEVICE_AUTH_SIGNATURE_EXPIRED"
        | "DEVICE_AUTH_NONCE_REQUIRED"
        | "DEVICE_AUTH_NONCE_MISMATCH"
        | "DEVICE_AUTH_SIGNATURE_INVALID" => Code::Unauthenticated,
        "AUTH_SCOPE_MISMATCH"
        | "AUTH_VERIFIED_USER_REQUIRED"
        | "CONTROL_UI_ORIGIN_NOT_ALLOWED"
        | "PAIRING_REQUIRED"
        | "MISSING_SCOPE"
        | "BEYOND_APPROVER"
        | "BEYOND_BASELINE"
        | "WRONG_ROLE"
        | "NOT_YOUR_DEVICE"
        | "HOST_ONLY"
        | "GRANT_ENDED" => Code::PermissionDenied,
        "AUTH_RATE_LIMITED"
        | "CALLS_THROTTLED"
        | "PAIRING_LIMIT_REACHED"
        | "SCOPE_LIMIT_REACHED"
        | "LIMIT_REACHED" => Code::ResourceExhausted,
        "UNKNOWN_REQUEST" | "UNKNOWN_DEVICE" | "NO_GRANT" | "UNKNOWN_TOKEN" | "UNKNOWN_CODE"
        | "UNKNOWN_ROLE" | "UNKNOWN_METHOD" => Code::NotFound,
        "REQUEST_SUPERSEDED" | "REQUEST_CHANGED" => Code::Aborted,
        "REQUEST_CLOSED" | "LAST_ADMIN" | "SECRET_IS_ELSEWHERE" | "ADDRESS_UNFIT" | "NO_AGENT" => {
            Code::FailedPrecondition
        }
        "ALREADY_OVER" | "WEAK_SECRET" | "IDEMPOTENCY_KEY_REUSED" => Code::InvalidArgument,
        "NAME_TAKEN" => Code::AlreadyExists,
        "UNKNOWN_RECORD" => Code::OutOfRange,
        "UNAVAILABLE" => Code::Unavailable,
        other => panic!("{other} has no row"),
    }
}

#[test]
fn every_refusal_has_its_code_and_says_all_that_it_knows() {
    for refusal in samples::every() {
        let failure = refused(&refusal);
        let said = |key| failure.metadata().get(key).map(|value| value.to_str().unwrap());
        let name = refusal.code();
        assert_eq!(failure.code(), expected(name), "{name}");
        assert_eq!(said(CODE), Some(name));
        assert_eq!(said(MISSING), Some(refusal.missing().as_str()), "{name}");
        assert_eq!(said(GRANTORS), Some(refusal.grantors()), "{name}");
        assert_eq!(said(REMEDY), Some(refusal.remedy().as_str()), "{name}");
        let waits = ["UNAVAILABLE", "AUTH_RATE_LIMITED", "CALLS_THROTTLED"].contains(&name);
        assert_eq!(said(RETRY_AFTER_MS), waits.then_some("500"), "{name}");
    }
}

#[test]
fn what_is_not_ascii_does_not_break_the_answer() {
    assert_eq!(ascii("naïve\u{1b}[31m").to_str().unwrap(), "na?ve?[31m");
}
