//! The transcripts' store, over the same [`embedded`] database as the ledger's.
//!
//! Three trees: `sessions` (key -> session), `entries` (transcript id, place, piece -> piece of an
//! entry) and `doomed` (ids of transcripts that are being deleted). An entry is cut into pieces,
//! because sled puts large values into files of their own, which it never syncs.

use std::{fs::File, ops::ControlFlow, path::Path};

use sled::{
    Transactional,
    transaction::{ConflictableTransactionError, TransactionError},
};

use super::{
    TranscriptError,
    session::{Draft, Entry, Session},
    shape,
};
use crate::{
    domain::{
        talk::{SessionId, SessionKey},
        time::UnixMillis,
    },
    support::embedded::{self, Embedded, Mended, OpenFault, caught},
};

/// sled's page cache. Pages of a history are read once; the newest are what is asked for.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The most bytes of one stored value. sled moves values out of its log from about 100 KB.
const PIECE_BYTES_MAX: usize = 48 * 1024;

/// Entries removed with one batch when a transcript is deleted.
const REMOVED_AT_ONCE: usize = 1024;

/// What one batch writes, all or nothing.
#[derive(Default)]
pub(super) struct Batch {
    sessions: Vec<(String, Option<Vec<u8>>)>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    doomed: Vec<SessionId>,
}

impl Batch {
    pub fn put(&mut self, session: &Session) -> Result<(), TranscriptError> {
        let bytes = shape::write_session(session)?;
        self.sessions.push((session.key.to_string(), Some(bytes)));
        Ok(())
    }

    pub fn remove(&mut self, key: &SessionKey) {
        self.sessions.push((key.to_string(), None));
    }

    pub fn doom(&mut self, id: SessionId) {
        self.doomed.push(id);
    }

    pub fn append(
        &mut self,
        id: SessionId,
        seq: u64,
        at: UnixMillis,
        draft: &Draft,
    ) -> Result<(), TranscriptError> {
        let bytes = shape::write_entry(at, draft)?;
        let pieces = bytes.chunks(PIECE_BYTES_MAX).zip(0u16..);
        self.entries.extend(pieces.map(|(piece, n)| (entry_key(id, seq, n), piece.to_vec())));
        Ok(())
    }
}

fn entry_key(id: SessionId, seq: u64, piece: u16) -> Vec<u8> {
    [id.0.as_slice(), &seq.to_be_bytes(), &piece.to_be_bytes()].concat()
}

/// The place and the piece of a key, which begins with a transcript's id.
fn place(key: &[u8]) -> Option<(u64, u16)> {
    let (seq, piece) = key.get(16..)?.split_at_checked(8)?;
    let (seq, piece) = (seq.try_into().ok()?, piece.try_into().ok()?);
    Some((u64::from_be_bytes(seq), u16::from_be_bytes(piece)))
}

/// The writer's side. One thread has it.
pub(super) struct Store {
    db: sled::Db,
    sessions: sled::Tree,
    entries: sled::Tree,
    doomed: sled::Tree,
    file: File,
}

/// Takes an entry by its place and its stored bytes; what it says instead ends the reading.
pub(super) type Take<'a> =
    &'a mut dyn FnMut(u64, &[u8]) -> Result<ControlFlow<()>, TranscriptError>;

/// The readers' side.
#[derive(Clone)]
pub(super) struct Reader {
    entries: sled::Tree,
}

pub(super) fn open(dir: &Path) -> Result<(Store, Vec<Mended>), OpenFault> {
    let opened = embedded::open(dir, CACHE_BYTES, ["sessions", "entries", "doomed"])?;
    let Embedded { db, trees: [sessions, entries, doomed], file, mended } = opened;
    Ok((Store { db, sessions, entries, doomed, file }, mended))
}

fn said<T, E: ToString>(outcome: Result<Result<T, E>, String>) -> Result<T, TranscriptError> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(TranscriptError::Store(error.to_string())),
        Err(panic) => Err(TranscriptError::Store(panic)),
    }
}

