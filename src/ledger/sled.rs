//! The ledger's embedded store. How sled is opened and what it does not do by itself:
//! [`embedded`].
//!
//! After each flush the database file is synced with `sync_data`, and only then is anything
//! acknowledged. A sync that failed is final: trying again can succeed without the data.
//!
//! Two trees: `log` (place as big-endian u64 -> `link || record`) and `meta` (`head`, `checkpoint`).
//! None of this may run on an async thread: a flush can stall for tens of milliseconds.

use std::{fs::File, io, ops::ControlFlow, path::Path, sync::Arc};

use sled::{
    Transactional,
    transaction::{ConflictableTransactionError, TransactionError},
};

use super::{
    chain::HeadState,
    codec,
    error::{AppendError, OpenError, StoreError},
    recover::Note,
    store::{LogReader, Store, StoredEntry, Visit},
};
use crate::support::embedded::{self, Embedded, Mended, OpenFault, caught};

/// sled's page cache. The default would allow a gigabyte. The log is read once at the start and
/// afterwards only at its end, so a small cache is as good as a large one.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

const HEAD: &[u8] = b"head";
const CHECKPOINT: &[u8] = b"checkpoint";

/// Makes the disk keep what was written to the database file.
type MakeDurable = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

/// An open store.
pub(super) struct SledStore {
    trees: Trees,
    /// The database file, for the sync that sled does not do.
    file: File,
    /// [`File::sync_data`]. A value, so that tests can watch it and let it fail: a killed process
    /// shows nothing of it, because the kernel keeps what was written.
    make_durable: MakeDurable,
    /// Set once the outcome of a write is unknown; nothing is written after that.
    broken: Option<String>,
}

#[derive(Clone)]
struct Trees {
    log: sled::Tree,
    meta: sled::Tree,
    db: sled::Db,
}

/// Opens the store in `dir`, or makes one there.
///
/// # Errors
/// [`OpenError::Busy`], [`OpenError::Unreadable`] or [`OpenError::Io`].
pub(super) fn open(dir: &Path) -> Result<(SledStore, Vec<Note>), OpenError> {
    let opened = embedded::open(dir, CACHE_BYTES, ["log", "meta"]);
    let opened = opened.map_err(|fault| at_dir(dir, fault))?;
    let Embedded { db, trees: [log, meta], file, mended } = opened;
    let notes = mended.into_iter().map(|mended| match mended {
        Mended::TornSnapshot(files) => Note::TornSnapshotRemoved(files),
        Mended::Snapshots { files, said } => Note::SnapshotsRemoved { files, said },
    });
    let (trees, make_durable) = (Trees { log, meta, db }, Box::new(File::sync_data));
    Ok((SledStore { trees, file, make_durable, broken: None }, notes.collect()))
}

/// Locks the store in `dir` as sled does, without opening it. `None` if there is no such file.
///
/// # Errors
/// [`OpenError::Busy`] if it is in use, or [`OpenError::Io`].
pub(super) fn lock(dir: &Path) -> Result<Option<File>, OpenError> {
    embedded::lock(dir).map_err(|fault| at_dir(dir, fault))
}

fn at_dir(dir: &Path, fault: OpenFault) -> OpenError {
    let dir = dir.to_owned();
    match fault {
        OpenFault::Busy => OpenError::Busy { dir },
        OpenFault::Unreadable(said) => OpenError::Unreadable { dir, said },
        OpenFault::Io { path, source } => OpenError::Io { path, source },
    }
}

impl SledStore {
    /// Performs a write and makes it durable. Whatever goes wrong from here on leaves the outcome
    /// unknown, but for a conflict, which sled reports before it writes.
    fn write(
        &mut self,
        transaction: impl FnOnce(&Trees) -> Result<(), TransactionError<AppendError>>,
    ) -> Result<(), AppendError> {
        if let Some(said) = &self.broken {
            return Err(AppendError::Unknown(said.clone()));
        }
        let outcome = caught(|| match transaction(&self.trees) {
            Ok(()) => self.trees.db.flush().map(drop).map_err(|error| error.to_string().into()),
            Err(TransactionError::Abort(error)) => Err(WriteTrouble::Refused(error)),
            Err(TransactionError::Storage(error)) => Err(error.to_string().into()),
        });
        let outcome = outcome.unwrap_or_else(|panic| Err(panic.into()));
        let synced = outcome.and_then(|()| {
            let kept = (self.make_durable)(&self.file);
            kept.map_err(|error| format!("the sync failed: {error}").into())
        });
        synced.map_err(|trouble| match trouble {
            WriteTrouble::Refused(error) => error,
            WriteTrouble::Unknown(said) => {
                self.broken = Some(said.clone());
                AppendError::Unknown(said)
            }
        })
    }
}

