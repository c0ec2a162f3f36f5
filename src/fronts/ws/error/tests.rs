//! Every refusal, one by one, at the door and behind it.

use std::collections::BTreeSet;

use super::*;
use crate::domain::refusal::samples;

/// What the published client's schema knows as `ErrorCode`.
const CODES: [&str; 4] = ["FORBIDDEN", "INVALID_REQUEST", "NOT_PAIRED", "UNAVAILABLE"];

#[test]
fn every_refusal_is_said_in_the_protocols_words() {
    for refusal in samples::every() {
        let (entering, reason) = of_connect(&refusal, &Profile::default());
        for fault in [of_call(&refusal), entering] {
            let name = refusal.code();
            assert!(CODES.contains(&fault.code), "{name} is {}", fault.code);
            assert!(fault.message.len() > 3, "{name} says nothing");
            let waits = fault.retry_after_ms.is_some();
            let temporary = ["UNAVAILABLE", "AUTH_RATE_LIMITED", "CALLS_THROTTLED"];
            assert_eq!(waits, temporary.contains(&name), "{name} waits");
            assert_eq!(fault.retryable, waits.then_some(true), "{name} may be retried");
            let Some(details) = fault.details else {
                assert_eq!(name, "UNAVAILABLE", "{name} has no details");
                continue;
            };
            let hinted = details.get("remediationHint").is_some();
            assert_eq!(hinted, name != "MISSING_SCOPE", "{name} says what to do");
            assert_eq!(details["code"], code_on_the_wire(name), "{name}");
        }
        assert!(reason.len() > 3, "{} closes without a reason", refusal.code());
    }
}

/// Official clients stop trying on few codes, so what is wrong for good has one of those.
fn code_on_the_wire(code: &str) -> &str {
    match code {
        "SETUP_CODE_USED" | "SETUP_CODE_EXPIRED" => "AUTH_BOOTSTRAP_TOKEN_INVALID",
        "SERVICE_TOKEN_INVALID" | "SERVICE_TOKEN_EXPIRED" | "SERVICE_TOKEN_ADDRESS" => {
            "AUTH_TOKEN_MISMATCH"
        }
        code => code,
    }
}

#[test]
fn what_shares_a_code_is_told_apart_by_its_reason() {
    let shared = ["AUTH_BOOTSTRAP_TOKEN_INVALID", "AUTH_TOKEN_MISMATCH"];
    let reasons: Vec<_> = samples::every()
        .iter()
        .filter(|refusal| shared.contains(&code_on_the_wire(refusal.code())))
        .map(|refusal| of_connect(refusal, &Profile::default()).0.details.unwrap())
        .map(|details| details["authReason"].as_str().unwrap().to_owned())
        .collect();
    let distinct: BTreeSet<_> = reasons.iter().collect();
    assert_eq!((reasons.len(), distinct.len()), (7, 7), "{reasons:?}");
}

#[test]
fn the_details_of_a_missing_scope_are_exactly_those_of_the_schema() {
    let every = samples::every();
    let missing = every.iter().find(|refusal| matches!(refusal, Refusal::MissingScope { .. }));
    assert_eq!(
        of_call(missing.unwrap()).details.unwrap(),
        json!({
            "code": "MISSING_SCOPE",
            "missingScope": "operator.admin",
            "requiredScopes": ["operator.admin"],
        })
    );
}

