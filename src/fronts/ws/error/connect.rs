//! The refusals of the handshake: the error, and the reason to close with.

use serde_json::json;

use super::{Fault, fault, held, hint, in_a_call, names};
use crate::{
    domain::{
        origin::OriginFault,
        principal::SecretKind,
        refusal::{
            CodeFault, IdentityFault, PairingReason, PairingRequired, ProofFault, Refusal,
            TokenFault,
        },
        registry::Profile,
        scope::Role,
    },
    telemetry::metrics,
};

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

/// The reasons are those of the real gateway.
fn identity_missing(refusal: &Refusal, fault: IdentityFault) -> (Fault, String) {
    let (message, reason) = match fault {
        IdentityFault::Direct => {
            ("connect through the trusted proxy", "trusted_proxy_untrusted_source")
        }
        IdentityFault::Loopback => {
            ("a proxy on loopback may not name people here", "trusted_proxy_loopback_source")
        }
        IdentityFault::OwnAddress => (
            "the proxy has an address of the gateway host itself",
            "trusted_proxy_local_interface_source",
        ),
        IdentityFault::Header => {
            ("the proxy left out a required header", "trusted_proxy_missing_header")
        }
        IdentityFault::Name => ("the proxy did not name a person", "trusted_proxy_user_missing"),
    };
    unauthorized(refusal, message, reason, "review_auth_configuration")
}

/// The real gateway holds nothing; its clients read this as a credential to look at, and keep it.
fn held_for_review(refusal: &Refusal) -> (Fault, String) {
    let (fault, _) =
        unauthorized(refusal, &held(refusal), "held_for_review", "review_auth_configuration");
    (fault, "held for review (on the gateway host: doorward review list)".into())
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
    metrics::refused("websocket", refusal.code());
    at_the_door(refusal, client)
}

pub(super) fn at_the_door(refusal: &Refusal, client: &Profile) -> (Fault, String) {
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
        Refusal::IdentityMissing(fault) => identity_missing(refusal, *fault),
        Refusal::IdentityNotAllowed => unauthorized(
            refusal,
            "this person may not enter (see gateway.auth.trustedProxy.allowUsers)",
            "trusted_proxy_user_not_allowed",
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
        Refusal::HeldForReview { .. } => held_for_review(refusal),
        other => closing(in_a_call(other)),
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
