//! What happens when a part of the house fails: the process stops, and the replay at the next start
//! is the recovery.
//!
//! An aggregate that panics may have left its working state between two events. A hub or a sweeper
//! that is gone would leave a gateway that looks well and tells nobody anything. None of them is
//! worth going on without, and a start takes milliseconds.

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

    /// Stops the process for another reason than a panic.
    pub fn stop(&self, why: &str) {
        tracing::error!(actor = self.name, why, "stopping");
        self.shutdown.begin();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_stops_the_process() {
        let shutdown = Shutdown::default();
        drop(StopOnPanic::new("quiet", shutdown.clone()));
        assert!(!shutdown.has_begun());
        let guard = StopOnPanic::new("loud", shutdown.clone());
        let panicked = std::thread::spawn(move || {
            let _guard = guard;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(shutdown.has_begun());
    }
}
