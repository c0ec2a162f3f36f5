//! The one table from refusals to the wire.
//!
//! Codes, messages and details are the real gateway's (`docs/PROTOCOL.md` (d1), (d2)) wherever its clients
//! read them. `remediationHint` is the protocol's own field for "what to do"; here every refusal has
//! one, with who can grant what is missing and the command to run.

#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::{
    origin::OriginFault,
    principal::SecretKind,
    refusal::{CodeFault, PairingReason, PairingRequired, ProofFault, Refusal, TokenFault},
    registry::Profile,
    scope::{Role, ScopeSet},
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
        None => of_connect(refusal, &Profile::default()).0,
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
        R::GrantEnded => ("FORBIDDEN", "the grant behind this session has ended".into()),
        R::UnknownRequest => invalid_request("unknown requestId"),
        R::UnknownDevice => invalid_request("unknown deviceId"),
        R::UnknownRecord => invalid_request("unknown seq"),
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
        R::LastAdmin => invalid_request(
            "nobody else holds operator.admin; it can only be taken away from the host",
        ),
        R::UnknownToken => invalid_request("unknown service token"),
        R::UnknownCode => invalid_request("unknown setupId"),
        R::UnknownCeiling => invalid_request("unknown role"),
        R::UnknownMethod => invalid_request("unknown method"),
        R::IdempotencyKeyReused => {
            invalid_request("the idempotency key was used for something else")
        }
        R::NameTaken => invalid_request("the name is taken"),
        R::AlreadyOver => invalid_request("the end lies in the past"),
        R::WeakSecret { why } => invalid_request(format!("the secret {why}")),
        R::SecretIsElsewhere { place } => {
            invalid_request(format!("the shared secret comes from {place}"))
        }
        R::TooManyScopes => invalid_request("too many scopes"),
        R::TooManyPending => ("UNAVAILABLE", "too many pairing requests are pending".into()),
        R::LimitReached { what } => ("UNAVAILABLE", format!("too many {what}")),
        R::Throttled { .. } => ("UNAVAILABLE", "too many unauthorized calls".into()),
        R::Unavailable { reason, .. } => ("UNAVAILABLE", (*reason).into()),
        R::SecretMissing(_)
        | R::SecretMismatch { .. }
        | R::DeviceTokenMismatch
        | R::DeviceScopeMismatch { .. }
        | R::SetupCode(_)
        | R::ServiceToken(_)
        | R::IdentityMissing
        | R::IdentityNotAllowed
        | R::RateLimited { .. }
        | R::DeviceIdentityRequired
        | R::DeviceProof(_)
        | R::OriginNotAllowed(_)
        | R::PairingRequired(_) => return None,
    };
    Some((code, message))
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
        _ => {}
    }
    // The schema closes the shape of `MISSING_SCOPE`'s details: there is no room for a hint.
    if !matches!(refusal, Refusal::MissingScope { .. }) {
        details["remediationHint"] = json!(hint(refusal));
    }
    Some(details)
}

/// Official clients stop trying on this one code, whatever is wrong with a setup code; the reason
/// tells the cases apart.
fn setup_code(fault: CodeFault) -> (Fault, String) {
    let (message, reason) = match fault {
        CodeFault::Unknown => (
            "setup code invalid, expired, revoked, or already used (create a new code; review \
             `openclaw devices list`)",
            "bootstrap_token_invalid",
        ),
        CodeFault::Used => ("setup code already used (create a new code)", "bootstrap_token_used"),
        CodeFault::Expired => ("setup code expired (create a new code)", "bootstrap_token_expired"),
    };
    let known = Refusal::SetupCode(CodeFault::Unknown);
    unauthorized(&known, message, reason, "review_auth_configuration")
}

fn service_token(fault: TokenFault) -> (Fault, String) {
    let (message, reason) = match fault {
        TokenFault::Unknown => ("service token unknown or revoked", "service_token_invalid"),
        TokenFault::Expired => ("service token expired", "service_token_expired"),
        TokenFault::Address => ("service token is not for this address", "service_token_address"),
    };
    // The official client stops trying on this code and no other that fits.
    let kind = SecretKind::Token;
    let known = Refusal::SecretMismatch { kind, device_proven: false };
    unauthorized(&known, message, reason, "update_auth_credentials")
}

/// A refused connect: the error, and the reason to close with.
pub fn of_connect(refusal: &Refusal, client: &Profile) -> (Fault, String) {
    match refusal {
        Refusal::SecretMissing(kind) => secret(refusal, *kind, "missing", client, false),
        Refusal::SecretMismatch { kind, device_proven } => {
            secret(refusal, *kind, "mismatch", client, *device_proven)
        }
        Refusal::DeviceTokenMismatch => unauthorized(
            refusal,
            "device token mismatch (rotate/reissue device token)",
            "device_token_mismatch",
            "update_auth_credentials",
        ),
        Refusal::DeviceScopeMismatch { .. } => unauthorized(
            refusal,
            "device token scope mismatch (re-pair or approve scope upgrade)",
            "scope_mismatch",
            "review_auth_configuration",
        ),
        Refusal::SetupCode(fault) => setup_code(*fault),
        Refusal::ServiceToken(fault) => service_token(*fault),
        Refusal::IdentityMissing => unauthorized(
            refusal,
            "the proxy did not name a person (check gateway.auth.trustedProxy.userHeader)",
            "identity_header_missing",
            "review_auth_configuration",
        ),
        Refusal::IdentityNotAllowed => unauthorized(
            refusal,
            "this person may not enter (see gateway.auth.trustedProxy.allowUsers)",
            "user_not_allowed",
            "review_auth_configuration",
        ),
        Refusal::RateLimited { retry_after_ms } => {
            let (fault, reason) = unauthorized(
                refusal,
                "too many failed authentication attempts (retry later)",
                "rate_limited",
                "wait_then_retry",
            );
            let retry_after_ms = Some(*retry_after_ms);
            (Fault { retryable: Some(true), retry_after_ms, ..fault }, reason)
        }
        Refusal::DeviceIdentityRequired => {
            let details = json!({"code": refusal.code(), "remediationHint": hint(refusal)});
            closing(fault("NOT_PAIRED", "device identity required", Some(details)))
        }
        Refusal::DeviceProof(proof) => device_proof(refusal, *proof),
        Refusal::OriginNotAllowed(origin) => {
            let reason = match origin {
                OriginFault::MissingOrInvalid => "origin missing or invalid",
                OriginFault::NotAllowed => "origin not allowed",
            };
            let details = json!({
                "code": refusal.code(),
                "reason": reason,
                "remediationHint": hint(refusal),
            });
            let message = "origin not allowed (open the Control UI from the gateway host or allow \
                           it in gateway.controlUi.allowedOrigins)";
            closing(fault("INVALID_REQUEST", message, Some(details)))
        }
        Refusal::PairingRequired(pairing) => pairing_required(refusal, pairing, client),
        other => closing(of_call(other)),
    }
}

