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
