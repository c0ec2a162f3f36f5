//! Proofs for people who do not trust the gateway: that a record is in the ledger, and that an
//! earlier ledger begins this one.

use std::path::{Path, PathBuf};

use super::{
    Service,
    audit::{Broken, Offline, on_a_thread, unreadable},
};
use crate::{
    domain::{operation::Operation, permit, principal::Standing, refusal::Refusal},
    ledger::{
        LedgerReader, StoreError,
        checkpoint::Checkpoint,
        tlog::{self, name::Resource, proof},
        walk::Fault,
    },
};

pub use crate::ledger::{
    checkpoint::{Checkpoint as KnownCheckpoint, CheckpointError},
    tlog::proof::{ProofError, Proven, check as check_proof},
};

/// Where the published ledger lies in a state directory.
pub(super) fn published_in(state_dir: &Path) -> PathBuf {
    state_dir.join("tlog")
}

/// That an earlier ledger begins this one: the hashes that prove it, or why it does not.
pub type Growth = Result<Vec<[u8; 32]>, Broken>;

impl Service {
    /// The proof that record `seq` is in the ledger, as text. Signs a checkpoint if none covers it.
    ///
    /// # Errors
    /// If `who` may not read the ledger, there is no such record, or it cannot be read or signed.
    pub async fn prove(&self, who: &Standing, seq: u64) -> Result<String, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        self.0.ledger.verified().await;
        if seq >= self.told_size() {
            return Err(Refusal::UnknownRecord);
        }
        let reader = self.0.ledger.reader();
        let dir = published_in(&self.0.info.state_dir);
        let note = match covering(reader.checkpoint().map_err(unreadable)?, seq) {
            Some(note) => note,
            None => self.0.ledger.checkpoint().await.map_err(|error| {
                tracing::warn!(%error, "no checkpoint could be signed for a proof");
                let reason = "no checkpoint can be signed; see the log";
                Refusal::Unavailable { reason, retry_after_ms: 0 }
            })?,
        };
        on_a_thread(move || proof::prove(&reader, &dir, &note, seq)).await
    }

    /// Reads a checkpoint that was kept elsewhere.
    ///
    /// # Errors
    /// Why it is no checkpoint of this ledger.
    pub fn known_checkpoint(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::verify(note, &self.0.info.public_key)
    }

    /// Whether what an earlier checkpoint signed begins what a verification found now.
    ///
    /// # Errors
    /// If `who` may not read the ledger, or it cannot be read.
    pub async fn growth(
        &self,
        who: &Standing,
        since: Checkpoint,
        now: Checkpoint,
    ) -> Result<Growth, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        let (reader, dir) = (self.0.ledger.reader(), published_in(&self.0.info.state_dir));
        on_a_thread(move || growth(&reader, &dir, since, now)).await
    }
}

/// A file of the published ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether it will be another one soon, as a checkpoint will; tiles and bundles stay as they are.
    pub changes: bool,
}

impl Service {
    /// How many records the published checkpoint covers. One small file is read.
    pub(super) fn published_size(&self) -> Option<u64> {
        let dir = published_in(&self.0.info.state_dir);
        let note = tlog::read(&dir, &Resource::Checkpoint).ok().flatten()?;
        let checkpoint = Checkpoint::parse_unverified(std::str::from_utf8(&note).ok()?);
        checkpoint.ok().map(|checkpoint| checkpoint.size)
    }

    /// A file of the published ledger, by its path in C2SP `tlog-tiles`. `None` if it has no such
    /// file, or not yet.
    ///
    /// # Errors
    /// If `who` may not read the ledger, or the file cannot be read.
    pub async fn published(
        &self,
        who: &Standing,
        path: &str,
    ) -> Result<Option<Published>, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        let told = self.told_size();
        let Some(name) = Resource::parse(path).filter(|name| name.records() <= told) else {
            return Ok(None);
        };
        let dir = published_in(&self.0.info.state_dir);
        let read = move || tlog::read(&dir, &name).map_err(|error| StoreError(error.to_string()));
        let bytes = on_a_thread(read).await?;
        Ok(bytes.map(|bytes| Published { bytes, changes: name == Resource::Checkpoint }))
    }
}

impl Offline {
    /// See [`Service::prove`]; `None` if there is no such record.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn prove(&self, seq: u64) -> Result<Option<String>, StoreError> {
        let reader = self.reader();
        if reader.read(seq, 1)?.is_empty() {
            return Ok(None);
        }
        let note = match covering(reader.checkpoint()?, seq) {
            Some(note) => note,
            None => self.sign_now()?,
        };
        proof::prove(reader, self.published(), &note, seq).map(Some)
    }

    /// See [`Service::known_checkpoint`].
    ///
    /// # Errors
    /// Why it is no checkpoint of this ledger.
    pub fn known_checkpoint(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::verify(note, &self.public_key())
    }

    /// The gateway's public key.
    pub fn public_key(&self) -> [u8; 32] {
        *self.reader().public_key()
    }

    /// See [`Service::growth`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn growth(&self, since: Checkpoint, now: Checkpoint) -> Result<Growth, StoreError> {
        growth(self.reader(), self.published(), since, now)
    }
}

/// Whether the hashes prove that what a checkpoint signed begins a ledger of that size and root. The
/// note itself is not believed here: whoever kept it knows where it comes from.
pub fn has_grown(note: &str, size: u64, root: [u8; 32], path: &[[u8; 32]]) -> bool {
    let old = Checkpoint::parse_unverified(note);
    old.is_ok_and(|old| proof::has_grown(old, Checkpoint { size, root }, path))
}

/// The note, if it covers record `seq`.
fn covering(note: Option<String>, seq: u64) -> Option<String> {
    let size = |note: &String| Checkpoint::parse_unverified(note).map(|checkpoint| checkpoint.size);
    note.filter(|note| size(note).is_ok_and(|size| seq < size))
}

fn growth(
    reader: &LedgerReader,
    dir: &Path,
    since: Checkpoint,
    now: Checkpoint,
) -> Result<Growth, StoreError> {
    let (first_bad_seq, fault) = match proof::prove_growth(reader, dir, since, now)? {
        Some(path) => return Ok(Ok(path)),
        None if since.size > now.size => (now.size, Fault::Truncated { expected_size: since.size }),
        None => (0, Fault::Rewritten { signed_size: since.size }),
    };
    Ok(Err(Broken { first_bad_seq, what: fault.to_string() }))
}
