//! Every refusal, one by one.

use actix_web::body::MessageBody as _;

use super::*;
use crate::domain::refusal::samples;

/// The status and the type of each refusal's code.
fn expected(code: &str) -> (u16, &'static str) {
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
        | "DEVICE_AUTH_SIGNATURE_INVALID"
        | "GRANT_ENDED" => (401, "unauthorized"),
        "AUTH_SCOPE_MISMATCH"
        | "AUTH_VERIFIED_USER_REQUIRED"
        | "CONTROL_UI_ORIGIN_NOT_ALLOWED"
        | "PAIRING_REQUIRED"
        | "MISSING_SCOPE"
        | "BEYOND_APPROVER"
        | "BEYOND_BASELINE"
        | "WRONG_ROLE"
        | "NOT_YOUR_DEVICE"
        | "HELD_FOR_REVIEW"
        | "HOST_ONLY" => (403, "forbidden"),
        "UNKNOWN_REQUEST" | "UNKNOWN_DEVICE" | "NO_GRANT" | "UNKNOWN_TOKEN" | "UNKNOWN_CODE"
        | "UNKNOWN_ROLE" | "UNKNOWN_METHOD" | "UNKNOWN_RECORD" | "UNKNOWN_SESSION"
        | "UNKNOWN_RUN" | "APPROVAL_NOT_FOUND" => (404, "not_found"),
        "REQUEST_SUPERSEDED"
        | "REQUEST_CHANGED"
        | "REQUEST_CLOSED"
        | "LAST_ADMIN"
        | "NAME_TAKEN"
        | "LABEL_TAKEN"
        | "SESSION_WAS_RESET"
        | "APPROVAL_ALREADY_RESOLVED"
        | "LIMIT_REACHED"
        | "SECRET_IS_ELSEWHERE"
        | "ADDRESS_UNFIT" => (409, "conflict"),
        "SCOPE_LIMIT_REACHED"
        | "ALREADY_OVER"
        | "WEAK_SECRET"
        | "IDEMPOTENCY_KEY_REUSED"
        | "DECISION_NOT_OFFERED"
        | "UNKNOWN_AGENT" => (400, "invalid_request_error"),
        "AUTH_RATE_LIMITED" | "CALLS_THROTTLED" => (429, "rate_limited"),
        "PAIRING_LIMIT_REACHED" | "UNAVAILABLE" => (503, "api_error"),
        other => panic!("{other} has no row"),
    }
}

/// Who is told when to come back: whoever came too often or too early.
fn expects_a_wait(code: &str) -> bool {
    matches!(code, "AUTH_RATE_LIMITED" | "CALLS_THROTTLED" | "UNAVAILABLE")
}

fn body(answer: HttpResponse) -> Value {
    let bytes = answer.into_body().try_into_bytes().unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn every_refusal_has_its_status_and_says_all_that_it_knows() {
    for refusal in samples::every() {
        let code = refusal.code();
        let answer = refused(&refusal);
        let status = answer.status().as_u16();
        let header = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
        let challenge = (status == 401).then_some("Bearer");
        assert_eq!(header(WWW_AUTHENTICATE), challenge, "{code}");
        let retry = header(RETRY_AFTER).map(|seconds| seconds.parse::<u64>().unwrap());

        let error = body(answer)["error"].take();
        assert_eq!((status, error["type"].as_str().unwrap()), expected(code), "{code}");
        assert_eq!(error["code"], code);
        assert_eq!(error["missing"], refusal.missing(), "{code}");
        assert_eq!(error["grantors"], refusal.grantors(), "{code}");
        assert_eq!(error["remedy"], refusal.remedy(), "{code}");
        let wait = error["retryAfterMs"].as_u64();
        assert_eq!(wait.is_some(), expects_a_wait(code), "{code}");
        assert_eq!(retry, wait.map(|ms| ms.div_ceil(1000)), "{code}");
        let has_details = matches!(code, "MISSING_SCOPE" | "BEYOND_APPROVER");
        assert_eq!(error.get("details").is_some(), has_details, "{code}");
        let message = error["message"].as_str().unwrap();
        assert!(message.len() > 3, "{code}: {message}");
        if status == 401 {
            assert!(message.contains(&refusal.missing()), "{code}: {message}");
            assert!(message.contains(&refusal.remedy()), "{code}: {message}");
        }
    }
}

#[test]
fn n2_a2_4_a_missing_scope_carries_the_object_of_the_websocket() {
    let missing = |refusal: &Refusal| matches!(refusal, Refusal::MissingScope { .. });
    let refusal = samples::every().into_iter().find(missing).unwrap();
    let Refusal::MissingScope { missing, required } = &refusal else { unreachable!() };
    let error = body(refused(&refusal))["error"].take();
    let required: Vec<_> = required.iter().map(|scope| scope.name().to_owned()).collect();
    assert_eq!(error["message"], format!("missing scope: {missing}"));
    assert_eq!(
        error["details"],
        json!({
            "code": "MISSING_SCOPE",
            "missingScope": missing.name(),
            "requiredScopes": required,
        })
    );
}
