//! A real gateway that starts from a snapshot: it says so, verifies behind, and is not fooled.

use std::{fs, path::Path, sync::Arc, time::Duration};

use doorward::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        principal::{Principal, Rule},
        registry::Event as Happened,
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        LedgerHandle, OpenOptions, Record, Via,
        snapshot::{
            self, Snapshot,
            keeper::SNAPSHOT_RECORDS_AT_END,
            start::{self, Started},
        },
    },
    support::{clock::Stopwatch, keys::GatewayKey},
};
use tempfile::TempDir;

use crate::house::{Gateway, block_on, copy_all};

/// More than an orderly end leaves without a snapshot.
const SIZE: u64 = SNAPSHOT_RECORDS_AT_END + 10;

fn open(state: &Path, key: &GatewayKey) -> Started {
    let options =
        OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") };
    start::open(&options, &state.join("snapshot"), key).unwrap()
}

fn key_of(state: &Path) -> Arc<GatewayKey> {
    Arc::new(GatewayKey::load_or_create(&state.join("gateway.key")).unwrap())
}

/// A state directory whose ledger is that long.
fn long() -> TempDir {
    let state = TempDir::new().unwrap();
    let key = key_of(state.path());
    let begun = Happened::Begun { gateway_key: PublicKey(key.public()) };
    let (device, role) = (DeviceId([7; 32]), Role::Operator);
    let ran_out = Happened::PairingExpired { request_id: RequestId([1; 16]), device, role };
    let records = (0..SIZE).map(|seq| Record {
        seq: Seq(seq),
        at: UnixMillis(1_700_000_000_000 + seq),
        principal: Principal::System(Rule::Expiry),
        authority: Seq(0),
        via: Via::internal(),
        before: ScopeSet::empty(),
        after: ScopeSet::empty(),
        event: Event::Registry(if seq == 0 { begun.clone() } else { ran_out.clone() }),
    });
    let opened = open(state.path(), &key).opened;
    block_on(async {
        let ledger = LedgerHandle::spawn(opened, key).unwrap();
        ledger.append(0, records.collect()).await.unwrap();
        ledger.close().await.unwrap();
    });
    state
}

