//! Commands against a running gateway, and against the files of one that is not running.

use std::fs;

use super::gateway::{Gateway, doorward, set};

#[test]
fn a_request_is_seen_approved_once_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read operator.write");

    let listed = doorward(dir.path(), "devices list");
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.out.contains(&id) && listed.out.contains("read write"), "{}", listed.out);

    let preview = doorward(dir.path(), "devices approve");
    assert_eq!(preview.code, 1, "{preview:?}");
    let run = format!("doorward --state-dir {} devices approve {id}", dir.path().to_str().unwrap());
    assert!(preview.out.contains(&run), "{}", preview.out);
    assert_eq!(gateway.holds(1), None, "a preview approves nothing");

    let approved = doorward(dir.path(), &format!("devices approve {}", &id[..8]));
    assert_eq!(approved.code, 0, "{approved:?}");
    assert!(approved.out.starts_with("approved "), "{}", approved.out);
    assert!(approved.out.contains("operator.read operator.write"), "{}", approved.out);
    assert_eq!(gateway.holds(1), Some(set("operator.read operator.write")));

    let again = doorward(dir.path(), &format!("devices approve {id}"));
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("approved already [REQUEST_CLOSED]"), "{}", again.err);
    assert!(again.err.contains("\nmissing: ") && again.err.contains("\nrun: "), "{}", again.err);

    let log = doorward(dir.path(), "audit log --from 4 --json");
    let record = log.json();
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!(record["event"]["kind"], "pairing_approved");
    assert_eq!(record["principal"], serde_json::json!({"kind": "host", "uid": uid}));
    assert_eq!(record["via"]["transport"], "admin-socket");
    assert_eq!(record["via"]["connection"], format!("pid {}", std::process::id()));
    assert_eq!(record["via"]["request"].as_str().unwrap().len(), 36);
    assert_eq!(record["after"], serde_json::json!(["operator.read", "operator.write"]));
}

#[test]
fn a_request_that_is_not_what_was_seen_is_not_approved() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read operator.admin");
    let refused = doorward(dir.path(), &format!("devices approve {id} --scopes operator.read"));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("[REQUEST_CHANGED]"), "{}", refused.err);
    assert_eq!(gateway.holds(1), None);

    let newer = gateway.ask(1, "operator.read");
    let superseded = doorward(dir.path(), &format!("devices approve {id}"));
    assert_eq!(superseded.code, 1, "{superseded:?}");
    let run = format!("run: doorward devices approve {newer}");
    assert!(superseded.err.contains(&run), "{}", superseded.err);

    let seen = doorward(dir.path(), &format!("devices approve {newer} --scopes operator.read"));
    assert_eq!(seen.code, 0, "{seen:?}");
    assert_eq!(gateway.holds(1), Some(set("operator.read")));
}

#[test]
fn a_rejected_request_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    let rejected = doorward(dir.path(), &format!("devices reject {id} --json"));
    assert_eq!((rejected.code, &rejected.json()["requestId"]), (0, &id.clone().into()));
    assert_eq!(doorward(dir.path(), "devices approve").code, 1);
    let late = doorward(dir.path(), &format!("devices approve {id}"));
    assert!(late.err.contains("rejected already"), "{}", late.err);
    assert!(gateway.state().is_barred(doorward::domain::ids::DeviceId([1; 32])));
}

#[test]
fn what_cannot_be_a_request_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(dir.path());
    for (line, code) in [
        ("devices approve 3f2", 2),
        ("devices approve 3f2a", 1),
        ("devices approve not-an-id-but-as-long-as-one-is-xxxx", 2),
        ("devices reject 00000000-0000-4000-8000-000000000000", 1),
        ("audit as-of 1000", 2),
    ] {
        assert_eq!(doorward(dir.path(), line).code, code, "{line}");
    }
}

#[test]
fn status_and_lists_are_one_document_each() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    let status = doorward(dir.path(), "status --json").json();
    assert_eq!((&status["pending"], &status["devices"]), (&1.into(), &0.into()));
    assert_eq!(status["ledgerSize"], 4);
    assert_eq!(status["ledgerWritable"], true);
    assert_eq!(status["authMode"], "token");
    let listed = doorward(dir.path(), "devices list --json").json();
    assert_eq!(listed["pending"][0]["requestId"], id);
    assert_eq!(listed["pending"][0]["address"], "192.0.2.7");
    assert!(listed["pending"][0]["expiresAtMs"].as_u64() > Some(0));
    let preview = doorward(dir.path(), "devices approve --json").json();
    assert_eq!(preview["preview"]["requestId"], id);
}

