//! A new store from published records, in the place of one that is damaged.
//!
//! The damaged store is never opened and never changed: it is looked at in a copy, and kept beside
//! the new one. The new store is built, ended with a record of what was done, signed, and verified
//! as every start verifies, all under another name; only then does it take its place. Whatever
//! moment the process dies at, doing the same again leads to the same end.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    chain::HeadState,
    checkpoint::Checkpoint,
    codec,
    error::{AppendError, OpenError},
    record::{Record, Via},
    recover::{self, OpenOptions, read_note},
    sled as embedded,
    store::{Store, StoredEntry},
    tlog::survey::{Survey, SurveyError, survey},
};
use crate::{
    domain::{Event, ids::Seq, principal::Principal, registry, scope::ScopeSet, time::UnixMillis},
    support::{clock, keys::GatewayKey, private_file},
};

/// How many records one transaction takes.
const BATCH: usize = 1024;

/// The longest account of a damage that goes into the record, in bytes.
const FAULT_BYTES_MAX: usize = 256;

/// Why a ledger was not rebuilt. The damaged one is where it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is nothing wrong with it.
    #[error("the ledger is whole: nothing was done")]
    Whole,
    /// The ledger's files cannot be used, or the new ones do not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Nothing can be had from the bundles.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The new store takes no records.
    #[error("the new store cannot be written: {0}")]
    Append(#[from] AppendError),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A damaged ledger, and what can be made of it.
pub struct Plan {
    options: OpenOptions,
    /// What is wrong with the store.
    pub damage: String,
    /// What the bundles hold.
    pub survey: Survey,
    /// Keeps a gateway from starting meanwhile.
    _lock: Option<File>,
}

/// Where things are after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many records there are, with the one about the restore.
    pub size: u64,
    /// The damaged store; `None` if there was none at all.
    pub damaged: Option<PathBuf>,
}

/// Looks at a damaged ledger and at its bundles in `tiles`, and changes neither. `given` is another
/// checkpoint that is trusted if it is signed.
///
/// # Errors
/// If there is nothing to do, or nothing can be done.
pub fn plan(
    options: OpenOptions,
    tiles: &Path,
    given: Option<String>,
    key: &GatewayKey,
) -> Result<Plan, RestoreError> {
    let lock = embedded::lock(&options.dir)?;
    let damage = match damage(&options, key)? {
        Some(damage) => damage,
        None => return Err(RestoreError::Whole),
    };
    let outside = read_note(&options.outside_checkpoint)?;
    let published = read_note(&tiles.join("checkpoint"))?;
    let notes: Vec<_> = [outside, published, given].into_iter().flatten().collect();
    let survey = survey(tiles, &notes, &key.public())?;
    Ok(Plan { options, damage, survey, _lock: lock })
}

/// What is wrong with the store, found out in a copy: opening a damaged store damages it more.
fn damage(options: &OpenOptions, key: &GatewayKey) -> Result<Option<String>, RestoreError> {
    let dir = &options.dir;
    if !dir.is_dir() {
        return Ok(Some("there is none".into()));
    }
    let copy = beside(dir, "copy");
    let at_copy = |source| RestoreError::Io { path: copy.clone(), source };
    remove(&copy).and_then(|()| copy_files(dir, &copy)).map_err(at_copy)?;
    let looked_at = OpenOptions { dir: copy.clone(), ..options.clone() };
    let opened = recover::open(&looked_at, key, &mut |_| ControlFlow::Continue(())).map(drop);
    remove(&copy).map_err(at_copy)?;
    match opened {
        Ok(()) => Ok(None),
        Err(error @ (OpenError::Busy { .. } | OpenError::KeyMismatch { .. })) => Err(error.into()),
        Err(error @ OpenError::BadCheckpoint { .. }) => Err(error.into()),
        Err(OpenError::Corrupt { first_bad_seq, what }) => {
            Ok(Some(format!("record {first_bad_seq} is the first that cannot be trusted: {what}")))
        }
        Err(OpenError::Ahead { inside, outside, .. }) => {
            Ok(Some(format!("it holds {inside} records, and {outside} were signed")))
        }
        Err(OpenError::Forked { size, .. }) => {
            Ok(Some(format!("the first {size} records are not those that were signed")))
        }
        Err(OpenError::Unreadable { said, .. }) => Ok(Some(said)),
        // Nothing is opened with a snapshot here.
        Err(error @ OpenError::FalseSnapshot { .. }) => Err(error.into()),
        Err(OpenError::Io { source, .. }) => Ok(Some(source.to_string())),
    }
}

