//! A store from a backup, in a state directory that has none, or in the place of one that is kept.
//!
//! Before anything is changed, the backup is held against everything that can still be found of the
//! ledger that it was made of: checkpoints, and the store itself, which is looked at in a copy. The
//! new store is built, ended with a record of the restore, signed and verified as every start
//! verifies, all under another name; only then does it take its place.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use super::{
    BackupError, CONFIG, KEY, SHARED_TOKEN,
    read::{self, Backup},
};
use crate::{
    domain::{
        Event,
        registry::{self, Registry, hold::Lost, review::review},
    },
    ledger::{
        checkpoint::{Checkpoint, CheckpointError},
        error::{AppendError, OpenError},
        recover::{OpenOptions, read_note},
        sled as embedded,
    },
    support::{keys::GatewayKey, private_file, secret::Secret},
};

mod build;
mod known;

use known::Old;

/// What is to be restored, and where.
#[derive(Debug, Clone)]
pub struct Order {
    /// The backup.
    pub file: PathBuf,
    /// The state directory.
    pub state_dir: PathBuf,
    /// Another checkpoint to compare with, one that was kept elsewhere.
    pub checkpoint: Option<PathBuf>,
    /// Whether a ledger that is there may be put aside.
    pub replace: bool,
    /// Whether everything that was in force in the backup comes back, whatever changed since.
    pub trust_backup: bool,
    /// Whether to go on although records are known to be lost.
    pub accept_loss: bool,
}

/// Why nothing was restored. What was there is where it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is no good.
    #[error("{}: {error}", file.display())]
    Backup {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: BackupError,
    },
    /// There is a ledger.
    #[error("there is a ledger in {}; to put it aside, give --replace", .0.display())]
    Occupied(PathBuf),
    /// The state directory is another gateway's.
    #[error("{} is another key than the backup's: this is the state of another gateway", .0.display())]
    OtherGateway(PathBuf),
    /// A checkpoint that lies there is not one of this ledger.
    #[error("{} is not a checkpoint of the backup's ledger: {why}; to go on without it, move it away", file.display())]
    BadCheckpoint {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: CheckpointError,
    },
    /// Nobody can know what was taken away after the backup.
    #[error("{0}")]
    Loss(String),
    /// A store cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
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

/// What is known of the time after the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newer {
    /// Nothing was found that is newer.
    Nothing,
    /// All of it: the ledger that is there has every record that is known to have been written.
    Known {
        /// How many records there were.
        size: u64,
    },
    /// There were more records than can be read.
    Lost {
        /// How many there were at least.
        size: u64,
        /// How many can be read, of the same history.
        readable: u64,
    },
    /// The ledger that is there, or a checkpoint, is of another history than the backup.
    Other,
}

/// A backup that was checked, and what restoring it would do. Nothing is changed yet.
pub struct Plan {
    order: Order,
    /// What will be restored.
    pub backup: Backup,
    /// The state of the backup.
    pub state: Registry,
    /// What is known of the time after it.
    pub newer: Newer,
    /// What will be appended so that nothing comes back that was taken away since.
    pub review: Vec<registry::Event>,
    /// What will be appended because records are lost: everything that they could have taken away is
    /// held.
    pub hold: Option<registry::Event>,
    /// Whether the shared secret changed since.
    pub secret_changed: bool,
    options: OpenOptions,
    /// Keeps a gateway from starting meanwhile.
    _lock: Option<File>,
}

/// Where things are after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many records there are, with those about the restore.
    pub size: u64,
    /// The ledger that was there.
    pub kept: Option<PathBuf>,
    /// The files that were put in place besides the ledger.
    pub files: Vec<&'static str>,
}

