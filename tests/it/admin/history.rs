//! Questions to a running gateway, and records as they come over its restarts (N14 A14.3).

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use doorward::proto::v1::ApprovePairingRequest;

use super::{
    client::{Client, Way},
    gateway::{Gateway, block_on, doorward},
};
use crate::house;

/// A gateway that runs says of the past what its files say when it does not.
#[test]
fn a_running_gateway_and_its_files_give_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    assert_eq!(doorward(dir.path(), &format!("devices approve {id}")).code, 0);
    let device = "01".repeat(32);
    let lines = [
        format!("audit why {device} operator.read"),
        format!("audit why {device} operator.read --at 4"),
        format!("audit why {device} operator.admin"),
        format!("audit why {device} operator.read --at 3"),
        "audit why shared-secret operator.read".into(),
        "audit who-can operator.read".into(),
        "audit diff 3 4".into(),
        "audit diff 0".into(),
        format!("audit log --about {device}"),
        "audit log --by host --kind pairing_approved".into(),
        "audit as-of 4".into(),
    ];
    let running = lines.each_ref().map(|line| doorward(dir.path(), line));
    let codes = running.each_ref().map(|ended| ended.code);
    assert_eq!(codes, [0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0], "{running:?}");
    assert!(running[0].out.contains("Root: the gateway host"), "{}", running[0].out);
    assert!(running[6].out.contains("came: +operator.read"), "{}", running[6].out);
    gateway.stop();
    for (line, running) in lines.iter().zip(running) {
        let stopped = doorward(dir.path(), line);
        assert_eq!((stopped.code, stopped.out), (running.code, running.out), "{line}");
    }
}

/// What someone gave stands when they are gone; whoever asks why is told so.
#[test]
fn why_says_what_has_become_of_those_who_gave() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let line = "tokens create --json --name ops --scope operator.pairing --scope operator.read";
    let ops = doorward(dir.path(), line).json();
    let id = gateway.ask(1, "operator.read");
    block_on(async {
        let mut ops = Client::with(&gateway, Way::Socket, ops["secret"].as_str().unwrap()).await;
        let approval = ApprovePairingRequest { request_id: id, ..Default::default() };
        ops.pairing.approve_pairing(approval).await.unwrap();
    });
    let device = "01".repeat(32);
    let why = format!("audit why {device} operator.read");
    let givers =
        |line: &str| doorward(dir.path(), &format!("{line} --json")).json()["givers"].clone();
    let there = givers(&why);
    assert_eq!(there[0]["name"], "ops", "{there}");
    assert_eq!((&there[0]["ended"], &there[1]["ended"]), (&false.into(), &false.into()), "{there}");
    assert!(doorward(dir.path(), &why).out.contains("(ops)"));
    assert_eq!(doorward(dir.path(), "tokens revoke ops").code, 0);
    let gone = givers(&why);
    assert_eq!((&gone[0]["ended"], &gone[0]["name"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(gone[1], there[1], "the host is always there");
    assert!(doorward(dir.path(), &why).out.contains(", ended since"));
    let seq = there[0]["seq"].as_u64().unwrap();
    assert_eq!(givers(&format!("{why} --at {seq}")), there, "at that moment they were there");
}

#[test]
fn what_cannot_be_asked_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(dir.path());
    for (line, code, said) in [
        ("audit why nobody operator.read", 1, "no device is called \"nobody\""),
        ("audit who-can operator.read --at 1000", 2, "the ledger has no such record"),
        ("audit who-can operator.read --at 1970-01-02", 2, "the ledger has no such record"),
        ("audit log --kind approved", 2, "no kind of record: \"approved\""),
        ("audit log --by rule:magic", 2, "no rule: \"magic\""),
        ("audit log --address home", 2, "no address range: \"home\""),
        ("audit log --about shared-secret", 2, "about must be device:<id> or token:<id>"),
    ] {
        let ended = doorward(dir.path(), line);
        assert_eq!(ended.code, code, "{line}: {ended:?}");
        assert!(ended.err.contains(said), "{line}: {}", ended.err);
    }
}

/// A child that ends with the test.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn from(gateway: &house::Gateway, seq: u64) -> Self {
        let mut command = gateway.command();
        command.args(["audit", "watch", "--json", "--from", &seq.to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// The place of the next record.
    fn next(&self) -> u64 {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("the watch is silent");
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        record["seq"].as_u64().unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn n14_a14_3_a_watch_has_each_record_once_over_restarts_of_either_side() {
    let mut gateway = house::Gateway::start("{}");
    let mut next = 0;
    let mut watch = Watch::from(&gateway, 0);
    for round in 0..6 {
        for n in 0..3 {
            let name = format!("t{round}-{n}");
            gateway.json(&["tokens", "create", "--name", &name, "--scope", "operator.read"]);
        }
        let size = gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
        while next < size {
            assert_eq!(watch.next(), next, "round {round}");
            next += 1;
        }
        match round % 3 {
            0 => gateway.kill(),
            1 => drop(gateway.terminate()),
            _ => watch = Watch::from(&gateway, next),
        }
        if round % 3 < 2 {
            gateway.run();
        }
    }
    assert!(next >= 18, "{next} records were seen");
}
