//! Exports of the ledger: everything that was committed is in the file, whoever is killed when.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use doorward::support::clock::Stopwatch;
use serde_json::Value;

use crate::house::Gateway;

fn exporting(gateway: &Gateway, to: &Path, more: &[&str]) -> std::process::Command {
    let mut command = gateway.command();
    command.args(["audit", "export", "--to", &format!("jsonl:{}", to.display())]).args(more);
    command.stdout(Stdio::null());
    command
}

fn export(gateway: &Gateway, to: &Path, more: &[&str]) -> Option<i32> {
    exporting(gateway, to, more).stderr(Stdio::null()).status().unwrap().code()
}

fn follow(gateway: &Gateway, to: &Path) -> Child {
    exporting(gateway, to, &["--follow"]).spawn().unwrap()
}

/// The whole ledger, as `audit log` prints it.
fn ledger(gateway: &Gateway) -> Vec<String> {
    let log = gateway.doorward(&["audit", "log", "--from", "0", "--limit", "100000", "--json"]);
    String::from_utf8(log.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

/// Two records.
fn write(gateway: &Gateway, name: &str) {
    gateway.json(&["tokens", "create", "--name", name, "--scope", "operator.read"]);
    gateway.json(&["tokens", "revoke", name]);
}

fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = Stopwatch::start();
    while !is() {
        assert!(waiting.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn n19_a19_3_an_export_goes_on_where_it_stopped() {
    let mut gateway = Gateway::start("{}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    assert_eq!(export(&gateway, &file, &[]), Some(0));
    assert_eq!(lines(&file), ledger(&gateway));
    write(&gateway, "a");
    // What a kill cut short is written again, whole; --from is for the first time.
    let torn = fs::read_to_string(&file).unwrap() + "{\"seq\":2,\"ti";
    fs::write(&file, torn).unwrap();
    for _ in 0..2 {
        assert_eq!(export(&gateway, &file, &["--from", "0"]), Some(0));
        assert_eq!(lines(&file), ledger(&gateway));
    }
    // Without a gateway too.
    write(&gateway, "b");
    let all = ledger(&gateway);
    gateway.terminate();
    assert_eq!(export(&gateway, &file, &[]), Some(0));
    assert_eq!(lines(&file), all);
    let late = dir.path().join("late.jsonl");
    assert_eq!(export(&gateway, &late, &["--from", "3"]), Some(0));
    assert_eq!(lines(&late), all[3..]);
    let out = gateway.doorward(&["audit", "export", "--to", "jsonl:-", "--from", "3"]);
    assert_eq!(String::from_utf8(out.stdout).unwrap().lines().collect::<Vec<_>>(), all[3..]);
    // Another ledger is not mixed into the same file.
    let other = Gateway::start("{}");
    (0..9).for_each(|n| write(&other, &format!("x{n}")));
    assert_eq!(export(&other, &file, &[]), Some(5));
    assert_eq!(lines(&file), all);
}

/// Both sides are killed again and again; records may come twice, and none is left out.
#[test]
fn n19_a19_3_at_least_once_over_kills_of_either_side() {
    let mut gateway = Gateway::start("{}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    for round in 0..6 {
        let mut follower = follow(&gateway, &file);
        let before = lines(&file).len();
        for n in 0..4 {
            write(&gateway, &format!("t{round}-{n}"));
            if n == 1 && round % 2 == 1 {
                until("it follows", || lines(&file).len() > before);
                gateway.kill();
                gateway.run();
            }
        }
        // Killed in the middle of it, or when the cursor has moved.
        if round % 3 == 0 {
            until("it follows", || lines(&file).len() > before);
        }
        follower.kill().unwrap();
        follower.wait().unwrap();
    }
    assert_eq!(export(&gateway, &file, &[]), Some(0));
    let seq = |line: &String| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    let exported: BTreeMap<_, _> =
        lines(&file).into_iter().map(|line| (seq(&line), line)).collect();
    assert_eq!(exported.into_values().collect::<Vec<_>>(), ledger(&gateway));
}