/// Checks a backup and compares it with what is there.
///
/// # Errors
/// If it cannot be restored there.
pub fn plan(order: Order) -> Result<Plan, RestoreError> {
    let options = OpenOptions {
        dir: order.state_dir.join("ledger"),
        outside_checkpoint: order.state_dir.join("checkpoint"),
    };
    let in_backup = |error| RestoreError::Backup { file: order.file.clone(), error };
    let size = read::claims(open(&order.file)?).map_err(in_backup)?.size;
    let lock = embedded::lock(&options.dir)?;
    let notes = notes(&order, &options)?;
    let claimed = notes.iter().flat_map(|(_, note)| Checkpoint::parse_unverified(note));
    let sizes: Vec<_> = claimed.map(|checkpoint| checkpoint.size).chain([size]).collect();
    let old = known::old(&options.dir, &sizes).map_err(at(&options.dir))?;
    let remember = sizes.iter().copied().chain(old.as_ref().map(Old::size));
    let mut state = Registry::default();
    let backup = read::read(open(&order.file)?, remember, &mut |step| {
        let Event::Registry(event) = &step.record.event;
        crate::domain::Decider::apply(&mut state, step.record.stamp(), event);
        Ok(())
    });
    let backup = backup.map_err(in_backup)?;
    its_own_key(&order.state_dir, &backup)?;
    if !order.replace && is_occupied(&options.dir) {
        return Err(RestoreError::Occupied(options.dir));
    }
    let (newer, newest) = compare(&backup, &notes, old.as_ref())?;
    // What can be read is compared, also where more is known to be lost.
    let known = old.filter(|old| newer != Newer::Nothing && old.size() > 0);
    let fingerprint = |state: &Registry| state.secret().map(|secret| secret.fingerprint);
    let known = known.map(|old| old.state).filter(|_| !order.trust_backup);
    let secret_changed =
        known.as_ref().is_some_and(|known| fingerprint(known) != fingerprint(&state));
    let lost = lost(newer, size, newest).filter(|_| !order.trust_backup);
    let hold = lost.or_else(|| known.as_ref().and_then(Registry::hold_again));
    let review = known.map(|known| review(&state, &known)).unwrap_or_default();
    Ok(Plan { order, backup, state, newer, review, hold, secret_changed, options, _lock: lock })
}

/// What there is to say about records that are lost.
fn lost(newer: Newer, in_backup: u64, newest: Option<Checkpoint>) -> Option<registry::Event> {
    let lost = match newer {
        Newer::Nothing | Newer::Known { .. } => return None,
        Newer::Lost { size, readable } => Lost { from: readable, until: size },
        Newer::Other => Lost { from: in_backup, until: newest.map_or(in_backup, |note| note.size) },
    };
    let root = newest.filter(|note| note.size == lost.until).map(|note| note.root);
    Some(registry::Event::ReviewBegun { lost, root })
}

/// Every other checkpoint that can be found.
fn notes(order: &Order, options: &OpenOptions) -> Result<Vec<(PathBuf, String)>, RestoreError> {
    let published = order.state_dir.join("tlog/checkpoint");
    let mut found = Vec::new();
    for file in [&options.outside_checkpoint, &published].into_iter().chain(&order.checkpoint) {
        match read_note(file)? {
            Some(note) => found.push((file.clone(), note)),
            None if Some(file) == order.checkpoint.as_ref() => {
                return Err(at(file)(io::ErrorKind::NotFound.into()));
            }
            None => {}
        }
    }
    Ok(found)
}

/// What is known of the time after the backup, and the newest checkpoint.
fn compare(
    backup: &Backup,
    notes: &[(PathBuf, String)],
    old: Option<&Old>,
) -> Result<(Newer, Option<Checkpoint>), RestoreError> {
    let ours = backup.checkpoint;
    let root_in_backup =
        |size| if size == ours.size { Some(ours.root) } else { backup.root_at(size) };
    let (mut newest, mut other, mut newest_note) = (ours.size, false, None);
    let (mut readable, mut damaged) = (ours.size, false);
    if let Some(old) = old {
        damaged = !old.whole;
        let common = old.size().min(ours.size);
        other = common > 0 && old.root_at(common) != root_in_backup(common);
        readable = readable.max(old.size());
        newest = newest.max(old.size());
    }
    for (file, note) in notes {
        let checkpoint = Checkpoint::verify(note, &backup.key.public())
            .map_err(|why| RestoreError::BadCheckpoint { file: file.clone(), why })?;
        let Checkpoint { size, root } = checkpoint;
        if newest_note.is_none_or(|note: Checkpoint| note.size < size) {
            newest_note = Some(checkpoint);
        }
        newest = newest.max(size);
        let found = match size <= ours.size {
            true => root_in_backup(size),
            false => old.and_then(|old| old.root_at(size)),
        };
        other |= found.is_some_and(|found| found != root);
    }
    let newer = match newest {
        _ if other => Newer::Other,
        size if damaged => Newer::Lost { size, readable },
        size if size == ours.size => Newer::Nothing,
        size if size <= readable => Newer::Known { size },
        size => Newer::Lost { size, readable },
    };
    Ok((newer, newest_note))
}

