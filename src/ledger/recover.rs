//! Opening a ledger: read everything, believe nothing, and refuse with a way forward.
//!
//! The whole log is walked once. Each record goes to the caller's fold as soon as it is checked;
//! afterwards the head, the checkpoint inside and the checkpoint outside are compared with what was
//! walked. A ledger that is shorter than a signed checkpoint lost records and is not served.

use std::{
    fmt, fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    ahead,
    chain::HeadState,
    checkpoint::{Checkpoint, hex},
    error::{OpenError, StoreError},
    record::Record,
    sled as embedded,
    store::{LogReader, Store},
    walk::{Fault, Walker},
};
use crate::{
    domain::{Event, ids::PublicKey, registry},
    support::keys::GatewayKey,
};

/// Where a ledger lies.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The store's directory, `<state>/ledger`. Made if it is not there.
    pub dir: PathBuf,
    /// The checkpoint outside the store, `<state>/checkpoint`. It may not be there.
    pub outside_checkpoint: PathBuf,
}

/// Something that was put right, or is worth knowing, while opening. To be shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The process was killed while the store wrote a snapshot; the rest of it was removed.
    TornSnapshotRemoved(Vec<String>),
    /// The store did not open with its snapshots, and was opened without them.
    SnapshotsRemoved {
        /// Their names.
        files: Vec<String>,
        /// What the store said.
        said: String,
    },
    /// There are records, and no checkpoint outside that could tell of a loss.
    NoOutsideCheckpoint(PathBuf),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornSnapshotRemoved(files) => {
                write!(f, "removed a half-written snapshot of the store: {}", files.join(", "))
            }
            Self::SnapshotsRemoved { files, said } => write!(
                f,
                "the store did not open ({said}); it opened after its snapshots were removed: {}",
                files.join(", ")
            ),
            Self::NoOutsideCheckpoint(file) => write!(
                f,
                "there is no checkpoint at {}, so lost records cannot be noticed; a new one will be \
                 written",
                file.display()
            ),
        }
    }
}

/// A ledger that was read and found whole.
pub struct Opened {
    /// Where it is kept.
    pub store: Box<dyn Store>,
    /// Where it ends.
    pub head: HeadState,
    /// How many records the checkpoint outside covers.
    pub signed_size: u64,
    /// The checkpoint's file; `None` if none is kept.
    pub outside_checkpoint: Option<PathBuf>,
    /// What the operator should know.
    pub notes: Vec<Note>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("size", &self.head.size()).finish_non_exhaustive()
    }
}

/// Takes a record into the fold; breaking with a reason means that it cannot be applied.
pub type Each<'a> = &'a mut dyn FnMut(Record) -> ControlFlow<String>;

/// Opens the ledger and hands every record to `each`, in order. Blocks; not for async threads.
///
/// # Errors
/// Why it cannot be served; nothing that `each` has built may be used then.
pub fn open(options: &OpenOptions, key: &GatewayKey, each: Each<'_>) -> Result<Opened, OpenError> {
    let (store, notes) = embedded::open(&options.dir)?;
    let outside = Some(options.outside_checkpoint.as_path());
    let mut opened = recover(Box::new(store), &options.dir, outside, key, each)?;
    opened.notes.splice(0..0, notes);
    Ok(opened)
}

/// As [`open`], over any store. `dir` is only named in errors.
///
/// # Errors
/// As [`open`].
pub fn recover(
    store: Box<dyn Store>,
    dir: &Path,
    outside: Option<&Path>,
    key: &GatewayKey,
    each: Each<'_>,
) -> Result<Opened, OpenError> {
    let reader = store.reader();
    let signed = Signed::read(&*reader, dir, outside)?;
    let found = check(&*reader, dir, HeadState::default(), &signed, key, each)?;
    Ok(found.opened(store, &signed))
}

/// The checkpoints that a ledger is compared with.
#[derive(Debug, Clone, Default)]
pub(super) struct Signed {
    /// The one in the store.
    inside: Option<String>,
    /// The file outside, if one is kept, and the one in it.
    outside: Option<(PathBuf, Option<String>)>,
}

/// Where a ledger ends that was walked and found whole.
pub(super) struct Found {
    head: HeadState,
    signed_size: u64,
}

impl Signed {
    /// Reads them, and believes nothing.
    pub(super) fn read(
        reader: &dyn LogReader,
        dir: &Path,
        outside: Option<&Path>,
    ) -> Result<Self, OpenError> {
        let noted = |file: &Path| Ok::<_, OpenError>((file.to_owned(), read_note(file)?));
        let outside = outside.map(noted).transpose()?;
        Ok(Self { inside: reader.checkpoint().map_err(|error| unreadable(dir, error))?, outside })
    }

    fn notes(&self) -> impl Iterator<Item = &String> {
        let outside = self.outside.as_ref().and_then(|(_, note)| note.as_ref());
        self.inside.iter().chain(outside)
    }

    /// The sizes whose roots they are compared with.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.notes().flat_map(|note| Checkpoint::parse_unverified(note)).map(|signed| signed.size)
    }

    /// Compares them with what was walked, as far as it was; gives the size that the one outside covers.
    pub(super) fn compare(&self, walker: &Walker, key: &[u8; 32]) -> Result<u64, OpenError> {
        if let Some(note) = &self.inside {
            compare_note(note, walker, key).map_err(corrupt)?;
        }
        match &self.outside {
            Some((file, Some(note))) => check_outside(file, note, walker, key),
            _ => Ok(0),
        }
    }

    /// The same for a walk that ended early: those over later sizes were left to somebody else.
    pub(super) fn compare_up_to(&self, walker: &Walker, key: &[u8; 32]) -> Result<(), OpenError> {
        let size = walker.head().size();
        let early = |note: &String| {
            Checkpoint::parse_unverified(note).is_ok_and(|signed| signed.size <= size)
        };
        let inside = self.inside.clone().filter(early);
        let outside = self.outside.clone().map(|(file, note)| (file, note.filter(early)));
        Self { inside, outside }.compare(walker, key).map(drop)
    }
}

