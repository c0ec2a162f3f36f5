//! What is published, judged by readers that nobody here wrote: `signed_note` for the checkpoint,
//! `tlog_tiles` for the tiles, the records and the proofs (issue 4, proof 3).

use std::{fs, path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use doorward::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        principal::{Principal, Rule},
        registry::Event as Registry,
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        LedgerHandle, Record, Via,
        checkpoint::{self, origin},
        memory::MemoryStore,
        recover,
        tlog::{follow::follow, proof},
    },
    support::keys::GatewayKey,
};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, HashReader, Tile, TileHashReader, TileReader, check_record,
    check_tree, prove_record, prove_tree, record_hash, stored_hash_index,
    stored_hashes_for_record_hash, tree_hash,
};

use crate::house::block_on;

/// Two full bundles and a part of one.
const SIZE: u64 = 600;

/// An earlier checkpoint of the same ledger.
const EARLIER: u64 = 300;

fn record(seq: u64, key: &GatewayKey) -> Record {
    let event = match seq {
        0 => Registry::Begun { gateway_key: PublicKey(key.public()) },
        _ => Registry::PairingExpired {
            request_id: RequestId([seq as u8; 16]),
            device: DeviceId([7; 32]),
            role: Role::Operator,
        },
    };
    Record {
        seq: Seq(seq),
        at: UnixMillis(1000 + seq),
        principal: Principal::System(Rule::Expiry),
        authority: Seq(0),
        via: Via::internal(),
        before: ScopeSet::empty(),
        after: ScopeSet::empty(),
        event: Event::Registry(event),
    }
}

/// What a stranger has of a ledger: the published files, the public key, an older checkpoint and one
/// record's proof.
struct Evidence {
    dir: tempfile::TempDir,
    key: Arc<GatewayKey>,
    public_key: [u8; 32],
    earlier: String,
    proof: String,
}

fn evidence() -> Evidence {
    let (dir, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
    let (store, nowhere) = (Box::new(MemoryStore::new()), Path::new("memory"));
    let each = &mut |_| std::ops::ControlFlow::Continue(());
    let opened = recover::recover(store, nowhere, None, &key, each).unwrap();
    let (earlier, proof) = block_on(async {
        let ledger = LedgerHandle::spawn(opened, Arc::clone(&key)).unwrap();
        let records = |from, to| (from..to).map(|seq| record(seq, &key)).collect();
        ledger.append(0, records(0, EARLIER)).await.unwrap();
        let earlier = ledger.checkpoint().await.unwrap();
        ledger.append(EARLIER, records(EARLIER, SIZE)).await.unwrap();
        let note = ledger.checkpoint().await.unwrap();
        let proof = proof::prove(&ledger.reader(), nowhere, &note, 417).unwrap();
        let published = follow(dir.path().into(), &ledger).unwrap();
        ledger.close().await.unwrap();
        published.join().unwrap();
        (earlier, proof)
    });
    let public_key = key.public();
    Evidence { dir, key, public_key, earlier, proof }
}

/// The published hashes, as the other implementation asks for them.
struct Published<'a>(&'a Path);

impl TileReader for Published<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        // Its own names carry the height of a tile, which is always 8 here.
        let path = |tile: &Tile| self.0.join(tile.path().replacen("tile/8/", "tile/", 1));
        let missing = |_| Error::InvalidTile;
        tiles.iter().map(|tile| fs::read(path(tile)).map_err(missing)).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// Checks everything, with nothing of this program's. The error is the first step that failed.
fn judge(evidence: &Evidence) -> Result<(), &'static str> {
    let dir = evidence.dir.path();
    let known = |note: &[u8], step| verified(note, &evidence.public_key).ok_or(step);
    let now = known(&fs::read(dir.join("checkpoint")).unwrap(), "checkpoint")?;
    let earlier = known(evidence.earlier.as_bytes(), "earlier checkpoint")?;
    let tiles = Published(dir);
    let hashes = TileHashReader::new(now.size(), *now.hash(), &tiles);
    let root = tree_hash(now.size(), &hashes).map_err(|_| "tiles")?;
    if root != *now.hash() {
        return Err("root");
    }
    let leaves: Vec<_> = (0..now.size()).map(|seq| stored_hash_index(0, seq)).collect();
    let leaves = hashes.read_hashes(&leaves).map_err(|_| "tiles")?;
    if leaves != records(dir, now.size()).ok_or("bundles")? {
        return Err("records");
    }
    // `TileHashReader` leaves some tiles unchecked if it needs others twice; the records do not.
    if root_of(&leaves) != root {
        return Err("leaves");
    }
    let grown = prove_tree(now.size(), earlier.size(), &hashes).map_err(|_| "growth")?;
    check_tree(&grown, now.size(), root, earlier.size(), *earlier.hash()).map_err(|_| "growth")?;
    for (seq, leaf) in (0..).zip(&leaves).step_by(37) {
        let path = prove_record(now.size(), seq, &hashes).map_err(|_| "inclusion")?;
        check_record(&path, now.size(), root, seq, *leaf).map_err(|_| "inclusion")?;
    }
    tlog_proof(evidence).ok_or("proof")
}

fn verified(note: &[u8], public_key: &[u8; 32]) -> Option<Checkpoint> {
    let name = origin(public_key);
    let key = [&[1][..], public_key].concat();
    let id = signed_note::key_id(&name, &key);
    let vkey = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(&key));
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey).unwrap())]);
    let note = Note::from_bytes(note).ok()?;
    note.verify(&known).ok()?;
    Checkpoint::from_bytes(note.text()).ok().filter(|checkpoint| checkpoint.origin() == name)
}

