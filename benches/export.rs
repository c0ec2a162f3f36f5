//! How fast a gateway's sinks take a ledger that is there already: acknowledged, with the cursor moved.
//!
//! `cargo bench --bench export` prints records a second for each kind of sink. The receivers are threads
//! of this process that read and throw away, so the figure is the gateway's own cost.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::ControlFlow,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use doorward::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, Seq, TokenHash},
        principal::{Principal, Rule, SecretKind},
        registry::Event as Registry,
        scope::ScopeSet,
        time::UnixMillis,
    },
    ledger::{LedgerHandle, OpenOptions, Record, Via, open},
    support::{clock::Stopwatch, keys::GatewayKey},
};

/// How many records there are to take.
const RECORDS: u64 = 50_000;

const WEBHOOK_KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

fn main() {
    let state = tempfile::tempdir().expect("a directory");
    write_ledger(state.path());
    let (http, tcp, socket) = (http(), tcp(), state.path().join("log"));
    unix(&socket);
    let hook = format!("url: 'http://{http}/', secret: '{WEBHOOK_KEY}'");
    for (what, sink) in [
        ("jsonl", format!("kind: 'jsonl', path: '{}'", state.path().join("out.jsonl").display())),
        ("webhook", format!("kind: 'webhook', {hook}")),
        ("syslog over TCP", format!("kind: 'syslog', to: 'tcp://{tcp}'")),
        ("syslog, local", format!("kind: 'syslog', to: 'unix://{}'", socket.display())),
        ("otlp", format!("kind: 'otlp', url: 'http://{http}/v1/logs'")),
    ] {
        let seconds = time(state.path(), &sink);
        println!("{what:<16} {:>9.0} records/s", RECORDS as f64 / seconds);
    }
}

/// From when the gateway is ready until its sink's cursor is at the end.
fn time(state: &Path, sink: &str) -> f64 {
    let config = format!("{{doorward: {{export: [{{name: 'it', {sink}}}]}}}}");
    fs::write(state.join("doorward.json"), config).expect("a file");
    let cursor = state.join("export/it");
    let _ = fs::remove_file(&cursor);
    let mut gateway = start(state);
    let clock = Stopwatch::start();
    let at_end = || {
        let text = fs::read_to_string(&cursor).unwrap_or_default();
        text.split(' ')
            .next()
            .and_then(|seq| seq.parse().ok())
            .is_some_and(|seq: u64| seq + 1 >= RECORDS)
    };
    while !at_end() {
        assert!(clock.elapsed() < Duration::from_secs(120), "it does not come to the end: {sink}");
        thread::sleep(Duration::from_millis(2));
    }
    let seconds = clock.elapsed().as_secs_f64();
    gateway.kill().expect("it runs");
    gateway.wait().expect("it ends");
    seconds
}

/// A gateway on any free port that has said it is ready; its sinks start a moment before.
fn start(state: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.env_clear().env("HOME", state).arg("--state-dir").arg(state);
    command.args(["--json", "run", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut gateway = command.spawn().expect("a process");
    let mut ready = String::new();
    let out = gateway.stdout.as_mut().expect("its output");
    BufReader::new(out).read_line(&mut ready).expect("a line");
    gateway
}

/// Records of the most usual size, some 250 bytes with what stands around them.
fn write_ledger(state: &Path) {
    let key = Arc::new(GatewayKey::load_or_create(&state.join("gateway.key")).expect("a key"));
    let options =
        OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") };
    let opened = open(&options, &key, &mut |_| ControlFlow::Continue(())).expect("a new ledger");
    let handle = LedgerHandle::spawn(opened, Arc::clone(&key)).expect("a thread");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for from in (0..RECORDS).step_by(1000) {
            let batch = (from..from + 1000).map(|seq| record(seq, &key)).collect();
            handle.append(from, batch).await.expect("an append");
        }
        handle.close().await.expect("an orderly end");
    });
}

fn record(seq: u64, key: &GatewayKey) -> Record {
    let event = match seq {
        0 => Registry::Begun { gateway_key: PublicKey(key.public()) },
        _ => Registry::SecretAdopted {
            kind: SecretKind::Token,
            fingerprint: TokenHash([seq as u8; 32]),
        },
    };
    let mut device = [0; 32];
    device[..8].copy_from_slice(&seq.to_be_bytes());
    Record {
        seq: Seq(seq),
        at: UnixMillis(1_700_000_000_000 + seq),
        principal: match seq % 2 {
            0 => Principal::System(Rule::Startup),
            _ => Principal::Applicant(DeviceId(device)),
        },
        authority: Seq(0),
        via: Via { request: Some(format!("r-{seq}")), ..Via::internal() },
        before: ScopeSet::full_operator(),
        after: ScopeSet::full_operator(),
        event: Event::Registry(event),
    }
}

fn listen(each: impl Fn(TcpStream) + Send + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || each(stream));
        }
    });
    address
}

/// Reads to the end and closes.
fn tcp() -> SocketAddr {
    listen(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())))
}

fn unix(path: &Path) {
    let socket = UnixDatagram::bind(path).expect("a socket");
    thread::spawn(move || {
        let mut datagram = vec![0; 70_000];
        while socket.recv(&mut datagram).is_ok() {}
    });
}

/// Answers every request with 200.
fn http() -> SocketAddr {
    listen(|stream| {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        let mut length = 0;
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            } else if line.trim().is_empty() {
                let mut body = reader.by_ref().take(length);
                std::io::copy(&mut body, &mut std::io::sink()).expect("a body");
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if reader.get_mut().write_all(answer).is_err() {
                    return;
                }
            }
            line.clear();
        }
    })
}
