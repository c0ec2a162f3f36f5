//! How long to wait for a sink that takes nothing: longer each time, and never all at once.

use std::time::Duration;

use crate::support::entropy;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(500);

/// At the most: so long after a receiver is back, it gets its records.
const MOST: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It works again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure. What the receiver asks for counts if it is longer.
    pub fn next(&mut self, asked: Option<u64>) -> Duration {
        let [low, high] = entropy::bytes();
        let chance = f64::from(u16::from_le_bytes([low, high])) / f64::from(u16::MAX);
        let wait = self.wait(chance).max(Duration::from_secs(asked.unwrap_or_default()));
        self.failures = self.failures.saturating_add(1);
        wait.min(MOST)
    }

    /// Between half and all of what is due, so that many sinks of many gateways do not come at once.
    fn wait(&self, chance: f64) -> Duration {
        let due = FIRST.saturating_mul(1 << self.failures.min(10)).min(MOST);
        due.mul_f64(0.5 + chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_row_by_row() {
        for (failures, least, most) in
            [(0, 250, 500), (1, 500, 1000), (6, 16_000, 32_000), (7, 30_000, 60_000)]
        {
            let waits = Backoff { failures };
            assert_eq!(waits.wait(0.0), Duration::from_millis(least), "{failures}");
            assert_eq!(waits.wait(1.0), Duration::from_millis(most), "{failures}");
        }
        assert_eq!(Backoff { failures: u32::MAX }.wait(1.0), MOST);
        let mut waits = Backoff::default();
        assert!(waits.next(None) <= FIRST);
        assert_eq!(waits.next(Some(7)), Duration::from_secs(7));
        assert_eq!(waits.next(Some(u64::MAX)), MOST, "nobody is told to wait for ever");
        waits.reset();
        assert!(waits.next(None) <= FIRST);
    }
}