#[test]
fn the_past_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    doorward(dir.path(), &format!("devices approve {id}"));
    let before = doorward(dir.path(), "audit as-of 3 --json").json();
    assert_eq!(before["pending"][0]["requestId"], id);
    assert_eq!(before["paired"], serde_json::json!([]));
    let after = doorward(dir.path(), "audit as-of 4 --json").json();
    assert_eq!(after["pending"], serde_json::json!([]));
    assert_eq!(after["paired"][0]["grants"][0]["scopes"], serde_json::json!(["operator.read"]));
    assert_eq!(after["policy"]["seq"], 1);
}

#[test]
fn without_a_gateway_the_ledger_can_still_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    let running = doorward(dir.path(), "audit log --json");
    gateway.stop();
    assert!(!dir.path().join("admin.sock").exists(), "the socket is taken away at the end");

    for line in ["devices list", "devices approve", "status", "audit log --follow"] {
        let ended = doorward(dir.path(), line);
        assert_eq!(ended.code, 4, "{line}: {ended:?}");
        assert!(ended.err.contains("no gateway is running on "), "{}", ended.err);
        assert!(ended.err.contains("run: doorward --state-dir "), "{}", ended.err);
    }
    let log = doorward(dir.path(), "audit log --json");
    assert_eq!((log.code, &log.out), (0, &running.out), "{log:?}");
    assert!(log.err.contains("reading the ledger in"), "{}", log.err);
    let newest = doorward(dir.path(), "audit log --limit 1 --json");
    assert_eq!(newest.json()["event"]["details"]["request_id"], id);
    let verdict = doorward(dir.path(), "audit verify --json");
    assert_eq!((verdict.code, &verdict.json()["ok"]), (0, &true.into()));
    assert_eq!(verdict.json()["size"], 4);
    assert_eq!(doorward(dir.path(), "audit as-of 3 --json").json()["pending"][0]["requestId"], id);
    assert_eq!(doorward(dir.path(), "audit as-of 4").code, 2);
}

#[test]
fn a_ledger_that_is_broken_exits_with_its_own_code() {
    let dir = tempfile::tempdir().unwrap();
    drop(Gateway::start(dir.path()));
    fs::write(dir.path().join("checkpoint"), "another story").unwrap();
    let verdict = doorward(dir.path(), "audit verify --json");
    assert_eq!(verdict.code, 5, "{verdict:?}");
    let error: serde_json::Value = serde_json::from_str(&verdict.err).unwrap();
    assert_eq!(error["error"]["exit"], 5);
}

#[test]
fn an_empty_directory_has_no_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let ended = doorward(dir.path(), "audit log");
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("there is no ledger here"), "{}", ended.err);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "reading creates nothing");
}

#[test]
fn the_configuration_is_checked_without_a_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("doorward.json");
    assert_eq!(doorward(dir.path(), "config check --strict").code, 0);
    fs::write(&file, "{ gateway: { port: 1, nonsense: 1 } }").unwrap();
    let odd = doorward(dir.path(), "config check");
    assert_eq!(odd.code, 0, "{odd:?}");
    assert!(odd.out.contains("warning: ") && odd.out.contains("nonsense"), "{}", odd.out);
    assert_eq!(doorward(dir.path(), "config check --strict").code, 1);
    fs::write(&file, "{ gateway: { port: 'x' } }").unwrap();
    let wrong = doorward(dir.path(), "config check --json");
    assert_eq!((wrong.code, &wrong.json()["ok"]), (1, &false.into()));
    assert_eq!(wrong.json()["errors"][0]["path"], "gateway.port");
}

#[test]
fn completions_name_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    let script = doorward(dir.path(), "completions bash");
    assert_eq!(script.code, 0);
    assert!(script.out.contains("doorward") && script.out.contains("as-of"), "{}", script.out);
}
