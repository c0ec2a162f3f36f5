//! Every refusal, one by one.

use std::net::Ipv4Addr;

use super::*;
use crate::{
    domain::{
        refusal::samples,
        scope::{Scope, ScopeSet},
    },
    service::TrustedProxies,
};

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
        | "HELD_FOR_REVIEW"
        | "GRANT_ENDED" => Code::PermissionDenied,
        "AUTH_RATE_LIMITED"
        | "CALLS_THROTTLED"
        | "PAIRING_LIMIT_REACHED"
        | "SCOPE_LIMIT_REACHED"
        | "LIMIT_REACHED" => Code::ResourceExhausted,
        "UNKNOWN_REQUEST" | "UNKNOWN_DEVICE" | "NO_GRANT" | "UNKNOWN_TOKEN" | "UNKNOWN_CODE"
        | "UNKNOWN_ROLE" | "UNKNOWN_METHOD" | "UNKNOWN_AGENT" | "UNKNOWN_SESSION"
        | "UNKNOWN_RUN" | "APPROVAL_NOT_FOUND" => Code::NotFound,
        "REQUEST_SUPERSEDED" | "REQUEST_CHANGED" | "SESSION_WAS_RESET" => Code::Aborted,
        "APPROVAL_ALREADY_RESOLVED" => Code::FailedPrecondition,
        "DECISION_NOT_OFFERED" => Code::InvalidArgument,
        "REQUEST_CLOSED" | "LAST_ADMIN" | "SECRET_IS_ELSEWHERE" | "ADDRESS_UNFIT" => {
            Code::FailedPrecondition
        }
        "ALREADY_OVER" | "WEAK_SECRET" | "IDEMPOTENCY_KEY_REUSED" => Code::InvalidArgument,
        "NAME_TAKEN" | "LABEL_TAKEN" => Code::AlreadyExists,
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
        let details = said_in_details(&failure);
        let words = [refusal.missing(), refusal.grantors().into(), refusal.remedy()];
        assert_eq!(details.words, words, "{name}");
        assert_eq!(details.retry, waits.then_some(Duration::from_millis(500)), "{name}");
    }
}

/// What the standard details say, after a look at what all of them must have.
struct Said {
    words: [String; 3],
    retry: Option<Duration>,
}

#[track_caller]
fn said_in_details(failure: &Failure) -> Said {
    let details = failure.check_error_details().unwrap();
    let info = details.error_info().unwrap();
    let code = failure.metadata().get(CODE).unwrap().to_str().unwrap();
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("doorward", code));
    // The form that error_details.proto gives for a reason.
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    assert!(info.reason.len() <= 63 && info.reason.chars().all(plain), "{code}");
    let violations: Vec<_> = details
        .precondition_failure()
        .iter()
        .flat_map(|failure| &failure.violations)
        .map(|one| (one.r#type.as_str(), one.subject.as_str(), one.description.as_str()))
        .collect();
    let expected = (code, info.metadata["missing"].as_str(), failure.message());
    let unmet = failure.code() == Code::FailedPrecondition;
    assert_eq!(violations, if unmet { vec![expected] } else { vec![] }, "{code}");
    Said {
        words: ["missing", "grantors", "remedy"].map(|name| info.metadata[name].clone()),
        retry: details.retry_info().and_then(|retry| retry.retry_delay),
    }
}

#[test]
fn the_faults_of_this_front_say_as_much() {
    let lines = [("x-forwarded-for", &b"192.0.2.1"[..])];
    let here = Some(Ipv4Addr::LOCALHOST.into());
    let fault = TrustedProxies::default().attribute(here, lines).unwrap_err();
    for failure in [
        stranger(Some(7), 0),
        bearer_required(),
        certificate_unknown(&[7; 32]),
        not_attributable(&fault),
        invalid("what"),
        nothing_to_follow(),
        request_too_large(7),
        answer_too_large(8, 7, "Elsewhere"),
    ] {
        let said = said_in_details(&failure);
        assert!(said.words.iter().all(|words| !words.is_empty()), "{failure:?}");
    }
}

/// Clients and proxies take 8 KiB of trailers for certain.
#[test]
fn the_longest_refusal_still_fits_into_a_trailer() {
    let scope = |n: usize| Scope::parse(&format!("x{n:02}.{}", "y".repeat(60))).unwrap();
    let now: ScopeSet = (0..ScopeSet::LEN_MAX).map(scope).collect();
    let failure = refused(&Refusal::RequestChanged { now });
    let trailers = failure.into_http::<()>();
    let bytes: usize =
        trailers.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    assert!((4096..8192).contains(&bytes), "{bytes}");
}

#[test]
fn what_is_not_ascii_does_not_break_the_answer() {
    assert_eq!(ascii("naïve\u{1b}[31m").to_str().unwrap(), "na?ve?[31m");
}
