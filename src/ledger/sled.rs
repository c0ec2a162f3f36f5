//! The embedded store, and the only file that names sled.
//!
//! What sled 0.34.7 does not do by itself is done here:
//!
//! - Its `flush` ends in `sync_file_range` on Linux, which does not make a disk write its cache
//!   (sled issue 1452). After each flush the database file is synced with `sync_data`, and only then
//!   is anything acknowledged. A sync that failed is final: trying again can succeed without the data.
//! - A snapshot file that was half written keeps it from opening (issues 1527, 1533). Snapshots only
//!   save time, so they are removed then, and the log itself is read.
//! - Damaged files make it panic. It is opened on a thread of its own, and every call is caught.
//!
//! Two trees: `log` (place as big-endian u64 -> `link || record`) and `meta` (`head`, `checkpoint`).
//! None of this may run on an async thread: a flush can stall for tens of milliseconds.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::Duration,
};

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
use crate::support::{clock::Stopwatch, private_file};

/// sled's page cache. The default would allow a gigabyte. The log is read once at the start and
/// afterwards only at its end, so a small cache is as good as a large one.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// How long an open waits for the lock. A gateway that was just stopped, and sled's own threads
/// after a close, hold it for a moment more.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

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
    let at_dir = |source| OpenError::Io { path: dir.to_owned(), source };
    private_file::create_dir(dir).map_err(at_dir)?;
    let is_new = !dir.join("db").exists();
    let mut notes = Vec::new();
    let torn = remove_snapshots(dir, |name| name.ends_with(".generating")).map_err(at_dir)?;
    if !torn.is_empty() {
        notes.push(Note::TornSnapshotRemoved(torn));
    }
    let trees = match open_patiently(dir) {
        Ok(trees) => trees,
        Err(Trouble::Corrupt(said)) => {
            let removed = remove_snapshots(dir, |_| true).map_err(at_dir)?;
            if removed.is_empty() {
                return Err(OpenError::Unreadable { dir: dir.to_owned(), said });
            }
            notes.push(Note::SnapshotsRemoved { files: removed, said });
            open_patiently(dir).map_err(|trouble| trouble.into_error(dir))?
        }
        Err(trouble) => return Err(trouble.into_error(dir)),
    };
    let path = dir.join("db");
    let at_file = |source| OpenError::Io { path: path.clone(), source };
    let file = File::open(&path).map_err(at_file)?;
    if is_new {
        trees.db.flush().map_err(|error| Trouble::from(error).into_error(dir))?;
        file.sync_all().map_err(at_file)?;
        // The names of the new files, and of the directory itself.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(at_dir)?;
        private_file::sync_parent(dir).map_err(at_dir)?;
    }
    let make_durable = Box::new(File::sync_data);
    Ok((SledStore { trees, file, make_durable, broken: None }, notes))
}

/// Locks the store in `dir` as sled does, without opening it. `None` if there is no such file.
///
/// # Errors
/// [`OpenError::Busy`] if it is in use, or [`OpenError::Io`].
pub(super) fn lock(dir: &Path) -> Result<Option<File>, OpenError> {
    let path = dir.join("db");
    let at_file = |source| OpenError::Io { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(at_file)?,
    };
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Busy { dir: dir.to_owned() }),
        Err(error) => Err(at_file(error.into())),
    }
}

/// Removes the snapshot files whose name `which` accepts, and tells their names.
fn remove_snapshots(dir: &Path, which: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && which(&name) {
            fs::remove_file(entry.path())?;
            removed.push(name);
        }
    }
    removed.sort();
    Ok(removed)
}

/// Why sled did not open.
enum Trouble {
    Locked,
    Corrupt(String),
    Other(String),
}

impl Trouble {
    fn into_error(self, dir: &Path) -> OpenError {
        let dir = dir.to_owned();
        match self {
            Self::Locked => OpenError::Busy { dir },
            Self::Corrupt(said) | Self::Other(said) => OpenError::Unreadable { dir, said },
        }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        let said = error.to_string();
        match error {
            sled::Error::Corruption { .. } => Self::Corrupt(said),
            // sled gives the lock no error of its own.
            sled::Error::Io(_) if said.contains("could not acquire lock") => Self::Locked,
            _ => Self::Other(said),
        }
    }
}

/// As [`open_caught`], with some patience if somebody else holds the lock.
fn open_patiently(dir: &Path) -> Result<Trees, Trouble> {
    let waiting = Stopwatch::start();
    loop {
        match open_caught(dir) {
            Err(Trouble::Locked) if waiting.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

/// Opens on a thread of its own, so that a panic ends that thread and nothing else.
fn open_caught(dir: &Path) -> Result<Trees, Trouble> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let thread = std::thread::Builder::new().name("ledger-open".into()).spawn(move || {
        let db = config.open()?;
        Ok(Trees { log: db.open_tree("log")?, meta: db.open_tree("meta")?, db })
    });
    let thread = thread.map_err(|error| Trouble::Other(error.to_string()))?;
    // A panic is damage like any other: without its snapshots, it may open.
    thread.join().unwrap_or_else(|panic| Err(Trouble::Corrupt(panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a word".into())
}

/// Calls into sled; a panic comes back as text.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| panic_text(panic.as_ref()))
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

    #[test]
    fn a_panic_comes_back_as_text() {
        assert_eq!(super::caught(|| 7), Ok(7));
        assert_eq!(super::caught(|| panic!("plain")), Err::<(), _>("plain".into()));
        assert_eq!(super::caught(|| panic!("number {}", 7)), Err::<(), _>("number 7".into()));
    }

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
