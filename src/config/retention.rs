//! What becomes of sessions that nobody comes back to: `session.maintenance`, whose keys are OpenClaw's,
//! and `doorward.sessions`.
//!
//! Under OpenClaw's keys sessions are put away, as there, and nothing is lost; what deletes them has a
//! key of its own, so that a file that was written for the real gateway deletes nothing here. Nothing
//! happens unless it is asked for.

use std::time::Duration;

use super::{
    findings::Report,
    known,
    layer::checked,
    reader::{Given, Section},
};

/// A session count that is still worth a limit.
const ENTRIES_MAX: u64 = 1_000_000;

/// What becomes of sessions that nobody comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Put away after so long without a word.
    pub put_away_after: Option<Duration>,
    /// The most that are not put away; beyond that the oldest are.
    pub unarchived_max: Option<usize>,
    /// Deleted after so long without a word.
    pub delete_after: Option<Duration>,
    /// Whether that goes for agents' main sessions too.
    pub delete_main: bool,
    /// Whether what would be done is only logged.
    pub only_warns: bool,
}

impl Retention {
    /// What the two sections say.
    pub(super) fn read(mut session: Section, mut own: Section, report: &mut Report) -> Self {
        let mut maintenance = session.section("maintenance", report);
        session.leave(known::SESSION, report);
        let mode = maintenance.text("mode", report).and_then(|given| {
            let only_warns = match given.value {
                "enforce" => Ok(false),
                "warn" => Ok(true),
                _ => Err("must be \"enforce\" or \"warn\""),
            };
            checked(only_warns, given.place, report)
        });
        let entries = maintenance.number("maxEntries", 1..=ENTRIES_MAX, report);
        let retention = Self {
            put_away_after: span(&mut maintenance, "pruneAfter", report),
            unarchived_max: entries.and_then(|given| usize::try_from(given.value).ok()),
            delete_after: span(&mut own, "deleteAfter", report),
            delete_main: own.switch("deleteMain", report).is_some_and(|given| given.value),
            only_warns: mode.is_some_and(|given| given.value),
        };
        maintenance.leave(known::MAINTENANCE, report);
        own.leave(&[], report);
        retention
    }

    /// Whether there is anything to do.
    pub fn is_on(&self) -> bool {
        self.put_away_after.is_some()
            || self.unarchived_max.is_some()
            || self.delete_after.is_some()
    }
}

fn span(section: &mut Section, key: &'static str, report: &mut Report) -> Option<Duration> {
    let Given { value, place } = section.text(key, report)?;
    let span = humantime::parse_duration(value).ok().filter(|span| !span.is_zero());
    let span = span.ok_or("must be a time such as \"30d\" or \"12h\"");
    checked(span, place, report).map(|given| given.value)
}
