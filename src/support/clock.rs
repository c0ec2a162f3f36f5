//! The only reader of the system clock.

#![expect(clippy::disallowed_methods, reason = "this file is the one that may read the clock")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, as the wire and the ledger count time.
///
/// A clock set before 1970 reads as 0 rather than failing: the ledger's own rule that time never
/// moves backward between records covers the rest.
pub fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A UTC time as people write it (RFC 3339, with or without its `T`, its `Z`, its time of day), in
/// milliseconds since the Unix epoch.
pub fn from_utc(text: &str) -> Option<u64> {
    let day = || humantime::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let at = humantime::parse_rfc3339_weak(text).or_else(|_| day()).ok()?;
    u64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// A time in milliseconds since the Unix epoch as RFC 3339 writes it, in UTC.
pub fn to_utc(unix_ms: u64) -> String {
    /// The last millisecond of the year 9999, behind which there is no such form.
    const LAST: u64 = 253_402_300_799_999;
    let at = UNIX_EPOCH + Duration::from_millis(unix_ms.min(LAST));
    humantime::format_rfc3339_millis(at).to_string()
}

/// A monotonic stopwatch, for uptime and for figures that are shown to people.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Whole milliseconds since the start.
    pub fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What rate limiters count time with: nobody who sets the system clock gets more tries.
impl governor::clock::Clock for Stopwatch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.elapsed()
    }
}

/// The clock by which grants end: the time of day at the start of the process, and from there on the
/// time that has truly passed, sleep of the machine included.
///
/// Setting the system's clock moves it neither way, so a jump neither extends a grant nor ends it
/// (N16 A16.4). Only a start looks at the time of day again, and never goes back behind the time that
/// it is given, which is that of the last record.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    began_unix_ms: u64,
    began: Duration,
}

impl SteadyClock {
    /// Begins now, not before `not_before` (milliseconds since the Unix epoch).
    pub fn start(not_before: u64) -> Self {
        Self { began_unix_ms: unix_millis().max(not_before), began: since_boot() }
    }

    /// Milliseconds since the Unix epoch, by this clock.
    pub fn unix_millis(&self) -> u64 {
        let passed = since_boot().saturating_sub(self.began).as_millis();
        self.began_unix_ms.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// What a time of day is by this clock: as far ahead of its now as of everyone's.
    pub fn from_time_of_day(&self, unix_ms: u64) -> u64 {
        self.unix_millis().saturating_add(unix_ms.saturating_sub(unix_millis()))
    }
}

/// Linux counts on while the machine sleeps; elsewhere this is the monotonic clock.
fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_clock_begins_no_earlier_than_it_is_told() {
        let ahead = unix_millis() + 3_600_000;
        let clock = SteadyClock::start(ahead);
        assert!((ahead..ahead + 60_000).contains(&clock.unix_millis()));
        let in_an_hour = clock.from_time_of_day(unix_millis() + 3_600_000);
        assert!((ahead + 3_590_000..ahead + 3_660_000).contains(&in_an_hour));
        assert_eq!(clock.from_time_of_day(0).max(ahead), clock.from_time_of_day(0));
        let now = SteadyClock::start(0).unix_millis();
        assert!(unix_millis().abs_diff(now) < 60_000);
    }
}
