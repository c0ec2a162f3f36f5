//! What is on disk after which commits, stops, failures and restores.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;

use crate::{
    ledger::{
        LedgerReader,
        chain::{self, HeadState},
        checkpoint::Checkpoint,
        memory::MemoryStore,
        store::Store,
        tests::fixtures::{entries, records, running},
        tlog::{bundle, follow, publisher::Publisher, resume},
    },
    support::keys::GatewayKey,
};

/// A store with so many records, and a reader of it.
pub fn filled(key: &GatewayKey, size: u64) -> (MemoryStore, LedgerReader) {
    let (mut store, mut head) = (MemoryStore::new(), HeadState::default());
    let batch = entries(&mut head, &records(0..size, key));
    store.append(0, &batch, &head).unwrap();
    let reader = LedgerReader::new(store.reader(), key.public(), None);
    (store, reader)
}

pub fn signed(log: &LedgerReader, key: &GatewayKey, size: u64) -> (Checkpoint, String) {
    let mut head = HeadState::default();
    for entry in log.read(0, size as usize).unwrap() {
        head.frontier.push(entry.leaf_hash);
    }
    let checkpoint = Checkpoint { size, root: head.root() };
    (checkpoint, checkpoint.sign(key))
}

/// Every file under a directory with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                folders.push(path);
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
                let name = path.strip_prefix(dir).unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    files(dir).keys().map(|path| path.display().to_string()).collect()
}

