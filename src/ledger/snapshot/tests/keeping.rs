//! The thread behind: when it keeps a snapshot, and what it does if one was false.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        keeper::{Begin, Keeper, SNAPSHOT_RECORDS, SNAPSHOT_RECORDS_AT_END},
        read,
    },
    History, Snapshot,
};
use crate::{
    domain::registry::Registry,
    ledger::{
        LedgerHandle, OpenError,
        memory::MemoryStore,
        store::Store,
        tests::fixtures::{records, running},
    },
    support::keys::GatewayKey,
};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(60), work).await };
    runtime.block_on(limited).expect("the test hangs")
}

/// Waits for the thread, which is told to end.
fn ended(keeper: &Keeper) {
    while !keeper.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Which snapshot lies there after so many records came, and the thread has ended.
fn kept(offered: u64, at_end: u64) -> Option<u64> {
    let (dir, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
    let (file, store) = (dir.path().join("snapshot"), MemoryStore::new());
    block_on(async {
        let ledger = running(&store, 1, &key).await;
        let head = store.reader().head().unwrap().unwrap();
        let begin = Begin { file: file.clone(), head, unverified: None };
        let (keeper, _failure) = Keeper::start(begin, &ledger, Arc::clone(&key)).unwrap();
        for size in [offered, at_end] {
            if size > ledger.size() {
                ledger.append(ledger.size(), records(ledger.size()..size, &key)).await.unwrap();
            }
            match size == at_end {
                true => keeper.end(size, &Registry::default()),
                false => keeper.offer(size, &Registry::default()),
            }
        }
        ended(&keeper);
    });
    read(&file, &key.public()).unwrap().map(|snapshot| snapshot.head.size())
}

#[test]
fn a_snapshot_is_kept_when_it_saves_something() {
    let (every, least) = (SNAPSHOT_RECORDS, SNAPSHOT_RECORDS_AT_END);
    for (offered, at_end, expected) in [
        (1, least - 1, None),
        (1, least, Some(least)),
        (every - 1, every, Some(every)),
        (every, every + least - 1, Some(every)),
        (every, every + least, Some(every + least)),
    ] {
        assert_eq!(kept(offered, at_end), expected, "{offered} offered, {at_end} at the end");
    }
}

/// A start from a snapshot, with the thread behind.
async fn behind(
    history: &History,
    store: &MemoryStore,
) -> (LedgerHandle, Arc<Keeper>, tokio::sync::oneshot::Receiver<OpenError>) {
    let started = history.start(store).unwrap();
    assert_eq!(started.discarded, None);
    let key = history.key.to_pem().unwrap();
    let key = Arc::new(GatewayKey::from_pem(std::str::from_utf8(key.expose()).unwrap()).unwrap());
    let (file, head) = (history.file(), started.opened.head.clone());
    let ledger = LedgerHandle::spawn(started.opened, Arc::clone(&key)).unwrap();
    let begin = Begin { file, head, unverified: started.unverified };
    let (keeper, failure) = Keeper::start(begin, &ledger, key).unwrap();
    (ledger, keeper, failure)
}

#[test]
fn questions_about_the_past_wait_until_it_is_verified() {
    let history = History::new();
    history.write(history.snapshot(20));
    block_on(async {
        let (ledger, keeper, failure) = behind(&history, &history.store(history.len())).await;
        ledger.verified().await;
        assert_eq!((*ledger.behind().borrow(), ledger.unverified()), (None, 0));
        keeper.end(ledger.size(), &Registry::default());
        assert!(failure.await.is_err(), "nothing failed");
        assert_eq!(ledger.fatal_now(), None);
    });
}

#[test]
fn a_false_snapshot_stops_the_ledger_and_is_not_used_again() {
    let history = History::new();
    history.write(Snapshot { state: history.folds[10].clone(), ..history.snapshot(20) });
    let store = history.store(history.len());
    block_on(async {
        let (ledger, keeper, failure) = behind(&history, &store).await;
        assert!(matches!(failure.await, Ok(OpenError::FalseSnapshot { size: 20, .. })));
        ledger.fatal().await;
        assert!(ledger.behind().borrow().is_some(), "nobody may be told of that past");
        assert!(ledger.unverified() > 0, "nor is it taken for verified");
        let size = ledger.size();
        assert!(ledger.append(size, vec![]).await.is_err());
        ledger.close().await.unwrap();
        keeper.end(1 << 40, &Registry::default());
        ended(&keeper);
    });
    assert!(!history.file().exists());
    assert!(history.file().with_extension("rejected").exists());
    assert_eq!(history.discarded(&store), None, "the next start reads everything");
}
