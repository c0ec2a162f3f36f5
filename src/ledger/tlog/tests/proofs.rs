//! Proofs against another implementation, from what is published and what is not, and altered.

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;

use super::publishing::{filled, signed};
use crate::{
    ledger::{
        LedgerReader, StoreError,
        chain::HeadState,
        checkpoint::Checkpoint,
        merkle::{Hash, leaf_hash},
        store::{LogReader, Store, Visit},
        tests::fixtures::record,
        tlog::{
            proof::{self, ProofError},
            publisher::root_of,
            resume,
            tree::{self, Nodes, consistency, inclusion},
        },
    },
    support::keys::GatewayKey,
};

/// Hashes of leaves, in memory.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;

    fn subtree(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let begin = (index << height) as usize;
        Ok(root_of(&self.0[begin..begin + (1 << height)]))
    }
}

/// Every leaf of every tree of up to 70, and every earlier tree of each.
#[test]
fn proofs_are_those_of_another_implementation() {
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let (mut leaves, mut roots) = (Leaves(Vec::new()), vec![]);
    for size in 1..=70u64 {
        let leaf = size.to_be_bytes().to_vec();
        leaves.0.push(leaf_hash(&leaf));
        oracle.push(leaf);
        let root: Hash = oracle.root().as_bytes()[..].try_into().unwrap();
        roots.push(root);
        for index in 0..size {
            let path = inclusion(&mut leaves, index, size).unwrap();
            let theirs = oracle.prove_inclusion(index as usize);
            assert_eq!(path.as_flattened(), theirs.as_bytes(), "{index} in {size}");
            let leaf = leaves.0[index as usize];
            assert_eq!(tree::root_over(leaf, index, size, &path), Some(root), "{index} in {size}");
            let short = path.split_last().map(|(_, path)| path).unwrap_or(&[[7; 32]]);
            assert_ne!(tree::root_over(leaf, index, size, short), Some(root), "{index} in {size}");
            let long = [&path[..], &[root]].concat();
            assert_eq!(tree::root_over(leaf, index, size, &long), None, "{index} in {size}");
            assert_eq!(tree::root_over(leaf, size, size, &path), None);
        }
        for old in 1..=size {
            let path = consistency(&mut leaves, old, size).unwrap();
            let (old, new) = ((old, roots[old as usize - 1]), (size, root));
            if old.0 < size {
                let theirs = oracle.prove_consistency((size - old.0) as usize);
                assert_eq!(path.as_flattened(), theirs.as_bytes(), "{} in {size}", old.0);
                assert!(!tree::is_consistent(old, new, &path[1..]), "{} in {size}", old.0);
                assert!(!tree::is_consistent((old.0, [7; 32]), new, &path), "{} in {size}", old.0);
            }
            assert!(tree::is_consistent(old, new, &path), "{} in {size}", old.0);
            assert!(!tree::is_consistent(old, (size, [7; 32]), &path), "{} in {size}", old.0);
            assert!(!tree::is_consistent(old, new, &[&path[..], &[root]].concat()));
            assert!(tree::is_consistent((0, [7; 32]), new, &[]), "nothing begins everything");
        }
    }
    assert!(!tree::is_consistent((3, roots[2]), (2, roots[1]), &[]));
}

/// Counts the records that are read.
struct Counting(Arc<dyn LogReader>, AtomicU64);

impl LogReader for Counting {
    fn scan(&self, from: u64, visit: Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(from, &mut |seq, value| {
            self.1.fetch_add(1, Ordering::Relaxed);
            visit(seq, value)
        })
    }

    fn head(&self) -> Result<Option<HeadState>, StoreError> {
        self.0.head()
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.0.checkpoint()
    }
}

/// Of 70,000 published records a proof reads its own; of what is not published, that; and of tiles
/// that lie, nothing in the end.
#[test]
fn a_proof_reads_little_of_what_is_published() {
    let (dir, key) = (tempfile::tempdir().unwrap(), GatewayKey::generate());
    let (store, log) = filled(&key, 70_100);
    let (published, note) = signed(&log, &key, 70_000);
    let mut publisher = resume::resume(dir.path(), &log, 70_000).unwrap();
    publisher.publish_signed(&log, 70_000, &note).unwrap();
    let (later, newer) = signed(&log, &key, 70_100);
    let counting = Arc::new(Counting(store.reader(), AtomicU64::new(0)));
    let log = LedgerReader::new(Arc::clone(&counting) as _, key.public(), None);
    let reads = |dir: &Path, note: &str, seq: u64| {
        counting.1.store(0, Ordering::Relaxed);
        let text = proof::prove(&log, dir, note, seq).unwrap();
        let proven = proof::check(&text, &key.public()).unwrap();
        assert_eq!(proven.entry.record, record(seq, &key));
        counting.1.load(Ordering::Relaxed)
    };
    for seq in [0, 1, 255, 256, 65_535, 65_536, 69_999] {
        assert_eq!(reads(dir.path(), &note, seq), 1, "{seq}");
    }
    let unpublished = reads(dir.path(), &newer, 70_050);
    assert!((100..500).contains(&unpublished), "{unpublished}");
    let grown = |old, new| proof::prove_growth(&log, dir.path(), old, new).unwrap();
    counting.1.store(0, Ordering::Relaxed);
    let path = grown(published, later).unwrap();
    assert!(proof::has_grown(published, later, &path));
    assert!((100..500).contains(&counting.1.load(Ordering::Relaxed)));
    assert_eq!(grown(later, published), None);
    assert_eq!(grown(Checkpoint { root: [7; 32], ..published }, later), None);
    fs::write(dir.path().join("tile/2/000.p/1"), [7; 32]).unwrap();
    assert!(reads(dir.path(), &note, 69_999) > 60_000);
    assert_eq!(grown(published, later), Some(path));
    let wrong = Checkpoint { root: [7; 32], ..published }.sign(&key);
    let error = proof::prove(&log, dir.path(), &wrong, 3).unwrap_err().to_string();
    assert!(error.contains("are not those that were signed"), "{error}");
    let error = proof::prove(&log, dir.path(), &note, 70_000).unwrap_err().to_string();
    assert!(error.contains("there is no record 70000 in 70000"), "{error}");
}

