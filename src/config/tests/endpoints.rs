//! One row for each rule about `gateway.http.endpoints`.

use super::{errors, load_text, shown};

fn within(endpoints: &str) -> String {
    format!("{{gateway: {{http: {{endpoints: {endpoints}}}}}}}")
}

#[test]
fn everything_is_served_unless_it_is_switched_off() {
    for (text, expected) in [
        ("{}".to_owned(), (true, true)),
        ("{gateway: {http: {}}}".into(), (true, true)),
        (within("null"), (true, true)),
        (within("{chatCompletions: {}}"), (true, true)),
        (within("{chatCompletions: {enabled: true}}"), (true, true)),
        (within("{chatCompletions: {enabled: false}}"), (false, true)),
        (within("{responses: {enabled: false}}"), (true, false)),
        (
            within("{chatCompletions: {enabled: false}, responses: {enabled: false}}"),
            (false, false),
        ),
    ] {
        let loaded = load_text(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(loaded.warnings, [], "{text}");
        let endpoints = loaded.settings.endpoints;
        assert_eq!((endpoints.chat_completions, endpoints.responses), expected, "{text}");
    }
}

#[test]
fn what_is_refused_and_what_is_warned_about() {
    let place = "doorward.json:1: gateway.http.endpoints";
    for (endpoints, expected) in [
        ("true", ": must be an object, but is true or false"),
        ("{responses: false}", ".responses: must be an object, but is true or false"),
        (
            "{chatCompletions: {enabled: 'no'}}",
            ".chatCompletions.enabled: must be true or false, but is a string",
        ),
    ] {
        assert_eq!(errors(load_text(&within(endpoints))), [format!("{place}{expected}")]);
    }
    for (endpoints, expected) in [
        ("{responses: {files: {}}}", ".responses.files: accepted, not used by this version"),
        (
            "{chatCompletions: {images: {}}}",
            ".chatCompletions.images: accepted, not used by this version",
        ),
        ("{embeddings: {enabled: false}}", ".embeddings: unknown key"),
    ] {
        let warnings = load_text(&within(endpoints)).unwrap().warnings;
        let [warning] = &shown(&warnings)[..] else { panic!("{endpoints}: {warnings:?}") };
        assert!(warning.starts_with(&format!("{place}{expected}")), "{warning}");
    }
}
