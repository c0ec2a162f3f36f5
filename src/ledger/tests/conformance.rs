//! What every store must do, asked of each.

use std::ops::ControlFlow;

use super::fixtures::{entries, records};
use crate::{
    ledger::{
        AppendError, StoreError, ahead,
        chain::HeadState,
        memory::MemoryStore,
        sled as embedded,
        store::{LogReader, Store, StoredEntry, Visit},
    },
    support::keys::GatewayKey,
};

#[test]
fn the_memory_store_conforms() {
    let store = MemoryStore::new();
    conforms(|| Box::new(store.clone()));
}

#[test]
fn the_embedded_store_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conforms(|| Box::new(embedded::open(dir.path()).unwrap().0));
}

/// `open` is called again to see what was kept, after everything else is dropped.
fn conforms(open: impl Fn() -> Box<dyn Store>) {
    let key = GatewayKey::generate();
    let mut store = open();
    let reader = store.reader();
    assert_eq!(reader.head(), Ok(None));
    assert_eq!(reader.checkpoint(), Ok(None));
    assert_eq!(scan(&*store, 0, usize::MAX), []);

    // 300 is more than one byte of big endian: the order is that of numbers.
    let mut head = HeadState::default();
    let first = entries(&mut head, &records(0..2, &key));
    store.append(0, &first, &head).unwrap();
    let before = head.clone();
    let second = entries(&mut head, &records(2..300, &key));
    for wrong in [0, 1, 3, 300] {
        let refused = store.append(wrong, &second, &head);
        assert_eq!(refused, Err(AppendError::Conflict { actual_size: 2 }), "at {wrong}");
    }
    assert_eq!(scan(&*store, 0, usize::MAX), first, "a conflict writes nothing");
    assert_eq!(reader.head(), Ok(Some(before)));
    store.append(2, &second, &head).unwrap();

    let all = [first, second].concat();
    assert_eq!(scan(&*store, 0, usize::MAX), all);
    assert_eq!(scan(&*store, 255, 3), all[255..258], "from a place, until told to stop");
    assert_eq!(scan(&*store, 300, usize::MAX), []);
    assert_eq!(reader.head(), Ok(Some(head.clone())), "an older reader sees it too");
    store.save_checkpoint("one").unwrap();
    store.save_checkpoint("two").unwrap();
    assert_eq!(reader.checkpoint(), Ok(Some("two".into())));

    drop((reader, store));
    let again = open();
    assert_eq!(scan(&*again, 0, usize::MAX), all);
    assert_eq!(again.reader().head(), Ok(Some(head)));
    assert_eq!(again.reader().checkpoint(), Ok(Some("two".into())));
}

fn scan(store: &dyn Store, from: u64, limit: usize) -> Vec<StoredEntry> {
    let mut found = Vec::new();
    let mut visit = |seq, value: &[u8]| {
        found.push(StoredEntry { seq, value: value.to_vec() });
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    store.reader().scan(from, &mut visit).unwrap();
    found
}

/// Fails after what it has.
struct Breaking(MemoryStore);

impl LogReader for Breaking {
    fn scan(&self, from: u64, visit: Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(from, visit)?;
        Err(StoreError("broken".into()))
    }

    fn head(&self) -> Result<Option<HeadState>, StoreError> {
        self.0.head()
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.0.checkpoint()
    }
}

#[test]
fn reading_ahead_shows_the_same_and_stops_and_fails_as_reading_does() {
    let store = MemoryStore::new();
    // About 50 chunks, far more than may wait.
    store.content().log = (0..5000).map(|seq| (seq, vec![seq as u8; seq as usize / 2])).collect();
    for stop_after in [1, 2, 700, 4999, 5000, usize::MAX] {
        let mut found = Vec::new();
        let mut visit = |seq, value: &[u8]| {
            found.push((seq, value.to_vec()));
            if found.len() < stop_after {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let outcome = ahead::scan(&Breaking(store.clone()), 0, &mut visit);
        let stopped = stop_after <= 5000;
        assert_eq!(outcome.is_ok(), stopped, "an error counts for those who came to it");
        let expected = store.content().log.clone().into_iter().take(stop_after);
        assert!(found.into_iter().eq(expected), "{stop_after}");
    }
    assert_eq!(ahead::scan(&store, 0, &mut |_, _| ControlFlow::Continue(())), Ok(()));
}
