//! Records that were changed behind the ledger's back are named, by an audit and by a start.

use std::sync::Arc;

use super::fixtures::{entries, on_disk, open_at, open_memory, record, records};
use crate::{
    domain::{ids::Seq, time::UnixMillis},
    ledger::{
        Fault, LedgerReader, Note, OpenError, Record, Verdict,
        chain::HeadState,
        checkpoint::Checkpoint,
        codec,
        memory::{Content, MemoryStore},
        sled as embedded,
        store::{Store, StoredEntry},
    },
    support::keys::GatewayKey,
};

const SIZE: u64 = 20;

/// A whole ledger of [`SIZE`] records, and a checkpoint over it outside.
fn whole(key: &GatewayKey) -> (MemoryStore, Checkpoint) {
    let mut store = MemoryStore::new();
    let mut head = HeadState::default();
    let entries = entries(&mut head, &records(0..SIZE, key));
    store.append(0, &entries, &head).unwrap();
    (store, Checkpoint { size: SIZE, root: head.root() })
}

type Tamper = fn(&mut Content);

/// What was done, and the first record that is bad, and how.
fn cases() -> Vec<(&'static str, Tamper, u64, Fault)> {
    let truncated = |expected_size| Fault::Truncated { expected_size };
    vec![
        ("first byte of a link", |c| flip(c, 7, 0), 7, Fault::Altered),
        ("last byte of a link", |c| flip(c, 7, 31), 7, Fault::Altered),
        ("first byte of a record", |c| flip(c, 7, 32), 7, Fault::Altered),
        ("a byte inside a record", |c| flip(c, 13, 60), 13, Fault::Altered),
        ("the first record", |c| flip(c, 0, 40), 0, Fault::Altered),
        ("the last record", |c| flip(c, 19, 40), 19, Fault::Altered),
        ("cut short", |c| c.log.get_mut(&9).unwrap().truncate(20), 9, Fault::Altered),
        ("longer", |c| c.log.get_mut(&9).unwrap().push(0), 9, Fault::Altered),
        ("removed", |c| drop(c.log.remove(&7)), 7, Fault::Removed),
        ("the first removed", |c| drop(c.log.remove(&0)), 0, Fault::Removed),
        ("two neighbours swapped", |c| swap(c, 7, 8), 7, Fault::Reordered { belongs_at: 8 }),
        ("two others swapped", |c| swap(c, 3, 15), 3, Fault::Reordered { belongs_at: 15 }),
        ("the last removed", |c| drop(c.log.remove(&19)), 19, truncated(20)),
        ("the tail removed", |c| c.log.retain(|seq, _| *seq < 11), 11, truncated(20)),
        ("everything removed", |c| c.log.clear(), 0, truncated(20)),
        ("one too many", |c| drop(c.log.insert(20, c.log[&19].clone())), 20, Fault::BeyondHead),
        ("the head's link", |c| c.head.as_mut().unwrap().link[0] ^= 1, 19, Fault::HeadDiffers),
    ]
}

fn flip(content: &mut Content, seq: u64, byte: usize) {
    content.log.get_mut(&seq).unwrap()[byte] ^= 0x40;
}

fn swap(content: &mut Content, a: u64, b: u64) {
    let (value_a, value_b) = (content.log[&a].clone(), content.log[&b].clone());
    content.log.insert(a, value_b);
    content.log.insert(b, value_a);
}

