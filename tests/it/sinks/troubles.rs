//! Sinks that are down, refuse, or hang, and cursors that do not fit: nobody else waits, everyone can
//! see it, and nothing is left out in the end.

use std::fs;

use serde_json::Value;

use super::{
    complete, documents, gateway, jsonl, ledger, of_syslog, of_webhooks,
    receivers::{self, Answer, Http},
    until, webhook, write,
};
use crate::house::{Gateway, free_port};

fn sink(gateway: &Gateway, name: &str) -> Value {
    let listed = gateway.json(&["audit", "sinks"]);
    let sinks = listed["sinks"].as_array().unwrap();
    sinks.iter().find(|sink| sink["name"] == name).unwrap().clone()
}

/// What the metrics say of a sink.
fn figure(gateway: &Gateway, name: &str, sink: &str) -> String {
    let made = gateway.json(&["tokens", "create", "--name", "m", "--scope", "operator.read"]);
    let bearer = format!("Authorization: Bearer {}\r\n", made["secret"].as_str().unwrap());
    let page = gateway.ask("/metrics", &bearer).1;
    gateway.json(&["tokens", "revoke", "m"]);
    let start = format!("{name}{{sink=\"{sink}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{name}: {page}")).to_owned()
}

#[test]
fn n19_a19_3_dead_sinks_hold_nobody_up_and_catch_up() {
    let dir = tempfile::tempdir().unwrap();
    let (file, socket) = (dir.path().join("a.jsonl"), dir.path().join("log"));
    let [tcp, hook] = [(); 2].map(|()| free_port());
    let gateway = gateway(&format!(
        "{} {} {{name: 'tcp', kind: 'syslog', to: 'tcp://127.0.0.1:{tcp}'}},
         {{name: 'unix', kind: 'syslog', to: 'unix://{}'}}",
        jsonl(&file),
        webhook(hook),
        socket.display(),
    ));
    for n in 0..5 {
        write(&gateway, &format!("t{n}"));
    }
    let dead = ["hook", "tcp", "unix"];
    for name in dead {
        until(name, || sink(&gateway, name)["failures"].as_u64() > Some(1));
        let told = sink(&gateway, name);
        assert_eq!((&told["state"], &told["nextSeq"]), (&"failing".into(), &0.into()), "{told}");
        assert!(told["lag"].as_u64() > Some(9) && told["lastSuccessMs"].is_null(), "{told}");
        assert!(told["trouble"].as_str().unwrap().contains("os error"), "{told}");
        assert_eq!(figure(&gateway, "doorward_export_up", name), "0");
        assert_ne!(figure(&gateway, "doorward_export_lag_records", name), "0");
        assert_ne!(figure(&gateway, "doorward_export_failures_total", name), "0");
        let log = gateway.log();
        let lines = log.lines().filter(|line| {
            line.contains("takes no records") && line.contains(&format!("\"{name}\""))
        });
        assert_eq!(lines.count(), 1, "once, however often it fails: {log}");
    }
    let told = gateway.json(&["status"]);
    assert_eq!((&told["sinks"], &told["sinksInTrouble"]), (&4.into(), &3.into()), "{told}");
    until("the file", || complete("file", &documents(&file), &ledger(&gateway)));
    let by_unix = receivers::unix(&socket);
    let by_tcp = receivers::tcp(tcp);
    let by_hook = Http::on(hook, Answer::Status(200), None);
    let all = ledger(&gateway);
    until("tcp", || complete("tcp", &of_syslog(by_tcp.all()), &all));
    until("unix", || complete("unix", &of_syslog(by_unix.all()), &all));
    until("the webhook", || complete("hook", &of_webhooks(&by_hook), &all));
    for name in dead {
        until(name, || sink(&gateway, name)["state"] == "delivering");
        assert!(sink(&gateway, name)["trouble"].is_null());
        assert!(gateway.log().contains("takes records again"));
        assert_eq!(figure(&gateway, "doorward_export_up", name), "1");
        assert_ne!(figure(&gateway, "doorward_export_success_timestamp_seconds", name), "0");
    }
}

