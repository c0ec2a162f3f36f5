//! A ledger in one file, with what a gateway needs to go on from it elsewhere.
//!
//! A plain tar, which every system can list: `checkpoint` (the signed note of what is in it),
//! `gateway.key`, `shared-token` and `doorward.json` as found, `records/00000000` and so on (each
//! record as stored, link included, behind its length as a big-endian u32), and at the end
//! `manifest.json` with the size and SHA-256 of every part. So it can be written in one go while the
//! ledger grows, and a file that was cut off has no manifest.
//!
//! The signature covers the records, and the key is held to it; the hashes only find damage in the
//! rest. A backup holds secrets in the clear: whoever has it can be this gateway.
//!
//! [`mod@write`] makes one, [`mod@read`] checks one, and [`restore`] builds a store from one.

pub mod read;
pub mod restore;
#[cfg(test)]
mod tests;
pub mod write;

use serde::{Deserialize, Serialize};

use super::{checkpoint::CheckpointError, merkle::Hash, walk::Fault};

/// The version of this layout.
pub const FORMAT: u32 = 1;

/// The signed note; the first part.
pub const CHECKPOINT: &str = "checkpoint";
/// The gateway's key, PKCS#8 PEM; the second part.
pub const KEY: &str = "gateway.key";
/// The shared token that the gateway made itself, if it did.
pub const SHARED_TOKEN: &str = "shared-token";
/// The configuration, if there is one.
pub const CONFIG: &str = "doorward.json";
/// What follows, of the parts with records, is their number.
const RECORDS: &str = "records/";
/// The last part.
const MANIFEST: &str = "manifest.json";

/// A part with records is closed once it has so many bytes, so that memory holds one of them.
const PART_BYTES: usize = 1024 * 1024;

/// No part is longer than this; what claims to be is not read.
const PART_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a backup says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The layout, [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// When it was begun.
    pub created_at_ms: u64,
    /// How many records it holds.
    pub size: u64,
    /// Every other part, in order.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// Why a file is not a backup that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It cannot be read, or is no tar.
    #[error("the backup cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// A part is not there, or not what it should be.
    #[error("the backup is damaged: {part}: {what}")]
    Part {
        /// Which.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// A record is not what was written.
    #[error("the backup is damaged: record {seq} cannot be trusted: {fault}")]
    Record {
        /// Which.
        seq: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The checkpoint is not by the key that lies beside it, or not about these records.
    #[error("the backup is damaged: checkpoint: {0}")]
    Checkpoint(CheckpointError),
    /// The records are not those that were signed.
    #[error("the backup is damaged: its {size} records are not those that its checkpoint signed")]
    OtherRecords {
        /// How many it holds.
        size: u64,
    },
    /// It is of another gateway than was asked for.
    #[error("the backup is of the gateway with key {found}, and not of the one that was named")]
    OtherGateway {
        /// Whose it is, in base64url.
        found: String,
    },
    /// Whoever takes the records could not take one.
    #[error("{0}")]
    NotTaken(String),
}

fn bad(part: &str, what: impl ToString) -> BackupError {
    BackupError::Part { part: part.to_owned(), what: what.to_string() }
}

/// The name of a part with records.
fn records_name(number: u64) -> String {
    format!("{RECORDS}{number:08}")
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    super::checkpoint::hex(&Hash::from(Sha256::digest(bytes)))
}
