//! Time as the domain knows it: a number that came in from outside.

use super::ids::Seq;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This instant plus `millis`, stopping at the end of time.
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// When and where in the ledger something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// The record's place.
    pub seq: Seq,
    /// The record's time; never less than that of the record before.
    pub at: UnixMillis,
}