fn says(gateway: &Gateway, words: &str) {
    let waiting = Stopwatch::start();
    while !gateway.log().contains(words) {
        assert!(waiting.elapsed() < Duration::from_secs(20), "{words}: {}", gateway.log());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_gateway_starts_from_the_snapshot_that_it_left_and_verifies_behind() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    gateway.json(&["tokens", "create", "--name", "grafana", "--scope", "operator.read"]);
    let before = gateway.json(&["audit", "verify"]);
    assert!(gateway.terminate().success());
    assert!(!gateway.log().contains("from a snapshot"), "{}", gateway.log());
    gateway.run();
    says(&gateway, "from a snapshot, verified behind");
    says(&gateway, "the snapshot's records are verified");
    let tokens = gateway.json(&["tokens", "list"]);
    assert!(tokens.to_string().contains("grafana"), "{tokens}");
    assert_eq!(gateway.json(&["audit", "verify"])["root"], before["root"]);
    // A question about the past has its answer, and what follows is folded onto the snapshot.
    gateway.json(&["audit", "as-of", "5"]);
    gateway.json(&["tokens", "create", "--name", "later", "--scope", "operator.read"]);
    gateway.kill();
    gateway.run();
    let tokens = gateway.json(&["tokens", "list"]).to_string();
    assert!(tokens.contains("grafana") && tokens.contains("later"), "{tokens}");
}

/// Killed at any moment of its end, also while it writes a snapshot, it starts again and knows all.
#[test]
fn kill_nine_while_a_snapshot_is_written_leaves_a_good_start() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    let tokens = gateway.json(&["tokens", "create", "--name", "one", "--scope", "operator.read"]);
    assert!(tokens.to_string().contains("one"));
    for round in 0..12 {
        let pid = rustix::process::Pid::from_raw(gateway.pid() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        // An orderly end with nobody connected takes some 60 ms, and ends with the snapshot.
        std::thread::sleep(Duration::from_millis(45 + 3 * round));
        gateway.kill();
        if round % 3 == 2 {
            // As it is in the middle of writing.
            let half = fs::read(gateway.state.path().join("snapshot")).unwrap_or_default();
            fs::write(gateway.state.path().join("snapshot.new"), &half[..half.len() / 2]).unwrap();
        }
        gateway.run();
        let tokens = gateway.json(&["tokens", "list"]).to_string();
        assert!(tokens.contains("one"), "round {round}: {tokens}");
        assert!(!gateway.log().contains("is not used"), "round {round}: {}", gateway.log());
    }
}

/// Whoever has the gateway's key can sign a snapshot that says more than the ledger.
#[test]
fn a_false_snapshot_stops_the_gateway_and_the_next_start_reads_everything() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    gateway.json(&["tokens", "create", "--name", "intruder", "--scope", "operator.read"]);
    let (state, key) = (gateway.state.path().to_owned(), key_of(gateway.state.path()));
    assert!(gateway.terminate().success());
    let with_intruder = open(&state, &key).state;
    gateway.run();
    let revoke = ["tokens", "revoke", "intruder"];
    assert!(gateway.doorward(&revoke).status.success());
    assert!(gateway.terminate().success());
    // Revoked, and there again.
    let now = open(&state, &key);
    assert!(now.state != with_intruder);
    let head = now.opened.head.clone();
    drop(now);
    let file = state.join("snapshot");
    snapshot::write(&file, Snapshot { head, state: with_intruder }, &key).unwrap();

    let ended = gateway.doorward(&["run", "--port", "0"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(said.contains("says something else than the first"), "{said}");
    assert!(!file.exists() && state.join("snapshot.rejected").exists());
    gateway.run();
    let tokens = gateway.json(&["tokens", "list"]).to_string();
    assert!(!tokens.contains("intruder"), "{tokens}");
}

#[test]
fn a_snapshot_that_was_changed_is_not_used_and_that_is_said() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    assert!(gateway.terminate().success());
    let file = gateway.state.path().join("snapshot");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    gateway.run();
    says(&gateway, "is not used: its bytes are not those that were signed");
    assert!(!gateway.log().contains("from a snapshot"), "{}", gateway.log());
    gateway.json(&["audit", "verify"]);
}

/// Whose ledger was put back goes on from that, not from what a snapshot of before remembers.
#[test]
fn a_snapshot_from_before_a_restore_is_not_taken_up() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    let state = gateway.state.path().to_owned();
    let backup = state.join("backup.tar");
    gateway.json(&["backup", "create", "--to", backup.to_str().unwrap()]);
    leave_a_snapshot_that_knows_later(&mut gateway);
    // Nothing is left that knows of more records than the backup.
    fs::remove_dir_all(state.join("ledger")).unwrap();
    fs::remove_dir_all(state.join("tlog")).unwrap();
    fs::remove_file(state.join("checkpoint")).unwrap();
    gateway.json(&["backup", "restore", backup.to_str().unwrap(), "--yes"]);
    does_not_know_later(&mut gateway);
}

#[test]
fn a_snapshot_from_before_a_recovery_is_not_taken_up() {
    let mut gateway = Gateway::not_started(long());
    gateway.run();
    assert!(gateway.terminate().success());
    let state = gateway.state.path().to_owned();
    fs::remove_file(state.join("snapshot")).unwrap();
    let (tlog, kept) = (state.join("tlog"), state.join("tlog.then"));
    copy_all(&tlog, &kept);
    gateway.run();
    leave_a_snapshot_that_knows_later(&mut gateway);
    fs::remove_dir_all(state.join("ledger")).unwrap();
    fs::remove_dir_all(&tlog).unwrap();
    fs::rename(&kept, &tlog).unwrap();
    gateway.json(&["recover", "--from-tiles", "--yes"]);
    does_not_know_later(&mut gateway);
}

fn leave_a_snapshot_that_knows_later(gateway: &mut Gateway) {
    gateway.json(&["tokens", "create", "--name", "later", "--scope", "operator.read"]);
    assert!(gateway.terminate().success());
    assert!(gateway.state.path().join("snapshot").exists());
}

fn does_not_know_later(gateway: &mut Gateway) {
    gateway.run();
    says(gateway, "the snapshot is not used");
    assert!(!gateway.log().contains("from a snapshot"), "{}", gateway.log());
    assert!(gateway.state.path().join("snapshot.rejected").exists());
    let tokens = gateway.json(&["tokens", "list"]).to_string();
    assert!(!tokens.contains("later"), "{tokens}");
    assert_eq!(gateway.json(&["audit", "verify"])["ok"], true);
}