impl Store {
    pub fn reader(&self) -> Reader {
        Reader { entries: self.entries.clone() }
    }

    /// Every session.
    pub fn sessions(&self) -> Result<Vec<Session>, TranscriptError> {
        let mut rows = self.sessions.iter();
        let mut all = Vec::new();
        while let Some(row) = said(caught(|| rows.next().transpose()))? {
            all.push(shape::read_session(&row.1)?);
        }
        Ok(all)
    }

    /// Writes a batch and makes it durable.
    pub fn write(&mut self, batch: &Batch) -> Result<(), TranscriptError> {
        let trees = (&self.sessions, &self.entries, &self.doomed);
        said(caught(|| {
            let written = trees.transaction(|(sessions, entries, doomed)| {
                for (key, row) in &batch.sessions {
                    match row {
                        Some(row) => sessions.insert(key.as_bytes(), row.as_slice())?,
                        None => sessions.remove(key.as_bytes())?,
                    };
                }
                for (key, piece) in &batch.entries {
                    entries.insert(key.as_slice(), piece.as_slice())?;
                }
                for id in &batch.doomed {
                    doomed.insert(id.0.as_slice(), &[])?;
                }
                Ok::<_, ConflictableTransactionError<String>>(())
            });
            written.map_err(|error| match error {
                TransactionError::Abort(said) => said,
                TransactionError::Storage(error) => error.to_string(),
            })
        }))?;
        self.sync()
    }

    /// See [`embedded`] for why a flush is not enough.
    fn sync(&self) -> Result<(), TranscriptError> {
        said(caught(|| self.db.flush()))?;
        let synced = self.file.sync_data();
        synced.map_err(|error| TranscriptError::Store(format!("the sync failed: {error}")))
    }

    /// Deletes the entries of what is doomed, a batch at a time; goes on after a restart where it
    /// was. Nothing waits for it: what is doomed belongs to no session any more.
    pub fn sweep(&mut self) -> Result<(), TranscriptError> {
        while let Some((id, _)) = said(caught(|| self.doomed.first()))? {
            loop {
                let keys: Result<Vec<_>, _> =
                    self.entries.scan_prefix(&id).keys().take(REMOVED_AT_ONCE).collect();
                let keys = said(Ok(keys))?;
                if keys.is_empty() {
                    break;
                }
                let mut batch = sled::Batch::default();
                keys.into_iter().for_each(|key| batch.remove(key));
                said(caught(|| self.entries.apply_batch(batch)))?;
            }
            said(caught(|| self.doomed.remove(&id)))?;
        }
        self.sync()
    }
}

impl Reader {
    /// Entries by place, oldest first.
    pub fn entries(
        &self,
        id: SessionId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, TranscriptError> {
        let mut entries = Vec::new();
        self.each(id, first, first.saturating_add(limit as u64), &mut |seq, bytes| {
            entries.push(shape::read_entry(seq, bytes)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(entries)
    }

    /// Shows the entries from place `first` up to `end`, which is not among them, as they are stored.
    /// One is in memory at a time.
    pub fn each(
        &self,
        id: SessionId,
        first: u64,
        end: u64,
        take: Take<'_>,
    ) -> Result<(), TranscriptError> {
        let mut pieces = self.entries.range(entry_key(id, first, 0)..entry_key(id, end, 0));
        let mut reading: Option<(u64, Vec<u8>)> = None;
        while let Some((key, piece)) = said(caught(|| pieces.next().transpose()))? {
            let lost = || TranscriptError::Store("a stored piece has no place".into());
            let (seq, n) = place(&key).ok_or_else(lost)?;
            match &mut reading {
                Some((open, bytes)) if *open == seq && n > 0 => bytes.extend_from_slice(&piece),
                _ => {
                    if let Some((seq, bytes)) = reading.replace((seq, piece.to_vec()))
                        && take(seq, &bytes)?.is_break()
                    {
                        return Ok(());
                    }
                }
            }
        }
        reading.map_or(Ok(()), |(seq, bytes)| take(seq, &bytes).map(drop))
    }
}
