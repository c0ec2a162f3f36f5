//! Signed statements of how many records there are and what their Merkle root is.
//!
//! The form is that of C2SP `tlog-checkpoint` in a C2SP `signed-note`, so that tools of other
//! transparency logs can read and keep them:
//!
//! ```text
//! doorward/<fingerprint of the gateway's key>
//! <number of records>
//! <base64 of the root>
//!
//! — doorward/<fingerprint> <base64 of key hash (4 bytes) and Ed25519 signature (64 bytes)>
//! ```
//!
//! A chain cannot see its own tail cut off. A checkpoint that is kept elsewhere can.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::merkle::Hash;
use crate::support::keys::{self, GatewayKey};

/// The signature algorithm byte of Ed25519 in a signed note's key hash.
const ED25519: u8 = 0x01;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records.
    pub size: u64,
    /// Their Merkle root.
    pub root: Hash,
}

/// Why a text is not a checkpoint of this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not the form.
    #[error("it has not the form of a signed checkpoint")]
    Malformed,
    /// Of another log.
    #[error("it was written by a gateway with another key")]
    OtherOrigin,
    /// Nobody we know signed it.
    #[error("it has no signature by this gateway's key")]
    Unsigned,
    /// The signature is not right.
    #[error("its signature does not verify")]
    BadSignature,
}

/// The name of the ledger that belongs to a key; also the key's own name in the note.
pub fn origin(public_key: &[u8; 32]) -> String {
    format!("doorward/{}", hex(&keys::fingerprint(public_key)))
}

/// The first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key), as signed notes name keys.
fn key_hash(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let input = [name.as_bytes(), &[b'\n', ED25519], public_key].concat();
    let [a, b, c, d, ..] = Hash::from(Sha256::digest(input));
    [a, b, c, d]
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &GatewayKey) -> String {
        let name = origin(&key.public());
        let text = format!("{name}\n{}\n{}\n", self.size, BASE64_STANDARD.encode(self.root));
        let hash = key_hash(&name, &key.public());
        let signature = [&hash[..], &key.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} {name} {}\n", BASE64_STANDARD.encode(signature))
    }

    /// Reads a note without believing it: only to know which root to look up while walking.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse_unverified(note: &str) -> Result<Self, CheckpointError> {
        parse(note).map(|parts| parts.checkpoint).ok_or(CheckpointError::Malformed)
    }

    /// Reads a note and checks that the holder of `public_key` signed it.
    ///
    /// Signatures by others (witnesses) may stand beside ours; extension lines may not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(note: &str, public_key: &[u8; 32]) -> Result<Self, CheckpointError> {
        let parts = parse(note).ok_or(CheckpointError::Malformed)?;
        let name = origin(public_key);
        if parts.origin != name {
            return Err(CheckpointError::OtherOrigin);
        }
        let hash = key_hash(&name, public_key);
        let ours = parts.signatures.iter().find_map(|(signer, bytes)| {
            let (signer_hash, signature) = bytes.split_first_chunk::<4>()?;
            let signature = <&[u8; 64]>::try_from(signature).ok()?;
            (*signer == name && *signer_hash == hash).then_some(signature)
        });
        let signature = ours.ok_or(CheckpointError::Unsigned)?;
        if !keys::verify(public_key, parts.text.as_bytes(), signature) {
            return Err(CheckpointError::BadSignature);
        }
        Ok(parts.checkpoint)
    }
}

struct Parts<'a> {
    /// What is signed, with its last newline.
    text: &'a str,
    origin: &'a str,
    checkpoint: Checkpoint,
    signatures: Vec<(&'a str, Vec<u8>)>,
}

fn parse(note: &str) -> Option<Parts<'_>> {
    let end_of_text = note.find("\n\n")? + 1;
    let (text, signatures) = (&note[..end_of_text], &note[end_of_text + 1..]);
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    if lines.next().is_some() || origin.is_empty() {
        return None;
    }
    let checkpoint = Checkpoint {
        size: decimal(size)?,
        root: BASE64_STANDARD.decode(root).ok()?.try_into().ok()?,
    };
    let signatures = signatures.strip_suffix('\n')?.split('\n').map(signature_line);
    Some(Parts { text, origin, checkpoint, signatures: signatures.collect::<Option<_>>()? })
}

fn signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    Some((name, BASE64_STANDARD.decode(signature).ok()?))
}

/// A number in its one spelling: no sign, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Lowercase hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
