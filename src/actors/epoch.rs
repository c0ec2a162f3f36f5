//! How many records the published state adds up to: the clock by which sessions know that they are
//! stale, and the place up to which anyone is told of records.
//!
//! It advances after the new state is published and before anyone is answered. So whoever reads it
//! first and the state afterwards never acts on what was true before a change that someone has
//! already been told of.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A number of records that only grows, and can be waited for.
#[derive(Debug, Default)]
pub struct Epoch {
    records: AtomicU64,
    advanced: Notify,
}

impl Epoch {
    /// The epoch of a state that adds up so many records.
    pub fn at(records: u64) -> Self {
        Self { records: records.into(), advanced: Notify::new() }
    }

    /// The number now.
    pub fn now(&self) -> u64 {
        self.records.load(Ordering::Acquire)
    }

    /// Returns once it is no longer `seen`.
    pub async fn later_than(&self, seen: u64) {
        loop {
            let advanced = self.advanced.notified();
            if self.now() != seen {
                return;
            }
            advanced.await;
        }
    }

    /// A new state is published, which adds up so many records.
    pub fn advance_to(&self, records: u64) {
        self.records.store(records, Ordering::Release);
        self.advanced.notify_waiters();
    }
}
