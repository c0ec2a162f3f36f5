//! What comes back, and what does not.

use std::sync::atomic::{AtomicBool, Ordering};

use doorward::{
    domain::{Event, registry},
    service::{Moment, offline},
};
use serde_json::json;
use tempfile::TempDir;

use super::{back_up, elsewhere, error, gateway, pair, refused, restore, restored};
use crate::house::{Gateway, block_on};

/// The stored records of a gateway that is not running: each one's leaf hash.
fn leaves(gateway: &Gateway) -> Vec<[u8; 32]> {
    let ledger = offline(gateway.state.path()).unwrap();
    assert_eq!(ledger.verify().unwrap().broken, None);
    let entries = ledger.read(0, usize::MAX).unwrap();
    entries.into_iter().map(|entry| entry.leaf_hash).collect()
}

/// A18.1: backups are made while devices pair; restored elsewhere, who was in comes back without
/// pairing, and the ledger verifies.
#[test]
fn n18_a18_1_a_backup_under_load_is_a_gateway_elsewhere() {
    let gateway = gateway();
    let dir = TempDir::new().unwrap();
    let (paired, mut moved) = (block_on(pair(&gateway)), elsewhere());
    let done = AtomicBool::new(false);
    let files = std::thread::scope(|scope| {
        let (gateway, done) = (&gateway, &done);
        let load = scope.spawn(move || {
            block_on(async {
                let mut count = 0;
                while !done.load(Ordering::Relaxed) {
                    futures_util::future::join_all((0..8).map(|_| pair(gateway))).await;
                    count += 8;
                }
                count
            })
        });
        let files: Vec<_> = (0..3)
            .map(|round| {
                let file = back_up(gateway, dir.path());
                let kept = dir.path().join(format!("{round}.tar"));
                std::fs::rename(file, &kept).unwrap();
                kept
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        assert!(load.join().unwrap() > 0, "there was load");
        files
    });
    let sizes: Vec<_> = files
        .iter()
        .map(|file| gateway.json(&["backup", "verify", file.to_str().unwrap()])["size"].clone())
        .collect();
    let told = restored(&moved, &files[2], &[]);
    assert_eq!(told["size"], sizes[2]);
    assert_eq!(told["files"], json!(["gateway.key", "shared-token", "doorward.json"]));
    assert_eq!(leaves(&moved).len() as u64, sizes[2].as_u64().unwrap() + 1);
    moved.run();
    block_on(async {
        moved.connect(&paired.1).await.unwrap();
        pair(&moved).await;
    });
    assert!(moved.json(&["audit", "verify"])["ok"].as_bool().unwrap());
    let events = moved.json(&["audit", "log", "--kind", "ledger_restored"]);
    assert_eq!(events["event"]["details"]["size"], sizes[2].to_string());
}

/// A18.2: what was taken away after the backup stays so, and nothing else is touched. A18.3: what
/// was there before is the same to the byte, and the restore is the next record.
#[test]
fn n18_a18_2_a_restore_does_not_unrevoke_and_a18_3_adds_to_history() {
    let mut gateway = gateway();
    let dir = TempDir::new().unwrap();
    let (stays, revoked, removed) =
        block_on(async { (pair(&gateway).await, pair(&gateway).await, pair(&gateway).await) });
    let made = |name: &str| {
        let words = ["tokens", "create", "--name", name, "--scope", "operator.read"];
        gateway.json(&words)["secret"].as_str().unwrap().to_owned()
    };
    let (_hub, stolen) = (made("hub"), made("stolen"));
    let file = back_up(&gateway, dir.path());
    gateway.json(&["devices", "revoke", revoked.0.id()]);
    gateway.json(&["devices", "remove", removed.0.id()]);
    gateway.json(&["tokens", "revoke", "stolen"]);
    let busy = restore(&gateway, &file, &["--replace", "--yes"]);
    assert_eq!(busy.status.code(), Some(4), "a gateway is running: {busy:?}");
    gateway.terminate();
    let before = leaves(&gateway);
    let preview = restore(&gateway, &file, &["--replace"]);
    assert_eq!(preview.status.code(), Some(1), "only a preview");
    assert!(leaves(&gateway) == before, "nothing was changed");

    let told = restored(&gateway, &file, &["--replace"]);
    let size = told["size"].as_u64().unwrap() as usize;
    let kept = std::path::Path::new(told["kept"].as_str().unwrap());
    assert!(kept.join("db").exists(), "the ledger that was there is kept");
    let after = leaves(&gateway);
    assert_eq!(after[..size], before[..size]);
    assert_eq!(after.len(), size + 1 + 3, "the restore, and what stays taken away");
    let ledger = offline(gateway.state.path()).unwrap();
    let restore = &ledger.read(size as u64, 1).unwrap()[0].record;
    let Event::Registry(event) = &restore.event;
    assert_eq!(event.kind(), "ledger_restored");
    let state = ledger.history().as_of(Moment::Now).unwrap().unwrap().state;
    assert_eq!(state.service_tokens().map(|(_, token)| &token.name).collect::<Vec<_>>(), ["hub"]);
    drop(ledger);

    gateway.run();
    block_on(async {
        gateway.connect(&stays.1).await.unwrap();
        assert!(gateway.connect(&revoked.1).await.is_err());
        assert!(gateway.connect(&removed.1).await.is_err());
    });
    let (status, _) = gateway.ask("/v1/models", &format!("Authorization: Bearer {stolen}\r\n"));
    assert_eq!(status, 401);
    assert!(gateway.json(&["audit", "verify"])["ok"].as_bool().unwrap());
}

/// Where the host says so, everything comes back as it was.
#[test]
fn a_backup_that_is_trusted_brings_everything_back() {
    let mut gateway = gateway();
    let dir = TempDir::new().unwrap();
    let revoked = block_on(pair(&gateway));
    let file = back_up(&gateway, dir.path());
    gateway.json(&["devices", "revoke", revoked.0.id()]);
    gateway.terminate();
    restored(&gateway, &file, &["--replace", "--trust-backup"]);
    gateway.run();
    block_on(async { gateway.connect(&revoked.1).await.unwrap() });
}

/// A18.2, where the records since the backup are gone: it is refused, and says what cannot be known.
#[test]
fn n18_a18_2_lost_records_are_not_passed_over() {
    let mut gateway = gateway();
    let dir = TempDir::new().unwrap();
    let revoked = block_on(pair(&gateway));
    let file = back_up(&gateway, dir.path());
    gateway.json(&["devices", "revoke", revoked.0.id()]);
    gateway.terminate();
    let state = gateway.state.path();
    let checkpoint = dir.path().join("kept-elsewhere");
    std::fs::copy(state.join("checkpoint"), &checkpoint).unwrap();
    std::fs::remove_dir_all(state.join("ledger")).unwrap();
    let kept_elsewhere = ["--checkpoint", checkpoint.to_str().unwrap()];
    for (lose, more) in
        [(None, &[][..]), (Some("checkpoint"), &[][..]), (Some("tlog"), &kept_elsewhere[..])]
    {
        let gone = lose.map(|name| state.join(name));
        gone.map(|path| std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path)));
        let words = [more, &["--yes"]].concat();
        let (code, what) = error(&restore(&gateway, &file, &words));
        assert_eq!(code, Some(1), "{what}");
        assert!(what.contains("records are lost") && what.contains("cannot be known"), "{what}");
        assert!(!state.join("ledger").exists(), "nothing was restored");
    }
    let told = restored(&gateway, &file, &[&kept_elsewhere[..], &["--accept-loss"]].concat());
    assert!(told["newest"].as_u64() > told["size"].as_u64());
    gateway.run();
    assert_eq!(block_on(refused(&gateway, &revoked.1)), "HELD_FOR_REVIEW");
    let event = gateway.json(&["audit", "log", "--kind", "ledger_restored"]);
    assert_eq!(event["event"]["details"]["newest"], told["newest"].to_string());
}

/// A setup code that was redeemed after the backup is not good again.
#[test]
fn setup_codes_end_with_a_restore() {
    let gateway = gateway();
    let dir = TempDir::new().unwrap();
    gateway.json(&["bootstrap"]);
    let file = back_up(&gateway, dir.path());
    let moved = elsewhere();
    let told = restored(&moved, &file, &[]);
    let last = told["size"].as_u64().unwrap() - 1;
    let ledger = offline(moved.state.path()).unwrap();
    let Event::Registry(made) = &ledger.read(last, 1).unwrap()[0].record.event;
    let registry::Event::CodeCreated { id, .. } = made else { panic!("{made:?}") };
    let state = |moment| ledger.history().as_of(moment).unwrap().unwrap().state;
    assert!(state(Moment::Seq(last)).setup_code(*id).is_some());
    assert!(state(Moment::Now).setup_code(*id).is_none());
}
