//! Every way to say no over HTTP: one table from refusals to statuses, and the few faults that only
//! this front has.
//!
//! The shape is OpenAI's, as the real gateway has it (docs/PROTOCOL.md (h)): `error.message` for
//! people and `error.type` for the kind. Beside them a refusal has its stable `code`, and `missing`,
//! `grantors` and `remedy`: what is missing, who can grant it and what to run. `details` is the
//! object that the same refusal has on the WebSocket. Beside `error` stands `ok`, which is where
//! clients of `/tools/invoke` look; see [`super::tools`].

#[cfg(test)]
mod tests;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde_json::{Value, json};

use crate::{
    domain::{
        refusal::{ApprovalFault, Refusal},
        scope::Scope,
        talk::Failure,
    },
    telemetry::metrics,
};

/// A refusal as HTTP says it.
pub fn refused(refusal: &Refusal) -> HttpResponse {
    metrics::refused("http", refusal.code());
    let status = status(refusal);
    let mut error = refusal_object(refusal, status);
    let mut answer = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((WWW_AUTHENTICATE, "Bearer"));
    }
    if let Some(ms) = retry_after_ms(refusal) {
        error["retryAfterMs"] = json!(ms);
        answer.insert_header((RETRY_AFTER, ms.div_ceil(1000)));
    }
    answer.insert_header((CACHE_CONTROL, "no-store")).json(json!({"ok": false, "error": error}))
}

fn refusal_object(refusal: &Refusal, status: StatusCode) -> Value {
    let mut error = json!({
        "message": sentence(refusal, status),
        "type": kind(status),
        "code": refusal.code(),
        "missing": refusal.missing(),
        "grantors": refusal.grantors(),
        "remedy": refusal.remedy(),
    });
    if let Some(details) = details(refusal) {
        error["details"] = details;
    }
    error
}

/// An agent that could not answer. What an upstream did wrong is a 5xx of ours, but for what the
/// client can do better itself.
pub fn failed(failure: &Failure) -> HttpResponse {
    let status = match failure {
        Failure::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Failure::Rejected { status: Some(400..=499), .. }
        | Failure::Rejected { status: None, .. }
        | Failure::Unsupported(_) => StatusCode::BAD_REQUEST,
        Failure::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        Failure::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Credentials(_)
        | Failure::Unreachable(_)
        | Failure::Rejected { .. }
        | Failure::Broken(_)
        | Failure::TooLong { .. }
        | Failure::Crashed(_) => StatusCode::BAD_GATEWAY,
    };
    let mut answer = HttpResponse::build(status);
    if let Failure::RateLimited { retry_after_ms: Some(ms), .. } = failure {
        answer.insert_header((RETRY_AFTER, ms.div_ceil(1000)));
    }
    let error = failure_object(failure, status);
    answer.insert_header((CACHE_CONTROL, "no-store")).json(json!({"ok": false, "error": error}))
}

/// The same within a stream that has begun.
pub fn failed_midway(failure: &Failure) -> Value {
    json!({"error": failure_object(failure, StatusCode::BAD_GATEWAY)})
}

fn failure_object(failure: &Failure, status: StatusCode) -> Value {
    json!({
        "message": failure.message(),
        "type": kind(status),
        "code": failure.code(),
        "remedy": failure.remedy(),
    })
}

/// A refusal within a stream that has begun.
pub fn refused_midway(refusal: &Refusal) -> Value {
    metrics::refused("http", refusal.code());
    json!({"error": refusal_object(refusal, status(refusal))})
}

/// A request that cannot be read.
pub fn invalid(message: &str) -> HttpResponse {
    said(StatusCode::BAD_REQUEST, message)
}

/// A body above the limit.
pub fn too_large(limit: usize) -> HttpResponse {
    let message = format!("Payload too large: at most {limit} bytes");
    said(StatusCode::PAYLOAD_TOO_LARGE, &message)
}

/// A body that does not arrive.
pub fn too_slow() -> HttpResponse {
    said(StatusCode::REQUEST_TIMEOUT, "Request body timeout")
}

/// Nothing is there.
pub fn not_found(message: &str) -> HttpResponse {
    said(StatusCode::NOT_FOUND, message)
}

/// Something is there, and takes these methods.
pub fn method_not_allowed(allow: &'static str) -> HttpResponse {
    let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let allow = actix_web::http::header::HeaderValue::from_static(allow);
    answer.headers_mut().insert(ALLOW, allow);
    answer
}

