//! The one table from refusals to the wire.
//!
//! Codes, messages and details are the real gateway's (`docs/PROTOCOL.md` (d1), (d2)) wherever its clients
//! read them. `remediationHint` is the protocol's own field for "what to do"; here every refusal has
//! one, with who can grant what is missing and the command to run.

mod connect;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Value, json};

pub use connect::of_connect;

use crate::{
    domain::{
        refusal::{ApprovalFault, Refusal},
        registry::{Profile, session::Ending},
        scope::ScopeSet,
    },
    service::conn::Farewell,
    telemetry::metrics,
};

/// `ErrorShape` of the schema.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The coarse code.
    pub code: &'static str,
    /// For people, and for clients that know the words.
    pub message: String,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Whether the same request may succeed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

fn fault(code: &'static str, message: impl Into<String>, details: Option<Value>) -> Fault {
    let message = message.into();
    Fault { code, message, details, retryable: None, retry_after_ms: None }
}

/// A malformed request.
pub fn invalid(message: &str) -> Fault {
    fault("INVALID_REQUEST", message, None)
}

/// Too many requests of this connection are in progress.
pub fn too_many_in_flight() -> Fault {
    let mut busy = fault("UNAVAILABLE", "too many requests in progress on this connection", None);
    busy.retryable = Some(true);
    busy.retry_after_ms = Some(crate::service::limits::RETRY_AFTER_MS);
    busy
}

/// What to do, and who can help.
fn hint(refusal: &Refusal) -> String {
    format!("{} can grant it. Run: {}", refusal.grantors(), refusal.remedy())
}

fn names(scopes: &ScopeSet) -> Vec<String> {
    scopes.iter().map(|scope| scope.name().to_owned()).collect()
}

/// A refused call.
pub fn of_call(refusal: &Refusal) -> Fault {
    metrics::refused("websocket", refusal.code());
    in_a_call(refusal)
}

fn in_a_call(refusal: &Refusal) -> Fault {
    match words(refusal) {
        Some((code, message)) => {
            let retry_after_ms = match refusal {
                Refusal::Throttled { retry_after_ms }
                | Refusal::Unavailable { retry_after_ms, .. } => Some(*retry_after_ms),
                _ => None,
            };
            let retryable = retry_after_ms.map(|_| true);
            Fault { code, message, details: details(refusal), retryable, retry_after_ms }
        }
        // What can only be said at the door has the same words there.
        None => connect::at_the_door(refusal, &Profile::default()).0,
    }
}

/// The coarse code of a refused call, and what to say; nothing if it can only be said at the door.
fn words(refusal: &Refusal) -> Option<(&'static str, String)> {
    use Refusal as R;
    let (code, message): (_, String) = match refusal {
        R::MissingScope { missing, .. } => ("FORBIDDEN", format!("missing scope: {missing}")),
        // The official CLI asks again with more scopes when it reads these words.
        R::BeyondApprover { missing, .. } => {
            ("FORBIDDEN", format!("device pairing approval denied: missing scope: {missing}"))
        }
        R::WrongRole { role } => invalid_request(format!("unauthorized role: {}", role.name())),
        R::NotYours => ("FORBIDDEN", "device pairing denied: not your device".into()),
        R::HostOnly => ("FORBIDDEN", "only the gateway host may do this".into()),
        R::HeldForReview { .. } => ("FORBIDDEN", held(refusal)),
        R::GrantEnded => ("FORBIDDEN", "the grant behind this session has ended".into()),
        R::UnknownRequest
        | R::UnknownDevice
        | R::UnknownRecord
        | R::UnknownToken
        | R::UnknownCode
        | R::UnknownCeiling
        | R::UnknownMethod
        | R::UnknownAgent
        | R::UnknownSession
        | R::UnknownRun => invalid_request(unknown(refusal)),
        R::RequestSuperseded { by } => invalid_request(format!("requestId was superseded by {by}")),
        R::RequestClosed { how } => {
            invalid_request(format!("unknown requestId: it was already {how}"))
        }
        R::RequestChanged { now } => {
            invalid_request(format!("the request changed meanwhile; it now asks for {now}"))
        }
        R::NoGrant { role } => {
            invalid_request(format!("the device has no grant as {}", role.name()))
        }
        R::BeyondBaseline { missing } => {
            invalid_request(format!("{missing} was never approved for the device"))
        }
        R::LastAdmin => invalid_request(LAST_ADMIN),
        R::AddressUnfit { why } => invalid_request(*why),
        R::IdempotencyKeyReused => invalid_request(KEY_REUSED),
        R::NameTaken => invalid_request("the name is taken"),
        R::AlreadyOver => invalid_request("the end lies in the past"),
        R::WeakSecret { why } => invalid_request(format!("the secret {why}")),
        R::SecretIsElsewhere { place } => {
            invalid_request(format!("the shared secret comes from {place}"))
        }
        R::TooManyScopes => invalid_request("too many scopes"),
        R::TooManyPending => ("UNAVAILABLE", "too many pairing requests are pending".into()),
        R::LimitReached { what } => ("UNAVAILABLE", format!("too many {what}")),
        R::Approval(fault) => invalid_request(fault.sentence()),
        R::SessionWasReset => invalid_request("the session was reset meanwhile"),
        R::LabelTaken => invalid_request("label already in use"),
        R::Throttled { .. } => ("UNAVAILABLE", "too many unauthorized calls".into()),
        R::Unavailable { reason, .. } => ("UNAVAILABLE", (*reason).into()),
        R::SecretMissing(_)
        | R::SecretMismatch { .. }
        | R::DeviceTokenMismatch
        | R::DeviceScopeMismatch { .. }
        | R::SetupCode(_)
        | R::ServiceToken(_)
        | R::IdentityMissing(_)
        | R::IdentityNotAllowed
        | R::RateLimited { .. }
        | R::DeviceIdentityRequired
        | R::DeviceProof(_)
        | R::OriginNotAllowed(_)
        | R::PairingRequired(_) => return None,
    };
    Some((code, message))
}

