//! One row for each rule about `gateway.auth.rateLimit`.

use super::{errors, load_text, shown};
use crate::config::RateLimit;

fn read(section: &str) -> RateLimit {
    let text = format!("{{gateway: {{auth: {{rateLimit: {section}}}}}}}");
    let loaded = load_text(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(loaded.warnings, [], "{text}");
    loaded.settings.rate_limit
}

#[test]
fn the_defaults_are_those_of_the_real_gateway() {
    for loaded in [read("{}"), read("null"), load_text("{}").unwrap().settings.rate_limit] {
        assert_eq!((loaded.max_attempts.get(), loaded.global_max_attempts.get()), (10, 500));
        assert_eq!((loaded.window_ms, loaded.lockout_ms), (60_000, 300_000));
        assert!(loaded.exempt_loopback);
    }
}

#[test]
fn what_is_accepted() {
    let all = read(
        "{maxAttempts: 1, globalMaxAttempts: 100000, windowMs: 1000, lockoutMs: 2592000000,
          exemptLoopback: false}",
    );
    assert_eq!((all.max_attempts.get(), all.global_max_attempts.get()), (1, 100_000));
    assert_eq!((all.window_ms, all.lockout_ms), (1_000, 2_592_000_000));
    assert!(!all.exempt_loopback);
    let one = read("{maxAttempts: 3}");
    assert_eq!((one.max_attempts.get(), one.global_max_attempts.get()), (3, 500));
    assert_eq!(read("{exemptLoopback: true}"), RateLimit::default());
}

#[test]
fn what_is_refused() {
    for (section, expected) in [
        ("10", ": must be an object, but is a number"),
        ("{maxAttempts: 0}", ".maxAttempts: must be a whole number from 1 to 100000"),
        ("{maxAttempts: 4294967297}", ".maxAttempts: must be a whole number from 1 to 100000"),
        ("{maxAttempts: 2.5}", ".maxAttempts: must be a whole number from 1 to 100000"),
        (
            "{globalMaxAttempts: 100001}",
            ".globalMaxAttempts: must be a whole number from 1 to 100000",
        ),
        ("{windowMs: 999}", ".windowMs: must be a whole number from 1000 to 86400000"),
        ("{windowMs: 86400001}", ".windowMs: must be a whole number from 1000 to 86400000"),
        ("{lockoutMs: '5m'}", ".lockoutMs: must be a whole number from 1000 to 2592000000"),
        ("{exemptLoopback: 'no'}", ".exemptLoopback: must be true or false, but is a string"),
    ] {
        let text = format!("{{gateway: {{auth: {{rateLimit: {section}}}}}}}");
        let expected = format!("doorward.json:1: gateway.auth.rateLimit{expected}");
        assert_eq!(errors(load_text(&text)), [expected], "{text}");
    }
}

#[test]
fn what_is_warned_about() {
    let text = "{gateway: {auth: {rateLimit: {pruneIntervalMs: 1}}}}";
    let warning = "doorward.json:1: gateway.auth.rateLimit.pruneIntervalMs: unknown key, ignored";
    assert_eq!(shown(&load_text(text).unwrap().warnings), [warning]);
}
