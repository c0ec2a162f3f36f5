//! Every store call fails twice: not kept, and kept all the same. What callers hear, and what
//! opening again shows.

use std::sync::Arc;

use futures_util::FutureExt;

use super::fixtures::{open_memory, record, records, running};
use crate::{
    domain::time::UnixMillis,
    ledger::{
        AppendError, LedgerHandle, OpenError, Record, Verdict,
        checkpoint::Checkpoint,
        memory::{MemoryStore, Outcome},
        recover,
    },
    support::keys::GatewayKey,
};

fn key() -> Arc<GatewayKey> {
    Arc::new(GatewayKey::generate())
}

#[tokio::test]
async fn appends_that_fail() {
    for (outcome, is_fatal, kept) in [
        (Outcome::Keep, false, 5),
        (Outcome::Fail, false, 2),
        (Outcome::UnknownAndDrop, true, 2),
        (Outcome::UnknownButKeep, true, 5),
    ] {
        let (store, key) = (MemoryStore::new(), key());
        let handle = running(&store, 2, &key).await;
        store.plan_appends([outcome]);
        let answer = handle.append(2, records(2..5, &key)).await;
        let known = handle.size();
        match answer {
            Ok(size) => assert_eq!((size, outcome), (5, Outcome::Keep)),
            Err(AppendError::Failed(_)) => assert_eq!(outcome, Outcome::Fail),
            Err(AppendError::Unknown(_)) => assert!(is_fatal, "{outcome:?}"),
            other => panic!("{outcome:?}: {other:?}"),
        }
        assert_eq!(known, if outcome == Outcome::Keep { 5 } else { 2 }, "nothing is assumed");

        // A known failure is over; after an unknown one everything is refused, and truly not tried.
        let next = handle.append(known, records(known..known + 1, &key)).await;
        assert_eq!(next.is_ok(), !is_fatal, "{outcome:?}: {next:?}");
        assert_eq!(handle.fatal_now().is_some(), is_fatal);
        if is_fatal {
            assert!(next.unwrap_err().nothing_written());
            assert_eq!(handle.fatal().await, "told to fail");
            assert!(handle.checkpoint().await.is_err(), "nothing is signed any more");
        }
        handle.close().await.unwrap();
        let (opened, replayed) = open_memory(&store, None, &key).unwrap();
        let shown = if is_fatal { kept } else { known + 1 };
        assert_eq!(opened.head.size(), shown, "{outcome:?}");
        assert_eq!(replayed, records(0..shown, &key));
    }
}

