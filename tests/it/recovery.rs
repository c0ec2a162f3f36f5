//! A gateway whose store is damaged: it says so and how to go on, and goes on from what it published.

use std::{fs, process::Output};

use serde_json::Value;

use crate::house::Gateway;

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_damaged_gateway_goes_on_from_what_it_published() {
    let mut gateway = Gateway::start("{}");
    let recover = |gateway: &Gateway, more: &[&str]| {
        told(&gateway.doorward(&[&["recover", "--from-tiles"], more].concat()))
    };
    gateway.json(&["tokens", "create", "--name", "grafana", "--scope", "operator.read"]);
    let (code, said) = recover(&gateway, &["--yes"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    assert!(gateway.terminate().success());
    let (code, said) = recover(&gateway, &["--yes"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the ledger is whole"), "{said}");
    let before = gateway.json(&["audit", "verify"]);

    let db = gateway.state.path().join("ledger/db");
    let mut bytes = fs::read(&db).unwrap();
    bytes.truncate(600);
    fs::write(&db, &bytes).unwrap();
    // Not opened before it is looked at: opening would write over what is left.
    let (code, said) = recover(&gateway, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("can be restored:  4 records, all of them proven"), "{said}");
    assert!(said.contains("Nothing was changed. To do it: "), "{said}");
    assert_eq!(fs::read(&db).unwrap(), bytes);
    let started = told(&gateway.doorward(&["run", "--port", "0"]));
    assert_eq!(started.0, Some(5), "{}", started.1);
    assert!(started.1.contains("doorward recover --from-tiles"), "{}", started.1);

    let done = gateway.json(&["recover", "--from-tiles", "--yes"]);
    assert_eq!((&done["size"], &done["lost"]), (&5.into(), &0.into()));
    assert!(fs::exists(done["kept"].as_str().unwrap()).unwrap());
    gateway.run();
    let tokens = gateway.json(&["tokens", "list"]);
    assert!(tokens.to_string().contains("grafana"), "{tokens}");
    let log = gateway.doorward(&["audit", "log", "--from", "4", "--limit", "1", "--json"]);
    let record: Value = serde_json::from_slice(&log.stdout).unwrap();
    assert_eq!(record["event"]["kind"], "ledger_recovered");
    assert_eq!(record["event"]["details"]["lost"], "0");
    assert!(record["principal"].to_string().contains("host"), "{record}");
    // What was signed before the damage begins what is there after it.
    let old = gateway.state.path().join("old");
    fs::write(&old, before["checkpoint"].as_str().unwrap()).unwrap();
    let verdict = gateway.json(&["audit", "verify", "--since", old.to_str().unwrap()]);
    assert_eq!(verdict["ok"], true);
}
