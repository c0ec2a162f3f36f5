//! The only durable truth: records in a hash chain, signed checkpoints, and what can be asked of them.
//!
//! State is a fold of these records and nothing else. This room knows what a record says, not what
//! it means: meaning is the domain's.
//!
//! `actors` and everything above may not be named here. `sled` is named in `sled.rs` alone, and
//! `bincode` in `codec.rs` and `schema/`. Start with [`record`], then [`store`] (the port) and
//! [`handle`] (how the one thread that writes is asked). [`recover`] is how a ledger is opened,
//! [`audit`] how it is read and checked while it runs, [`tlog`] how it is published to others,
//! [`backup`] how it is carried away and back.

mod ahead;
pub mod audit;
pub mod backup;
pub mod chain;
pub mod checkpoint;
pub mod codec;
pub mod error;
pub mod handle;
pub mod memory;
pub mod merkle;
mod note;
pub mod record;
pub mod recover;
pub mod restore;
mod schema;
mod sled;
pub mod snapshot;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tlog;
pub mod walk;
mod writer;

pub use audit::{Entry, LedgerReader, Verdict};
pub use error::{AppendError, OpenError, StoreError};
pub use handle::LedgerHandle;
pub use record::{Record, Transport, Via};
pub use recover::{Note, OpenOptions, Opened, open};
pub use walk::Fault;