/// The root over these records, from nothing else.
fn root_of(leaves: &[Hash]) -> Hash {
    struct Stored(Vec<Hash>);
    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
        }
    }
    let mut stored = Stored(Vec::new());
    for (seq, leaf) in (0..).zip(leaves) {
        let more = stored_hashes_for_record_hash(seq, *leaf, &stored).unwrap();
        stored.0.extend(more);
    }
    tree_hash(leaves.len() as u64, &stored).unwrap()
}

/// The hashes of the records in the bundles.
fn records(dir: &Path, size: u64) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - index * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let path = dir.join(format!("tile/entries/{index:03}{partial}"));
        let bytes = fs::read(path).ok()?;
        let mut rest = &bytes[..];
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (record, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            hashes.push(record_hash(record));
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(hashes)
}

/// The proof that `audit prove` gives, taken apart by hand and run by the other implementation.
fn tlog_proof(evidence: &Evidence) -> Option<()> {
    let (head, note) = evidence.proof.split_once("\n\n")?;
    let mut lines = head.lines();
    (lines.next()? == "c2sp.org/tlog-proof@v1").then_some(())?;
    let leaf = BASE64_STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
    let index: u64 = lines.next()?.strip_prefix("index ")?.parse().ok()?;
    let path = lines.map(|line| Hash::parse_hash(line).ok()).collect::<Option<Vec<_>>>()?;
    let signed = verified(note.as_bytes(), &evidence.public_key)?;
    check_record(&path, signed.size(), *signed.hash(), index, record_hash(&leaf)).ok()
}

/// Swaps a file's bytes for what `change` makes of them.
fn change(evidence: &Evidence, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = evidence.dir.path().join(name);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn another_implementation_accepts_what_is_published() {
    assert_eq!(judge(&evidence()), Ok(()));
}

#[test]
fn another_implementation_rejects_what_was_tampered_with() {
    type Tamper = fn(&mut Evidence);
    let rows: [(&str, Tamper, &str); 16] = [
        (
            "the signed size",
            |e| change(e, "checkpoint", |b| swap(b, "\n600\n", "\n599\n")),
            "checkpoint",
        ),
        ("the signed root", |e| change(e, "checkpoint", |b| flip(b, 90)), "checkpoint"),
        ("the signature", |e| change(e, "checkpoint", |b| flip_end(b)), "checkpoint"),
        ("the signer", |e| e.public_key = GatewayKey::generate().public(), "checkpoint"),
        ("a leaf's hash", |e| change(e, "tile/0/000", |b| flip(b, 40)), "records"),
        ("two leaves swapped", |e| change(e, "tile/0/001", |b| b.rotate_left(32)), "records"),
        ("a hash of the edge", |e| change(e, "tile/0/002.p/88", |b| flip(b, 0)), "tiles"),
        ("a hash of a full tile", |e| change(e, "tile/1/000.p/2", |b| flip(b, 33)), "tiles"),
        ("a tile cut off", |e| change(e, "tile/0/000", |b| b.truncate(8160)), "tiles"),
        ("a record and its hash", forge, "leaves"),
        ("a record", |e| change(e, "tile/entries/001", |b| flip(b, 1000)), "records"),
        (
            "a record of the edge",
            |e| change(e, "tile/entries/002.p/88", |b| flip_end(b)),
            "records",
        ),
        (
            "a record cut off",
            |e| change(e, "tile/entries/002.p/88", |b| b.truncate(5000)),
            "bundles",
        ),
        ("another history", |e| e.earlier = of_another_history(e), "growth"),
        (
            "another record proven",
            |e| e.proof = e.proof.replacen("index 417", "index 418", 1),
            "proof",
        ),
        ("a proof's record", |e| e.proof = e.proof.replacen("extra A", "extra B", 1), "proof"),
    ];
    let mut evidence = evidence();
    for (what, tamper, step) in rows {
        let (dir, key) = (copy(evidence.dir.path()), Arc::clone(&evidence.key));
        let (earlier, proof) = (evidence.earlier.clone(), evidence.proof.clone());
        tamper(&mut evidence);
        assert_eq!(judge(&evidence), Err(step), "{what}");
        let public_key = key.public();
        evidence = Evidence { dir, key, public_key, earlier, proof };
        assert_eq!(judge(&evidence), Ok(()), "before {what}");
    }
}

fn swap(bytes: &mut Vec<u8>, from: &str, to: &str) {
    *bytes = String::from_utf8(bytes.clone()).unwrap().replacen(from, to, 1).into_bytes();
}

fn flip(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 1;
}

/// The last byte that counts: base64 pads, and a newline ends the note.
fn flip_end(bytes: &mut [u8]) {
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
}

/// Puts another record into the first bundle and its hash into the first tile.
fn forge(evidence: &mut Evidence) {
    let mut record = Vec::new();
    change(evidence, "tile/entries/000", |bytes| {
        bytes[20] ^= 1;
        let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        record = bytes[2..2 + length].to_vec();
    });
    change(evidence, "tile/0/000", |bytes| bytes[..32].copy_from_slice(&record_hash(&record).0));
}

/// What a gateway signs that shows two histories.
fn of_another_history(evidence: &Evidence) -> String {
    let other = checkpoint::Checkpoint { size: EARLIER, root: [7; 32] };
    other.sign(&evidence.key)
}

fn copy(dir: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for (path, bytes) in crate::house::files_under(dir) {
        let path = to.path().join(path.strip_prefix(dir).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    to
}
