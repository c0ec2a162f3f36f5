//! Reading and checking the ledger while it runs.
//!
//! Readers never wait for the writer. Everything here blocks on the disk and belongs on a blocking
//! thread. What the records add up to is not asked here: that is the domain's fold.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use super::{
    ahead, chain,
    checkpoint::Checkpoint,
    codec,
    error::StoreError,
    merkle::{Hash, leaf_hash},
    record::Record,
    recover::{compare_note, read_note},
    store::LogReader,
    walk::{Fault, Walker},
};

/// A range of more records is read on a second thread, ahead of whoever looks at them; for fewer, the
/// thread costs more than it saves.
const FAR: u64 = 4096;

/// A record, and the hash by which proofs name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// Its RFC 6962 leaf hash.
    pub leaf_hash: Hash,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is there, unchanged and in order.
    Ok {
        /// How many records were checked.
        size: u64,
        /// Their Merkle root.
        root: Hash,
    },
    /// Something is wrong.
    Broken {
        /// The first record that cannot be trusted.
        first_bad_seq: u64,
        /// What is wrong with it.
        what: Fault,
    },
}

/// Reads the ledger. Clones share the store.
#[derive(Clone)]
pub struct LedgerReader {
    log: Arc<dyn LogReader>,
    public_key: [u8; 32],
    outside_checkpoint: Option<PathBuf>,
}

impl LedgerReader {
    /// A reader of `log`, whose checkpoints are signed by the holder of `public_key`.
    pub fn new(
        log: Arc<dyn LogReader>,
        public_key: [u8; 32],
        outside_checkpoint: Option<PathBuf>,
    ) -> Self {
        Self { log, public_key, outside_checkpoint }
    }

    /// Up to `limit` records from place `from` on.
    ///
    /// # Errors
    /// If the store or a record cannot be read.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::with_capacity(limit.min(1024));
        let last = u64::try_from(limit).unwrap_or(u64::MAX);
        self.read_range(from, from.saturating_add(last), &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// Shows the records of places `from` up to, but not including, `until`, until told to stop.
    ///
    /// # Errors
    /// If the store or a record cannot be read.
    pub fn read_range(
        &self,
        from: u64,
        until: u64,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut failed = None;
        let mut visit = |seq, value: &[u8]| {
            if seq >= until {
                return ControlFlow::Break(());
            }
            match entry(value) {
                Ok(entry) => each(entry),
                Err(why) => {
                    failed = Some(StoreError(format!("record {seq}: {why}")));
                    ControlFlow::Break(())
                }
            }
        };
        match until.saturating_sub(from) > FAR {
            true => ahead::scan(&*self.log, from, &mut visit)?,
            false => self.log.scan(from, &mut visit)?,
        }
        failed.map_or(Ok(()), Err)
    }

    /// How many records there are.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn size(&self) -> Result<u64, StoreError> {
        Ok(self.log.head()?.map_or(0, |head| head.size()))
    }

    /// Shows the stored bytes of the records of places `from` up to, but not including, `until`,
    /// until told to stop.
    ///
    /// # Errors
    /// If the store cannot be read, or a record is not where it belongs.
    pub(super) fn read_bytes(
        &self,
        from: u64,
        until: u64,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut next, mut lost) = (from, None);
        self.log.scan(from, &mut |seq, value| match chain::split(value) {
            _ if next >= until => ControlFlow::Break(()),
            Some((_, bytes)) if seq == next => {
                next += 1;
                each(bytes)
            }
            _ => {
                lost = Some(StoreError(format!("record {next} is not where it belongs")));
                ControlFlow::Break(())
            }
        })?;
        lost.map_or(Ok(()), Err)
    }

    /// Shows the stored values, links included, of the records of places `from` up to, but not
    /// including, `until`, until told to stop.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn read_values(
        &self,
        from: u64,
        until: u64,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.log.scan(from, &mut |seq, value| match seq < until {
            true => each(value),
            false => ControlFlow::Break(()),
        })
    }

    /// The log itself.
    pub(super) fn log(&self) -> &dyn LogReader {
        &*self.log
    }

    /// Whose signature a checkpoint must have.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The newest checkpoint in the store, a signed note.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.log.checkpoint()
    }

    /// Walks the whole log as it is now, and compares it with the head and with both checkpoints.
    ///
    /// # Errors
    /// If the store cannot be read; a store that can be read and is wrong is a [`Verdict`].
    pub fn verify(&self) -> Result<Verdict, StoreError> {
        // Checkpoints first: what was signed before the head was read cannot be ahead of it.
        let outside = self.outside_checkpoint.as_deref().map(read_note).transpose();
        let outside = outside.map_err(|error| StoreError(error.to_string()))?.flatten();
        let notes: Vec<_> = self.log.checkpoint()?.into_iter().chain(outside).collect();
        let sizes = notes.iter().flat_map(|note| Checkpoint::parse_unverified(note));
        let mut walker = Walker::remembering(sizes.map(|checkpoint| checkpoint.size));
        Ok(match self.walk(&mut walker, &notes)? {
            Ok(()) => Verdict::Ok { size: walker.head().size(), root: walker.head().root() },
            Err((first_bad_seq, what)) => Verdict::Broken { first_bad_seq, what },
        })
    }

    fn walk(
        &self,
        walker: &mut Walker,
        notes: &[String],
    ) -> Result<Result<(), (u64, Fault)>, StoreError> {
        let head = self.log.head()?.unwrap_or_default();
        let (mut fault, mut more) = (None, false);
        ahead::scan(&*self.log, 0, &mut |seq, value| {
            let place = walker.head().size();
            if place == head.size() {
                more = true;
                return ControlFlow::Break(());
            }
            match walker.step(seq, value) {
                Ok(_) => ControlFlow::Continue(()),
                Err(what) => {
                    fault = Some((place, what));
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(fault) = fault {
            return Ok(Err(fault));
        }
        // A record past the head may have been appended meanwhile; then the head has moved too.
        if more && self.log.head()?.unwrap_or_default().size() == head.size() {
            return Ok(Err((head.size(), Fault::BeyondHead)));
        }
        let checked = walker.compare(&head);
        Ok(checked.and_then(|()| {
            notes.iter().try_for_each(|note| compare_note(note, walker, &self.public_key))
        }))
    }
}

fn entry(value: &[u8]) -> Result<Entry, String> {
    let (_, bytes) = chain::split(value).ok_or("it is too short")?;
    let record = codec::decode_record(bytes).map_err(|error| error.to_string())?;
    Ok(Entry { record, leaf_hash: leaf_hash(bytes) })
}