fn its_own_key(state_dir: &Path, backup: &Backup) -> Result<(), RestoreError> {
    let file = state_dir.join(KEY);
    match GatewayKey::load(&file) {
        Ok(key) if key.public() == backup.key.public() => Ok(()),
        Ok(_) => Err(RestoreError::OtherGateway(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(&file)(error)),
    }
}

fn is_occupied(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

impl Plan {
    /// Why the host has to accept a loss, if it has to.
    pub fn loss(&self) -> Option<String> {
        let size = self.backup.checkpoint.size;
        let unknown = "which devices and tokens were revoked, removed, narrowed or replaced there \
                       cannot be known";
        match self.newer {
            Newer::Nothing | Newer::Known { .. } => None,
            Newer::Lost { size: written, readable } => Some(format!(
                "records are lost: at least {written} were written, the backup has {size}, and \
                 {} of those after it can be read: {unknown}",
                readable - size
            )),
            Newer::Other => Some(format!(
                "what is there tells another history than the backup's {size} records: {unknown}"
            )),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Why not. The ledger that was there is where it was, unless the new one was already in its
    /// place.
    pub fn perform(self) -> Result<Restored, RestoreError> {
        if let Some(loss) = self.loss().filter(|_| !self.order.accept_loss) {
            return Err(RestoreError::Loss(loss));
        }
        let state_dir = &self.order.state_dir;
        private_file::create_dir(state_dir).map_err(at(state_dir))?;
        let new = beside(&self.options.dir, "restoring");
        let (size, note) = build::build(&self, &new).inspect_err(|_| {
            // It says why it failed; what it left is in nobody's way.
            let _ = remove(&new);
        })?;
        let files = self.put_files()?;
        let kept = build::swap(&self.options, &new, &note).map_err(at(&self.options.dir))?;
        Ok(Restored { size, kept, files })
    }

    /// Whether the shared token and the configuration stay in the backup: what they let in has
    /// changed since, or nobody can know whether it has.
    pub fn keeps_secrets(&self) -> bool {
        self.secret_changed || self.loss().is_some() && !self.order.trust_backup
    }

    /// Puts what is not there, and leaves what is: a file that is there is newer than the backup.
    fn put_files(&self) -> Result<Vec<&'static str>, RestoreError> {
        let Backup { key_pem, shared_token, config, .. } = &self.backup;
        let stays = self.keeps_secrets();
        let secret = |file: &Option<Secret<Vec<u8>>>| file.clone().filter(|_| !stays);
        let files = [
            (KEY, Some(key_pem.clone())),
            (SHARED_TOKEN, secret(shared_token)),
            (CONFIG, secret(config)),
        ];
        let mut put = Vec::new();
        for (name, bytes) in files {
            let path = self.order.state_dir.join(name);
            let Some(bytes) = bytes.filter(|_| path.symlink_metadata().is_err()) else { continue };
            private_file::write_new(&path, bytes.expose()).map_err(at(&path))?;
            put.push(name);
        }
        Ok(put)
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { path, source }
}

fn open(file: &Path) -> Result<BufReader<File>, RestoreError> {
    File::open(file).map(BufReader::new).map_err(at(file))
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