enum WriteTrouble {
    Refused(AppendError),
    Unknown(String),
}

impl From<String> for WriteTrouble {
    fn from(said: String) -> Self {
        Self::Unknown(said)
    }
}

impl Store for SledStore {
    fn append(
        &mut self,
        expected_size: u64,
        batch: &[StoredEntry],
        head: &HeadState,
    ) -> Result<(), AppendError> {
        let head = codec::encode_head(head).map_err(|e| AppendError::Failed(e.to_string()))?;
        self.write(|trees| {
            (&trees.log, &trees.meta).transaction(|(log, meta)| {
                let actual_size = stored_size(meta.get(HEAD)?.as_deref())?;
                if actual_size != expected_size {
                    let conflict = AppendError::Conflict { actual_size };
                    return Err(ConflictableTransactionError::Abort(conflict));
                }
                for entry in batch {
                    log.insert(&entry.seq.to_be_bytes(), entry.value.as_slice())?;
                }
                meta.insert(HEAD, head.as_slice())?;
                Ok(())
            })
        })
    }

    fn save_checkpoint(&mut self, note: &str) -> Result<(), AppendError> {
        self.write(|trees| {
            trees.meta.insert(CHECKPOINT, note).map(drop).map_err(TransactionError::Storage)
        })
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(self.trees.clone())
    }
}

fn stored_size(head: Option<&[u8]>) -> Result<u64, ConflictableTransactionError<AppendError>> {
    let Some(bytes) = head else {
        return Ok(0);
    };
    codec::decode_head(bytes).map(|head| head.size()).map_err(|error| {
        ConflictableTransactionError::Abort(AppendError::Failed(format!("stored head: {error}")))
    })
}

impl Trees {
    fn meta(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        match caught(|| self.meta.get(key)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(StoreError(error.to_string())),
            Err(panic) => Err(StoreError(panic)),
        }
    }
}

impl LogReader for Trees {
    fn scan(&self, from: u64, visit: Visit<'_>) -> Result<(), StoreError> {
        let mut entries = self.log.range(from.to_be_bytes()..);
        loop {
            // Only sled's own panics are caught: one of the visitor's is not the store's fault.
            let (key, value) = match caught(|| entries.next()) {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(entry))) => entry,
                Ok(Some(Err(error))) => return Err(StoreError(error.to_string())),
                Err(panic) => return Err(StoreError(panic)),
            };
            let place = key.as_ref().try_into().map(u64::from_be_bytes);
            let place = place.map_err(|_| StoreError("a key in the log is not a place".into()))?;
            if let ControlFlow::Break(()) = visit(place, &value) {
                return Ok(());
            }
        }
    }

    fn head(&self) -> Result<Option<HeadState>, StoreError> {
        let Some(bytes) = self.meta(HEAD)? else {
            return Ok(None);
        };
        codec::decode_head(&bytes).map(Some).map_err(|e| StoreError(format!("the head: {e}")))
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        let Some(bytes) = self.meta(CHECKPOINT)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes).map(str::to_owned).map(Some);
        text.map_err(|_| StoreError("the checkpoint is not text".into()))
    }
}

#[cfg(test)]
impl SledStore {
    /// Makes its writes durable in another way.
    pub(super) fn with_sync(
        self,
        sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
    ) -> Self {
        Self { make_durable: Box::new(sync), ..self }
    }

    /// Puts a value behind everyone's back, or takes one away.
    pub(super) fn tamper(&mut self, seq: u64, value: Option<&[u8]>) {
        match value {
            Some(value) => self.trees.log.insert(seq.to_be_bytes(), value).unwrap(),
            None => self.trees.log.remove(seq.to_be_bytes()).unwrap(),
        };
        self.trees.db.flush().unwrap();
    }

    /// Puts another head.
    pub(super) fn tamper_head(&self, bytes: &[u8]) {
        self.trees.meta.insert(HEAD, bytes).unwrap();
        self.trees.db.flush().unwrap();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::OwnedFd};

    use super::{AppendError, Store};

    /// The step that a store is opened with asks the kernel: a pipe cannot be synced (fsync(2)).
    #[test]
    fn a_store_is_opened_with_a_real_sync() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = super::open(dir.path()).unwrap();
        assert_eq!(store.save_checkpoint("one"), Ok(()));
        let (pipe, _other_end) = std::io::pipe().unwrap();
        store.file = File::from(OwnedFd::from(pipe));
        let outcome = store.save_checkpoint("two");
        assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
    }
}
