//! One row for each rule about `session.maintenance` and `doorward.sessions`.

use std::time::Duration;

use super::{errors, load_text, shown};
use crate::config::Retention;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn nothing_happens_unless_it_is_asked_for() {
    let none = Retention::default();
    for (text, expected) in [
        ("{}", none),
        ("{session: {maintenance: {mode: 'enforce'}}}", none),
        (
            "{session: {maintenance: {pruneAfter: '30d', maxEntries: 500, mode: 'warn'}}}",
            Retention {
                put_away_after: Some(30 * DAY),
                unarchived_max: Some(500),
                only_warns: true,
                ..none
            },
        ),
        (
            "{doorward: {sessions: {deleteAfter: '1d 12h', deleteMain: true}}}",
            Retention { delete_after: Some(DAY * 3 / 2), delete_main: true, ..none },
        ),
    ] {
        let loaded = load_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(loaded.warnings, [], "{text}");
        assert_eq!(loaded.settings.retention, expected, "{text}");
        let is_on = expected != Retention { only_warns: expected.only_warns, ..none };
        assert_eq!(expected.is_on(), is_on, "{text}");
    }
}

#[test]
fn what_is_refused_and_what_is_warned_about() {
    for (text, expected) in [
        ("{session: {maintenance: {mode: 'off'}}}", "must be \"enforce\" or \"warn\""),
        ("{session: {maintenance: {pruneAfter: 'soon'}}}", "must be a time such as"),
        ("{session: {maintenance: {maxEntries: 0}}}", "must be a whole number from 1 to"),
        ("{doorward: {sessions: {deleteAfter: '0s'}}}", "must be a time such as"),
    ] {
        let [error] = &errors(load_text(text))[..] else { panic!("{text}") };
        assert!(error.contains(expected), "{text}: {error}");
    }
    for (text, expected) in [
        ("{session: {maintenance: {maxDiskBytes: '1gb'}}}", "accepted, not used by this version"),
        ("{session: {dmScope: 'main'}}", "accepted, not used by this version"),
        ("{session: {maintenance: {pruneDays: 3}}}", "unknown key"),
        ("{doorward: {sessions: {pruneAfter: '1d'}}}", "unknown key"),
    ] {
        let warnings = load_text(text).unwrap().warnings;
        let [warning] = &shown(&warnings)[..] else { panic!("{text}: {warnings:?}") };
        assert!(warning.contains(expected), "{text}: {warning}");
    }
}