#[tokio::test]
async fn checkpoints_that_fail() {
    for (outcome, is_fatal, kept) in [
        (Outcome::Keep, false, true),
        (Outcome::Fail, false, false),
        (Outcome::UnknownAndDrop, true, false),
        (Outcome::UnknownButKeep, true, true),
    ] {
        let (store, key) = (MemoryStore::new(), key());
        let handle = running(&store, 3, &key).await;
        store.plan_saves([outcome]);
        let answer = handle.checkpoint().await;
        assert_eq!(answer.is_ok(), outcome == Outcome::Keep, "{outcome:?}");
        assert_eq!(store.content().checkpoint.is_some(), kept, "{outcome:?}");
        let next = handle.append(3, records(3..4, &key)).await;
        assert_eq!(next.is_ok(), !is_fatal, "{outcome:?}: {next:?}");
        handle.close().await.unwrap();
        let (opened, _) = open_memory(&store, None, &key).unwrap();
        assert_eq!(opened.head.size(), if is_fatal { 3 } else { 4 }, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_failed_checkpoint_is_made_up_for_at_close() {
    let (store, key) = (MemoryStore::new(), key());
    let handle = running(&store, 3, &key).await;
    store.plan_saves([Outcome::Fail]);
    handle.checkpoint().await.unwrap_err();
    handle.close().await.unwrap();
    let note = store.content().checkpoint.clone().unwrap();
    assert_eq!(Checkpoint::verify(&note, &key.public()).unwrap().size, 3);
}

#[tokio::test]
async fn what_cannot_be_next_is_refused_and_nothing_is_lost_by_it() {
    let (store, key) = (MemoryStore::new(), key());
    let handle = running(&store, 3, &key).await;
    let mut old = record(3, &key);
    old.at = UnixMillis(5);
    let mut second_begin = record(0, &key);
    (second_begin.seq, second_begin.at) = (record(3, &key).seq, record(3, &key).at);
    for (what, bad) in [
        ("a gap", records(4..5, &key)),
        ("a repeated place", records(2..3, &key)),
        ("a gap inside", [records(3..4, &key), records(5..6, &key)].concat()),
        ("time going back", vec![old]),
        ("beginning again", vec![second_begin]),
    ] {
        let answer = handle.append(3, bad).await;
        assert!(matches!(answer, Err(AppendError::Failed(_))), "{what}: {answer:?}");
    }
    for wrong in [0, 2, 4] {
        let answer = handle.append(wrong, records(wrong..wrong + 1, &key)).await;
        assert_eq!(answer, Err(AppendError::Conflict { actual_size: 3 }));
    }
    assert_eq!(handle.append(3, vec![]).await, Ok(3));
    assert_eq!(handle.append(3, records(3..4, &key)).await, Ok(4));
    let begins = running(&MemoryStore::new(), 0, &key).await;
    let answer = begins.append(0, vec![not_begun(&key)]).await;
    assert!(matches!(answer, Err(AppendError::Failed(_))), "no beginning: {answer:?}");
}

/// A record at place 0 that begins nothing.
fn not_begun(key: &GatewayKey) -> Record {
    Record { seq: record(0, key).seq, ..record(1, key) }
}

#[tokio::test]
async fn appends_that_wait_and_fit_share_a_transaction_and_its_fate() {
    for outcome in [Outcome::Keep, Outcome::Fail, Outcome::UnknownButKeep] {
        let (store, key) = (MemoryStore::new(), key());
        let handle = running(&store, 1, &key).await;
        store.plan_appends([outcome]);
        // The writer is kept waiting in its first transaction while the others queue up.
        let held = store.content();
        let mut appends: Vec<_> =
            (1..10).map(|n| Box::pin(handle.append(n, records(n..n + 1, &key)))).collect();
        for append in &mut appends {
            assert_eq!(append.as_mut().now_or_never(), None);
        }
        drop(held);
        let mut landed = 1;
        for (n, append) in (1..).zip(appends) {
            match append.await {
                Ok(size) => {
                    assert_eq!(size, n + 1, "each hears its own size");
                    landed = size;
                }
                Err(_) => assert_ne!(outcome, Outcome::Keep),
            }
        }
        let expected = if outcome == Outcome::Keep { 10 } else { 1 };
        // One before, the one that was held up, and one for all that waited meanwhile.
        assert!(store.content().append_calls <= 3, "{}", store.content().append_calls);
        assert_eq!((landed, handle.size()), (expected, expected), "{outcome:?}");
        assert_eq!(handle.fatal_now().is_some(), outcome == Outcome::UnknownButKeep);
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (store, key) = (MemoryStore::new(), key());
    let handle = running(&store, 1, &key).await;
    let held = store.content();
    let mut waiting = Vec::new();
    let refused = loop {
        let mut append = Box::pin(handle.append(1, records(1..2, &key)));
        match append.as_mut().now_or_never() {
            None => waiting.push(append),
            Some(answer) => break answer,
        }
        assert!(waiting.len() < 1000, "the queue has a bound");
    };
    assert_eq!(refused, Err(AppendError::Busy));
    drop(held);
    let mut won = 0;
    for append in waiting {
        won += u32::from(append.await.is_ok());
    }
    assert_eq!((won, handle.size()), (1, 2), "of all that wanted one place, one has it");
}

#[tokio::test]
async fn another_writer_is_noticed_and_followed() {
    let (store, key) = (MemoryStore::new(), key());
    let here = running(&store, 2, &key).await;
    let (opened, _) = open_memory(&store, None, &key).unwrap();
    let there = LedgerHandle::spawn(opened, Arc::clone(&key)).unwrap();
    there.append(2, records(2..4, &key)).await.unwrap();
    let answer = here.append(2, records(2..3, &key)).await;
    assert_eq!(answer, Err(AppendError::Conflict { actual_size: 4 }));
    assert_eq!(here.append(4, records(4..5, &key)).await, Ok(5));
    assert!(matches!(here.reader().verify(), Ok(Verdict::Ok { size: 5, .. })));
}

#[tokio::test]
async fn the_size_is_told_and_checkpoints_come_by_themselves() {
    let (store, key) = (MemoryStore::new(), key());
    let handle = running(&store, 1, &key).await;
    let mut watch = handle.watch();
    watch.mark_unchanged();
    handle.append(1, records(1..1100, &key)).await.unwrap();
    watch.changed().await.unwrap();
    assert_eq!(*watch.borrow(), 1100);
    // The answer comes before the checkpoint; the next answer comes after it.
    handle.append(1100, records(1100..1101, &key)).await.unwrap();
    let note = handle.reader().checkpoint().unwrap().expect("one was signed");
    let checkpoint = Checkpoint::verify(&note, &key.public()).unwrap();
    assert_eq!(checkpoint.size, 1100);
    handle.close().await.unwrap();
    assert!(matches!(handle.append(1101, vec![]).await, Err(AppendError::Failed(_))));
    let (opened, _) = open_memory(&store, None, &key).unwrap();
    let note = opened.store.reader().checkpoint().unwrap().unwrap();
    assert_eq!(Checkpoint::verify(&note, &key.public()).unwrap().root, opened.head.root());
}

#[tokio::test]
async fn reading_gives_what_was_written() {
    let (store, key) = (MemoryStore::new(), key());
    let handle = running(&store, 10, &key).await;
    let reader = handle.reader();
    let read = |from, limit| -> Vec<_> {
        reader.read(from, limit).unwrap().into_iter().map(|entry| entry.record).collect()
    };
    assert_eq!(read(0, 100), records(0..10, &key));
    assert_eq!(read(4, 3), records(4..7, &key));
    assert_eq!(read(10, 3), vec![]);
    assert_eq!(read(0, 0), vec![]);
}

#[test]
fn a_fold_that_cannot_go_on_stops_the_start() {
    let (store, key) = (MemoryStore::new(), key());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { running(&store, 5, &key).await.close().await.unwrap() });
    let mut each = |record: Record| match record.seq.0 {
        3 => std::ops::ControlFlow::Break("no such request".to_owned()),
        _ => std::ops::ControlFlow::Continue(()),
    };
    let dir = std::path::Path::new("memory");
    let opened = recover::recover(Box::new(store), dir, None, &key, &mut each);
    let Err(OpenError::Corrupt { first_bad_seq: 3, what }) = opened else {
        panic!("{opened:?}");
    };
    assert_eq!(what, "no such request");
}
