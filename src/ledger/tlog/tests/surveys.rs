//! What can be had from bundles that are whole, damaged, missing, or of another history.

use std::{fs, ops::ControlFlow, path::Path};

use super::publishing::{filled, signed};
use crate::{
    ledger::{
        LedgerReader,
        tlog::{
            bundle, resume,
            survey::{Survey, survey},
        },
    },
    support::keys::GatewayKey,
};

const SIZE: u64 = 600;

fn remove(dir: &Path, name: &str) {
    fs::remove_file(dir.join(name)).unwrap();
}

/// Alters a record so that it is still one.
fn alter(dir: &Path, bundle: &str, place: usize) {
    let path = dir.join(bundle);
    let bytes = fs::read(&path).unwrap();
    let mut records: Vec<_> = bundle::decode(&bytes).0.iter().map(|r| r.to_vec()).collect();
    let at = records[place].len() - 10;
    records[place][at] ^= 1;
    fs::write(path, bundle::encode(&records)).unwrap();
}

fn cut(dir: &Path, name: &str) {
    let path = dir.join(name);
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() - 5]).unwrap();
}

fn swap(dir: &Path, one: &str, other: &str) {
    let (one, other, aside) = (dir.join(one), dir.join(other), dir.join("aside"));
    fs::rename(&one, &aside).unwrap();
    fs::rename(&other, &one).unwrap();
    fs::rename(&aside, &other).unwrap();
}

fn published(log: &LedgerReader, key: &GatewayKey) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut publisher = resume::resume(dir.path(), log, SIZE).unwrap();
    publisher.publish_signed(log, SIZE, &signed(log, key, SIZE).1).unwrap();
    dir
}

/// What is done to the files, by whom checkpoints are known, what can be had (records, signed, proven,
/// lost) or why nothing, and why there is no more.
type Row = (&'static str, fn(&Path), &'static [u64], Result<[u64; 4], &'static str>, &'static str);

/// A checkpoint of another gateway.
const STRANGERS: u64 = 0;

fn by_checkpoint() -> Vec<Row> {
    fn nothing(_: &Path) {}
    fn altered(dir: &Path) {
        alter(dir, "tile/entries/001", 100);
        remove(dir, "tile/0/001");
    }
    let foreign = Err("another history than the one that was signed");
    let newer = "not what a newer checkpoint signed";
    vec![
        ("whole", nothing, &[600], Ok([600, 600, 600, 0]), ""),
        ("whole, unsigned", nothing, &[], Ok([600, 0, 0, 0]), ""),
        ("a stranger's word", nothing, &[STRANGERS, 600], Ok([600, 600, 600, 0]), ""),
        ("an old checkpoint", nothing, &[300], Ok([600, 300, 300, 0]), ""),
        ("a newer checkpoint", nothing, &[650, 600], Ok([600, 650, 600, 50]), ""),
        ("records and tiles altered", altered, &[600], foreign, ""),
        ("an older one fits", altered, &[600, 300], Ok([300, 600, 300, 300]), newer),
    ]
}

fn by_damage() -> Vec<Row> {
    let signed = "not those that were signed";
    vec![
        (
            "a bundle is missing",
            |d| remove(d, "tile/entries/001"),
            &[600],
            Ok([256, 600, 256, 344]),
            "bundle 1 is missing",
        ),
        (
            "a bundle and its tile are missing",
            |d| ["tile/entries/001", "tile/0/001"].iter().for_each(|name| remove(d, name)),
            &[600],
            Ok([256, 600, 0, 344]),
            "bundle 1 is missing",
        ),
        (
            "a bundle is cut off",
            |d| cut(d, "tile/entries/001"),
            &[600],
            Ok([511, 600, 511, 89]),
            "bundle 1 is damaged",
        ),
        (
            "the last bundle is cut off",
            |d| cut(d, "tile/entries/002.p/88"),
            &[600],
            Ok([599, 600, 599, 1]),
            "bundle 2 is damaged",
        ),
        (
            "a record is altered",
            |d| alter(d, "tile/entries/001", 44),
            &[600],
            Ok([300, 600, 300, 300]),
            signed,
        ),
        (
            "two bundles are swapped",
            |d| swap(d, "tile/entries/000", "tile/entries/001"),
            &[600],
            Err("record 256 stands in its place"),
            "",
        ),
        (
            "the last bundle is missing",
            |d| remove(d, "tile/entries/002.p/88"),
            &[600],
            Ok([512, 600, 512, 88]),
            "",
        ),
        (
            "the first bundle is missing",
            |d| remove(d, "tile/entries/000"),
            &[600],
            Err("bundle 0 is missing"),
            "",
        ),
        (
            "everything is missing",
            |d| fs::remove_dir_all(d).unwrap(),
            &[600],
            Err("there is no bundle"),
            "",
        ),
    ]
}

#[test]
fn what_is_left_row_by_row() {
    let key = GatewayKey::generate();
    let (_store, log) = filled(&key, 650);
    let note = |size: u64| match size {
        STRANGERS => signed(&log, &GatewayKey::generate(), 650).1,
        size => signed(&log, &key, size).1,
    };
    for (what, damage, notes, expected, why) in by_checkpoint().into_iter().chain(by_damage()) {
        let dir = published(&log, &key);
        damage(dir.path());
        let notes: Vec<_> = notes.iter().copied().map(note).collect();
        match (survey(dir.path(), &notes, &key.public()), expected) {
            (Ok(found), Ok(expected)) => {
                let Survey { size, signed, proven, .. } = found;
                assert_eq!([size, signed, proven, found.lost()], expected, "{what}");
                let fault = found.fault.clone().unwrap_or_default();
                assert!(fault.contains(why), "{what}: {fault}");
                assert_eq!(fault.is_empty(), why.is_empty(), "{what}: {fault}");
                assert!(of_survey(&found) == of_log(&log, size), "{what}: other records");
            }
            (Err(error), Err(expected)) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{what}: {error}");
            }
            (found, expected) => panic!("{what}: {found:?} instead of {expected:?}"),
        }
    }
    let dir = published(&log, &key);
    let others = GatewayKey::generate().public();
    let error = survey(dir.path(), &[note(600)], &others).unwrap_err().to_string();
    assert!(error.contains("a gateway with another key"), "{error}");
}

fn of_survey(found: &Survey) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut each = |bytes: &[u8], _| {
        all.push(bytes.to_owned());
        Ok(())
    };
    found.each(&mut each).unwrap();
    all
}

fn of_log(log: &LedgerReader, size: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut each = |bytes: &[u8]| {
        all.push(bytes.to_owned());
        ControlFlow::Continue(())
    };
    log.read_bytes(0, size, &mut each).unwrap();
    all
}
