//! What can go wrong with the ledger, sorted by what the caller has to do about it.

use std::{io, path::PathBuf};

/// The other way on from a ledger that cannot be served.
const OR_RECOVER: &str = ", or see what its published copy holds: doorward recover --from-tiles";

/// Why an append was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The log is not where the caller thought. Nothing was written.
    #[error("the ledger holds {actual_size} records, which is not what the append expected")]
    Conflict {
        /// How many records it holds.
        actual_size: u64,
    },
    /// Too many appends wait already. Nothing was written; try again.
    #[error("the ledger's queue is full")]
    Busy,
    /// It failed, and it is known that nothing was written.
    #[error("nothing was written: {0}")]
    Failed(String),
    /// Nobody knows what reached the disk. The process must stop; recovery decides.
    #[error("it is not known what reached the disk: {0}")]
    Unknown(String),
}

impl AppendError {
    /// Whether it is certain that nothing was written, so that the caller may go on.
    pub fn nothing_written(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// The store could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's store cannot be read: {0}")]
pub struct StoreError(pub String);

/// Why a ledger was not opened. Each says what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the ledger at {} is in use by another process; stop the other gateway, or name another state directory",
        dir.display()
    )]
    Busy {
        /// Where.
        dir: PathBuf,
    },
    /// A record is not what was written, or is not there.
    #[error(
        "the ledger is damaged: record {first_bad_seq} is the first that cannot be trusted ({what}); \
         restore the ledger directory from a backup{OR_RECOVER}"
    )]
    Corrupt {
        /// The first record that is bad.
        first_bad_seq: u64,
        /// How it is bad.
        what: String,
    },
    /// The checkpoint outside knows of more records than the ledger holds.
    #[error(
        "{} was signed when the ledger held {outside} records, but now it holds {inside}: records \
         were lost, or an old copy was put back. Restore the newest ledger directory from a backup{OR_RECOVER}; \
         or, if the loss is accepted, move the checkpoint away by hand: {}",
        file.display(),
        move_away(file)
    )]
    Ahead {
        /// How many records there are.
        inside: u64,
        /// How many there were.
        outside: u64,
        /// The file that says so.
        file: PathBuf,
    },
    /// A signed checkpoint and the ledger tell different histories.
    #[error(
        "{} and the ledger tell different histories of the first {size} records (root {signed} was \
         signed, {found} was found; the ledger holds {inside} records): history was rewritten, or \
         this is another ledger. Restore the ledger directory from a backup{OR_RECOVER}; or, if this history is \
         accepted, move the checkpoint away by hand: {}",
        file.display(),
        move_away(file)
    )]
    Forked {
        /// How many records were signed.
        size: u64,
        /// How many records there are.
        inside: u64,
        /// The signed root, in hex.
        signed: String,
        /// The root of the same number of records as found, in hex.
        found: String,
        /// The file that says so.
        file: PathBuf,
    },
    /// A checkpoint is not one of ours.
    #[error(
        "{} is not a checkpoint of this ledger ({why}), and the ledger holds {inside} records. \
         Restore it from a backup; or, if nothing is known to be missing, move it away by hand: {}",
        file.display(),
        move_away(file)
    )]
    BadCheckpoint {
        /// The file.
        file: PathBuf,
        /// How many records there are.
        inside: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The ledger was begun with another key.
    #[error(
        "the ledger was begun by the gateway with key {ledger}, and this gateway's key is {ours}: \
         put the key file that belongs to this ledger back"
    )]
    KeyMismatch {
        /// The key of record 0, in hex.
        ledger: String,
        /// The key that was given, in hex.
        ours: String,
    },
    /// The store's own files are damaged.
    #[error(
        "the store at {} cannot be read (it said: {said}). Keep a copy of that directory, then restore \
         it from a backup{OR_RECOVER}",
        dir.display()
    )]
    Unreadable {
        /// Where.
        dir: PathBuf,
        /// The store's own words.
        said: String,
    },
    /// The ledger is whole, and a snapshot that its key signed says that its records add up to
    /// something else.
    #[error(
        "the snapshot at {} says something else than the first {size} records of the ledger add up \
         to; the ledger is whole, and what was granted and revoked since the start is in it. The \
         snapshot was put aside: start again, and the whole ledger is read. If the gateway's key is \
         in other hands, that is how this is done",
        file.display()
    )]
    FalseSnapshot {
        /// The snapshot.
        file: PathBuf,
        /// Of how many records it is.
        size: u64,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why the key of a ledger that was begun cannot be had, and what to do if it is not there.
pub fn unread_key(error: io::Error) -> io::Error {
    let advice =
        "the gateway's key is missing; put it back from a backup; the ledger was begun with it";
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, advice),
        _ => error,
    }
}

/// The command that moves a checkpoint out of the way and keeps it.
fn move_away(file: &std::path::Path) -> String {
    format!("mv {0} {0}.old", file.display())
}