/// The example of the format's own description: 70,000 records.
#[test]
fn seventy_thousand_records_are_published_as_the_format_says() {
    let (dir, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    let (_store, log) = filled(&key, 70_000);
    let mut publisher = resume::resume(dir.path(), &log, 70_000).unwrap();
    let (checkpoint, note) = signed(&log, &key, 70_000);
    publisher.publish_signed(&log, 70_000, &note).unwrap();
    let found = files(dir.path());
    let count = |begin: &str, partial: bool| {
        let of_kind = |path: &&PathBuf| {
            path.starts_with(begin) && path.to_string_lossy().contains(".p/") == partial
        };
        found.keys().filter(of_kind).count()
    };
    for (begin, full, partial) in
        [("tile/0", 273, 1), ("tile/entries", 273, 1), ("tile/1", 1, 1), ("tile/2", 0, 1)]
    {
        assert_eq!((count(begin, false), count(begin, true)), (full, partial), "{begin}");
    }
    assert_eq!(found.len(), 2 * 274 + 2 + 1 + 1);
    for (name, hashes) in [
        ("tile/0/273.p/112", 112),
        ("tile/1/001.p/17", 17),
        ("tile/2/000.p/1", 1),
        ("tile/1/000", 256),
    ] {
        assert_eq!(found[Path::new(name)].len(), 32 * hashes, "{name}");
    }
    assert_eq!(found[Path::new("checkpoint")], note.as_bytes());
    // Each hash of level 1 is what another implementation says of those 256 records.
    let mut records = Vec::new();
    let mut visit = |record: &[u8]| {
        records.push(record.to_owned());
        std::ops::ControlFlow::Continue(())
    };
    log.read_bytes(0, 70_000, &mut visit).unwrap();
    for index in [0, 1, 255] {
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        records[index * 256..][..256].iter().for_each(|record| oracle.push(record.clone()));
        let tile = &found[Path::new("tile/1/000")];
        assert_eq!(tile[32 * index..][..32], oracle.root().as_bytes()[..], "{index}");
    }
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    records.iter().for_each(|record| oracle.push(record.clone()));
    assert_eq!(checkpoint.root[..], oracle.root().as_bytes()[..]);
    let last = bundle::decode(&found[Path::new("tile/entries/273.p/112")]).0.concat();
    assert_eq!(last, records[273 * 256..].concat());
}

/// However the work is cut up, by stops and by sizes, the same files come out of it.
#[test]
fn stops_leave_no_trace() {
    let key = GatewayKey::generate();
    let (_store, log) = filled(&key, 1100);
    let (_, note) = signed(&log, &key, 1100);
    let (_, early) = signed(&log, &key, 300);
    let at_once = tempfile::tempdir().unwrap();
    let mut publisher = resume::resume(at_once.path(), &log, 1100).unwrap();
    publisher.publish_signed(&log, 1100, &note).unwrap();
    for stops in [&[1, 255, 256, 257, 511, 1099][..], &[300, 1024], &[1100], &[512]] {
        let dir = tempfile::tempdir().unwrap();
        for size in stops {
            let mut publisher = resume::resume(dir.path(), &log, *size).unwrap();
            publisher.publish(&log, *size).unwrap();
        }
        if stops.contains(&300) {
            let mut publisher = resume::resume(dir.path(), &log, 300).unwrap();
            publisher.publish_signed(&log, 300, &early).unwrap();
        }
        // A torn file under its temporary name is what a crash leaves.
        let torn = dir.path().join("tile/0/004.p");
        fs::create_dir_all(&torn).unwrap();
        fs::set_permissions(&torn, fs::Permissions::from_mode(0o700)).unwrap();
        let mut publisher = resume::resume(dir.path(), &log, 1100).unwrap();
        publisher.publish_signed(&log, 1100, &note).unwrap();
        let (mut found, expected) = (files(dir.path()), files(at_once.path()));
        found.retain(|path, _| expected.contains_key(path));
        assert!(found == expected, "{stops:?}: {:?}", names(dir.path()));
    }
}

/// What a checkpoint needs stays until a full tile has it; what none needs goes with the next size.
#[test]
fn partial_tiles_come_and_go() {
    let (dir, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    let (_store, log) = filled(&key, 300);
    let mut publisher = resume::resume(dir.path(), &log, 300).unwrap();
    publisher.publish(&log, 5).unwrap();
    assert_eq!(names(dir.path()), ["tile/0/000.p/5", "tile/entries/000.p/5"]);
    publisher.publish(&log, 9).unwrap();
    assert_eq!(names(dir.path()), ["tile/0/000.p/9", "tile/entries/000.p/9"]);
    publisher.publish_signed(&log, 7, &signed(&log, &key, 7).1).unwrap();
    publisher.publish(&log, 11).unwrap();
    let both = |sizes: &[u32]| -> Vec<String> {
        let kinds = ["0", "entries"].into_iter();
        let tiles =
            kinds.flat_map(|kind| sizes.iter().map(move |n| format!("tile/{kind}/000.p/{n}")));
        std::iter::once("checkpoint".to_owned()).chain(tiles).collect()
    };
    assert_eq!(names(dir.path()), both(&[11, 7]));
    publisher.publish_signed(&log, 11, &signed(&log, &key, 11).1).unwrap();
    publisher.publish(&log, 12).unwrap();
    assert_eq!(names(dir.path()), both(&[11, 12, 7]));
    publisher.publish(&log, 300).unwrap();
    let expected = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ];
    assert_eq!(names(dir.path()), expected);
    // A checkpoint that comes late finds the full tiles there.
    publisher.publish_signed(&log, 200, &signed(&log, &key, 200).1).unwrap();
    assert_eq!(names(dir.path()), expected);
}

/// What is missing below a published checkpoint is written again.
#[test]
fn holes_are_filled() {
    let (state, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    // In a directory of its own: what is put aside lies beside it.
    let dir = state.path().join("tlog");
    let (_store, log) = filled(&key, 1100);
    let (_, note) = signed(&log, &key, 1100);
    let publish = || {
        let mut publisher = resume::resume(&dir, &log, 1100).unwrap();
        publisher.publish_signed(&log, 1100, &note).unwrap();
        publisher.publish(&log, 1100).unwrap();
        files(&dir)
    };
    let whole = publish();
    for name in whole.keys() {
        fs::remove_file(dir.join(name)).unwrap();
        assert!(publish() == whole, "{} was removed", name.display());
        if !name.to_string_lossy().contains("entries") {
            fs::write(dir.join(name), [0; 31]).unwrap();
            // A checkpoint that is none makes all beside it doubtful, and it goes with it.
            assert!(publish() == whole, "{} was cut short", name.display());
        }
    }
}

/// A copy of another history is kept beside the new one: it may be evidence.
#[test]
fn what_is_of_another_history_is_put_aside() {
    let key = GatewayKey::generate();
    let (_store, log) = filled(&key, 20);
    let (_other, elsewhere) = filled(&GatewayKey::generate(), 30);
    for (what, others_note, size, aside) in [
        ("the same history", signed(&log, &key, 10).1, 10, false),
        ("a longer one than there is", signed(&elsewhere, &key, 30).1, 30, true),
        ("another of the same length", signed(&elsewhere, &key, 1).1, 1, true),
        ("another gateway's", signed(&elsewhere, &GatewayKey::generate(), 30).1, 30, true),
    ] {
        let state = tempfile::tempdir().unwrap();
        let dir = state.path().join("tlog");
        let source = if aside { &elsewhere } else { &log };
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        let mut publisher = Publisher::resume(&dir, 0, Vec::new());
        publisher.publish_signed(source, size, &others_note).unwrap();
        let before = files(&dir);
        let mut publisher = resume::resume(&dir, &log, 20).unwrap();
        publisher.publish_signed(&log, 20, &signed(&log, &key, 20).1).unwrap();
        let kept: Vec<_> = fs::read_dir(state.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| *path != dir)
            .collect();
        assert_eq!(kept.len(), usize::from(aside), "{what}");
        kept.iter().for_each(|kept| assert!(files(kept) == before, "{what}"));
        let record = files(&dir)[Path::new("tile/entries/000.p/20")].clone();
        let mut ours = Vec::new();
        let visit = &mut |bytes: &[u8]| {
            ours.push(bytes.to_vec());
            std::ops::ControlFlow::Continue(())
        };
        log.read_bytes(0, 20, visit).unwrap();
        assert_eq!(bundle::decode(&record).0, ours, "{what}");
    }
}

/// A disk that takes nothing stops the copy, and not the ledger; and when it takes something again,
/// all of it is there.
#[tokio::test]
async fn a_copy_that_cannot_be_written_stops_nothing_else() {
    let (state, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
    let store = MemoryStore::new();
    let ledger = running(&store, 3, &key).await;
    let dir = state.path().join("tlog");
    // Where a directory should be.
    fs::write(&dir, "in the way").unwrap();
    let thread = follow::follow(dir.clone(), &ledger).unwrap();
    for size in 3..40 {
        assert_eq!(ledger.append(size, records(size..size + 1, &key)).await, Ok(size + 1));
    }
    ledger.checkpoint().await.unwrap();
    fs::remove_file(&dir).unwrap();
    ledger.close().await.unwrap();
    thread.join().unwrap();
    let bundle = fs::read(dir.join("tile/entries/000.p/40")).unwrap();
    let stored: Vec<_> = store.content().log.values().cloned().collect();
    let stored: Vec<_> = stored.iter().map(|value| chain::split(value).unwrap().1).collect();
    assert_eq!(bundle::decode(&bundle), (stored, true));
    let note = fs::read_to_string(dir.join("checkpoint")).unwrap();
    assert_eq!(Checkpoint::verify(&note, &key.public()).unwrap().size, 40);
}
