//! Every measurement against the fake gateway: counts and shapes, never speed.

use std::{fs, sync::atomic::Ordering};

use clap::Parser;

use super::*;
use crate::fronts::cli::fake_gateway::{FakeGateway, TOKEN};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    bench: BenchOptions,
}

fn options(arguments: &str) -> BenchOptions {
    let words = std::iter::once("bench").chain(arguments.split_whitespace());
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).bench
}

/// Runs one measurement on a fake gateway in this process.
async fn one(automatic: bool, name: &str) -> (FakeGateway, Outcome) {
    let gateway = FakeGateway::start(automatic).await;
    let text = format!(
        "--url {} --token {TOKEN} --pid {} --seconds 0.05 --connections 70 --only {name}",
        gateway.url(),
        std::process::id(),
    );
    let mut report = run(options(&text), &|_| ()).await.unwrap();
    assert_eq!(report.server_version.as_deref(), Some("fake"));
    assert_eq!(report.measurements.len(), 1);
    assert_eq!(report.measurements[0].name.text(), name);
    (gateway, report.measurements.remove(0).outcome)
}

fn figures(outcome: Outcome) -> Figures {
    match outcome {
        Outcome::Measured { figures, .. } => figures,
        other => panic!("{other:?}"),
    }
}

fn skipped(outcome: Outcome) -> String {
    match outcome {
        Outcome::Skipped { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// What every load must have seen, given how often the gateway says it served.
fn assert_load(figures: &Figures, served: usize) {
    assert!(figures.operations > 0, "{figures:?}");
    assert_eq!(figures.failures, 0, "{figures:?}");
    // The gateway also counts the warm-up and what came before the load.
    assert!(figures.operations as usize <= served, "{served} served: {figures:?}");
    assert!(figures.rate_per_s.unwrap() > 0.0);
    let latency = figures.latency.unwrap();
    let ordered = [latency.min_ms, latency.p50_ms, latency.p99_ms, latency.max_ms];
    assert!(ordered.is_sorted() && latency.min_ms > 0.0, "{figures:?}");
    assert!(figures.server_cpu_us.is_some());
    // A debug build of this client may well be the slower side; nothing else is worth a note.
    assert!(figures.notes.iter().all(|note| note.contains("busy")), "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_devices_come_back_with_their_own_token() {
    let (gateway, outcome) = one(true, "handshakes-known").await;
    assert_load(&figures(outcome), gateway.counts.with_device_token.load(Ordering::Relaxed));
    assert_eq!(gateway.counts.paired.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fresh_device_is_paired_once() {
    let (gateway, outcome) = one(true, "pairings-fresh").await;
    assert_load(&figures(outcome), gateway.counts.paired.load(Ordering::Relaxed));
    assert_eq!(gateway.counts.with_device_token.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_answers_are_counted_one_by_one() {
    let (gateway, outcome) = one(true, "health-pipelined").await;
    let served = gateway.counts.health.load(Ordering::Relaxed);
    let figures = figures(outcome);
    assert_load(&figures, served);
    assert!(figures.operations >= 8 * 64, "{figures:?}");
    let (gateway, outcome) = one(true, "presence-pipelined").await;
    assert_load(&self::figures(outcome), gateway.counts.presence.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_call_waits_for_its_answer() {
    let (gateway, outcome) = one(true, "health-lone").await;
    assert_load(&figures(outcome), gateway.counts.health.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_all_opened() {
    let (gateway, outcome) = one(true, "memory-connections").await;
    let figures = figures(outcome);
    assert_eq!(figures.operations, 70);
    assert!(figures.resident_bytes.is_some());
    // One more to ask for the version.
    assert_eq!(gateway.counts.connects.load(Ordering::Relaxed), 71);
    let (_gateway, outcome) = one(true, "memory-idle").await;
    assert!(self::figures(outcome).resident_bytes.unwrap() > 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_are_measured_where_there_is_something_to_approve() {
    let (gateway, outcome) = one(false, "approvals").await;
    let figures = figures(outcome);
    let approved = gateway.counts.approved.load(Ordering::Relaxed);
    assert_load(&figures, approved);
    assert_eq!(figures.operations as usize, approved);
    assert_eq!(approved % (approvals::OPERATORS * approvals::EACH), 0, "whole rounds only");

    let (_gateway, outcome) = one(true, "approvals").await;
    assert!(skipped(outcome).contains("approves local devices by itself"));
    for name in ["handshakes-known", "pairings-fresh"] {
        let (_gateway, outcome) = one(false, name).await;
        assert_eq!(skipped(outcome), NO_AUTOMATIC_APPROVAL);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_told_at_once() {
    let gateway = FakeGateway::start(true).await;
    let text = format!("--url {} --token nope --only health-lone", gateway.url());
    let error = format!("{:#}", run(options(&text), &|_| ()).await.unwrap_err());
    assert!(error.contains("--token"), "{error}");
    assert!(error.contains("AUTH_TOKEN_MISMATCH"), "{error}");
    assert!(!error.contains("nope"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_url_it_starts_measures_and_removes_its_own_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("gateway.sh");
    // Becomes the helper below: another process of this test's own file. libtest takes no further
    // arguments, so the port travels in a file, and so does the way to approve.
    let text = format!(
        "cd \"$5\" && echo \"$3\" > port && echo \"$OPENCLAW_GATEWAY_TOKEN\" >> {log} && \
         exec {program} --ignored --exact fronts::cli::bench::tests::serve_as_a_helper\n",
        log = dir.path().join("tokens").display(),
        program = std::env::current_exe().unwrap().display(),
    );
    fs::write(&script, text).unwrap();
    let program = Program { file: "/bin/sh".into(), before: vec![script] };
    let records = tempfile::tempdir().unwrap();
    let arguments = format!(
        "--seconds 0.05 --only approvals,ready-records,memory-idle,ready --state-dir-with-records {}",
        records.path().display()
    );
    let said = std::sync::Mutex::new(Vec::new());
    let say = |line: &str| said.lock().unwrap().push(line.to_owned());
    let report = run_program(options(&arguments), program, &say).await.unwrap();

    let rows: Vec<_> = report
        .measurements
        .into_iter()
        .map(|row| (row.name.text(), figures(row.outcome).operations))
        .collect();
    let first: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(first, ["ready", "ready-records", "memory-idle", "approvals"]);
    assert_eq!([rows[0].1, rows[1].1, rows[2].1], [10, 5, 1]);
    assert_eq!(said.lock().unwrap().len(), 4);
    assert!(said.lock().unwrap()[0].starts_with("ready: "));
    // 10 starts on nothing, 5 on records, one for the memory, one for the approvals.
    let tokens = fs::read_to_string(dir.path().join("tokens")).unwrap();
    let distinct: std::collections::BTreeSet<_> = tokens.lines().collect();
    assert_eq!(distinct.len(), 17, "each gateway has a token of its own");
    assert_eq!(fs::read_dir(records.path()).unwrap().count(), 0, "the seed is left alone");
}

/// Not a test: the process that the test above starts as a gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a helper process of another test"]
async fn serve_as_a_helper() {
    let Ok(port) = fs::read_to_string("port") else { return };
    let address = format!("127.0.0.1:{}", port.trim());
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let manual = fs::read_to_string("doorward.json").is_ok_and(|text| text == MANUAL_APPROVAL);
    let _gateway = FakeGateway::serve_any_token(listener, !manual);
    std::future::pending::<()>().await;
}

#[test]
fn options_are_checked_before_anything_runs() {
    let names = |text| options(text).names();
    assert_eq!(names("").len(), 11);
    let only = names("--only health-lone,ready --only ready");
    assert_eq!(only, [Name::Ready, Name::HealthLone]);
    for wrong in [
        "--token x",
        "--pid 1",
        "--seconds 0",
        "--seconds NaN",
        "--connections 0",
        "--only nothing",
        "--url ws://x --state-dir-with-records /y",
    ] {
        let words = std::iter::once("bench").chain(wrong.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "{wrong}");
    }
    let shown = format!("{:?}", options("--url ws://x --token hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_cannot_be_measured_says_what_to_do() {
    for (arguments, name, expected) in [
        ("--url ws://x", Name::Ready, Some("leave --url out")),
        ("--url ws://x", Name::ReadyRecords, Some("leave --url out")),
        ("", Name::ReadyRecords, Some("--state-dir-with-records")),
        ("--url ws://x", Name::MemoryIdle, Some("--pid")),
        ("--url ws://x --pid 1", Name::MemoryIdle, None),
        ("", Name::MemoryConnections, None),
        ("", Name::Ready, None),
    ] {
        let reason = options(arguments).skip(name);
        match (reason, expected) {
            (None, None) => {}
            (Some(reason), Some(part)) if reason.contains(part) => {}
            (other, _) => panic!("{arguments:?} {name:?}: {other:?}"),
        }
    }
}
