//! Snapshots of the folded state, so that a start need not read the whole ledger before it is ready.
//!
//! A snapshot only saves time. The gateway's key signs it, together with the head of the ledger that
//! it stands on; a start takes it up only if the ledger holds just that head, and then reads what came
//! after. Whatever does not fit is put aside, and everything is read, as without one. What was taken on
//! its word is verified behind, from the first record on, and a difference ends the gateway.
//!
//! The file is a signed note and, right behind it, the state's bytes (`schema/state`). [`start`] opens
//! with one; [`keeper`] verifies behind, and writes the next one.

pub mod keeper;
pub mod start;
#[cfg(test)]
mod tests;

use std::{fs, io, path::Path, thread};

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{
    chain::HeadState,
    codec::{self, CodecError},
    merkle::Hash,
    note::{self, Note},
    schema::state::{self, SHAPE},
};
use crate::{
    domain::registry::Registry,
    support::{keys::GatewayKey, private_file},
};

/// A state, and the head of the ledger that it adds up.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Where the ledger ended then.
    pub head: HeadState,
    /// What its records add up to.
    pub state: Registry,
}

/// Why a snapshot is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discarded {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Not the form.
    #[error("it has not the form of a snapshot")]
    Malformed,
    /// Another program may add records up in another way.
    #[error("doorward {0} made it, and this one may add the records up in another way")]
    OtherVersion(String),
    /// It is not ours.
    #[error("this gateway's key did not sign it")]
    NotSigned,
    /// The state's bytes are others.
    #[error("its bytes are not those that were signed")]
    Altered,
    /// The state's bytes mean nothing.
    #[error("its state cannot be read: {0}")]
    Undecodable(#[from] CodecError),
    /// The ledger is shorter.
    #[error("it is of {size} records, and the ledger holds {inside}")]
    Longer {
        /// Of how many records it is.
        size: u64,
        /// How many there are.
        inside: u64,
    },
    /// The ledger holds other records.
    #[error("record {0} of the ledger is not the one that it ends with")]
    OtherHistory(u64),
    /// What comes after it does not go on from it.
    #[error("the ledger does not go on from it: {0}")]
    DoesNotFit(String),
}

/// The version that a snapshot of this program has.
fn version() -> String {
    format!("{} (state {SHAPE})", env!("CARGO_PKG_VERSION"))
}

/// What is signed: line by line whose it is, its version, the size and root as in a checkpoint, the
/// head as it stands in the store, and SHA-256 of the state's bytes.
fn text(head: &HeadState, body: &[u8], origin: &str) -> Result<String, CodecError> {
    let (version, size, root) = (version(), head.size(), BASE64_STANDARD.encode(head.root()));
    let head = BASE64_STANDARD.encode(codec::encode_head(head)?);
    let hash = BASE64_STANDARD.encode(Sha256::digest(body));
    Ok(format!("{origin}/snapshot\n{version}\n{size}\n{root}\n{head}\n{hash}\n"))
}

/// Writes a snapshot in place of the one that is there. It is read back first: what does not come out
/// as it went in is not written.
///
/// # Errors
/// If it does not read back, or the file cannot be written; then the old one is still there.
pub fn write(file: &Path, snapshot: Snapshot, key: &GatewayKey) -> io::Result<()> {
    let Snapshot { head, state: folded } = snapshot;
    let body = state::put(folded.clone()).map_err(io::Error::other)?;
    if state::take(&body).ok().as_ref() != Some(&folded) {
        return Err(io::Error::other("the state does not read back as it was"));
    }
    let text = text(&head, &body, &note::origin(&key.public())).map_err(io::Error::other)?;
    private_file::replace_with(file, &[note::sign(&text, key).as_bytes(), &body])
}

/// Reads a snapshot and checks that the holder of `public_key` signed it; `None` if there is none.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(file: &Path, public_key: &[u8; 32]) -> Result<Option<Snapshot>, Discarded> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Discarded::Unreadable(error.to_string())),
    };
    let (note, body) = split(&bytes).ok_or(Discarded::Malformed)?;
    let note = Note::parse(note).ok_or(Discarded::Malformed)?;
    let lines: Vec<_> = note.lines().collect();
    let [origin, theirs, size, root, head, hash] = lines[..] else {
        return Err(Discarded::Malformed);
    };
    if origin != format!("{}/snapshot", note::origin(public_key)) {
        return Err(Discarded::NotSigned);
    }
    note.check(public_key).map_err(|_| Discarded::NotSigned)?;
    if theirs != version() {
        return Err(Discarded::OtherVersion(theirs.to_owned()));
    }
    let head = BASE64_STANDARD.decode(head).map_err(|_| Discarded::Malformed)?;
    let head = codec::decode_head(&head)?;
    if size != head.size().to_string() || root != BASE64_STANDARD.encode(head.root()) {
        return Err(Discarded::Malformed);
    }
    // Reading and hashing are the work; what is read is believed only once the hash is right.
    let (state, found) = thread::scope(|scope| {
        let hashing = scope.spawn(|| Hash::from(Sha256::digest(body)));
        (state::take(body), hashing.join())
    });
    match found {
        Ok(found) if BASE64_STANDARD.encode(found) == hash => {
            Ok(Some(Snapshot { head, state: state? }))
        }
        _ => Err(Discarded::Altered),
    }
}

/// The note, and the state's bytes behind it: the note ends with the line after its empty one.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let signature = bytes.windows(2).position(|two| two == b"\n\n")? + 2;
    let end = signature + bytes[signature..].iter().position(|byte| *byte == b'\n')? + 1;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end..]))
}

/// Puts a snapshot aside that is not to be used, in place of the last one that was.
pub(super) fn put_aside(file: &Path) -> io::Result<()> {
    fs::rename(file, file.with_extension("rejected"))
}
