//! Nothing is acknowledged before the database file was synced. Each test puts its own step in the
//! place of the sync: a killed process cannot show that one is missing.

use std::{
    fs::{self, File},
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use futures_util::FutureExt;

use super::fixtures::{entries, on_disk, options, record, records};
use crate::{
    ledger::{
        AppendError, LedgerHandle, chain::HeadState, recover, sled as embedded, store::Store,
    },
    support::keys::GatewayKey,
};

/// How long a test waits for a sync, or a sync for its test, before it fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running ledger with two records, whose further writes are synced by `sync`.
async fn running(
    state: &Path,
    key: &Arc<GatewayKey>,
    sync: impl FnMut(&File) -> io::Result<()> + Send + 'static,
) -> LedgerHandle {
    on_disk(state, 2, key).await;
    let (store, _) = embedded::open(&options(state).dir).unwrap();
    let store = Box::new(store.with_sync(sync));
    let each = &mut |_| ControlFlow::Continue(());
    let opened = recover::recover(store, state, None, key, each).unwrap();
    LedgerHandle::spawn(opened, Arc::clone(key)).unwrap()
}

/// The test's side of a sync that waits to be let through.
struct Gate {
    reached: Receiver<()>,
    go_on: Sender<()>,
    syncs: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> (Self, impl FnMut(&File) -> io::Result<()> + Send + 'static) {
        let (say_reached, reached) = channel();
        let (go_on, may_go_on) = channel();
        let syncs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&syncs);
        let sync = move |file: &File| {
            count.fetch_add(1, Ordering::SeqCst);
            say_reached.send(()).map_err(io::Error::other)?;
            may_go_on.recv_timeout(DEADLINE).map_err(io::Error::other)?;
            file.sync_data()
        };
        (Self { reached, go_on, syncs }, sync)
    }

    /// Returns once the writer stands in a sync.
    fn wait(&self) {
        self.reached.recv_timeout(DEADLINE).expect("there is a sync");
    }

    /// Lets the writer out of it.
    fn open(&self) {
        self.go_on.send(()).unwrap();
    }
}

#[test]
fn a_write_is_in_the_file_and_then_synced_once_before_it_returns() {
    let (dir, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    let (store, _) = embedded::open(dir.path()).unwrap();
    let db = dir.path().join("db");
    let inode = fs::metadata(&db).unwrap().ino();
    let (sent, synced) = channel();
    let mut store = store.with_sync(move |file| {
        assert_eq!(file.metadata()?.ino(), inode, "another file is synced");
        sent.send(fs::read(&db)?).map_err(io::Error::other)
    });
    let only_sync = || {
        let mut syncs: Vec<_> = synced.try_iter().collect();
        assert_eq!(syncs.len(), 1);
        syncs.remove(0)
    };
    let mut head = HeadState::default();
    for places in [0..1, 1..2, 2..9] {
        let batch = entries(&mut head, &records(places.clone(), &key));
        store.append(places.start, &batch, &head).unwrap();
        let file = only_sync();
        for entry in &batch {
            assert!(holds(&file, &entry.value), "record {} came after its sync", entry.seq);
        }
    }
    store.append(3, &[], &head).unwrap_err();
    assert_eq!(synced.try_iter().count(), 0, "a conflict writes nothing");
    store.save_checkpoint("a signed note").unwrap();
    assert!(holds(&only_sync(), b"a signed note"));
}

fn holds(file: &[u8], bytes: &[u8]) -> bool {
    file.windows(bytes.len()).any(|part| part == bytes)
}

#[tokio::test]
async fn nobody_is_answered_before_the_sync_and_those_who_wait_share_the_next() {
    let (state, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
    let (gate, sync) = Gate::new();
    let handle = running(state.path(), &key, sync).await;
    let mut first = Box::pin(handle.append(2, records(2..3, &key)));
    assert_eq!(first.as_mut().now_or_never(), None);
    gate.wait();
    let mut others: Vec<_> =
        (3..12).map(|n| Box::pin(handle.append(n, vec![record(n, &key)]))).collect();
    for append in others.iter_mut().chain([&mut first]) {
        assert_eq!(append.as_mut().now_or_never(), None, "answered before its sync");
    }
    assert_eq!(handle.size(), 2, "told before its sync");
    gate.open();
    assert_eq!(first.await, Ok(3));
    gate.wait();
    for append in &mut others {
        assert_eq!(append.as_mut().now_or_never(), None, "answered before its sync");
    }
    assert_eq!(handle.size(), 3, "told before its sync");
    gate.open();
    for (size, append) in (4..).zip(others) {
        assert_eq!(append.await, Ok(size));
    }
    assert_eq!(gate.syncs.load(Ordering::SeqCst), 2, "one for each batch");
    // Without its gate, the sync of the last checkpoint fails.
    drop(gate);
    handle.close().await.unwrap_err();
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_tried_again() {
    let (state, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
    let syncs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&syncs);
    // Only the first fails, as a disk may do: the second would claim that all is well.
    let sync = move |_: &File| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Err(io::Error::other("the disk is gone")),
        _ => Ok(()),
    };
    let handle = running(state.path(), &key, sync).await;
    let said = "the sync failed: the disk is gone";
    let answer = handle.append(2, records(2..4, &key)).await;
    assert_eq!(answer, Err(AppendError::Unknown(said.into())));
    assert_eq!((handle.size(), handle.fatal_now().as_deref()), (2, Some(said)));
    let next = handle.append(2, records(2..4, &key)).await;
    assert_eq!(next, Err(AppendError::Failed(said.into())));
    assert!(handle.checkpoint().await.is_err());
    handle.close().await.unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_store_whose_sync_failed_writes_no_more() {
    let (dir, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    let (store, _) = embedded::open(dir.path()).unwrap();
    let mut fails = true;
    let mut store = store.with_sync(move |_| match std::mem::take(&mut fails) {
        true => Err(io::Error::other("the disk is gone")),
        false => Ok(()),
    });
    let unknown = Err(AppendError::Unknown("the sync failed: the disk is gone".into()));
    assert_eq!(store.save_checkpoint("one"), unknown);
    assert_eq!(store.save_checkpoint("two"), unknown);
    let mut head = HeadState::default();
    let batch = entries(&mut head, &records(0..1, &key));
    assert_eq!(store.append(0, &batch, &head), unknown);
    assert_eq!(store.reader().head(), Ok(None));
}
