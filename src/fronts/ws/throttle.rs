//! Calls that a client has no right to, again and again: answered, then throttled, then closed
//! (N20 A20.2).
//!
//! Each method of a connection has two buckets. The first is for refusals that say what is missing;
//! a client that asks once a second never empties it. What it does not hold is told to wait, and
//! the second bucket counts who does not. Methods are counted apart, because a client that tries
//! thirty of them once each does nothing wrong.

use std::{collections::BTreeMap, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use super::limits;
use crate::support::clock::Stopwatch;

/// How one more such call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// With the refusal.
    Refuse,
    /// With the advice to come back later.
    Wait {
        /// When.
        retry_after_ms: u64,
    },
    /// With the end of the connection.
    Close,
}

/// What one connection called without a right to.
pub struct Throttle<C: Clock = Stopwatch> {
    clock: C,
    methods: BTreeMap<&'static str, Calls<C>>,
}

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

struct Calls<C: Clock> {
    refusals: Bucket<C>,
    patience: Bucket<C>,
    count: u64,
}

impl<C: Clock + Clone> Throttle<C> {
    /// Nothing yet.
    pub fn new(clock: C) -> Self {
        Self { clock, methods: BTreeMap::new() }
    }

    /// Takes note of one more call of `method`, and says how to answer it. `connection` and `code`
    /// are for the log, which gets a line at the 1st, 10th, 100th ... call and at the end.
    pub fn note(&mut self, method: &'static str, connection: &str, code: &str) -> Verdict {
        let clock = &self.clock;
        let calls = self.methods.entry(method).or_insert_with(|| Calls::new(clock));
        calls.count += 1;
        let verdict = calls.verdict(clock);
        let count = calls.count;
        if verdict == Verdict::Close {
            tracing::warn!(connection, method, code, count, "repeated unauthorized calls; closing");
        } else if 10_u64.pow(count.ilog10()) == count {
            tracing::info!(connection, method, code, count, "unauthorized call");
        }
        verdict
    }
}

impl<C: Clock + Clone> Calls<C> {
    fn new(clock: &C) -> Self {
        let bucket = |period: Duration, burst| {
            // `None` is for a period of zero.
            let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst));
            RateLimiter::direct_with_clock(quota.allow_burst(burst), clock.clone())
        };
        Self {
            refusals: bucket(limits::REFUSAL_INTERVAL, limits::REFUSALS_MAX),
            patience: bucket(limits::PATIENCE_INTERVAL, limits::PATIENCE_MAX),
            count: 0,
        }
    }

    fn verdict(&self, clock: &C) -> Verdict {
        let Err(not_until) = self.refusals.check() else { return Verdict::Refuse };
        if self.patience.check().is_err() {
            return Verdict::Close;
        }
        let wait = not_until.wait_time_from(clock.now());
        let retry_after_ms = u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        Verdict::Wait { retry_after_ms }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::{Verdict::*, *};

    /// Calls of one method, each this long after the one before.
    fn calls(throttle: &mut Throttle<FakeRelativeClock>, n: usize, every_ms: u64) -> Vec<Verdict> {
        (0..n)
            .map(|_| {
                throttle.clock.advance(Duration::from_millis(every_ms));
                throttle.note("status", "c", "MISSING_SCOPE")
            })
            .collect()
    }

    #[test]
    fn answered_then_throttled_then_closed() {
        let mut throttle = Throttle::new(FakeRelativeClock::default());
        let verdicts = calls(&mut throttle, 21, 0);
        assert_eq!(verdicts[..10], [Refuse; 10]);
        assert_eq!(verdicts[10..20], [Wait { retry_after_ms: 1000 }; 10]);
        assert_eq!(verdicts[20], Close);
        // Another method has its own count, and another connection too.
        assert_eq!(throttle.note("config.get", "c", "MISSING_SCOPE"), Refuse);
    }

    #[test]
    fn who_waits_as_told_is_never_closed() {
        let mut throttle = Throttle::new(FakeRelativeClock::default());
        assert_eq!(calls(&mut throttle, 10, 0), [Refuse; 10]);
        for _ in 0..1000 {
            let Wait { retry_after_ms } = throttle.note("status", "c", "MISSING_SCOPE") else {
                panic!("it must be told to wait");
            };
            throttle.clock.advance(Duration::from_millis(retry_after_ms));
            assert_eq!(throttle.note("status", "c", "MISSING_SCOPE"), Refuse);
            throttle.clock.advance(Duration::from_secs(5));
            calls(&mut throttle, 5, 0);
        }
    }

    /// Row by row: how often, and what comes of a thousand such calls.
    #[test]
    fn rates_row_by_row() {
        for (every_ms, waits, closes) in
            [(1000, false, false), (900, true, false), (700, true, true), (1, true, true)]
        {
            let mut throttle = Throttle::new(FakeRelativeClock::default());
            let verdicts = calls(&mut throttle, 1000, every_ms);
            let has_waited = verdicts.iter().any(|verdict| matches!(verdict, Wait { .. }));
            assert_eq!(has_waited, waits, "every {every_ms} ms");
            assert_eq!(verdicts.contains(&Close), closes, "every {every_ms} ms");
        }
    }
}
