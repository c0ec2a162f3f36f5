//! The embedded database, opened so that it keeps what it promises. Who uses it: the ledger, and the
//! transcripts, each with a database of its own.
//!
//! What sled 0.34.7 does not do by itself is done here and asked of its users:
//!
//! - Its `flush` ends in `sync_file_range` on Linux, which does not make a disk write its cache
//!   (sled issue 1452). Whoever writes calls [`File::sync_data`] on [`Embedded::file`] after a flush.
//! - A snapshot file that was half written keeps it from opening (issues 1527, 1533). Snapshots only
//!   save time, so they are removed then, and the log itself is read.
//! - Damaged files make it panic. It is opened on a thread of its own, and every call belongs into
//!   [`caught`].

use std::{
    any::Any,
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{clock::Stopwatch, private_file};

/// How long an open waits for the lock. A gateway that was just stopped, and sled's own threads
/// after a close, hold it for a moment more.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// An open database with its trees.
pub struct Embedded<const N: usize> {
    /// The database.
    pub db: sled::Db,
    /// The trees that were asked for.
    pub trees: [sled::Tree; N],
    /// The database file, for the sync that sled does not do.
    pub file: File,
    /// What had to be done to open it.
    pub mended: Vec<Mended>,
}

/// What had to be done before it opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// Half-written snapshots of these names were removed.
    TornSnapshot(Vec<String>),
    /// It did not open with its snapshots, and was opened without them.
    Snapshots {
        /// Their names.
        files: Vec<String>,
        /// What the database said.
        said: String,
    },
}

/// Why it did not open.
#[derive(Debug)]
pub enum OpenFault {
    /// Another process has it.
    Busy,
    /// It cannot be read; what it said.
    Unreadable(String),
    /// The file system said no.
    Io {
        /// Where.
        path: PathBuf,
        /// What.
        source: io::Error,
    },
}

/// Opens the database in `dir`, or makes one there, with these trees and a page cache of so many
/// bytes (sled's default would allow a gigabyte).
///
/// # Errors
/// See [`OpenFault`].
pub fn open<const N: usize>(
    dir: &Path,
    cache_bytes: u64,
    trees: [&'static str; N],
) -> Result<Embedded<N>, OpenFault> {
    let at_dir = |source| OpenFault::Io { path: dir.to_owned(), source };
    private_file::create_dir(dir).map_err(at_dir)?;
    let is_new = !dir.join("db").exists();
    let mut mended = Vec::new();
    let torn = remove_snapshots(dir, |name| name.ends_with(".generating")).map_err(at_dir)?;
    if !torn.is_empty() {
        mended.push(Mended::TornSnapshot(torn));
    }
    let open = || open_patiently(dir, cache_bytes, trees);
    let (db, trees) = match open() {
        Ok(opened) => opened,
        Err(Trouble::Corrupt(said)) => {
            let files = remove_snapshots(dir, |_| true).map_err(at_dir)?;
            if files.is_empty() {
                return Err(OpenFault::Unreadable(said));
            }
            mended.push(Mended::Snapshots { files, said });
            open().map_err(Trouble::into_fault)?
        }
        Err(trouble) => return Err(trouble.into_fault()),
    };
    let path = dir.join("db");
    let at_file = |source| OpenFault::Io { path: path.clone(), source };
    let file = File::open(&path).map_err(at_file)?;
    if is_new {
        db.flush().map_err(|error| Trouble::from(error).into_fault())?;
        file.sync_all().map_err(at_file)?;
        // The names of the new files, and of the directory itself.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(at_dir)?;
        private_file::sync_parent(dir).map_err(at_dir)?;
    }
    Ok(Embedded { db, trees, file, mended })
}

/// Locks the database in `dir` as sled does, without opening it. `None` if there is no such file.
///
/// # Errors
/// [`OpenFault::Busy`] if it is in use, or [`OpenFault::Io`].
pub fn lock(dir: &Path) -> Result<Option<File>, OpenFault> {
    let path = dir.join("db");
    let at_file = |source| OpenFault::Io { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(at_file)?,
    };
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenFault::Busy),
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
    fn into_fault(self) -> OpenFault {
        match self {
            Self::Locked => OpenFault::Busy,
            Self::Corrupt(said) | Self::Other(said) => OpenFault::Unreadable(said),
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

type Opened<const N: usize> = Result<(sled::Db, [sled::Tree; N]), Trouble>;

/// As [`open_caught`], with some patience if somebody else holds the lock.
fn open_patiently<const N: usize>(
    dir: &Path,
    cache_bytes: u64,
    trees: [&'static str; N],
) -> Opened<N> {
    let waiting = Stopwatch::start();
    loop {
        match open_caught(dir, cache_bytes, trees) {
            Err(Trouble::Locked) if waiting.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

/// Opens on a thread of its own, so that a panic ends that thread and nothing else.
fn open_caught<const N: usize>(
    dir: &Path,
    cache_bytes: u64,
    names: [&'static str; N],
) -> Opened<N> {
    let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
    let thread = std::thread::Builder::new().name("store-open".into()).spawn(move || {
        let db = config.open()?;
        let trees = names.iter().map(|name| db.open_tree(name)).collect::<Result<Vec<_>, _>>()?;
        let trees = trees.try_into().map_err(|_| Trouble::Other("a tree is missing".into()))?;
        Ok((db, trees))
    });
    let thread = thread.map_err(|error| Trouble::Other(error.to_string()))?;
    // A panic is damage like any other: without its snapshots, it may open.
    thread.join().unwrap_or_else(|panic| Err(Trouble::Corrupt(panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked without a word".into())
}

/// Calls into sled; a panic comes back as text.
pub fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| panic_text(panic.as_ref()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_comes_back_as_text() {
        assert_eq!(super::caught(|| 7), Ok(7));
        assert_eq!(super::caught(|| panic!("plain")), Err::<(), _>("plain".into()));
        assert_eq!(super::caught(|| panic!("number {}", 7)), Err::<(), _>("number 7".into()));
    }
}
