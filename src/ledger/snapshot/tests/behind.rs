//! What a snapshot said is verified behind, and a difference is fatal.

use std::{fs, ops::ControlFlow};

use super::{History, Snapshot};
use crate::ledger::{checkpoint::Checkpoint, error::OpenError, memory::MemoryStore, store::Store};

const SIZE: usize = 20;

fn verified(history: &History, store: &MemoryStore) -> Result<bool, OpenError> {
    let started = history.start(store).unwrap();
    assert_eq!(started.discarded, None);
    let log = started.opened.store.reader();
    let each = &mut |_| ControlFlow::Continue(());
    started.unverified.unwrap().verify(&*log, &history.key.public(), each)
}

#[test]
fn what_is_true_is_found_true_wherever_it_ends() {
    let history = History::new();
    let store = history.store(history.len());
    for size in 1..=history.len() {
        history.write(history.snapshot(size));
        assert!(matches!(verified(&history, &store), Ok(true)), "of {size} records");
    }
}

#[test]
fn a_verification_can_be_stopped_and_then_says_nothing() {
    let history = History::new();
    history.write(history.snapshot(SIZE));
    let started = history.start(&history.store(history.len())).unwrap();
    let (log, mut seen) = (started.opened.store.reader(), 0);
    let whole = started.unverified.unwrap().verify(&*log, &history.key.public(), &mut |checked| {
        seen = checked;
        if checked == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(whole, Ok(false)));
    assert_eq!(seen, 7);
}

/// Signed with the right key, over the right records, and saying what they do not.
#[test]
fn a_false_state_is_found_out() {
    let history = History::new();
    let store = history.store(history.len());
    for other in (0..SIZE).filter(|other| history.folds[*other] != history.folds[SIZE]) {
        let state = history.folds[other].clone();
        history.write(Snapshot { state, ..history.snapshot(SIZE) });
        let error = verified(&history, &store).unwrap_err();
        let OpenError::FalseSnapshot { file, size: 20 } = error else {
            panic!("the state of {other} records: {error}");
        };
        assert_eq!(file, history.file());
    }
}

/// What a start would have refused without a snapshot ends the gateway in the same words.
#[test]
fn a_past_that_was_changed_is_found_out_in_the_words_of_a_start() {
    let history = History::new();
    for (what, change) in [
        (
            "a byte",
            (|store, place| store.content().log.get_mut(&place).unwrap()[50] ^= 1) as Change,
        ),
        ("a link", |store, place| store.content().log.get_mut(&place).unwrap()[5] ^= 1),
        ("a record gone", |store, place| drop(store.content().log.remove(&place))),
        ("its length", |store, place| store.content().log.get_mut(&place).unwrap().truncate(60)),
    ] {
        for place in 1..SIZE as u64 - 1 {
            let store = history.store(history.len());
            change(&store, place);
            fs::remove_file(history.file()).ok();
            let at_once = history.start(&store).map(drop).unwrap_err().to_string();
            history.write(history.snapshot(SIZE));
            let behind = verified(&history, &store).unwrap_err().to_string();
            assert_eq!(behind, at_once, "{what} of record {place}");
        }
    }
}

type Change = fn(&MemoryStore, u64);

/// A checkpoint over fewer records than the snapshot cannot be compared before they are read.
#[test]
fn a_checkpoint_of_another_beginning_is_found_out() {
    let history = History::new();
    let mut store = history.store(history.len());
    let file = history.dir.path().join("checkpoint");
    for (what, size, root, at_once, behind) in [
        ("ours, early", 10, history.heads[10].root(), None, None),
        ("ours, late", 30, history.heads[30].root(), None, None),
        ("another's, early", 10, [1; 32], None, Some("different histories of the first 10")),
        ("another's, as long", 20, [1; 32], Some("histories of the first 20"), None),
        ("another's, late", 30, [1; 32], Some("histories of the first 30"), None),
        ("of more", 9999, [1; 32], Some("9999 records"), None),
    ] {
        fs::write(&file, Checkpoint { size, root }.sign(&history.key)).unwrap();
        history.write(history.snapshot(SIZE));
        let started = history.start_with(&store, Some(&file));
        let Ok(started) = started else {
            let said = started.map(drop).unwrap_err().to_string();
            assert!(at_once.is_some_and(|words| said.contains(words)), "{what}: {said}");
            continue;
        };
        assert_eq!(at_once, None, "{what}");
        let log = started.opened.store.reader();
        let each = &mut |_| ControlFlow::Continue(());
        let found = started.unverified.unwrap().verify(&*log, &history.key.public(), each);
        let found = found.map(drop).map_err(|error| error.to_string());
        match behind {
            None => assert_eq!(found, Ok(()), "{what}"),
            Some(words) => assert!(found.unwrap_err().contains(words), "{what}"),
        }
    }
    fs::remove_file(&file).unwrap();
    // The one in the store is held to the same.
    store.save_checkpoint(&Checkpoint { size: 10, root: [1; 32] }.sign(&history.key)).unwrap();
    history.write(history.snapshot(SIZE));
    let error = verified(&history, &store).unwrap_err().to_string();
    assert!(error.contains("the first 10 records are not those that were signed"), "{error}");
}
