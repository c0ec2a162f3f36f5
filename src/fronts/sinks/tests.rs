//! What goes over the wires, against rows of the specifications and readers that nobody here wrote.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value,
};
use prost::Message as _;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::{super::record::cursor::Mark, *};
use crate::support::{clock, secret::Secret};

fn origin() -> Origin {
    Origin { host: "gate".into(), version: "0.1.0", key: "KEY".into() }
}

fn line(seq: u64, json: &str, attributes: &[(&'static str, &str)]) -> Line {
    Line {
        mark: Mark { seq, hash: "ab".repeat(32) },
        at: 1_065_910_455_003,
        kind: "device_named",
        is_warning: false,
        json: json.into(),
        attributes: attributes.iter().map(|(name, value)| (*name, (*value).into())).collect(),
    }
}

#[test]
fn syslog_messages_row_by_row() {
    let head = "2003-10-11T22:14:15.003Z gate doorward - device_named";
    let meta = |seq: u64| {
        format!(
            "[meta sequenceId=\"{}\"][origin software=\"doorward\" swVersion=\"0.1.0\"]\
             [doorward@32473 seq=\"{seq}\"",
            seq % 2_147_483_647 + 1
        )
    };
    for (line, expected) in [
        (line(0, "{}", &[]), format!("<110>1 {head} {}] {{}}", meta(0))),
        (
            Line { is_warning: true, ..line(1, "{}", &[]) },
            format!("<108>1 {head} {}] {{}}", meta(1)),
        ),
        (
            line(2, "{}", &[("user.id", "a\"b\\c]d=e f\ng\u{fc}")]),
            format!(
                "<110>1 {head} {} user.id=\"a\\\"b\\\\c\\]d=e f\u{fffd}g\u{fc}\"] {{}}",
                meta(2)
            ),
        ),
        (
            line(2_147_483_646, "\"\u{fc}\u{1f600}\u{7f}~\"", &[]),
            format!("<110>1 {head} {}] \"\\u00fc\\ud83d\\ude00\\u007f~\"", meta(2_147_483_646)),
        ),
    ] {
        assert_eq!(syslog::message(&origin(), &line, true), expected);
        let document: serde_json::Value = serde_json::from_str(&line.json).unwrap();
        let sent = expected.rsplit_once("] ").unwrap().1;
        assert_eq!(serde_json::from_str::<serde_json::Value>(sent).unwrap(), document);
    }
    for (host, expected) in [("", "-"), ("\u{fc} x", "x"), ("a b", "ab")] {
        let message =
            syslog::message(&Origin { host: host.into(), ..origin() }, &line(0, "", &[]), true);
        assert_eq!(message.split(' ').nth(2), Some(expected), "{host}");
    }
}

#[test]
fn frames_count_octets_and_datagrams_are_bounded() {
    let wide = line(0, "{}", &[("user.id", "\u{fc}")]);
    let message = syslog::message(&origin(), &wide, true);
    assert!(message.len() > message.chars().count());
    let framed = format!("{} {message}", message.len());
    let frames = syslog::frames(&origin(), &[wide.clone(), wide]);
    assert_eq!(String::from_utf8(frames.concat()).unwrap(), framed.repeat(2));
    for (length, document) in [(10, true), (59_000, true), (60_000, false)] {
        let one = line(0, &format!("\"{}\"", "x".repeat(length)), &[]);
        let datagram = syslog::datagrams(&origin(), std::slice::from_ref(&one)).concat();
        let expected = syslog::message(&origin(), &one, document);
        assert_eq!(String::from_utf8(datagram).unwrap(), expected, "{length}");
    }
}

/// The vector of the specification (standard-webhooks, "Verifying signatures"), and the judgement of
/// its reference implementation.
#[test]
fn webhook_signatures() {
    let vector = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let judge = standardwebhooks::Webhook::new(vector).unwrap();
    let key = Secret::new(
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &vector[6..]).unwrap(),
    );
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
    let signed = webhook::signature(&key, id, "1614265330", body).unwrap();
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

    let lines = [line(7, "{\"seq\":7}", &[]), line(8, "{\"seq\":8}", &[])];
    let body = webhook::encode(&origin(), &lines).concat();
    let now = (clock::unix_millis() / 1000).to_string();
    let signed = webhook::signature(&key, "dw_7_8", &now, &body).unwrap();
    let headers = |id: &str, signed: &str| {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(HEADER_WEBHOOK_ID, id.parse().unwrap());
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, now.parse().unwrap());
        headers.insert(HEADER_WEBHOOK_SIGNATURE, signed.parse().unwrap());
        headers
    };
    judge.verify(&body, &headers("dw_7_8", &signed)).unwrap();
    judge.verify(&body, &headers("dw_7_9", &signed)).unwrap_err();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["type"], "doorward.ledger.records");
    assert_eq!(told["timestamp"], "2003-10-11T22:14:15.003Z");
    assert_eq!(told["data"]["records"][1]["seq"], 8);
}

#[test]
fn otlp_logs() {
    let lines = [
        line(7, "{\"seq\":7}", &[("client.address", "192.0.2.1")]),
        Line { is_warning: true, ..line(8, "{}", &[]) },
    ];
    let bytes = otlp::encode(&origin(), &lines).concat();
    let request = ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
    let logs = &request.resource_logs[0];
    let named: Vec<_> =
        logs.resource.as_ref().unwrap().attributes.iter().map(|one| &*one.key).collect();
    assert_eq!(named, ["service.name", "service.version", "service.instance.id", "host.name"]);
    let records = &logs.scope_logs[0].log_records;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].time_unix_nano, 1_065_910_455_003_000_000);
    assert_eq!((records[0].severity_number, records[1].severity_number), (9, 13));
    assert_eq!(records[0].event_name, "doorward.device_named");
    let string = |value: &Option<opentelemetry_proto::tonic::common::v1::AnyValue>| match value
        .clone()
        .unwrap()
        .value
    {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(string(&records[0].body), "{\"seq\":7}");
    assert_eq!(records[0].attributes[0].key, "client.address");
    assert_eq!(string(&records[0].attributes[0].value), "192.0.2.1");
}
