//! Wrong credentials: who gave how many, and what follows (N11).
//!
//! Failures are counted in memory, in a bucket for each class of credential and each [`Caller`], and
//! in one for each class over all addresses. A full bucket closes. For an address, and for all of
//! them, that is a lockout, which the ledger is told once and keeps over a restart; a paired device
//! only waits for its own next try, and programs on this machine are answered slowly.
//!
//! A credential that is missing never counts, nor does a faulty device proof: nobody can guess a
//! signature, and a wrong clock must not lock out the house behind one address. Success forgives
//! nothing, or a good client next door would pay for an attacker's tries.
//!
//! Start with [`Guard::check`], which is asked before any secret is compared, and [`Guard::failed`].

mod bucket;
mod caller;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::clock::{Clock, Reference as _};

use super::lockouts::LockoutFilter;
use crate::{
    domain::registry::{CredentialClass, LockKey, lockout::Failures},
    support::clock::Stopwatch,
    telemetry::metrics,
};
use bucket::Bucket;
pub use caller::{Caller, Client, network};

/// Callers that are counted at once. The cap over all addresses ends a spray long before; this bounds
/// the memory (some 3 MB) whatever the configuration says.
const BUCKETS_MAX: usize = 16 * 1024;

/// How often drained buckets are looked for when there are too many, which takes a walk over all.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The longest that an answer is held back. A client that is slowed must still be answered within
/// the 15 s that a handshake may take, and the real gateway stops at the same.
const SLOW_MAX: Duration = Duration::from_secs(5);

/// How many failures are borne, and what follows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures of one class by one caller in a window; the last one closes.
    pub max_attempts: NonZeroU32,
    /// The same from all addresses together.
    pub global_max_attempts: NonZeroU32,
    /// How long a full bucket takes to drain.
    pub window: Duration,
    /// How long a lockout lasts.
    pub lockout: Duration,
    /// Whether programs on this machine are slowed instead of locked out.
    pub exempt_loopback: bool,
}

/// A lockout that begins: what the ledger has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockOut {
    /// What may not be tried.
    pub key: LockKey,
    /// The failures that filled it, by code.
    pub failures: Failures,
}

/// What a failure leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Consequence {
    /// The lockouts that begin with it.
    pub lockouts: Vec<LockOut>,
    /// How long the answer is to be held back.
    pub slow: Duration,
}

/// Counts failures. Shared by every thread; held for one look or one change at a time.
pub struct Guard<C: Clock = Stopwatch> {
    limits: Limits,
    clock: C,
    shelf: Mutex<Shelf<C>>,
}

struct Shelf<C: Clock> {
    buckets: BTreeMap<Key, Bucket<C>>,
    swept: Option<C::Instant>,
}

type Key = (CredentialClass, Caller);

impl<C: Clock + Clone> Guard<C> {
    /// Counts nothing yet.
    pub fn new(limits: Limits, clock: C) -> Self {
        Self { limits, clock, shelf: Mutex::new(Shelf { buckets: BTreeMap::new(), swept: None }) }
    }

    /// How the limits stand.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a caller may try a credential of this class now.
    ///
    /// # Errors
    /// When it may again, if not now.
    pub fn check(&self, caller: Caller, class: CredentialClass) -> Result<(), Duration> {
        let shelf = self.lock();
        let now = self.clock.now();
        let wait = |key| shelf.buckets.get(&key).and_then(|bucket| bucket.closed_for(now));
        let waits = caller.counted().filter_map(|counted| wait((class, counted)));
        waits.max().map_or(Ok(()), Err)
    }

    /// Counts a failure. The callers that were checked before a lockout began and failed after it
    /// change nothing more: one full bucket is one lockout.
    pub fn failed(
        &self,
        caller: Caller,
        class: CredentialClass,
        code: &'static str,
    ) -> Consequence {
        metrics::auth_failed(class.name(), code);
        let now = self.clock.now();
        let mut consequence = Consequence::default();
        let mut shelf = self.lock();
        for counted in caller.counted() {
            let Some(bucket) = self.bucket(&mut shelf, (class, counted), now) else { continue };
            if bucket.closed_for(now).is_some() {
                break;
            }
            if !bucket.take(code) {
                continue;
            }
            if let Some(failures) = bucket.first_time_full() {
                tracing::warn!(?class, caller = ?counted, ?failures, "too many wrong credentials");
            }
            match counted {
                Caller::Address(_) | Caller::Anywhere => {
                    bucket.close(now, self.limits.lockout);
                    let key = LockKey { class, address: counted.address() };
                    consequence.lockouts.push(LockOut { key, failures: bucket.failures() });
                }
                Caller::Device(_) => bucket.close(now, bucket.refill()),
                Caller::Local => consequence.slow = bucket.refill().min(SLOW_MAX),
            }
        }
        consequence
    }

    /// The ledger has a lockout now: it is the ledger's to keep, and counting begins anew after it.
    pub fn recorded(&self, key: LockKey) {
        self.lock().buckets.remove(&(key.class, Caller::at(key.address)));
    }

    /// Forgets what was counted towards every lockout that is meant; if any is, that includes what
    /// devices and this machine's programs did.
    pub fn forget(&self, filter: LockoutFilter) {
        self.lock().buckets.retain(|(class, caller), _| {
            !filter.means(&LockKey { class: *class, address: caller.address() })
        });
    }

    /// The bucket of a key; `None` if there are too many already, all of them in use.
    fn bucket<'a>(
        &self,
        shelf: &'a mut Shelf<C>,
        key: Key,
        now: C::Instant,
    ) -> Option<&'a mut Bucket<C>> {
        if shelf.buckets.len() >= BUCKETS_MAX && !shelf.buckets.contains_key(&key) {
            shelf.sweep(now, self.limits.window);
            if shelf.buckets.len() >= BUCKETS_MAX {
                return None;
            }
        }
        let max = match key.1 {
            Caller::Anywhere => self.limits.global_max_attempts,
            Caller::Device(_) | Caller::Local | Caller::Address(_) => self.limits.max_attempts,
        };
        let fresh = || Bucket::new(max, self.limits.window, self.clock.clone());
        Some(shelf.buckets.entry(key).or_insert_with(fresh))
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<C>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock> Shelf<C> {
    /// Throws away what is as good as new.
    fn sweep(&mut self, now: C::Instant, window: Duration) {
        let since = self.swept.map(|swept| Duration::from(now.duration_since(swept)));
        if since.is_none_or(|since| since >= SWEEP_INTERVAL) {
            self.swept = Some(now);
            self.buckets.retain(|_, bucket| !bucket.is_drained(now, window));
        }
    }
}
