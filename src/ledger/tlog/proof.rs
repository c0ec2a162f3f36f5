//! A proof that a record is in the ledger, as a text that can be checked with the gateway's public
//! key and nothing else.
//!
//! The form is C2SP `tlog-proof`; the record's bytes as stored are its `extra` data. The record's
//! place and time are in those bytes, the path leads from their hash to the root, and the root is
//! signed.

use std::{ops::ControlFlow, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    hashes::Hashes,
    tree::{self, root_over},
};
use crate::ledger::{
    audit::{Entry, LedgerReader},
    checkpoint::{Checkpoint, CheckpointError, decimal},
    codec,
    error::StoreError,
    merkle::{Hash, leaf_hash},
};

/// The first line.
const FORM: &str = "c2sp.org/tlog-proof@v1";

/// A path in a tree of 2^64 leaves has no more hashes.
const PATH_MAX: usize = 64;

/// What is known once a proof was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The record.
    pub entry: Entry,
    /// The signed statement that it is part of.
    pub checkpoint: Checkpoint,
}

/// Why a text proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the form.
    #[error("it has not the form of a proof (C2SP tlog-proof) with a record in it")]
    Malformed,
    /// The checkpoint in it is not by this gateway.
    #[error("its checkpoint is not to be trusted: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The record, its place or the path was altered, or is of another ledger.
    #[error("its record is not in the ledger that was signed")]
    NotIncluded,
    /// The bytes that were signed are no record.
    #[error("its record cannot be read: {0}")]
    Undecodable(String),
}

/// The proof that record `seq` is in what `note` signs. `dir` has the tiles.
///
/// # Errors
/// If the log cannot be read, or is not what was signed.
pub fn prove(log: &LedgerReader, dir: &Path, note: &str, seq: u64) -> Result<String, StoreError> {
    let checkpoint = Checkpoint::parse_unverified(note).map_err(|e| StoreError(e.to_string()))?;
    let Checkpoint { size, root } = checkpoint;
    let mut record = None;
    log.read_bytes(seq, seq.saturating_add(1), &mut |bytes| {
        record = Some(bytes.to_owned());
        ControlFlow::Break(())
    })?;
    let no_record = || StoreError(format!("there is no record {seq} in {size}"));
    let record = record.filter(|_| seq < size).ok_or_else(no_record)?;
    let leaf = leaf_hash(&record);
    for mut hashes in [Hashes::published(log, dir), Hashes::of_log(log)] {
        let path = tree::inclusion(&mut hashes, seq, size)?;
        if root_over(leaf, seq, size, &path) == Some(root) {
            return Ok(text(&record, seq, &path, note));
        }
        tracing::warn!(dir = %dir.display(), "hashes do not lead to the signed root; reading all records");
    }
    Err(StoreError(format!("the first {size} records are not those that were signed")))
}

/// The proof that the tree of `old` begins that of `new`. `None` if it does not.
///
/// # Errors
/// If the log cannot be read.
pub fn prove_growth(
    log: &LedgerReader,
    dir: &Path,
    old: Checkpoint,
    new: Checkpoint,
) -> Result<Option<Vec<Hash>>, StoreError> {
    if old.size > new.size {
        return Ok(None);
    }
    for mut hashes in [Hashes::published(log, dir), Hashes::of_log(log)] {
        let path = tree::consistency(&mut hashes, old.size, new.size)?;
        if has_grown(old, new, &path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether `path` proves that the tree of `old` begins that of `new`.
pub fn has_grown(old: Checkpoint, new: Checkpoint, path: &[Hash]) -> bool {
    tree::is_consistent((old.size, old.root), (new.size, new.root), path)
}

/// Checks a proof with the key of the gateway that signed it.
///
/// # Errors
/// Why it proves nothing.
pub fn check(text: &str, public_key: &[u8; 32]) -> Result<Proven, ProofError> {
    let Parts { record, index, path, note } = parse(text).ok_or(ProofError::Malformed)?;
    let checkpoint = Checkpoint::verify(note, public_key)?;
    let leaf_hash = leaf_hash(&record);
    if root_over(leaf_hash, index, checkpoint.size, &path) != Some(checkpoint.root) {
        return Err(ProofError::NotIncluded);
    }
    let undecodable = |error: codec::CodecError| ProofError::Undecodable(error.to_string());
    let record = codec::decode_record(&record).map_err(undecodable)?;
    match record.seq.0 == index {
        true => Ok(Proven { entry: Entry { record, leaf_hash }, checkpoint }),
        false => Err(ProofError::NotIncluded),
    }
}

fn text(record: &[u8], seq: u64, path: &[Hash], note: &str) -> String {
    let hashes: String = path.iter().map(|hash| BASE64_STANDARD.encode(hash) + "\n").collect();
    format!("{FORM}\nextra {}\nindex {seq}\n{hashes}\n{note}", BASE64_STANDARD.encode(record))
}

struct Parts<'a> {
    record: Vec<u8>,
    index: u64,
    path: Vec<Hash>,
    note: &'a str,
}

fn parse(text: &str) -> Option<Parts<'_>> {
    let (head, note) = text.split_once("\n\n")?;
    let mut lines = head.split('\n');
    lines.next().filter(|form| *form == FORM)?;
    let record = BASE64_STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
    let index = decimal(lines.next()?.strip_prefix("index ")?)?;
    let hash = |line| BASE64_STANDARD.decode(line).ok()?.try_into().ok();
    let path = lines.map(hash).collect::<Option<Vec<Hash>>>()?;
    (path.len() <= PATH_MAX).then_some(Parts { record, index, path, note })
}
