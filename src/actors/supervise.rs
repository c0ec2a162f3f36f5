//! Who is restarted, and whose end is the end of the process.
//!
//! The hub and the sweeper hold nothing that cannot be had again: actix restarts them. An aggregate
//! that panics may have left its working state between two events, so it is not restarted; the
//! process stops, and the replay at the next start is the recovery.

use crate::support::shutdown::Shutdown;

/// Held by an actor whose panic must stop the process.
pub struct StopOnPanic {
    name: &'static str,
    shutdown: Shutdown,
}

impl StopOnPanic {
    /// A guard for the actor of this name.
    pub fn new(name: &'static str, shutdown: Shutdown) -> Self {
        Self { name, shutdown }
    }
}

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(actor = self.name, "panicked; stopping");
            self.shutdown.begin();
        }
    }
}
