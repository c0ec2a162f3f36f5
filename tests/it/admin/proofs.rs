//! Proofs on the command line: made with and without a gateway, checked without either.

use std::{fs, path::Path};

use super::gateway::{Ended, Gateway, doorward};

/// Runs a line whose words may hold paths.
fn check(state_dir: &Path, proof: &Path, key: &str) -> Ended {
    doorward(state_dir, &format!("audit check {} --key={key} --json", proof.display()))
}

/// The key as the command that made a proof says it.
fn key_said(ended: &Ended) -> String {
    ended.err.split("--key=").nth(1).unwrap().trim().to_owned()
}

#[test]
fn a_record_is_proven_to_people_who_have_nothing_but_the_key() {
    let (dir, nowhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut gateway = Gateway::start(dir.path());
    let id = gateway.ask(1, "operator.read");
    let proof = nowhere.path().join("3.tlog-proof");
    let prove = |seq: u64| {
        let line = format!("audit prove --seq {seq} --out {}", proof.display());
        doorward(dir.path(), &line)
    };
    let made = prove(3);
    assert_eq!((made.code, made.out.as_str()), (0, ""), "{made:?}");
    let key = key_said(&made);
    let checked = check(nowhere.path(), &proof, &key);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(checked.json()["record"]["event"]["details"]["request_id"], id);
    assert_eq!(checked.json()["size"], 4);
    let logged = doorward(dir.path(), "audit log --from 3 --json").json();
    assert_eq!(checked.json()["record"], logged);
    // A file with the key, also as hex, and one with another key.
    let hex = doorward(dir.path(), "audit prove --seq 0 --json").json()["gatewayKey"].clone();
    let key_file = nowhere.path().join("key");
    for (content, code) in [
        (key.clone() + "\n", 0),
        (hex.as_str().unwrap().to_owned(), 0),
        ("07".repeat(32), 5),
        ("a key".into(), 2),
    ] {
        fs::write(&key_file, &content).unwrap();
        let key = key_file.display().to_string();
        assert_eq!(check(nowhere.path(), &proof, &key).code, code, "{content}");
    }
    let text = fs::read_to_string(&proof).unwrap();
    fs::write(&proof, text.replacen("index 3", "index 2", 1)).unwrap();
    let altered = check(nowhere.path(), &proof, &key);
    assert_eq!(altered.code, 5, "{altered:?}");
    assert!(altered.err.contains("is not in the ledger that was signed"), "{}", altered.err);
    assert_eq!(prove(99).code, 2, "there is no such record");

    gateway.stop();
    let made = prove(2);
    assert_eq!((made.code, key_said(&made)), (0, key.clone()), "{made:?}");
    assert_eq!(check(nowhere.path(), &proof, &key).json()["record"]["seq"], 2);
    assert_eq!(prove(99).code, 2, "there is no such record");
    assert_eq!(check(nowhere.path(), &nowhere.path().join("none"), &key).code, 2);
}

#[test]
fn an_old_checkpoint_tells_whether_history_was_rewritten() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, foreign) = (dir.path().join("old"), dir.path().join("foreign"));
    let mut gateway = Gateway::start(dir.path());
    gateway.ask(1, "operator.read");
    let note = doorward(dir.path(), "audit prove --seq 3").out;
    fs::write(&old, note.split_once("\n\n").unwrap().1).unwrap();
    gateway.ask(2, "operator.read");
    let mut elsewhere = Gateway::start(other.path());
    let note = doorward(other.path(), "audit prove --seq 1").out;
    fs::write(&foreign, note.split_once("\n\n").unwrap().1).unwrap();
    elsewhere.stop();
    let verify = |dir: &Path, since: &Path| {
        doorward(dir, &format!("audit verify --since {}", since.display()))
    };
    for running in [true, false] {
        if !running {
            gateway.stop();
        }
        let sound = verify(dir.path(), &old);
        assert_eq!(sound.code, 0, "{sound:?}");
        assert!(sound.out.contains("it begins with all that "), "{sound:?}");
        let foreign = verify(dir.path(), &foreign);
        assert_eq!(foreign.code, 2, "{foreign:?}");
        assert!(foreign.err.contains("another key"), "{foreign:?}");
    }
    // Another history under the same key: what the old checkpoint knows is not there.
    for name in ["ledger", "checkpoint", "tlog"] {
        let path = dir.path().join(name);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
    let mut gateway = Gateway::start(dir.path());
    let short = verify(dir.path(), &old);
    assert_eq!(short.code, 5, "{short:?}");
    assert!(short.out.contains("there were 4 records"), "{short:?}");
    for n in 1..4 {
        gateway.ask(n, "operator.read");
    }
    for running in [true, false] {
        if !running {
            gateway.stop();
        }
        let rewritten = verify(dir.path(), &old);
        assert_eq!(rewritten.code, 5, "{rewritten:?}");
        assert!(rewritten.out.contains("are not those that were signed"), "{rewritten:?}");
    }
}
