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

use super::{
    merkle::Hash,
    note::{self, Note},
};
use crate::support::keys::GatewayKey;

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
    note::origin(public_key)
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &GatewayKey) -> String {
        let name = origin(&key.public());
        let text = format!("{name}\n{}\n{}\n", self.size, BASE64_STANDARD.encode(self.root));
        note::sign(&text, key)
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
        if parts.origin != origin(public_key) {
            return Err(CheckpointError::OtherOrigin);
        }
        parts.note.check(public_key)?;
        Ok(parts.checkpoint)
    }
}

struct Parts<'a> {
    note: Note<'a>,
    origin: &'a str,
    checkpoint: Checkpoint,
}

fn parse(note: &str) -> Option<Parts<'_>> {
    let note = Note::parse(note)?;
    let mut lines = note.lines();
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    if lines.next().is_some() || origin.is_empty() {
        return None;
    }
    let checkpoint = Checkpoint {
        size: decimal(size)?,
        root: BASE64_STANDARD.decode(root).ok()?.try_into().ok()?,
    };
    Some(Parts { note, origin, checkpoint })
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
