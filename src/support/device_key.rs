//! The key of a device: what a client of the protocol proves its identity with.
//!
//! The gateway has no use for this: it sees public keys and signatures only ([`super::keys`]).
//! Here is the other side, for the clients that this crate brings along: `doorward status`,
//! `doorward bench` and the tests. The wire forms follow `docs/PROTOCOL.md` (c).

use std::fmt::Write;

use ed25519_dalek::{Signer, SigningKey};

use super::{entropy, keys};

/// An Ed25519 key together with the two texts that name it on the wire.
///
/// The texts are made once, because a client that connects thousands of times needs them each time.
pub struct DeviceKey {
    key: SigningKey,
    id: String,
    public: String,
}

impl DeviceKey {
    /// A new random key.
    pub fn generate() -> Self {
        let key = SigningKey::from_bytes(&entropy::bytes());
        let raw = key.verifying_key().to_bytes();
        let mut id = String::with_capacity(64);
        for byte in keys::fingerprint(&raw) {
            write!(id, "{byte:02x}").expect("a String takes every write");
        }
        Self { public: keys::to_base64url(&raw), id, key }
    }

    /// The device's id: SHA-256 of the raw public key, 64 lowercase hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The raw public key, 43 characters of unpadded base64url.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Signs `message` (no prehash): 86 characters of unpadded base64url.
    pub fn sign(&self, message: &[u8]) -> String {
        keys::to_base64url(&self.key.sign(message).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_can_check_what_a_device_says_of_itself() {
        let device = DeviceKey::generate();
        let public: [u8; 32] = keys::from_base64url(device.public()).unwrap();
        let signature: [u8; 64] = keys::from_base64url(&device.sign(b"hello")).unwrap();
        assert!(keys::verify(&public, b"hello", &signature));
        assert!(!keys::verify(&public, b"hullo", &signature));
        let hex: String = keys::fingerprint(&public).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(device.id(), hex);
        assert_ne!(device.id(), DeviceKey::generate().id());
    }
}
