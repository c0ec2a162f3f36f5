//! The published ledger over HTTP: who gets it, under which names, and that it is what lies on disk.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use doorward::support::clock::Stopwatch;
use serde_json::Value;

use super::client::{bearer, begin};
use crate::house::{Gateway, TOKEN};

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1
    }

    fn error(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["error"].clone()
    }
}

fn ask(gateway: &Gateway, line: &str, credential: Option<&str>) -> Answer {
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), gateway.port);
    let header = credential.map(bearer);
    let mut stream = begin(address, line, header.as_deref().as_slice());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    Answer { head, body: bytes[end + 4..].to_vec() }
}

/// Has a checkpoint signed, and waits until it is published.
fn published(gateway: &Gateway) {
    let signed = gateway.doorward(&["audit", "prove", "--seq", "0"]);
    assert!(signed.status.success(), "{signed:?}");
    let file = gateway.state.path().join("tlog/checkpoint");
    let waiting = Stopwatch::start();
    while !file.exists() {
        assert!(waiting.elapsed() < Duration::from_secs(30), "{}", gateway.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_published_ledger_is_served_to_those_who_may_read_the_ledger() {
    let gateway = Gateway::start("{}");
    published(&gateway);
    assert_eq!(gateway.json(&["status"])["publishedSize"], 3);
    let secret = |scope: &str| {
        let made = gateway.json(&["tokens", "create", "--name", scope, "--scope", scope]);
        made["secret"].as_str().unwrap().to_owned()
    };
    let (auditor, reader) = (secret("operator.audit"), secret("operator.read"));
    // Records 0 to 2 were there when the checkpoint was signed.
    let forever = ("application/octet-stream", "private, max-age=31536000, immutable");
    for (path, expected) in [
        ("checkpoint", ("text/plain; charset=utf-8", "private, no-cache")),
        ("tile/0/000.p/3", forever),
        ("tile/entries/000.p/3", forever),
    ] {
        let line = format!("GET /doorward/tlog/{path}");
        let answer = ask(&gateway, &line, Some(&auditor));
        assert_eq!(answer.status(), "200", "{path}: {}", answer.head);
        let on_disk = fs::read(gateway.state.path().join("tlog").join(path)).unwrap();
        // A checkpoint may have been replaced meanwhile, by one that is as long.
        assert!(answer.body == on_disk || path == "checkpoint", "{path}");
        assert_eq!(answer.body.len(), on_disk.len(), "{path}");
        let headers = (answer.header("content-type"), answer.header("cache-control"));
        assert_eq!(headers, expected, "{path}");
        let head = ask(&gateway, &line.replacen("GET", "HEAD", 1), Some(&auditor));
        assert_eq!((head.status(), head.body.len()), ("200", 0), "{path}");
        for (credential, status, code) in [
            (None, "401", "AUTH_TOKEN_MISSING"),
            (Some("dwst_nobody"), "401", "SERVICE_TOKEN_INVALID"),
            (Some(reader.as_str()), "403", "MISSING_SCOPE"),
        ] {
            let no = ask(&gateway, &line, credential);
            assert_eq!((no.status(), &no.error()["code"]), (status, &code.into()), "{path}");
        }
        let post = ask(&gateway, &line.replacen("GET", "POST", 1), Some(&auditor));
        assert_eq!((post.status(), post.header("allow")), ("405", "GET, HEAD"), "{path}");
    }
}

/// Nothing but tiles has a name here: not a file beside them, and not a tile in another spelling.
#[test]
fn only_what_is_published_has_a_name() {
    let gateway = Gateway::start("{}");
    published(&gateway);
    let state = gateway.state.path();
    fs::write(state.join("tlog/tile/secret"), "x").unwrap();
    // A tile that is there before its records are told of is not there for anyone.
    fs::write(state.join("tlog/tile/0/000"), "x").unwrap();
    assert!(state.join("gateway.key").exists());
    for path in [
        "",
        "tile",
        "tile/secret",
        "../gateway.key",
        "%2e%2e/gateway.key",
        "..%2fgateway.key",
        "tile/../../gateway.key",
        "tile/0/../../../gateway.key",
        "tile/0/000.p/../../../../../gateway.key",
        "//etc/passwd",
        "tile/0/000.p/03",
        "tile/0/%3000.p/3",
        "tile/0/000",
        "tile/entries/000.p/200",
        "tile/9/000",
    ] {
        let answer = ask(&gateway, &format!("GET /doorward/tlog/{path}"), Some(TOKEN));
        assert_eq!(answer.status(), "404", "{path}: {}", answer.head);
        assert_eq!(answer.error()["type"], "not_found", "{path}");
    }
}