#[test]
fn an_altered_proof_proves_nothing() {
    let key = GatewayKey::generate();
    let (_store, log) = filled(&key, 9);
    let (_, note) = signed(&log, &key, 9);
    let nowhere = Path::new("/nonexistent");
    let proof = |seq| proof::prove(&log, nowhere, &note, seq).unwrap();
    let text = proof(5);
    assert_eq!(proof::check(&text, &key.public()).unwrap().entry.record, record(5, &key));
    let lines: Vec<_> = text.lines().collect();
    let others: Vec<_> = [4, 6].map(proof).to_vec();
    let other_line = |n: usize| others[0].lines().nth(n).unwrap().to_owned();
    let swapped = |a: usize, b: usize| {
        let mut lines = lines.clone();
        lines.swap(a, b);
        lines.join("\n") + "\n"
    };
    let replace = |n: usize, by: &str| text.replacen(lines[n], by, 1);
    let strange = BASE64_STANDARD.encode(b"no record");
    use ProofError as E;
    for (what, altered, expected) in [
        ("another record", replace(1, &other_line(1)), E::NotIncluded),
        ("another place", replace(2, "index 4"), E::NotIncluded),
        ("a place beyond", replace(2, "index 9"), E::NotIncluded),
        ("another hash", replace(3, &other_line(4)), E::NotIncluded),
        ("two hashes swapped", swapped(3, 4), E::NotIncluded),
        ("one hash less", replace(6, "").replacen("\n\n\n", "\n\n", 1), E::NotIncluded),
        ("bytes that are no record", replace(1, &format!("extra {strange}")), E::NotIncluded),
        ("no record", replace(1, "").replacen("\n\n", "\n", 1), E::Malformed),
        ("a place in another spelling", replace(2, "index 05"), E::Malformed),
        ("another form", replace(0, "c2sp.org/tlog-proof@v2"), E::Malformed),
        ("nothing", String::new(), E::Malformed),
        ("half a hash", replace(3, "AAAA"), E::Malformed),
        ("a larger tree", text.replacen("\n9\n", "\n10\n", 1), bad_signature()),
        ("another key's signature", other_signature(&note, &text), unsigned()),
    ] {
        let outcome = proof::check(&altered, &key.public()).map(|proven| proven.entry.record);
        assert_eq!(outcome, Err(expected), "{what}");
    }
    let strangers = GatewayKey::generate().public();
    let outcome = proof::check(&text, &strangers);
    let origin = crate::ledger::checkpoint::CheckpointError::OtherOrigin;
    assert_eq!(outcome, Err(E::Checkpoint(origin)));
}

fn bad_signature() -> ProofError {
    ProofError::Checkpoint(crate::ledger::checkpoint::CheckpointError::BadSignature)
}

fn unsigned() -> ProofError {
    ProofError::Checkpoint(crate::ledger::checkpoint::CheckpointError::Unsigned)
}

/// The same statement, signed by somebody else.
fn other_signature(note: &str, text: &str) -> String {
    let ours = note.lines().last().unwrap();
    let theirs = Checkpoint { size: 9, root: [0; 32] }.sign(&GatewayKey::generate());
    text.replacen(ours, theirs.lines().last().unwrap(), 1)
}

/// A signed tree may hold bytes that are no record, or a record in another's place.
#[test]
fn what_is_signed_must_also_be_a_record_of_that_place() {
    let key = GatewayKey::generate();
    let bytes = |seq| crate::ledger::codec::encode_record(&record(seq, &key)).unwrap();
    for (leaf, expected) in [
        (bytes(0), None),
        (bytes(1), Some(ProofError::NotIncluded)),
        (b"no record".to_vec(), Some(ProofError::Undecodable(String::new()))),
    ] {
        let note = Checkpoint { size: 1, root: leaf_hash(&leaf) }.sign(&key);
        let record = BASE64_STANDARD.encode(&leaf);
        let text = format!("c2sp.org/tlog-proof@v1\nextra {record}\nindex 0\n\n{note}");
        let outcome = proof::check(&text, &key.public()).map(drop).err();
        let outcome = outcome.map(|error| match error {
            ProofError::Undecodable(_) => ProofError::Undecodable(String::new()),
            other => other,
        });
        assert_eq!(outcome, expected);
    }
}
