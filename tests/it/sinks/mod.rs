//! The sinks of a running gateway (N19 A19.3): each gets every record in order and at least once,
//! whoever is killed or down, and nobody waits for it.

mod receivers;
mod troubles;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use doorward::support::clock::Stopwatch;
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value as Any,
};
use prost::Message as _;
use serde_json::Value;

use crate::house::{Gateway, free_port};
use receivers::{Answer, Http};

/// 24 bytes.
const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// A gateway with these sinks.
fn gateway(sinks: &str) -> Gateway {
    Gateway::start(&format!("{{doorward: {{export: [{sinks}]}}}}"))
}

fn jsonl(path: &Path) -> String {
    format!("{{name: 'archive', kind: 'jsonl', path: '{}'}},", path.display())
}

fn webhook(port: u16) -> String {
    format!(
        "{{name: 'hook', kind: 'webhook', url: 'http://127.0.0.1:{port}/in', secret: '{KEY}'}},"
    )
}

/// The whole ledger, as `audit log` prints it.
fn ledger(gateway: &Gateway) -> Vec<Value> {
    let log = gateway.doorward(&["audit", "log", "--from", "0", "--limit", "100000", "--json"]);
    let text = String::from_utf8(log.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two records.
fn write(gateway: &Gateway, name: &str) {
    gateway.json(&["tokens", "create", "--name", name, "--scope", "operator.read"]);
    gateway.json(&["tokens", "revoke", name]);
}

#[track_caller]
fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = Stopwatch::start();
    while !is() {
        assert!(waiting.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The documents of syslog messages; what stands before them is looked at too.
fn of_syslog(messages: Vec<String>) -> Vec<Value> {
    let document = |message: String| {
        let start = message.find("] {").unwrap() + 2;
        let document: Value = serde_json::from_str(&message[start..]).unwrap();
        let (seq, kind) = (&document["seq"], document["event"]["kind"].as_str().unwrap());
        assert!(message.contains(&format!("[doorward@32473 seq=\"{seq}\" ")), "{message}");
        assert!(message.contains(&format!(" doorward - {kind} [meta ")), "{message}");
        document
    };
    messages.into_iter().map(document).collect()
}

/// The documents of webhooks whose signature an implementation that is not ours accepts.
fn of_webhooks(http: &Http) -> Vec<Value> {
    let judge = standardwebhooks::Webhook::new(KEY).unwrap();
    let records = http.taken().into_iter().flat_map(|request| {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, request.header(name).parse().unwrap());
        }
        judge.verify(&request.body, &headers).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["data"]["records"].as_array().unwrap().clone()
    });
    records.collect()
}

fn of_otlp(http: &Http) -> Vec<Value> {
    let records = http.taken().into_iter().flat_map(|request| {
        assert_eq!(request.header("content-type"), "application/x-protobuf");
        assert_eq!(request.header("authorization"), "Bearer of-the-collector");
        let request = ExportLogsServiceRequest::decode(request.body.as_slice()).unwrap();
        let logs = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
        logs.flat_map(|logs| logs.log_records).collect::<Vec<_>>()
    });
    let document = |record: opentelemetry_proto::tonic::logs::v1::LogRecord| {
        let Some(Any::StringValue(text)) = record.body.unwrap().value else { panic!("no text") };
        let document: Value = serde_json::from_str(&text).unwrap();
        let kind = document["event"]["kind"].as_str().unwrap();
        assert_eq!(record.event_name, format!("doorward.{kind}"));
        assert_eq!(record.time_unix_nano, document["timeMs"].as_u64().unwrap() * 1_000_000);
        document
    };
    records.map(document).collect()
}

/// Whether all of it came: in order, nothing left out, and what came twice is the same.
#[track_caller]
fn complete(sink: &str, got: &[Value], all: &[Value]) -> bool {
    let mut seen = BTreeMap::new();
    for document in got {
        let seq = document["seq"].as_u64().unwrap();
        assert!(seq <= seen.len() as u64, "{sink}: {seq} came after {}", seen.len());
        let before = seen.insert(seq, document);
        assert!(before.is_none_or(|before| before == document), "{sink}: {seq} is not the same");
    }
    assert!(seen.len() <= all.len(), "{sink}");
    seen.into_values().eq(all)
}

/// One of each, and kills of the gateway at any moment.
#[test]
fn n19_a19_3_every_sink_gets_every_record_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let (file, socket, ca) =
        (dir.path().join("a.jsonl"), dir.path().join("log"), dir.path().join("ca.pem"));
    let [udp, tcp, hook, otlp] = [(); 4].map(|()| free_port());
    let certified = receivers::certified(&ca);
    let by_unix = receivers::unix(&socket);
    let (by_udp, by_tcp) = (receivers::udp(udp), receivers::tcp(tcp));
    let by_hook = Http::on(hook, Answer::Status(204), Some(certified));
    let by_otlp = Http::on(otlp, Answer::Status(200), None);
    let mut gateway = gateway(&format!(
        "{} {{name: 'udp', kind: 'syslog', to: 'udp://127.0.0.1:{udp}'}},
         {{name: 'tcp', kind: 'syslog', to: 'tcp://127.0.0.1:{tcp}'}},
         {{name: 'unix', kind: 'syslog', to: 'unix://{}'}},
         {{name: 'hook', kind: 'webhook', url: 'https://127.0.0.1:{hook}/in', secret: '{KEY}',
           ca: '{}'}},
         {{name: 'otel', kind: 'otlp', url: 'http://127.0.0.1:{otlp}/v1/logs',
           authorization: 'Bearer of-the-collector'}}",
        jsonl(&file),
        socket.display(),
        ca.display(),
    ));
    for round in 0..5 {
        for n in 0..3 {
            write(&gateway, &format!("t{round}-{n}"));
        }
        // Some in the middle of it, some when the cursors have moved.
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(7 * round));
        }
        gateway.kill();
        gateway.run();
    }
    let all = ledger(&gateway);
    assert!(all.len() > 30);
    until("the file", || complete("file", &documents(&file), &all));
    until("udp", || complete("udp", &of_syslog(by_udp.all()), &all));
    until("tcp", || complete("tcp", &of_syslog(by_tcp.all()), &all));
    until("unix", || complete("unix", &of_syslog(by_unix.all()), &all));
    until("the webhook", || complete("hook", &of_webhooks(&by_hook), &all));
    until("otlp", || complete("otlp", &of_otlp(&by_otlp), &all));
    // The file is what the command writes.
    let by_command = dir.path().join("b.jsonl");
    let to = format!("jsonl:{}", by_command.display());
    assert!(gateway.doorward(&["audit", "export", "--to", &to]).status.success());
    let lines: std::collections::BTreeSet<_> =
        fs::read_to_string(&file).unwrap().lines().map(ToOwned::to_owned).collect();
    let expected = fs::read_to_string(&by_command).unwrap();
    assert_eq!(lines, expected.lines().map(ToOwned::to_owned).collect());
    until("told", || gateway.json(&["audit", "sinks"])["sinks"][5]["lag"] == 0);
    let sinks = gateway.json(&["audit", "sinks"]);
    assert_eq!(sinks["sinks"][4]["target"], format!("https://127.0.0.1:{hook}"));
    assert_eq!(sinks["sinks"][5]["nextSeq"].as_u64(), Some(all.len() as u64));
}

/// What was committed before the order to stop is delivered before the end, if the sink takes it; one
/// that does not cannot hold the stop up, and gets the rest later.
#[test]
fn n19_a19_3_a_stop_delivers_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.jsonl");
    let port = free_port();
    let hook = Http::on(port, Answer::Never, None);
    let mut gateway = gateway(&(jsonl(&file) + &webhook(port)));
    write(&gateway, "a");
    let all = ledger(&gateway);
    assert!(gateway.terminate().success());
    assert!(complete("file", &documents(&file), &all));
    assert!(gateway.log().contains("draining took too long"), "{}", gateway.log());
    // It was told, did not answer, and is told the same again.
    let first = hook.got.all()[0].clone();
    hook.answer(Answer::Status(200));
    gateway.run();
    until("the webhook", || complete("hook", &of_webhooks(&hook), &ledger(&gateway)));
    assert_eq!(hook.got.all()[0].header("webhook-id"), first.header("webhook-id"));
}
