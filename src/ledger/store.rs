//! The port behind which records are kept. The embedded store and the memory store are adapters.
//!
//! A store keeps bytes and a head and compares the head before it appends. It knows nothing of
//! records, hashes or keys. Nothing above this room may assume that it is the only writer: a later
//! adapter will let several gateways share one ledger.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    chain::HeadState,
    error::{AppendError, StoreError},
};

/// One value to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place.
    pub seq: u64,
    /// `link || record bytes`, see [`super::chain`].
    pub value: Vec<u8>,
}

/// Sees one place and its value; says whether to go on.
pub type Visit<'a> = &'a mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>;

/// The reading half. Never waits for an append's sync.
pub trait LogReader: Send + Sync {
    /// Shows every value from `from` on, in order of place.
    ///
    /// # Errors
    /// If the store cannot be read; what was visited until then was read well.
    fn scan(&self, from: u64, visit: Visit<'_>) -> Result<(), StoreError>;

    /// The head of the last append; `None` before the first.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn head(&self) -> Result<Option<HeadState>, StoreError>;

    /// The newest saved checkpoint, a signed note.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn checkpoint(&self) -> Result<Option<String>, StoreError>;
}

/// The writing half; there is one.
pub trait Store: Send {
    /// Appends the batch and replaces the head, both or neither, if the stored head has
    /// `expected_size` records. Returns once it would survive a power cut.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] if the head has another size; [`AppendError::Failed`] if it is
    /// known that nothing was kept; [`AppendError::Unknown`] otherwise, and always if the sync
    /// failed, because a sync that is tried again may lie.
    fn append(
        &mut self,
        expected_size: u64,
        batch: &[StoredEntry],
        head: &HeadState,
    ) -> Result<(), AppendError>;

    /// Replaces the saved checkpoint. Returns once it would survive a power cut.
    ///
    /// # Errors
    /// As [`Self::append`], without conflicts.
    fn save_checkpoint(&mut self, note: &str) -> Result<(), AppendError>;

    /// A reading half of this store.
    fn reader(&self) -> Arc<dyn LogReader>;
}