impl Plan {
    /// Does it. `who` ordered it.
    ///
    /// # Errors
    /// Why not; the damaged store is where it was, unless the new one was already in its place.
    pub fn perform(self, who: Principal, key: &GatewayKey) -> Result<Restored, RestoreError> {
        let new = beside(&self.options.dir, "new");
        let at_new = |source| RestoreError::Io { path: new.clone(), source };
        remove(&new).map_err(at_new)?;
        let note = self.build(&new, who, key)?;
        let built = OpenOptions { dir: new.clone(), outside_checkpoint: beside(&new, "none") };
        let size = recover::open(&built, key, &mut |_| ControlFlow::Continue(()))?.head.size();
        let damaged = self.swap(&new, &note).map_err(at_new)?;
        Ok(Restored { size, damaged })
    }

    fn build(&self, dir: &Path, who: Principal, key: &GatewayKey) -> Result<String, RestoreError> {
        let (mut store, _) = embedded::open(dir)?;
        let at_dir = |source| RestoreError::Io { path: dir.to_owned(), source };
        let (mut head, mut batch) = (HeadState::default(), Vec::with_capacity(BATCH));
        let mut stored = 0;
        let mut append = |batch: &mut Vec<StoredEntry>, head: &HeadState| {
            let outcome = store.append(stored, batch, head);
            stored = head.size();
            batch.clear();
            outcome
        };
        self.survey
            .each(&mut |bytes, at| {
                let seq = head.size();
                batch.push(StoredEntry { seq, value: head.append(bytes, at) });
                match batch.len() < BATCH {
                    true => Ok(()),
                    false => append(&mut batch, &head).map_err(io::Error::other),
                }
            })
            .map_err(at_dir)?;
        for event in [self.recovered()].into_iter().chain(self.survey.hold()) {
            let record = record(&head, who.clone(), event);
            let bytes = codec::encode_record(&record).map_err(io::Error::other).map_err(at_dir)?;
            batch.push(StoredEntry { seq: head.size(), value: head.append(&bytes, record.at) });
        }
        append(&mut batch, &head)?;
        let note = Checkpoint { size: head.size(), root: head.root() }.sign(key);
        store.save_checkpoint(&note)?;
        Ok(note)
    }

    fn recovered(&self) -> registry::Event {
        let Survey { proven, size, .. } = self.survey;
        let plain: String = self.damage.chars().filter(|c| !c.is_control()).collect();
        registry::Event::Recovered {
            lost: self.survey.lost(),
            unsigned: size - proven,
            fault: plain[..plain.floor_char_boundary(FAULT_BYTES_MAX)].to_owned(),
        }
    }

    /// Puts the new store into its place. The checkpoint outside comes last: until then no gateway
    /// takes an empty directory for a new ledger.
    fn swap(&self, new: &Path, note: &str) -> io::Result<Option<PathBuf>> {
        let OpenOptions { dir, outside_checkpoint } = &self.options;
        let now = clock::unix_millis();
        let damaged = dir.exists().then(|| beside(dir, &format!("damaged.{now}")));
        if let Some(damaged) = &damaged {
            fs::rename(dir, damaged)?;
        }
        fs::rename(new, dir)?;
        private_file::sync_parent(dir)?;
        if outside_checkpoint.exists() {
            fs::copy(outside_checkpoint, beside(outside_checkpoint, &now.to_string()))?;
        }
        private_file::replace(outside_checkpoint, note.as_bytes())?;
        Ok(damaged)
    }
}

/// A record about the whole ledger.
fn record(head: &HeadState, principal: Principal, event: registry::Event) -> Record {
    Record {
        seq: Seq(head.size()),
        at: head.time.max(UnixMillis(clock::unix_millis())),
        principal,
        authority: Seq(0),
        via: Via::internal(),
        before: ScopeSet::empty(),
        after: ScopeSet::empty(),
        event: Event::Registry(event),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", path.display()))
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    private_file::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_files(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
