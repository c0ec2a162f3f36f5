//! One caller's failures with one class of credential.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use crate::domain::registry::lockout::Failures;

/// Drains as time passes; whatever is in it still counts.
pub struct Bucket<C: Clock> {
    cells: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    max: NonZeroU32,
    refill: Duration,
    /// What went in since it was last empty.
    failures: BTreeMap<&'static str, u32>,
    last: C::Instant,
    closed_until: Option<C::Instant>,
    told: bool,
}

impl<C: Clock> Bucket<C> {
    /// An empty one that takes `max` failures and drains as many in a `window`.
    pub fn new(max: NonZeroU32, window: Duration, clock: C) -> Self {
        let refill = (window / max.get()).max(Duration::from_nanos(1));
        // `None` is for a period of zero.
        let quota = Quota::with_period(refill).unwrap_or(Quota::per_second(max)).allow_burst(max);
        let last = clock.now();
        let cells = RateLimiter::direct_with_clock(quota, clock).with_middleware();
        Self {
            cells,
            max,
            refill,
            failures: BTreeMap::new(),
            last,
            closed_until: None,
            told: false,
        }
    }

    /// Takes one failure in. Whether it is full now.
    pub fn take(&mut self, code: &'static str) -> bool {
        self.last = self.cells.clock().now();
        let room = self.cells.check().map_or(0, |left| left.remaining_burst_capacity());
        if room + 1 == self.max.get() {
            // It was empty.
            self.failures.clear();
            self.told = false;
        }
        *self.failures.entry(code).or_default() += 1;
        room == 0
    }

    /// What filled it.
    pub fn failures(&self) -> Failures {
        self.failures.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect()
    }

    /// What filled it, once each time that it fills: so often is it worth a line in the log.
    pub fn first_time_full(&mut self) -> Option<Failures> {
        (!std::mem::replace(&mut self.told, true)).then(|| self.failures())
    }

    /// How long a full one takes to have room for one more.
    pub fn refill(&self) -> Duration {
        self.refill
    }

    /// Closes it for a while.
    pub fn close(&mut self, now: C::Instant, duration: Duration) {
        self.closed_until = Some(now + Nanos::from(duration));
    }

    /// For how much longer it is closed.
    pub fn closed_for(&self, now: C::Instant) -> Option<Duration> {
        let left = Duration::from(self.closed_until?.duration_since(now));
        (!left.is_zero()).then_some(left)
    }

    /// Whether it is as good as new.
    pub fn is_drained(&self, now: C::Instant, window: Duration) -> bool {
        self.closed_for(now).is_none() && Duration::from(now.duration_since(self.last)) >= window
    }
}
