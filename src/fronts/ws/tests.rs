//! Frames in, answers out: what needs no gateway behind it.

use super::{
    catalog,
    frame::{Frame, Request, parse},
    wire::{no_params, read_connect},
};

#[test]
fn frames_row_by_row() {
    let long =
        format!(r#"{{"type":"req","id":"a","method":"m","traceparent":"{}"}}"#, "x".repeat(129));
    let invalid =
        |id: &str, fault: &str| Frame::Invalid { id: id.to_owned(), fault: fault.to_owned() };
    let huge_id = format!(r#"{{"type":"req","id":[{}1],"method":"m"}}"#, "1,".repeat(1000));
    for (text, expected) in [
        (r#"{oops"#, Frame::Unreadable),
        (r#"[1]"#, Frame::NotARequest),
        (r#"{"type":7}"#, Frame::NotARequest),
        (r#"{"type":"event","event":"x"}"#, Frame::NotARequest),
        (r#"{"id":"a","method":"m"}"#, Frame::NotARequest),
        (
            r#"{"type":"req","method":"m"}"#,
            invalid("\"invalid\"", "must have required property 'id'"),
        ),
        (r#"{"type":"req","id":7,"method":"m"}"#, invalid("7", "at /id: must be string")),
        (
            r#"{"type":"req","id":"","method":"m"}"#,
            invalid("\"\"", "at /id: must not have fewer than 1 characters"),
        ),
        (r#"{"type":"req","id":"a"}"#, invalid("\"a\"", "must have required property 'method'")),
        (r#"{"type":"req","id":"a","method":1}"#, invalid("\"a\"", "at /method: must be string")),
        (&long, invalid("\"a\"", "at /traceparent: must not have more than 128 characters")),
        (
            r#"{"type":"req","id":"a","method":"m","params":{"x":1}}"#,
            Frame::Request(Request { id: "\"a\"", method: "m".into(), params: Some(r#"{"x":1}"#) }),
        ),
        (
            r#"{"id":"a\"b","method":"m\u0061","type":"req"}"#,
            Frame::Request(Request { id: r#""a\"b""#, method: "ma".into(), params: None }),
        ),
        (
            r#"{"type":"req","id":"a","method":"m","traceparent":7}"#,
            invalid("\"a\"", "at /traceparent: must be string"),
        ),
        (
            r#"{"type":"req","id":"a","method":"m","foo":1}"#,
            invalid("\"a\"", "at root: unexpected property 'foo'"),
        ),
        (&huge_id, invalid("\"invalid\"", "at /id: must be string")),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn connect_parameters_are_refused_in_the_words_of_the_schema() {
    let client = r#""client":{"id":"cli","version":"1","platform":"linux","mode":"cli"}"#;
    let with = |rest: &str| format!(r#"{{"minProtocol":4,"maxProtocol":4,{client}{rest}}}"#);
    for (params, expected) in [
        ("null".to_owned(), "must be object"),
        (r#"{"maxProtocol":4}"#.to_owned(), "must have required property 'minProtocol'"),
        (r#"{"minProtocol":0,"maxProtocol":4}"#.to_owned(), "at /minProtocol: must be >= 1"),
        (with(r#","foo":1"#), "at root: unexpected property 'foo'"),
        (
            with("").replace(r#""version":"1","#, ""),
            "at /client: must have required property 'version'",
        ),
        (
            with("").replace(r#""id":"cli""#, r#""id":"mine""#),
            "at /client/id: must be equal to one of the allowed values",
        ),
        (
            with("").replace(r#""mode":"cli""#, r#""mode":"operator""#),
            "at /client/mode: must be equal to one of the allowed values",
        ),
        (with(r#","scopes":"operator.read""#), "at /scopes: must be array"),
        (with(r#","scopes":["operator.read",7]"#), "at /scopes/1: must be string"),
        (with(r#","scopes":["Operator Read"]"#), "at /scopes/0: must be a scope name"),
        (with(r#","auth":{"token":7}"#), "at /auth/token: must be string"),
        (with(r#","device":{"id":"a"}"#), "at /device: must have required property 'publicKey'"),
        (
            with(r#","device":{"id":"a","publicKey":"b","signature":"c","signedAt":1,"nonce":""}"#),
            "at /device/nonce: must not have fewer than 1 characters",
        ),
        (
            with("").replace("linux", &"x".repeat(257)),
            "at /client/platform: must not have more than 256 characters",
        ),
    ] {
        assert_eq!(read_connect(Some(&params)).unwrap_err(), expected, "{params}");
    }
    let console = with(r#","modelCatalog":{"sessionKey":"main"},"locale":"en-US","caps":["a"]"#);
    assert!(read_connect(Some(&console)).is_ok(), "what the console sends beyond the schema");
}

#[test]
fn parameters_of_methods_without_any() {
    for (params, accepted) in [
        (None, true),
        (Some("{}"), true),
        (Some("null"), true),
        (Some(r#"{"x":1}"#), false),
        (Some("[]"), false),
    ] {
        assert_eq!(no_params(params).is_ok(), accepted, "{params:?}");
    }
}

#[test]
fn the_catalogue_is_sorted_and_found() {
    for pair in catalog::METHODS.windows(2) {
        assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
    }
    for method in catalog::METHODS {
        assert_eq!(catalog::find(method.name).map(|found| found.name), Some(method.name));
    }
    assert!(catalog::find("health2").is_none());
}
