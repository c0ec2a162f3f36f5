//! `gateway.auth.rateLimit`: how many wrong credentials are borne, and what follows.
//!
//! Four keys and their defaults are OpenClaw's (its `gateway/security/rate-limiting` page);
//! `globalMaxAttempts` is doorward's own.

use std::{num::NonZeroU32, ops::RangeInclusive};

use super::{
    findings::Report,
    layer::checked,
    reader::{Given, Section},
};

/// Wrong credentials that may be borne in one window.
const ATTEMPTS: RangeInclusive<u32> = 1..=100_000;

/// A second to a day: a shorter window stops nobody, a longer one remembers too much.
const WINDOW_MS: RangeInclusive<u64> = 1_000..=86_400_000;

/// A second to thirty days; whoever wants longer wants a firewall.
const LOCKOUT_MS: RangeInclusive<u64> = 1_000..=2_592_000_000;

/// How many wrong credentials are borne, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Wrong credentials of one class from one address in a window; the last one locks.
    pub max_attempts: NonZeroU32,
    /// The same from all addresses together.
    pub global_max_attempts: NonZeroU32,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// How long a lockout lasts, in milliseconds.
    pub lockout_ms: u64,
    /// Whether programs on this machine (never pages in a browser) are slowed instead of locked out.
    pub exempt_loopback: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            max_attempts: const { NonZeroU32::new(10).unwrap() },
            // Twenty clients that all missed a rotation do not lock the gateway for everyone.
            global_max_attempts: const { NonZeroU32::new(500).unwrap() },
            window_ms: 60_000,
            lockout_ms: 300_000,
            exempt_loopback: true,
        }
    }
}

impl RateLimit {
    /// What the section says; where it is silent, the default.
    pub(super) fn read(mut section: Section, report: &mut Report) -> Self {
        let default = Self::default();
        let attempts = |number: u64| {
            let number = u32::try_from(number).ok().filter(|number| ATTEMPTS.contains(number));
            number.and_then(NonZeroU32::new)
        };
        let millis =
            |range: RangeInclusive<u64>| move |number| range.contains(&number).then_some(number);
        let each = read(&mut section, "maxAttempts", attempts, "from 1 to 100000", report);
        let all = read(&mut section, "globalMaxAttempts", attempts, "from 1 to 100000", report);
        let window =
            read(&mut section, "windowMs", millis(WINDOW_MS), "from 1000 to 86400000", report);
        let lockout =
            read(&mut section, "lockoutMs", millis(LOCKOUT_MS), "from 1000 to 2592000000", report);
        let exempt_loopback = section.switch("exemptLoopback", report).map(|given| given.value);
        section.leave(&[], report);
        Self {
            max_attempts: each.unwrap_or(default.max_attempts),
            global_max_attempts: all.unwrap_or(default.global_max_attempts),
            window_ms: window.unwrap_or(default.window_ms),
            lockout_ms: lockout.unwrap_or(default.lockout_ms),
            exempt_loopback: exempt_loopback.unwrap_or(default.exempt_loopback),
        }
    }
}

/// The whole number at a key, if `check` takes it; `range` says what that is.
fn read<T>(
    section: &mut Section,
    key: &'static str,
    check: impl FnOnce(u64) -> Option<T>,
    range: &str,
    report: &mut Report,
) -> Option<T> {
    let Given { value, place } = section.value(key)?;
    let number = value.as_u64().and_then(check);
    checked(number.ok_or_else(|| format!("must be a whole number {range}")), place, report)
        .map(|given| given.value)
}