/// Most refusals close with their own message.
fn closing(fault: Fault) -> (Fault, String) {
    let reason = fault.message.clone();
    (fault, reason)
}

fn unauthorized(
    refusal: &Refusal,
    message: &str,
    reason: &str,
    next_step: &str,
) -> (Fault, String) {
    let details = json!({
        "code": refusal.code(),
        "authReason": reason,
        "canRetryWithDeviceToken": false,
        "recommendedNextStep": next_step,
        "remediationHint": hint(refusal),
    });
    closing(fault("INVALID_REQUEST", format!("unauthorized: {message}"), Some(details)))
}

fn secret(
    refusal: &Refusal,
    kind: SecretKind,
    what: &str,
    client: &Profile,
    device_proven: bool,
) -> (Fault, String) {
    let name = match kind {
        SecretKind::Token => "token",
        SecretKind::Password => "password",
    };
    let advice = match (client.client_id.as_str(), client.client_mode.as_str()) {
        ("cli", "cli") => format!("use this gateway's gateway.auth.{name} or pair the device"),
        ("openclaw-control-ui", _) => {
            format!("open the dashboard URL and paste the {name} in Control UI settings")
        }
        _ => format!("provide gateway auth {name}"),
    };
    let next_step = match (what, device_proven) {
        ("missing", _) => "update_auth_configuration",
        (_, true) => "retry_with_device_token",
        (_, false) => "update_auth_credentials",
    };
    let details = json!({
        "code": refusal.code(),
        "authReason": format!("{name}_{what}"),
        "canRetryWithDeviceToken": device_proven,
        "recommendedNextStep": next_step,
        "remediationHint": hint(refusal),
    });
    let message = format!("unauthorized: gateway {name} {what} ({advice})");
    closing(fault("INVALID_REQUEST", message, Some(details)))
}

fn device_proof(refusal: &Refusal, proof: ProofFault) -> (Fault, String) {
    let (message, reason) = match proof {
        ProofFault::IdMismatch => ("device identity mismatch", "device-id-mismatch"),
        ProofFault::Stale => ("device signature expired", "device-signature-stale"),
        ProofFault::NonceMissing => ("device nonce required", "device-nonce-missing"),
        ProofFault::NonceMismatch => ("device nonce mismatch", "device-nonce-mismatch"),
        ProofFault::Signature => ("device signature invalid", "device-signature"),
    };
    let details = json!({
        "code": refusal.code(),
        "reason": reason,
        "remediationHint": hint(refusal),
    });
    closing(fault("INVALID_REQUEST", message, Some(details)))
}

fn pairing_required(
    refusal: &Refusal,
    pairing: &PairingRequired,
    client: &Profile,
) -> (Fault, String) {
    let (reason, requirement) = match pairing.reason {
        PairingReason::NotPaired => ("not-paired", "device is not approved yet"),
        PairingReason::RoleUpgrade => {
            ("role-upgrade", "device is asking for a higher role than currently approved")
        }
        PairingReason::ScopeUpgrade => {
            ("scope-upgrade", "device is asking for more scopes than currently approved")
        }
        PairingReason::MetadataUpgrade => {
            ("metadata-upgrade", "device identity changed and must be re-approved")
        }
    };
    let mut details = json!({
        "code": refusal.code(),
        "reason": reason,
        "requestId": pairing.request_id.to_string(),
        "remediationHint": format!("Approve this device on the gateway host: {}", refusal.remedy()),
        "deviceId": pairing.device.to_string(),
        "requestedRole": pairing.role.name(),
        "requestedScopes": names(&pairing.scopes),
    });
    if !pairing.approved_roles.is_empty() {
        let roles: Vec<_> = pairing.approved_roles.iter().map(|role: &Role| role.name()).collect();
        details["approvedRoles"] = json!(roles);
        details["approvedScopes"] = json!(names(&pairing.approved_scopes));
    }
    if client.client_id == "openclaw-control-ui" {
        details["recommendedNextStep"] = json!("wait_then_retry");
        details["retryable"] = json!(true);
        details["pauseReconnect"] = json!(false);
    }
    // A close reason has 123 bytes, and the request id must survive in it whole.
    let close = match pairing.reason {
        PairingReason::NotPaired => {
            format!("pairing required: {requirement} (requestId: {})", pairing.request_id)
        }
        _ => format!("pairing required: {reason} (requestId: {})", pairing.request_id),
    };
    (fault("NOT_PAIRED", format!("pairing required: {requirement}"), Some(details)), close)
}
