//! How many commits were published: the clock by which sessions know that they are stale.
//!
//! It advances after the new state is published and before anyone is answered. So whoever reads it
//! first and the state afterwards never acts on what was true before a change that someone has
//! already been told of.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A count that only grows, and can be waited for.
#[derive(Debug, Default)]
pub struct Epoch {
    count: AtomicU64,
    advanced: Notify,
}

impl Epoch {
    /// The count now.
    pub fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
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

    /// A new state is published.
    pub fn advance(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.advanced.notify_waiters();
    }
}
