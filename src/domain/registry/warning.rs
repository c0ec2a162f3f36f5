//! Warnings of what is about to end (N16 A16.2): a tenth of its time is left, or the last day of what
//! was given for longer has begun. The last `operator.admin` does not end, so nobody is warned of it.

use std::collections::BTreeMap;

use super::Registry;
use crate::domain::{principal::Subject, time::UnixMillis};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How many of the two thresholds were passed at `now` by what was given at `from` until `until`.
pub fn thresholds_passed(from: UnixMillis, until: UnixMillis, now: UnixMillis) -> u8 {
    let (left, whole) = (until.0.saturating_sub(now.0), until.0.saturating_sub(from.0));
    u8::from(left <= whole / 10) + u8::from(whole > DAY_MS && left <= DAY_MS)
}

/// What is about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingSoon {
    /// Whose it is: a device in one role, or a service token.
    pub subject: Subject,
    /// What people call that.
    pub name: Option<String>,
    /// When it ends.
    pub until: UnixMillis,
}

/// The warnings that were given: how many thresholds each end had passed by then. Soft, so a restart
/// may repeat the last one; an end that is moved begins anew.
#[derive(Debug, Default)]
pub struct Warnings(BTreeMap<(Subject, UnixMillis), u8>);

impl Warnings {
    /// What to warn of at `now`. Each threshold counts once, and two that were passed at once are one
    /// warning.
    pub fn due(&mut self, state: &Registry, now: UnixMillis) -> Vec<EndingSoon> {
        self.due_among(state, state.endings(), now)
    }

    /// The same for those of the state's [`endings`](Registry::endings) that somebody has at hand.
    pub fn due_among(
        &mut self,
        state: &Registry,
        endings: impl Iterator<Item = (Subject, UnixMillis, UnixMillis)>,
        now: UnixMillis,
    ) -> Vec<EndingSoon> {
        let given = std::mem::take(&mut self.0);
        let mut due = vec![];
        for (subject, from, until) in endings.filter(|(.., until)| *until > now) {
            let key = (subject.clone(), until);
            let before = given.get(&key).copied().unwrap_or_default();
            let passed = thresholds_passed(from, until, now);
            if passed > before && !state.is_held_back(&subject) {
                let name = state.name_of(&subject);
                due.push(EndingSoon { subject, name, until });
                self.0.insert(key, passed);
            } else {
                self.0.insert(key, before);
            }
        }
        due
    }
}
