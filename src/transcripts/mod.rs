//! Transcripts: the sessions and what was said in them, durable, in a database of their own.
//!
//! Not in the ledger: a transcript is not authority, it is large, and it may be deleted. Not in the
//! ledger's database either: what is damaged or slow here never keeps anybody from approving,
//! revoking or proving anything. What is acknowledged was synced; a `kill -9` loses none of it.
//!
//! One thread, the [`keeper`], decides and writes: orders that arrive while it syncs go into the
//! next batch together. Reads never ask it: sessions are published as an immutable map, entries are
//! read from the store by place. Entries are only ever appended; a reset gives a session a new
//! transcript under the same key.
//!
//! Start with [`session`], the values; then [`order::Order`].

mod keeper;
mod lines;
pub mod order;
pub mod session;
mod shape;
mod sled;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path, sync::Arc};

use arc_swap::{ArcSwap, Guard};

pub use lines::TakeLine;
pub use order::{Order, Outcome};
pub use session::{Draft, Entry, Held, LastRun, Patch, RunState, Session, Sessions};

use crate::{
    domain::{
        talk::{SessionId, SessionKey},
        time::UnixMillis,
    },
    support::embedded::{Mended, OpenFault},
};

/// The way to the transcripts. Cheap to clone.
#[derive(Clone)]
pub struct Transcripts {
    keeper: keeper::Sender,
    sessions: Arc<ArcSwap<Sessions>>,
    store: self::sled::Reader,
}

/// Why nothing could be read or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// The database said no; what it said.
    #[error("the transcripts cannot be read or written: {0}")]
    Store(String),
    /// Too many orders wait already.
    #[error("too many messages are being written at once")]
    Busy,
    /// The gateway is stopping.
    #[error("the transcripts are closed")]
    Closed,
    /// There is no such session (any more).
    #[error("there is no such session")]
    NoSession,
    /// The session goes on with another transcript than the one that was meant.
    #[error("the session was reset meanwhile")]
    WasReset,
    /// It is about to be deleted or reset.
    #[error("the session is about to be deleted or reset")]
    Held,
    /// Something is at work in it.
    #[error("something is at work in the session")]
    AtWork,
    /// Something happened in it meanwhile.
    #[error("something happened in the session meanwhile")]
    NotIdle,
    /// The label is another session's.
    #[error("another session has this label")]
    LabelTaken,
}

/// What was found on opening.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What had to be done to open the database.
    pub mended: Vec<Mended>,
    /// Runs that were under way when the gateway ended, now marked as interrupted.
    pub interrupted: usize,
}

/// Why the transcripts cannot be opened.
#[derive(Debug)]
pub enum OpenTranscriptsError {
    /// The database did not open.
    Database(OpenFault),
    /// What it holds cannot be read.
    Content(TranscriptError),
}

impl fmt::Display for OpenTranscriptsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(OpenFault::Busy) => f.write_str("another process has them open"),
            Self::Database(OpenFault::Unreadable(said)) => write!(f, "they are damaged: {said}"),
            Self::Database(OpenFault::Io { path, source }) => {
                write!(f, "{}: {source}", path.display())
            }
            Self::Content(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenTranscriptsError {}

impl Transcripts {
    /// Opens the transcripts in `dir`, or makes them there. Runs that were under way are marked as
    /// interrupted, as of `now`.
    ///
    /// # Errors
    /// If the database does not open, or what it holds is not a transcript.
    pub fn open(dir: &Path, now: UnixMillis) -> Result<(Self, Found), OpenTranscriptsError> {
        let (store, mended) = self::sled::open(dir).map_err(OpenTranscriptsError::Database)?;
        let reader = store.reader();
        let started = keeper::start(store, now).map_err(OpenTranscriptsError::Content)?;
        let keeper::Started { sender, sessions, interrupted } = started;
        let this = Self { keeper: sender, sessions, store: reader };
        Ok((this, Found { mended, interrupted }))
    }

    /// The sessions as of the last thing that was kept.
    pub fn sessions(&self) -> Guard<Arc<Sessions>> {
        self.sessions.load()
    }

    /// Has something kept, and says what it came to once it is durable.
    ///
    /// # Errors
    /// See [`TranscriptError`]; then nothing was kept.
    pub async fn order(&self, order: Order) -> Result<Outcome, TranscriptError> {
        self.keeper.order(order).await
    }

    /// Entries of a transcript by place, oldest first: from `first` (the first entry is 1), at most
    /// `limit`. Reads the disk.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn entries(
        &self,
        id: SessionId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, TranscriptError> {
        self.store.entries(id, first, limit)
    }

    /// One session by its key.
    pub fn session(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions().get(key).cloned()
    }

    /// Finishes what was ordered and closes.
    pub async fn close(&self) {
        self.keeper.close().await;
    }
}
