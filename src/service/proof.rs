//! A device's proof of its key: a signature over this connection's challenge.
//!
//! Payloads, encodings and the order of the checks: `docs/PROTOCOL.md` (c). There are two payloads in use; the
//! newer one also covers what the device says about its platform.

use super::connect::Connect;
use crate::{
    domain::{
        ids::{DeviceId, PublicKey},
        refusal::{ProofFault, Refusal},
        time::UnixMillis,
    },
    support::{clock, entropy, keys},
};

/// How far a device's `signedAt` may be from the gateway's clock. docs/PROTOCOL.md (c): 120 s either way.
const SKEW_MAX_MS: u64 = 120_000;

/// What this connection was challenged with.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The nonce.
    pub nonce: String,
    /// When.
    pub at: UnixMillis,
}

impl Challenge {
    /// A fresh one.
    pub fn fresh() -> Self {
        Self { nonce: entropy::uuid().to_string(), at: UnixMillis(clock::unix_millis()) }
    }
}

/// A device's claim and its proof, as sent.
#[derive(Debug, Clone)]
pub struct DeviceClaim {
    /// Hex.
    pub id: String,
    /// Base64url of the raw key.
    pub public_key: String,
    /// Base64url.
    pub signature: String,
    /// Milliseconds since the Unix epoch.
    pub signed_at: u64,
    /// The challenge's nonce.
    pub nonce: String,
}

/// A device whose proof held.
pub(super) struct Proven {
    /// Its id.
    pub id: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// Whether the signature covers platform and device family.
    pub profile_signed: bool,
}

/// Checks a device's proof of its key. The order of the checks is the wire's.
pub(super) fn prove(claim: &DeviceClaim, connect: &Connect) -> Result<Proven, Refusal> {
    let fault = |fault| Refusal::DeviceProof(fault);
    let key = keys::from_base64url::<32>(&claim.public_key).ok_or(fault(ProofFault::IdMismatch))?;
    let id = DeviceId(keys::fingerprint(&key));
    if DeviceId::parse(&claim.id) != Some(id) {
        return Err(fault(ProofFault::IdMismatch));
    }
    if clock::unix_millis().abs_diff(claim.signed_at) > SKEW_MAX_MS {
        return Err(fault(ProofFault::Stale));
    }
    if claim.nonce.trim().is_empty() {
        return Err(fault(ProofFault::NonceMissing));
    }
    if claim.nonce != connect.challenge.nonce {
        return Err(fault(ProofFault::NonceMismatch));
    }
    let signature =
        keys::from_base64url::<64>(&claim.signature).ok_or(fault(ProofFault::Signature))?;
    let v2 = signed_payload(claim, connect);
    let v3 = {
        let plain = |text: &str| text.trim().to_ascii_lowercase();
        let family = connect.profile.device_family.as_deref().unwrap_or_default();
        format!("v3|{v2}|{}|{}", plain(&connect.profile.platform), plain(family))
    };
    // The console signs v2, everyone else v3; trying the likelier one first saves a verification.
    let v2 = format!("v2|{v2}");
    let order = if connect.claims_console {
        [(&v2, false), (&v3, true)]
    } else {
        [(&v3, true), (&v2, false)]
    };
    let verified =
        order.into_iter().find(|(payload, _)| keys::verify(&key, payload.as_bytes(), &signature));
    let (_, profile_signed) = verified.ok_or(fault(ProofFault::Signature))?;
    Ok(Proven { id, key: PublicKey(key), profile_signed })
}

/// What v2 and v3 payloads have in common. docs/PROTOCOL.md (c).
fn signed_payload(claim: &DeviceClaim, connect: &Connect) -> String {
    let auth = &connect.auth;
    let token =
        auth.token.as_ref().or(auth.device_token.as_ref()).or(auth.bootstrap_token.as_ref());
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}",
        claim.id,
        connect.profile.client_id,
        connect.profile.client_mode,
        connect.role.name(),
        connect.scopes.join(","),
        claim.signed_at,
        token.map(|token| token.expose().as_str()).unwrap_or_default(),
        claim.nonce,
    )
}