fn said(status: StatusCode, message: &str) -> HttpResponse {
    let error = json!({"message": message, "type": kind(status)});
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CACHE_CONTROL, "no-store")).json(json!({"ok": false, "error": error}))
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::SecretMissing(_)
        | Refusal::SecretMismatch { .. }
        | Refusal::DeviceTokenMismatch
        | Refusal::SetupCode(_)
        | Refusal::ServiceToken(_)
        | Refusal::IdentityMissing(_)
        | Refusal::DeviceIdentityRequired
        | Refusal::DeviceProof(_)
        // What the credential stood for is gone, and so is the credential.
        | Refusal::GrantEnded => StatusCode::UNAUTHORIZED,
        Refusal::DeviceScopeMismatch { .. }
        | Refusal::OriginNotAllowed(_)
        | Refusal::PairingRequired(_)
        | Refusal::MissingScope { .. }
        | Refusal::BeyondApprover { .. }
        | Refusal::BeyondBaseline { .. }
        | Refusal::WrongRole { .. }
        | Refusal::NotYours
        | Refusal::HostOnly
        | Refusal::HeldForReview { .. }
        | Refusal::IdentityNotAllowed => StatusCode::FORBIDDEN,
        Refusal::UnknownRequest
        | Refusal::UnknownDevice
        | Refusal::NoGrant { .. }
        | Refusal::UnknownToken
        | Refusal::UnknownCode
        | Refusal::UnknownCeiling
        | Refusal::UnknownMethod
        | Refusal::UnknownSession
        | Refusal::UnknownRun
        | Refusal::UnknownRecord => StatusCode::NOT_FOUND,
        Refusal::RequestSuperseded { .. }
        | Refusal::RequestChanged { .. }
        | Refusal::RequestClosed { .. }
        | Refusal::LastAdmin
        | Refusal::NameTaken
        | Refusal::LabelTaken
        | Refusal::SessionWasReset
        | Refusal::LimitReached { .. }
        | Refusal::SecretIsElsewhere { .. }
        | Refusal::AddressUnfit { .. } => StatusCode::CONFLICT,
        Refusal::Approval(ApprovalFault::Unknown) => StatusCode::NOT_FOUND,
        Refusal::Approval(ApprovalFault::Closed { .. }) => StatusCode::CONFLICT,
        Refusal::TooManyScopes
        // OpenAI clients know a wrong `model` as a bad request.
        | Refusal::UnknownAgent
        | Refusal::AlreadyOver
        | Refusal::WeakSecret { .. }
        | Refusal::Approval(ApprovalFault::NotOffered { .. })
        | Refusal::IdempotencyKeyReused => StatusCode::BAD_REQUEST,
        Refusal::RateLimited { .. } | Refusal::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::TooManyPending | Refusal::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The kind of an error, in the real gateway's words where it has one for the status.
fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        status if status.is_client_error() => "invalid_request_error",
        _ => "api_error",
    }
}

/// What happened, in one line: clients show it and nothing else.
fn sentence(refusal: &Refusal, status: StatusCode) -> String {
    match refusal {
        // The real gateway's words.
        Refusal::UnknownAgent => "Unknown agent.".into(),
        // Clients look for these words.
        Refusal::MissingScope { missing, .. } | Refusal::BeyondApprover { missing, .. } => {
            format!("missing scope: {missing}")
        }
        Refusal::Unavailable { reason, .. } => (*reason).into(),
        other => {
            let reason = status.canonical_reason().unwrap_or_default();
            format!(
                "{reason}: missing {}; {} can grant it; run: {}",
                other.missing(),
                other.grantors(),
                other.remedy()
            )
        }
    }
}

/// The details of the published schema, for the refusals that have some.
fn details(refusal: &Refusal) -> Option<Value> {
    match refusal {
        Refusal::MissingScope { missing, required }
        | Refusal::BeyondApprover { missing, required } => {
            let required: Vec<_> =
                required.iter().map(|scope: Scope| scope.name().to_owned()).collect();
            Some(json!({
                "code": refusal.code(),
                "missingScope": missing.name(),
                "requiredScopes": required,
            }))
        }
        _ => None,
    }
}

fn retry_after_ms(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::RateLimited { retry_after_ms }
        | Refusal::Throttled { retry_after_ms }
        | Refusal::Unavailable { retry_after_ms, .. } => Some(*retry_after_ms),
        _ => None,
    }
}
