//! Texts that the gateway's key signed, in the form of a C2SP `signed-note`: what is signed, an empty
//! line, and a line for each signature. What a text says is the business of whoever signs it.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{
    checkpoint::{CheckpointError, hex},
    merkle::Hash,
};
use crate::support::keys::{self, GatewayKey};

/// The signature algorithm byte of Ed25519 in a signed note's key hash.
const ED25519: u8 = 0x01;

/// The name of the ledger that belongs to a key; also the key's own name in a note.
pub(super) fn origin(public_key: &[u8; 32]) -> String {
    format!("doorward/{}", hex(&keys::fingerprint(public_key)))
}

/// The first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key), as signed notes name keys.
fn key_hash(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let input = [name.as_bytes(), &[b'\n', ED25519], public_key].concat();
    let [a, b, c, d, ..] = Hash::from(Sha256::digest(input));
    [a, b, c, d]
}

/// The note of a text, which ends in a newline and has no empty line.
pub(super) fn sign(text: &str, key: &GatewayKey) -> String {
    let name = origin(&key.public());
    let hash = key_hash(&name, &key.public());
    let signature = [&hash[..], &key.sign(text.as_bytes())].concat();
    format!("{text}\n\u{2014} {name} {}\n", BASE64_STANDARD.encode(signature))
}

/// A note that was taken apart, and not believed yet.
pub(super) struct Note<'a> {
    /// What is signed, with its last newline.
    pub(super) text: &'a str,
    signatures: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    /// Takes a note apart. `None` if it has not the form.
    pub(super) fn parse(note: &'a str) -> Option<Self> {
        let end_of_text = note.find("\n\n")? + 1;
        let (text, signatures) = (&note[..end_of_text], &note[end_of_text + 1..]);
        let signatures = signatures.strip_suffix('\n')?.split('\n').map(signature_line);
        Some(Self { text, signatures: signatures.collect::<Option<_>>()? })
    }

    /// The lines of the text, without their newlines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.strip_suffix('\n').unwrap_or(self.text).split('\n')
    }

    /// Checks that the holder of `public_key` signed it; others may have, beside.
    ///
    /// # Errors
    /// [`CheckpointError::Unsigned`] or [`CheckpointError::BadSignature`].
    pub(super) fn check(&self, public_key: &[u8; 32]) -> Result<(), CheckpointError> {
        let name = origin(public_key);
        let hash = key_hash(&name, public_key);
        let ours = self.signatures.iter().find_map(|(signer, bytes)| {
            let (signer_hash, signature) = bytes.split_first_chunk::<4>()?;
            let signature = <&[u8; 64]>::try_from(signature).ok()?;
            (*signer == name && *signer_hash == hash).then_some(signature)
        });
        let signature = ours.ok_or(CheckpointError::Unsigned)?;
        match keys::verify(public_key, self.text.as_bytes(), signature) {
            true => Ok(()),
            false => Err(CheckpointError::BadSignature),
        }
    }
}

fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    Some((name, BASE64_STANDARD.decode(signature).ok()?))
}
