//! What becomes of a session is on record before it does, also where the gateway ends in between.

use std::path::Path;

use doorward::{
    domain::{
        registry::digest::SessionAct,
        talk::{AgentId, SessionKey},
        time::UnixMillis,
    },
    transcripts::{Held, Order, Transcripts},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::house::{Gateway, block_on};

fn say(gateway: &Gateway, key: &str, words: &str) {
    let told = gateway.json(&["agent", "--session-key", key, "--message", words]);
    assert_eq!(told["status"], "ok");
}

fn export(gateway: &Gateway, key: &str) -> String {
    let output = gateway.doorward(&["sessions", "export", key]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The records of a kind, newest last.
fn records(gateway: &Gateway, kind: &str) -> Vec<Value> {
    let output = gateway.doorward(&["audit", "log", "--json", "--kind", kind]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(gateway: &Gateway) -> Vec<String> {
    let listed = gateway.json(&["sessions", "list", "--archived"]);
    let rows = listed["sessions"].as_array().unwrap().iter();
    let mut keys: Vec<_> = rows.map(|row| row["key"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn what_went_is_on_record_with_its_digest() {
    let gateway = Gateway::start("{}");
    say(&gateway, "x", "first");
    let first = export(&gateway, "x");
    let before = gateway.json(&["sessions", "show", "x"]);
    gateway.json(&["sessions", "reset", "x"]);
    say(&gateway, "x", "second");
    let all = export(&gateway, "x");
    assert!(all.starts_with(&first) && all.lines().count() == 4, "{all}");
    gateway.json(&["sessions", "delete", "x", "--yes"]);

    let [reset] = &records(&gateway, "session_reset")[..] else { panic!("not one") };
    let expected = json!({
        "session": "agent:main:x",
        "transcript": before["session"]["sessionId"],
        "messages": "2",
        "digest": sha256(&first),
    });
    assert_eq!(reset["event"]["details"], expected);
    let [deleted] = &records(&gateway, "session_deleted")[..] else { panic!("not one") };
    let details = &deleted["event"]["details"];
    assert_eq!((&details["messages"], &details["digest"]), (&json!("4"), &json!(sha256(&all))));
    assert_eq!(deleted["principal"]["kind"], "host");
    assert_eq!(deleted["via"]["transport"], "admin-socket");
    assert_eq!(keys(&gateway), [""; 0]);
    let nothing = gateway.doorward(&["sessions", "delete", "x", "--yes"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert_eq!(records(&gateway, "session_deleted").len(), 1);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

/// Brings the sessions into the state in which a crash in the middle of an act leaves them.
fn hold(sessions: &Path, key: &str, act: SessionAct, since: u64) {
    block_on(async {
        let (transcripts, _) = Transcripts::open(sessions, UnixMillis(0)).unwrap();
        let key = SessionKey::of(&AgentId::main(), key);
        let held = Held { act, since };
        let order = Order::Hold { key, expect: None, idle_since: None, held };
        transcripts.order(order).await.unwrap();
        transcripts.close().await;
    });
}

#[test]
fn what_is_on_record_is_done_at_the_next_start_and_the_rest_given_up() {
    let mut gateway = Gateway::start("{}");
    for key in ["deleted", "reset", "neither", "other"] {
        say(&gateway, key, "hello");
    }
    let size = gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
    let sessions = gateway.state.path().join("sessions");
    let aside = gateway.state.path().join("aside");
    gateway.terminate();
    copy(&sessions, &aside);
    gateway.run();
    gateway.json(&["sessions", "delete", "deleted", "--yes"]);
    gateway.json(&["sessions", "reset", "reset"]);
    gateway.json(&["sessions", "delete", "neither", "--yes"]);
    let now = gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
    assert_eq!(now, size + 3);
    gateway.terminate();

    // As if the gateway had ended between the record and the act, and once before the record.
    std::fs::remove_dir_all(&sessions).unwrap();
    std::fs::rename(&aside, &sessions).unwrap();
    hold(&sessions, "deleted", SessionAct::Delete, size);
    hold(&sessions, "reset", SessionAct::Reset, size);
    hold(&sessions, "neither", SessionAct::Delete, now);
    hold(&sessions, "other", SessionAct::Reset, size);
    gateway.run();
    assert_eq!(keys(&gateway), ["agent:main:neither", "agent:main:other", "agent:main:reset"]);
    let shown = |key: &str| gateway.json(&["sessions", "show", key])["session"].clone();
    let counts = |row: &Value| (row["messages"].as_u64(), row["previous"].as_u64());
    assert_eq!(counts(&shown("reset")), (Some(0), Some(1)));
    for key in ["neither", "other", "reset"] {
        say(&gateway, key, "and on");
    }
    assert_eq!(counts(&shown("neither")), (Some(4), Some(0)));
    assert_eq!(counts(&shown("other")), (Some(4), Some(0)));
    assert_eq!(records(&gateway, "session_deleted").len(), 2, "nothing was put on record twice");
}

#[test]
fn what_nobody_comes_back_to_goes_by_rule_and_on_record() {
    let config = "{doorward: {sessions: {deleteAfter: '1ms'}}}";
    let mut gateway = Gateway::start("{}");
    for key in ["x", "y", "main"] {
        say(&gateway, key, "hello");
    }
    let pinned = r#"{"key": "y", "pinned": true}"#;
    let digest = sha256(&export(&gateway, "x"));
    pin(&gateway, pinned);
    gateway.terminate();
    std::fs::write(gateway.state.path().join("doorward.json"), config).unwrap();
    gateway.run();
    let waiting = doorward::support::clock::Stopwatch::start();
    while keys(&gateway).len() > 2 {
        assert!(waiting.elapsed().as_secs() < 20, "{}", gateway.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(keys(&gateway), ["agent:main:main", "agent:main:y"]);
    let [deleted] = &records(&gateway, "session_deleted")[..] else { panic!("not one") };
    assert_eq!(deleted["principal"], json!({"kind": "system", "rule": "retention"}));
    assert_eq!(deleted["event"]["details"]["digest"], digest);
}

fn pin(gateway: &Gateway, params: &str) {
    let params: Value = serde_json::from_str(params).unwrap();
    block_on(async {
        let mut session =
            gateway.connect(&crate::house::shared(&["operator.write"])).await.unwrap();
        session.request("sessions.patch", params).await.unwrap();
    });
}
