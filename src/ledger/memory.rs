//! A store in memory, for tests: it can be told to fail, and what it holds can be tampered with.
//!
//! Clones share what they hold, so "stop and open again" is a clone.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    chain::HeadState,
    error::{AppendError, StoreError},
    store::{LogReader, Store, StoredEntry, Visit},
};

/// How a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept and acknowledged.
    Keep,
    /// It is dropped, and the caller is told so.
    Fail,
    /// It is dropped, and the caller is told that nobody knows.
    UnknownAndDrop,
    /// It is kept, and the caller is told that nobody knows.
    UnknownButKeep,
}

/// All that is held.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The values by place.
    pub log: BTreeMap<u64, Vec<u8>>,
    /// The head.
    pub head: Option<HeadState>,
    /// How often an append got as far as being written.
    pub append_calls: usize,
    /// The newest checkpoint.
    pub checkpoint: Option<String>,
    appends: VecDeque<Outcome>,
    saves: VecDeque<Outcome>,
}

/// The store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the next appends go, in order; those after are kept.
    pub fn plan_appends(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.content().appends.extend(outcomes);
    }

    /// How the next saved checkpoints go, in order; those after are kept.
    pub fn plan_saves(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.content().saves.extend(outcomes);
    }

    /// What it holds, to look at or to tamper with. Holds the lock: do not keep it.
    ///
    /// # Panics
    /// If a thread panicked while it held the content.
    pub fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("no thread panics while it holds the content")
    }
}

impl Outcome {
    /// Does `write` or not, and answers.
    fn perform(self, write: impl FnOnce()) -> Result<(), AppendError> {
        if matches!(self, Self::Keep | Self::UnknownButKeep) {
            write();
        }
        match self {
            Self::Keep => Ok(()),
            Self::Fail => Err(AppendError::Failed("told to fail".into())),
            Self::UnknownAndDrop | Self::UnknownButKeep => {
                Err(AppendError::Unknown("told to fail".into()))
            }
        }
    }
}

impl Store for MemoryStore {
    fn append(
        &mut self,
        expected_size: u64,
        batch: &[StoredEntry],
        head: &HeadState,
    ) -> Result<(), AppendError> {
        let mut content = self.content();
        let actual_size = content.head.as_ref().map_or(0, HeadState::size);
        if actual_size != expected_size {
            return Err(AppendError::Conflict { actual_size });
        }
        content.append_calls += 1;
        let outcome = content.appends.pop_front().unwrap_or(Outcome::Keep);
        outcome.perform(|| {
            content.log.extend(batch.iter().map(|entry| (entry.seq, entry.value.clone())));
            content.head = Some(head.clone());
        })
    }

    fn save_checkpoint(&mut self, note: &str) -> Result<(), AppendError> {
        let mut content = self.content();
        let outcome = content.saves.pop_front().unwrap_or(Outcome::Keep);
        outcome.perform(|| content.checkpoint = Some(note.to_owned()))
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(self.clone())
    }
}

impl LogReader for MemoryStore {
    fn scan(&self, from: u64, visit: Visit<'_>) -> Result<(), StoreError> {
        let mut place = from;
        // One at a time: the visitor may look at the content too.
        let value_from = |place| {
            let content = self.content();
            content.log.range(place..).next().map(|(seq, value)| (*seq, value.clone()))
        };
        while let Some((seq, value)) = value_from(place) {
            if visit(seq, &value).is_break() || seq == u64::MAX {
                break;
            }
            place = seq + 1;
        }
        Ok(())
    }

    fn head(&self) -> Result<Option<HeadState>, StoreError> {
        Ok(self.content().head.clone())
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(self.content().checkpoint.clone())
    }
}