#[test]
fn an_audit_and_a_start_name_the_first_bad_record() {
    let key = GatewayKey::generate();
    for (what, tamper, seq, fault) in cases() {
        let (store, _) = whole(&key);
        let reader = LedgerReader::new(store.reader(), key.public(), None);
        assert!(matches!(reader.verify(), Ok(Verdict::Ok { size: SIZE, .. })), "{what}: before");
        tamper(&mut store.content());
        let verdict = reader.verify().unwrap();
        let expected = Verdict::Broken { first_bad_seq: seq, what: fault.clone() };
        // A record past the head is only read as that when nothing was wrong before it.
        assert_eq!(verdict, expected, "{what}");
        match open_memory(&store, None, &key).map(drop) {
            Err(OpenError::Corrupt { first_bad_seq, .. }) => assert_eq!(first_bad_seq, seq),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Cuts records and head back, so that only a checkpoint can know.
fn cut_whole(content: &mut Content, size: u64, key: &GatewayKey) {
    let mut head = HeadState::default();
    entries(&mut head, &records(0..size, key));
    content.log.retain(|seq, _| *seq < size);
    content.head = (size > 0).then_some(head);
}

/// Writes another history of the same length, with every hash right.
fn rewrite(content: &mut Content, from: u64, key: &GatewayKey) {
    let mut other = records(0..SIZE, key);
    other[from as usize].authority.0 += 1;
    let mut head = HeadState::default();
    content.log = entries(&mut head, &other).into_iter().map(|e| (e.seq, e.value)).collect();
    content.head = Some(head);
}

#[test]
fn a_checkpoint_outside_sees_what_the_chain_cannot() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("checkpoint");
    let key = GatewayKey::generate();
    let verdict = |store: &MemoryStore| {
        LedgerReader::new(store.reader(), key.public(), Some(file.clone())).verify().unwrap()
    };
    for size in [19, 8, 0] {
        let (store, checkpoint) = whole(&key);
        std::fs::write(&file, checkpoint.sign(&key)).unwrap();
        cut_whole(&mut store.content(), size, &key);
        let what = Fault::Truncated { expected_size: SIZE };
        assert_eq!(verdict(&store), Verdict::Broken { first_bad_seq: size, what });
        let error = open_memory(&store, Some(&file), &key).unwrap_err();
        let OpenError::Ahead { inside, outside: SIZE, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*inside, size);
        let said = error.to_string();
        let command = format!("mv {0} {0}.old", file.display());
        for part in [&command, "20 records", &format!("it holds {size}"), "backup"] {
            assert!(said.contains(part), "{part:?} in {said:?}");
        }
    }
    let (store, checkpoint) = whole(&key);
    rewrite(&mut store.content(), 5, &key);
    let what = Fault::Rewritten { signed_size: SIZE };
    assert_eq!(verdict(&store), Verdict::Broken { first_bad_seq: 0, what });
    let error = open_memory(&store, Some(&file), &key).unwrap_err();
    assert!(matches!(error, OpenError::Forked { size: SIZE, .. }), "{error:?}");

    std::fs::write(&file, checkpoint.sign(&key).replace("\n20\n", "\n19\n")).unwrap();
    let error = open_memory(&store, Some(&file), &key).unwrap_err();
    assert!(matches!(error, OpenError::BadCheckpoint { inside: SIZE, .. }), "{error:?}");
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    let error = open_memory(&store, Some(&file), &key).unwrap_err();
    assert!(matches!(error, OpenError::BadCheckpoint { .. }), "{error:?}");

    std::fs::remove_file(&file).unwrap();
    let (opened, _) = open_memory(&store, Some(&file), &key).unwrap();
    assert_eq!(opened.notes, [Note::NoOutsideCheckpoint(file)], "moved away: accepted, and told");
}

#[test]
fn a_checkpoint_inside_is_compared_too() {
    let key = GatewayKey::generate();
    let (store, checkpoint) = whole(&key);
    store.content().checkpoint = Some(checkpoint.sign(&key));
    assert!(open_memory(&store, None, &key).is_ok());
    rewrite(&mut store.content(), 5, &key);
    let error = open_memory(&store, None, &key).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    let (store, checkpoint) = whole(&key);
    store.content().checkpoint = Some(checkpoint.sign(&key));
    cut_whole(&mut store.content(), 8, &key);
    let error = open_memory(&store, None, &key).unwrap_err();
    let OpenError::Corrupt { first_bad_seq: 8, what } = error else { panic!("{error:?}") };
    assert_eq!(what, "the end is cut off: there were 20 records");
}

#[test]
fn a_checkpoint_behind_the_log_is_compared_where_it_was_signed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("checkpoint");
    let key = GatewayKey::generate();
    let mut early = HeadState::default();
    entries(&mut early, &records(0..9, &key));
    let note = Checkpoint { size: 9, root: early.root() }.sign(&key);
    std::fs::write(&file, note).unwrap();
    let (store, _) = whole(&key);
    assert_eq!(open_memory(&store, Some(&file), &key).unwrap().0.signed_size, 9);
    rewrite(&mut store.content(), 12, &key);
    assert!(open_memory(&store, Some(&file), &key).is_ok(), "9 records are as signed");
    rewrite(&mut store.content(), 8, &key);
    let error = open_memory(&store, Some(&file), &key).unwrap_err();
    assert!(matches!(error, OpenError::Forked { size: 9, inside: SIZE, .. }), "{error:?}");
}

/// A writer that can compute hashes still cannot store what is no record, or out of its place.
#[test]
fn right_hashes_do_not_make_a_record_right() {
    let key = GatewayKey::generate();
    let encoded = |record: &Record| codec::encode_record(record).unwrap();
    let mut misplaced = record(9, &key);
    misplaced.seq.0 = 3;
    let mut old = record(9, &key);
    old.at.0 = 5;
    let misplaced_says = "record 3 stands in its place";
    for (seq, bytes, says) in [
        (9, encoded(&misplaced), misplaced_says),
        (9, encoded(&old), "it is older than the record before it"),
        (9, vec![1, 2, 3], "it cannot be read"),
        (0, encoded(&Record { seq: Seq(0), ..record(9, &key) }), "does not begin a ledger"),
    ] {
        let mut store = MemoryStore::new();
        let mut head = HeadState::default();
        let mut batch = entries(&mut head, &records(0..seq, &key));
        batch.push(StoredEntry { seq, value: head.append(&bytes, UnixMillis(2000)) });
        store.append(0, &batch, &head).unwrap();
        let error = open_memory(&store, None, &key).unwrap_err();
        let OpenError::Corrupt { first_bad_seq, what } = error else { panic!("{error:?}") };
        assert!(what.contains(says), "{what:?}");
        assert_eq!(first_bad_seq, seq, "{says}");
    }
}

#[test]
fn a_ledger_belongs_to_its_key() {
    let (key, other) = (GatewayKey::generate(), GatewayKey::generate());
    let (store, checkpoint) = whole(&key);
    store.content().checkpoint = Some(checkpoint.sign(&key));
    let error = open_memory(&store, None, &other).unwrap_err();
    assert!(matches!(error, OpenError::KeyMismatch { .. }), "{error:?}");
}

/// The same over the embedded store, whose tree is tampered with while nobody looks.
#[tokio::test]
async fn tampering_in_the_embedded_store_is_named() {
    let key = Arc::new(GatewayKey::generate());
    for (what, tamper, seq, fault) in cases() {
        if fault == Fault::HeadDiffers {
            continue;
        }
        let state = tempfile::tempdir().unwrap();
        on_disk(state.path(), SIZE, &key).await;
        let (mut store, _) = embedded::open(&state.path().join("ledger")).unwrap();
        let reader = store.reader();
        let mut content = Content::default();
        let mut copy = |seq, value: &[u8]| {
            content.log.insert(seq, value.to_vec());
            std::ops::ControlFlow::Continue(())
        };
        reader.scan(0, &mut copy).unwrap();
        content.head = reader.head().unwrap();
        tamper(&mut content);
        for seq in 0..=SIZE {
            store.tamper(seq, content.log.get(&seq).map(Vec::as_slice));
        }
        let file = Some(state.path().join("checkpoint"));
        let verdict = LedgerReader::new(reader, key.public(), file).verify().unwrap();
        assert_eq!(verdict, Verdict::Broken { first_bad_seq: seq, what: fault }, "{what}");
        drop(store);
        match open_at(state.path(), &key).map(drop) {
            Err(OpenError::Corrupt { first_bad_seq, .. }) => assert_eq!(first_bad_seq, seq),
            other => panic!("{what}: {other:?}"),
        }
    }
}