impl Found {
    /// What it was found in.
    pub(super) fn opened(self, store: Box<dyn Store>, signed: &Signed) -> Opened {
        let Self { head, signed_size } = self;
        let outside = signed.outside.as_ref();
        let missing = outside.filter(|(_, note)| note.is_none() && head.size() > 0);
        let notes = missing.map(|(file, _)| Note::NoOutsideCheckpoint(file.clone()));
        Opened {
            store,
            head,
            signed_size,
            outside_checkpoint: outside.map(|(file, _)| file.clone()),
            notes: notes.into_iter().collect(),
        }
    }
}

/// Walks the log after the records that `from` sums up, which somebody else vouches for, and compares
/// it with its head and with the checkpoints; those over earlier sizes are left to that somebody.
pub(super) fn check(
    reader: &dyn LogReader,
    dir: &Path,
    from: HeadState,
    signed: &Signed,
    key: &GatewayKey,
    each: Each<'_>,
) -> Result<Found, OpenError> {
    let head = reader.head().map_err(|error| unreadable(dir, error))?.unwrap_or_default();
    let mut walker = Walker::after(from, signed.sizes());
    let mut failed = None;
    let begin = walker.head().size();
    let scanned =
        ahead::scan(
            reader,
            begin,
            &mut |seq, value| match take(&mut walker, seq, value, key, each) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            },
        );
    failed.map_or(Ok(()), Err)?;
    scanned.map_err(|error| unreadable(dir, error))?;
    walker.compare(&head).map_err(corrupt)?;
    let signed_size = signed.compare(&walker, &key.public())?;
    Ok(Found { head, signed_size })
}

/// The store's own words, and where it lies.
pub(super) fn unreadable(dir: &Path, StoreError(said): StoreError) -> OpenError {
    OpenError::Unreadable { dir: dir.to_owned(), said }
}

/// The first bad record and what is wrong with it, as an answer to who wanted to open.
pub(super) fn corrupt((first_bad_seq, fault): (u64, Fault)) -> OpenError {
    OpenError::Corrupt { first_bad_seq, what: fault.to_string() }
}

/// The note in a file; `None` if there is no file.
pub(super) fn read_note(file: &Path) -> Result<Option<String>, OpenError> {
    match fs::read(file) {
        // Bytes that are not text stay wrong: the note will not parse.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { path: file.to_owned(), source }),
    }
}

fn take(
    walker: &mut Walker,
    seq: u64,
    value: &[u8],
    key: &GatewayKey,
    each: Each<'_>,
) -> Result<(), OpenError> {
    let first_bad_seq = walker.head().size();
    let record = walker.step(seq, value).map_err(|fault| corrupt((first_bad_seq, fault)))?;
    if seq == 0 {
        check_genesis(&record, key)?;
    }
    match each(record) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => Err(OpenError::Corrupt { first_bad_seq: seq, what }),
    }
}

/// Whether a first record begins the ledger of this key.
pub(super) fn check_genesis(record: &Record, key: &GatewayKey) -> Result<(), OpenError> {
    let ours = key.public();
    match &record.event {
        Event::Registry(registry::Event::Begun { gateway_key: PublicKey(ledger) }) => {
            if *ledger == ours {
                return Ok(());
            }
            Err(OpenError::KeyMismatch { ledger: hex(ledger), ours: hex(&ours) })
        }
        Event::Registry(_) => {
            let what = "the first record does not begin a ledger".into();
            Err(OpenError::Corrupt { first_bad_seq: 0, what })
        }
    }
}

/// Compares a note with what was walked, and names the first record that is to be doubted.
pub(super) fn compare_note(
    note: &str,
    walker: &Walker,
    public_key: &[u8; 32],
) -> Result<(), (u64, Fault)> {
    let size = walker.head().size();
    let checkpoint = Checkpoint::verify(note, public_key)
        .map_err(|error| (size, Fault::BadCheckpoint(error.to_string())))?;
    if checkpoint.size > size {
        return Err((size, Fault::Truncated { expected_size: checkpoint.size }));
    }
    match walker.root_at(checkpoint.size) {
        Some(root) if root == checkpoint.root => Ok(()),
        None if checkpoint.size < walker.began() => Ok(()),
        _ => Err((0, Fault::Rewritten { signed_size: checkpoint.size })),
    }
}

/// Compares the checkpoint outside, and gives the size that it covers.
fn check_outside(
    file: &Path,
    note: &str,
    walker: &Walker,
    key: &[u8; 32],
) -> Result<u64, OpenError> {
    let file = file.to_owned();
    let inside = walker.head().size();
    let checkpoint = match Checkpoint::verify(note, key) {
        Ok(checkpoint) => checkpoint,
        Err(why) => {
            return Err(OpenError::BadCheckpoint { file, inside, why: why.to_string() });
        }
    };
    let Checkpoint { size, root } = checkpoint;
    if size > inside {
        return Err(OpenError::Ahead { inside, outside: size, file });
    }
    match walker.root_at(size) {
        Some(found) if found == root => Ok(size),
        None if size < walker.began() => Ok(size),
        found => {
            let found = found.map_or_else(String::new, |found| hex(&found));
            Err(OpenError::Forked { size, inside, signed: hex(&root), found, file })
        }
    }
}