/// The coarse code of a refused call, and the words with which it begins; `None` for what can only be
/// said at the door.
fn said(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "MISSING_SCOPE" => ("FORBIDDEN", "missing scope: operator.admin"),
        "BEYOND_APPROVER" => ("FORBIDDEN", "device pairing approval denied: missing scope: "),
        "NOT_YOUR_DEVICE" => ("FORBIDDEN", "device pairing denied: not your device"),
        "HOST_ONLY" => ("FORBIDDEN", "only the gateway host may do this"),
        "HELD_FOR_REVIEW" => ("FORBIDDEN", "held for review: missing a review of this device: "),
        "GRANT_ENDED" => ("FORBIDDEN", "the grant behind this session has ended"),
        "WRONG_ROLE" => ("INVALID_REQUEST", "unauthorized role: "),
        "UNKNOWN_REQUEST" => ("INVALID_REQUEST", "unknown requestId"),
        "UNKNOWN_DEVICE" => ("INVALID_REQUEST", "unknown deviceId"),
        "UNKNOWN_RECORD" => ("INVALID_REQUEST", "unknown seq"),
        "UNKNOWN_TOKEN" => ("INVALID_REQUEST", "unknown service token"),
        "UNKNOWN_CODE" => ("INVALID_REQUEST", "unknown setupId"),
        "UNKNOWN_ROLE" => ("INVALID_REQUEST", "unknown role"),
        "UNKNOWN_METHOD" => ("INVALID_REQUEST", "unknown method"),
        "REQUEST_SUPERSEDED" => ("INVALID_REQUEST", "requestId was superseded by "),
        "REQUEST_CLOSED" => ("INVALID_REQUEST", "unknown requestId: it was already "),
        "REQUEST_CHANGED" => ("INVALID_REQUEST", "the request changed meanwhile; it now asks for "),
        "NO_GRANT" => ("INVALID_REQUEST", "the device has no grant as "),
        "BEYOND_BASELINE" => {
            ("INVALID_REQUEST", "operator.admin was never approved for the device")
        }
        "LAST_ADMIN" => ("INVALID_REQUEST", "nobody else holds operator.admin; "),
        "ADDRESS_UNFIT" => ("INVALID_REQUEST", ""),
        "IDEMPOTENCY_KEY_REUSED" => {
            ("INVALID_REQUEST", "the idempotency key was used for something else")
        }
        "NAME_TAKEN" => ("INVALID_REQUEST", "the name is taken"),
        "ALREADY_OVER" => ("INVALID_REQUEST", "the end lies in the past"),
        "WEAK_SECRET" => ("INVALID_REQUEST", "the secret "),
        "SECRET_IS_ELSEWHERE" => ("INVALID_REQUEST", "the shared secret comes from "),
        "SCOPE_LIMIT_REACHED" => ("INVALID_REQUEST", "too many scopes"),
        "PAIRING_LIMIT_REACHED" => ("UNAVAILABLE", "too many pairing requests are pending"),
        "LIMIT_REACHED" => ("UNAVAILABLE", "too many "),
        "UNKNOWN_AGENT" => ("INVALID_REQUEST", "unknown agent id"),
        "UNKNOWN_SESSION" => ("INVALID_REQUEST", "session not found"),
        "SESSION_WAS_RESET" => ("INVALID_REQUEST", "the session was reset meanwhile"),
        "UNKNOWN_RUN" => ("INVALID_REQUEST", "unknown runId"),
        "LABEL_TAKEN" => ("INVALID_REQUEST", "label already in use"),
        "APPROVAL_NOT_FOUND" => ("INVALID_REQUEST", "unknown or expired approval id"),
        "APPROVAL_ALREADY_RESOLVED" => ("INVALID_REQUEST", "approval already resolved: "),
        "DECISION_NOT_OFFERED" => ("INVALID_REQUEST", "allow-always is unavailable for this "),
        "CALLS_THROTTLED" => ("UNAVAILABLE", "too many unauthorized calls"),
        "UNAVAILABLE" => ("UNAVAILABLE", ""),
        _ => return None,
    })
}

/// How many codes can only be said at the door.
const AT_THE_DOOR: usize = 23;

#[test]
fn refused_calls_row_by_row() {
    let mut at_the_door = BTreeSet::new();
    for refusal in samples::every() {
        let (code, fault) = (refusal.code(), of_call(&refusal));
        let Some((coarse, words)) = said(code) else {
            at_the_door.insert(code);
            assert_eq!(fault, of_connect(&refusal, &Profile::default()).0, "{code}");
            continue;
        };
        assert_eq!(fault.code, coarse, "{code}");
        assert!(fault.message.starts_with(words), "{code}: {}", fault.message);
        let mut details = fault.details.unwrap_or_else(|| json!({}));
        let details = details.as_object_mut().unwrap();
        details.retain(|name, _| name != "code" && name != "remediationHint");
        let more: Vec<_> = details.keys().map(String::as_str).collect();
        let expected: &[&str] = match code {
            "MISSING_SCOPE" | "BEYOND_APPROVER" => &["missingScope", "requiredScopes"],
            "REQUEST_SUPERSEDED" => &["supersededBy"],
            "REQUEST_CHANGED" => &["requestedScopes"],
            "APPROVAL_NOT_FOUND" => &["reason"],
            "APPROVAL_ALREADY_RESOLVED" => &["reason", "resolvedBy", "status"],
            "DECISION_NOT_OFFERED" => &["allowedDecisions", "reason"],
            _ => &[],
        };
        assert_eq!(more, expected, "{code}");
    }
    assert_eq!(at_the_door.len(), AT_THE_DOOR, "{at_the_door:?}");
}

/// What a device's change may be denied for is said after its name; everything else as ever.
#[test]
fn denied_changes_row_by_row() {
    for refusal in samples::every() {
        let (code, call) = (refusal.code(), of_call(&refusal));
        let denied = of_denied("device token rotation", &refusal);
        let expected = match code {
            "BEYOND_APPROVER" => {
                "device token rotation denied: missing scope: operator.admin".into()
            }
            "NOT_YOUR_DEVICE" => "device token rotation denied: not your device".into(),
            "NO_GRANT" | "BEYOND_BASELINE" | "LAST_ADMIN" => {
                format!("device token rotation denied: {}", call.message)
            }
            _ => call.message.clone(),
        };
        assert_eq!(denied.message, expected, "{code}");
        assert_eq!(denied, Fault { message: expected, ..call }, "{code}");
    }
}