#[test]
fn n19_a19_3_refusals_are_seen_and_end() {
    let [port, other] = [(); 2].map(|()| free_port());
    let hook = Http::on(port, Answer::Status(200), None);
    let elsewhere = Http::on(other, Answer::Status(200), None);
    let gateway = gateway(&webhook(port));
    for (n, (answer, state, says)) in [
        (Answer::Status(500), "failing", "it answers 500"),
        (Answer::Later, "failing", "it answers 429"),
        (Answer::Status(401), "refused", "it answers 401"),
        (Answer::Elsewhere(other), "refused", "no redirect is followed"),
    ]
    .into_iter()
    .enumerate()
    {
        hook.answer(answer);
        write(&gateway, &format!("t{n}"));
        until(says, || sink(&gateway, "hook")["state"] == state);
        until(says, || sink(&gateway, "hook")["trouble"].as_str().unwrap().contains(says));
        // What was not taken is sent again as it was.
        let failed = hook.got.all().pop().unwrap();
        assert_eq!(failed.answer, answer);
        hook.answer(Answer::Status(200));
        until(says, || complete("hook", &of_webhooks(&hook), &ledger(&gateway)));
        let taken = hook.taken();
        let again =
            taken.iter().find(|one| one.header("webhook-id") == failed.header("webhook-id"));
        assert_eq!(again.unwrap().body, failed.body, "{answer:?}");
        until(says, || sink(&gateway, "hook")["state"] == "delivering");
    }
    assert_eq!(elsewhere.got.all().len(), 0);
    // An answer without an end is not read to it.
    hook.answer(Answer::Endless);
    write(&gateway, "endless");
    until("endless", || complete("hook", &of_webhooks(&hook), &ledger(&gateway)));
    until("endless", || sink(&gateway, "hook")["lag"] == 0);
}

#[test]
fn n19_a19_3_a_cursor_that_does_not_fit_stops_its_sink_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (file, port) = (dir.path().join("a.jsonl"), free_port());
    let hook = Http::on(port, Answer::Status(200), None);
    let mut gateway = gateway(&(jsonl(&file) + &webhook(port)));
    let cursor = gateway.state.path().join("export/hook");
    write(&gateway, "before");
    until("the cursor", || sink(&gateway, "hook")["lag"] == 0 && cursor.exists());
    for (n, (text, says)) in [
        ("not a cursor".to_owned(), "is no cursor of an export"),
        (String::new(), "is no cursor of an export"),
        (format!("100000 {}\n", "ab".repeat(32)), "the ledger does not hold record 100000"),
        (format!("1 {}\n", "ab".repeat(32)), "the ledger does not hold record 1"),
    ]
    .into_iter()
    .enumerate()
    {
        gateway.kill();
        fs::write(&cursor, &text).unwrap();
        let had = hook.got.all().len();
        gateway.run();
        until(says, || sink(&gateway, "hook")["state"] == "refused");
        let trouble = sink(&gateway, "hook")["trouble"].clone();
        let remedy = format!("remove {} to export again from record 0 on", cursor.display());
        assert!(trouble.as_str().unwrap().contains(says), "{trouble}");
        assert!(trouble.as_str().unwrap().contains(&remedy), "{trouble}");
        write(&gateway, &format!("t{n}"));
        until("the file", || complete("file", &documents(&file), &ledger(&gateway)));
        assert_eq!(fs::read_to_string(&cursor).unwrap(), text, "nobody but a person removes it");
        assert_eq!(hook.got.all().len(), had, "nothing is sent");
        // Without a restart.
        fs::remove_file(&cursor).unwrap();
        until("again", || complete("hook", &of_webhooks(&hook), &ledger(&gateway)));
        until("the cursor", || sink(&gateway, "hook")["lag"] == 0 && cursor.exists());
    }
    // Put back as it was, it fits, and there is nothing left to complain of.
    gateway.kill();
    let good = fs::read_to_string(&cursor).unwrap();
    fs::write(&cursor, "7").unwrap();
    let had = hook.got.all().len();
    gateway.run();
    until("refused", || sink(&gateway, "hook")["state"] == "refused");
    fs::write(&cursor, good).unwrap();
    until("mended", || sink(&gateway, "hook")["state"] == "idle");
    let told = sink(&gateway, "hook");
    assert_eq!((&told["trouble"], &told["lag"]), (&Value::Null, &0.into()), "{told}");
    assert_eq!(hook.got.all().len(), had, "it has everything");
}
