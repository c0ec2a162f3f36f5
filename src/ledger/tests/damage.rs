//! Damaged files under the embedded store: an error or all the data, never a panic, never less.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::fixtures::{on_disk, open_at, record, records};
use crate::{
    ledger::{AppendError, LedgerHandle, Note, OpenError, sled as embedded, store::Store},
    support::keys::GatewayKey,
};

const SIZE: u64 = 400;

struct Ledger {
    state: tempfile::TempDir,
    key: Arc<GatewayKey>,
}

impl Ledger {
    async fn new() -> Self {
        let key = Arc::new(GatewayKey::generate());
        let state = tempfile::tempdir().unwrap();
        on_disk(state.path(), SIZE, &key).await;
        Self { state, key }
    }

    /// A copy of its files, to be damaged.
    fn copy(&self) -> Self {
        let state = tempfile::tempdir().unwrap();
        copy_all(self.state.path(), state.path());
        Self { state, key: Arc::clone(&self.key) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state.path().join("ledger").join(name)
    }

    fn snapshots(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.file("")).unwrap().map(|entry| entry.unwrap().path());
        let is_snapshot =
            |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("snap.");
        files.filter(is_snapshot).collect()
    }

    /// Everything is there, or there is an error; gives the notes of a good opening.
    fn error_or_all(&self, what: &str) -> Option<Vec<Note>> {
        let (opened, replayed) = open_at(self.state.path(), &self.key).ok()?;
        assert!(replayed == records(0..SIZE, &self.key), "{what}: {} records", replayed.len());
        Some(opened.notes)
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A store that was never opened again is read from its log, which ends at the first damage. One
/// that was is read through a snapshot, and meets the damage in the middle of its pages.
#[tokio::test]
async fn flipped_bytes() {
    for reopened in [false, true] {
        let whole = Ledger::new().await;
        if reopened {
            assert_eq!(whole.error_or_all("whole"), Some(vec![]));
            assert!(!whole.snapshots().is_empty());
        }
        let used = fs::read(whole.file("db")).unwrap();
        let used = used.len() - used.iter().rev().take_while(|byte| **byte == 0).count();
        let mut errors = 0;
        for n in 0..20 {
            let damaged = whole.copy();
            let mut bytes = fs::read(damaged.file("db")).unwrap();
            let place = n * used / 20 + 7;
            bytes[place] ^= 0x10;
            fs::write(damaged.file("db"), bytes).unwrap();
            errors += u32::from(damaged.error_or_all(&format!("byte {place}")).is_none());
        }
        assert!(errors > 0, "the damage was noticed at least once");
    }
}

#[tokio::test]
async fn flipped_bytes_beside_the_log() {
    let whole = Ledger::new().await;
    assert_eq!(whole.error_or_all("whole"), Some(vec![]));
    let snapshot = whole.snapshots().pop().unwrap();
    for name in ["conf", snapshot.file_name().unwrap().to_str().unwrap()] {
        let bytes = fs::read(whole.file(name)).unwrap();
        for place in (0..bytes.len()).step_by(bytes.len().div_ceil(40)) {
            let damaged = whole.copy();
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x55;
            fs::write(damaged.file(name), bytes).unwrap();
            let _ = damaged.error_or_all(&format!("{name} at {place}"));
        }
    }
}

#[tokio::test]
async fn cut_and_zeroed_tails() {
    let whole = Ledger::new().await;
    let length = fs::metadata(whole.file("db")).unwrap().len();
    for keep in [length - 1, length * 3 / 4, length / 2, length / 10, 1, 0] {
        let damaged = whole.copy();
        let file = fs::OpenOptions::new().write(true).open(damaged.file("db")).unwrap();
        file.set_len(keep).unwrap();
        let _ = damaged.error_or_all(&format!("cut to {keep}"));
        let zeroed = whole.copy();
        let file = fs::OpenOptions::new().write(true).open(zeroed.file("db")).unwrap();
        file.set_len(keep).unwrap();
        file.set_len(length).unwrap();
        let _ = zeroed.error_or_all(&format!("zeroed from {keep}"));
    }
}

#[tokio::test]
async fn removed_files() {
    let whole = Ledger::new().await;
    let without_db = whole.copy();
    fs::remove_file(without_db.file("db")).unwrap();
    assert_eq!(without_db.error_or_all("no db"), None, "an empty ledger is not this one");
    let without_conf = whole.copy();
    fs::remove_file(without_conf.file("conf")).unwrap();
    let _ = without_conf.error_or_all("no conf");
    let gone = whole.copy();
    fs::remove_dir_all(gone.file("")).unwrap();
    let error = open_at(gone.state.path(), &gone.key).unwrap_err();
    assert!(matches!(error, OpenError::Ahead { inside: 0, outside: SIZE, .. }), "{error:?}");
}

#[tokio::test]
async fn torn_snapshots_are_removed_and_told() {
    let whole = Ledger::new().await;
    let torn = whole.copy();
    fs::write(torn.file("snap.00000000000FFFFF.generating"), [1, 2, 3]).unwrap();
    let notes = torn.error_or_all("generating").expect("it opens");
    let name = String::from("snap.00000000000FFFFF.generating");
    assert_eq!(notes, [Note::TornSnapshotRemoved(vec![name])]);

    // Opening once makes a snapshot; then it is cut.
    assert_eq!(whole.error_or_all("whole"), Some(vec![]));
    let snapshot = whole.snapshots().pop().expect("opening writes a snapshot");
    let bytes = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &bytes[..bytes.len() - 3]).unwrap();
    let notes = whole.error_or_all("cut snapshot").expect("it opens");
    assert!(matches!(&notes[..], [Note::SnapshotsRemoved { .. }]), "{notes:?}");
}

#[tokio::test]
async fn a_second_process_is_told_that_it_is_busy() {
    let whole = Ledger::new().await;
    let (opened, _) = open_at(whole.state.path(), &whole.key).unwrap();
    let error = open_at(whole.state.path(), &whole.key).unwrap_err();
    assert!(matches!(error, OpenError::Busy { .. }), "{error:?}");
    drop(opened);
    assert!(whole.error_or_all("after the other stopped").is_some());
}

#[tokio::test]
async fn a_reopened_ledger_goes_on_where_it_was() {
    let whole = Ledger::new().await;
    let (opened, _) = open_at(whole.state.path(), &whole.key).unwrap();
    assert_eq!((opened.head.size(), opened.signed_size), (SIZE, SIZE));
    assert_eq!(opened.notes, []);
    let handle = LedgerHandle::spawn(opened, Arc::clone(&whole.key)).unwrap();
    let stale = handle.append(SIZE - 1, vec![record(SIZE - 1, &whole.key)]).await;
    assert_eq!(stale, Err(AppendError::Conflict { actual_size: SIZE }));
    handle.append(SIZE, records(SIZE..SIZE + 2, &whole.key)).await.unwrap();
    handle.close().await.unwrap();
    drop(handle);
    let (opened, replayed) = open_at(whole.state.path(), &whole.key).unwrap();
    assert_eq!(opened.signed_size, SIZE + 2, "closing signed the rest");
    assert_eq!(replayed, records(0..SIZE + 2, &whole.key));
}

#[tokio::test]
async fn an_unreadable_head_in_the_store_is_an_error() {
    let whole = Ledger::new().await;
    let (store, _) = embedded::open(&whole.file("")).unwrap();
    store.tamper_head(b"\xff\xff");
    assert!(store.reader().head().is_err());
    drop(store);
    let error = open_at(whole.state.path(), &whole.key).unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error:?}");
}
