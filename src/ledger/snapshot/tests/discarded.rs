//! Snapshots that are not used: each is put aside, said so, and everything is read instead.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{super::version, Discarded, History, Snapshot, write};
use crate::{
    domain::time::UnixMillis,
    ledger::{
        chain::HeadState,
        codec,
        merkle::Frontier,
        note::{self, origin},
        schema::state,
    },
    support::keys::GatewayKey,
};

/// Of so many records is the snapshot.
const SIZE: usize = 20;

/// Says why a start with this file did not use it.
fn told(history: &History, file: &[u8]) -> Option<Discarded> {
    fs::write(history.file(), file).unwrap();
    let told = history.discarded(&history.store(SIZE));
    let aside = history.file().with_extension("rejected");
    assert_eq!(told.is_some(), !history.file().exists(), "{told:?}");
    assert_eq!(told.is_some(), fs::remove_file(aside).is_ok(), "{told:?}");
    told
}

fn whole(history: &History) -> Vec<u8> {
    history.write(history.snapshot(SIZE));
    fs::read(history.file()).unwrap()
}

#[test]
fn a_snapshot_of_which_a_part_is_missing() {
    let history = History::new();
    let whole = whole(&history);
    let body = whole.len() - state::put(history.folds[SIZE].clone()).unwrap().len();
    for length in 0..whole.len() {
        let expected = if length < body { Discarded::Malformed } else { Discarded::Altered };
        assert_eq!(told(&history, &whole[..length]), Some(expected), "{length} bytes");
    }
    let longer = [&whole[..], b"\0"].concat();
    assert_eq!(told(&history, &longer), Some(Discarded::Altered));
}

#[test]
fn a_snapshot_of_which_a_byte_was_changed() {
    let history = History::new();
    let whole = whole(&history);
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 0x01;
        let told = told(&history, &changed);
        // The signature's name of the key is in no line that is signed; what it names is looked for.
        let expected = [Discarded::Malformed, Discarded::NotSigned, Discarded::Altered];
        assert!(told.as_ref().is_some_and(|why| expected.contains(why)), "{place}: {told:?}");
    }
}

/// The text that is signed, with some of its lines replaced, signed again with the right key.
fn signed(history: &History, changes: &[(usize, String)]) -> Vec<u8> {
    let (head, body) = (&history.heads[SIZE], state::put(history.folds[SIZE].clone()).unwrap());
    let mut lines = [
        format!("{}/snapshot", origin(&history.key.public())),
        version(),
        SIZE.to_string(),
        BASE64_STANDARD.encode(head.root()),
        BASE64_STANDARD.encode(codec::encode_head(head).unwrap()),
        BASE64_STANDARD.encode(Sha256::digest(&body)),
    ];
    for (line, text) in changes {
        lines[*line] = text.clone();
    }
    let text = lines.join("\n") + "\n";
    [note::sign(&text, &history.key).as_bytes(), &body].concat()
}

#[test]
fn a_snapshot_that_is_signed_and_is_not_for_this() {
    let history = History::new();
    assert_eq!(told(&history, &signed(&history, &[])), None, "as it is written");
    let theirs = "0.0.9 (state 1)";
    let encoded = |head: &HeadState| BASE64_STANDARD.encode(codec::encode_head(head).unwrap());
    let head = history.heads[SIZE].clone();
    let peaks = vec![[7; 32]; SIZE.count_ones() as usize];
    let other_tree =
        HeadState { frontier: Frontier::from_parts(SIZE as u64, peaks).unwrap(), ..head.clone() };
    let later = HeadState { time: UnixMillis(u64::MAX), ..head.clone() };
    let root = BASE64_STANDARD.encode(other_tree.root());
    let origin = "doorward/0000000000000000/snapshot".to_owned();
    for (what, changes, expected) in [
        ("another gateway's", vec![(0, origin)], "key did not sign"),
        ("a checkpoint's origin", vec![(0, note::origin(&history.key.public()))], "did not sign"),
        ("another version", vec![(1, theirs.into())], "doorward 0.0.9 (state 1) made it"),
        ("another size", vec![(2, "21".into())], "has not the form"),
        ("another root", vec![(3, root.clone())], "has not the form"),
        ("another tree", vec![(3, root), (4, encoded(&other_tree))], "does not go on from it"),
        ("another time", vec![(4, encoded(&later))], "does not go on from it"),
        ("no head", vec![(4, "?".into())], "has not the form"),
        ("another state", vec![(5, BASE64_STANDARD.encode([0; 32]))], "not those that were signed"),
    ] {
        let told = told(&history, &signed(&history, &changes));
        let told = told.unwrap_or_else(|| panic!("{what} was used")).to_string();
        assert!(told.contains(expected), "{what}: {told}");
    }
}

#[test]
fn a_snapshot_by_another_key() {
    let history = History::new();
    write(&history.file(), history.snapshot(SIZE), &GatewayKey::generate()).unwrap();
    let file = fs::read(history.file()).unwrap();
    assert_eq!(told(&history, &file), Some(Discarded::NotSigned));
}

/// A backup was put back, or the ledger recovered: it is shorter, or went on in another way.
#[test]
fn a_snapshot_of_another_history() {
    let history = History::new();
    let key =
        GatewayKey::from_pem(std::str::from_utf8(history.key.to_pem().unwrap().expose()).unwrap())
            .unwrap();
    let branched = History::of(key, |mut records| {
        records[SIZE - 1].authority.0 += 1;
        records
    });
    for (what, snapshot, store, expected) in [
        ("shorter", SIZE, history.store(SIZE - 1), Discarded::Longer { size: 20, inside: 19 }),
        ("branched at its end", SIZE, branched.store(SIZE), Discarded::OtherHistory(19)),
        ("branched", SIZE + 5, branched.store(branched.len()), Discarded::OtherHistory(24)),
    ] {
        history.write(history.snapshot(snapshot));
        let started = history.start(&store).unwrap();
        assert_eq!(started.discarded, Some(expected), "{what}");
        assert!(started.unverified.is_none(), "{what}");
    }
    // What both have in common may be taken up.
    history.write(history.snapshot(SIZE - 1));
    let started = history.start(&branched.store(branched.len())).unwrap();
    assert_eq!(started.discarded, None);
    assert!(started.state == branched.folds[branched.len()]);
}

#[test]
fn a_snapshot_of_nothing() {
    let history = History::new();
    history.write(Snapshot { head: HeadState::default(), state: history.folds[0].clone() });
    let told = history.discarded(&history.store(SIZE));
    assert_eq!(told, Some(Discarded::Longer { size: 0, inside: SIZE as u64 }));
}

/// A start never refuses because of a snapshot; what is wrong with the ledger is said as without one.
#[test]
fn a_damaged_end_is_refused_as_without_a_snapshot() {
    let history = History::new();
    let refused = |snapshot: bool| {
        let store = history.store(history.len());
        store.content().log.get_mut(&(SIZE as u64 + 3)).unwrap()[40] ^= 1;
        fs::remove_file(history.file()).ok();
        if snapshot {
            history.write(history.snapshot(SIZE));
        }
        history.start(&store).map(drop).unwrap_err().to_string()
    };
    assert_eq!(refused(true), refused(false));
    assert!(refused(true).contains("record 23 is the first that cannot be trusted"));
}

/// Half of a new one lies beside the old one when the process is killed while it writes.
#[test]
fn half_a_new_snapshot_beside_the_old_one_is_in_nobodys_way() {
    let history = History::new();
    let whole = whole(&history);
    fs::write(history.file().with_extension("new"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(told(&history, &whole), None, "the old one");
}
