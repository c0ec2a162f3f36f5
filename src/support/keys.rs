//! Ed25519 keys: the gateway's own, and the check of other people's signatures.
//!
//! Signatures follow RFC 8032. Verification is always the strict form, which refuses keys of small
//! order and signatures that are not canonical, so that one signature has one spelling.

use std::{io, path::Path};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use sha2::{Digest, Sha256};

use super::{entropy, private_file, secret::Secret};

/// The gateway's signing key. It signs checkpoints and names the gateway to its clients.
pub struct GatewayKey(SigningKey);

impl GatewayKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&entropy::bytes()))
    }

    /// Reads the key at `path` (PKCS#8 PEM).
    ///
    /// # Errors
    /// If the file cannot be read, or holds something else than an Ed25519 key.
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::from_pem(&std::fs::read_to_string(path)?)
    }

    /// The key in this text (PKCS#8 PEM).
    ///
    /// # Errors
    /// If it is something else than an Ed25519 key.
    pub fn from_pem(pem: &str) -> io::Result<Self> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|error| {
            let text = format!("not an Ed25519 key in PEM: {error}");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    /// As [`Self::load`], or makes a key there if there is no file, readable by its owner alone.
    ///
    /// # Errors
    /// As [`Self::load`], and if the file cannot be written.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        match Self::load(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate();
                private_file::write_new(path, key.to_pem()?.expose())?;
                Ok(key)
            }
            outcome => outcome,
        }
    }

    /// The text of its file (PKCS#8 PEM).
    ///
    /// # Errors
    /// None that can be caused; the encoder's signature has one.
    pub fn to_pem(&self) -> io::Result<Secret<Vec<u8>>> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
        Ok(Secret::new(pem.as_bytes().to_vec()))
    }

    /// Signs `message` (no prehash).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The raw public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

/// Whether `signature` over `message` is by the holder of `public_key`; strict, RFC 8032.
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public_key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// A device's id: SHA-256 of its raw public key (`docs/PROTOCOL.md` (c); written as lowercase hex).
pub fn fingerprint(public_key: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(public_key).into()
}

/// Decodes unpadded base64url into exactly `N` bytes.
pub fn from_base64url<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Encodes as unpadded base64url, the wire form of keys and signatures.
pub fn to_base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_signs_alike() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        let missing = GatewayKey::load(&path).map(drop).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!path.exists(), "loading makes nothing");
        let first = GatewayKey::load_or_create(&path).unwrap();
        let again = GatewayKey::load(&path).unwrap();
        let once_more = GatewayKey::load_or_create(&path).unwrap();
        assert_eq!([again.public(), once_more.public()], [first.public(); 2]);
        assert!(verify(&again.public(), b"hello", &first.sign(b"hello")));
        assert!(!verify(&again.public(), b"hullo", &first.sign(b"hello")));
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        // The neutral element: without the strict form, it would accept R = identity, S = 0.
        let mut neutral = [0u8; 32];
        neutral[0] = 1;
        let mut signature = [0u8; 64];
        signature[0] = 1;
        assert!(!verify(&neutral, b"anything", &signature));
    }
}