const KEY_REUSED: &str = "the idempotency key was used for something else";

/// The official command line shows nothing but the message.
const LAST_ADMIN: &str = "nobody else holds operator.admin; it can only be taken away on the gateway \
                          host: doorward devices remove|revoke|clear ... --force --reason <why>";

/// What is not there.
fn unknown(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownRequest => "unknown requestId",
        Refusal::UnknownDevice => "unknown deviceId",
        Refusal::UnknownRecord => "unknown seq",
        Refusal::UnknownToken => "unknown service token",
        Refusal::UnknownCode => "unknown setupId",
        Refusal::UnknownCeiling => "unknown role",
        Refusal::UnknownAgent => "unknown agent id",
        Refusal::UnknownSession => "session not found",
        Refusal::UnknownRun => "unknown runId",
        _ => "unknown method",
    }
}

fn held(refusal: &Refusal) -> String {
    format!("held for review: missing {}", refusal.missing())
}

fn invalid_request(message: impl Into<String>) -> (&'static str, String) {
    ("INVALID_REQUEST", message.into())
}

/// What programs are told of a refused call.
fn details(refusal: &Refusal) -> Option<Value> {
    let mut details = json!({"code": refusal.code()});
    match refusal {
        Refusal::Unavailable { .. } => return None,
        Refusal::MissingScope { missing, required }
        | Refusal::BeyondApprover { missing, required } => {
            details["missingScope"] = json!(missing.name());
            details["requiredScopes"] = json!(names(required));
        }
        Refusal::RequestSuperseded { by } => details["supersededBy"] = json!(by.to_string()),
        Refusal::RequestChanged { now } => details["requestedScopes"] = json!(names(now)),
        Refusal::Approval(fault) => {
            // Where the protocol's clients look for it.
            details["reason"] = json!(fault.code());
            match fault {
                ApprovalFault::Closed { how, by } => {
                    details["status"] = json!(how);
                    details["resolvedBy"] = json!(by);
                }
                ApprovalFault::NotOffered { offered, .. } => {
                    details["allowedDecisions"] = json!(offered);
                }
                ApprovalFault::Unknown => {}
            }
        }
        _ => {}
    }
    // The schema closes the shape of `MISSING_SCOPE`'s details: there is no room for a hint.
    if !matches!(refusal, Refusal::MissingScope { .. }) {
        details["remediationHint"] = json!(hint(refusal));
    }
    Some(details)
}

/// A refused change of a device or of its token, with what was refused in front: `what` is the real
/// gateway's name for it, which says no more than "denied"; here every reason is told apart.
pub fn of_denied(what: &str, refusal: &Refusal) -> Fault {
    let mut fault = of_call(refusal);
    match refusal {
        Refusal::BeyondApprover { missing, .. } => {
            fault.message = format!("{what} denied: missing scope: {missing}");
        }
        Refusal::NotYours => fault.message = format!("{what} denied: not your device"),
        Refusal::NoGrant { .. } | Refusal::BeyondBaseline { .. } | Refusal::LastAdmin => {
            fault.message = format!("{what} denied: {}", fault.message);
        }
        _ => {}
    }
    fault
}

/// How a session closes that has nothing to stand on any more. The real gateway closes with this code
/// whenever authority changes, and its clients connect again and hear what is missing now; the reason
/// says what happened.
pub fn of_end(why: Ending) -> Farewell {
    Farewell { frame: None, code: 4001, reason: why.words().to_owned() }
}
