//! A store damaged at a hundred places, and rebuilt from what was published (issue 4, proof 2): always
//! a clear error or nothing lost, and after the rebuild nothing lost either way.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::fixtures::{on_disk, open_at, options, records};
use crate::{
    domain::{
        Event,
        principal::Principal,
        registry::{Event as Registry, hold::Lost},
    },
    ledger::{
        LedgerHandle, OpenError, Record,
        restore::{self, RestoreError},
        tlog::follow::follow,
    },
    support::keys::GatewayKey,
};

/// One full bundle and a part of one.
const SIZE: u64 = 300;

struct State {
    dir: tempfile::TempDir,
    key: Arc<GatewayKey>,
}

impl State {
    /// A ledger of `size` records of which `published` are published.
    async fn new(size: u64, published: u64) -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), Arc::new(GatewayKey::generate()));
        on_disk(dir.path(), published, &key).await;
        publish(dir.path(), &key).await;
        if size > published {
            on_disk(dir.path(), size, &key).await;
        }
        Self { dir, key }
    }

    fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_all(self.dir.path(), dir.path());
        Self { dir, key: Arc::clone(&self.key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn plan(&self) -> Result<restore::Plan, RestoreError> {
        restore::plan(options(self.dir.path()), &self.path("tlog"), None, &self.key)
    }

    fn open(&self) -> Result<Vec<Record>, OpenError> {
        open_at(self.dir.path(), &self.key).map(|(_, records)| records)
    }

    /// The files of its store.
    fn files(&self, store: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path(store)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => {
                        let name = entry.strip_prefix(self.path(store)).unwrap().to_owned();
                        files.insert(name, fs::read(entry).unwrap());
                    }
                }
            }
        }
        files
    }

    /// Rebuilds what can be opened no more; whether it could not be opened.
    fn survives(&self, what: &str) -> bool {
        let (damaged, expected) = (self.files("ledger"), records(0..SIZE, &self.key));
        let plan = match self.plan() {
            Err(RestoreError::Whole) => {
                assert!(self.open().unwrap() == expected, "{what}: opens with less than all");
                return false;
            }
            plan => plan.unwrap_or_else(|error| panic!("{what}: {error}")),
        };
        assert!(self.files("ledger") == damaged, "{what}: looking changed it");
        assert_eq!((plan.survey.size, plan.survey.lost()), (SIZE, 0), "{what}");
        let damage = plan.damage.clone();
        let restored = plan.perform(Principal::Host { uid: 7 }, &self.key).unwrap();
        assert_eq!(restored.size, SIZE + 1, "{what}");
        let kept = restored.damaged.unwrap();
        let kept = self.files(kept.file_name().unwrap().to_str().unwrap());
        assert!(kept == damaged, "{what}: the damaged store is kept as it was");
        let mut found = self.open().unwrap();
        let last = found.pop().unwrap();
        assert!(found == expected, "{what}: {} records", found.len());
        assert_eq!(last.principal, Principal::Host { uid: 7 }, "{what}");
        let Event::Registry(Registry::Recovered { lost, unsigned, fault }) = last.event else {
            panic!("{what}: {last:?}");
        };
        assert_eq!((lost, unsigned), (0, 0), "{what}");
        assert!(!fault.is_empty() && damage.starts_with(&fault[..fault.len().min(40)]), "{what}");
        true
    }
}

/// Has all that there is published, as a gateway does until it has stopped.
async fn publish(state: &Path, key: &Arc<GatewayKey>) {
    let (opened, _) = open_at(state, key).unwrap();
    let ledger = LedgerHandle::spawn(opened, Arc::clone(key)).unwrap();
    let thread = follow(state.join("tlog"), &ledger).unwrap();
    ledger.close().await.unwrap();
    drop(ledger);
    thread.join().unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Damages the database file of a copy at each of `count` places; counts what could not be opened.
async fn damaged(count: usize, damage: impl Fn(&mut Vec<u8>, usize)) -> usize {
    let whole = State::new(SIZE, SIZE).await;
    let db = fs::read(whole.path("ledger/db")).unwrap();
    let used = db.len() - db.iter().rev().take_while(|byte| **byte == 0).count();
    let rows = 0..count;
    let broken = rows.filter(|row| {
        let (state, mut bytes) = (whole.copy(), db.clone());
        let place = row * used / count + 7 * row % 13;
        damage(&mut bytes, place.min(used - 1));
        fs::write(state.path("ledger/db"), bytes).unwrap();
        state.survives(&format!("byte {place} of {used}"))
    });
    broken.count()
}

#[tokio::test]
async fn flipped_bytes_at_fifty_places() {
    let broken = damaged(50, |bytes, place| bytes[place] ^= 0x10).await;
    assert!(broken > 20, "{broken} were noticed");
}

#[tokio::test]
async fn zeroed_pages_at_thirty_places() {
    let zero = |bytes: &mut Vec<u8>, place: usize| {
        let end = bytes.len().min(place / 512 * 512 + 4096);
        bytes[place / 512 * 512..end].fill(0);
    };
    let broken = damaged(30, zero).await;
    assert!(broken > 20, "{broken} were noticed");
}

#[tokio::test]
async fn tails_cut_off_at_twenty_places() {
    let broken = damaged(20, |bytes, place| bytes.truncate(place)).await;
    // Where the end is what a later page took the place of, nothing is lost with it, and it opens.
    assert!(broken > 15, "{broken} were noticed");
}

#[tokio::test]
async fn missing_files() {
    let whole = State::new(SIZE, SIZE).await;
    // Opened once more, it has a snapshot too.
    assert_eq!(whole.open().unwrap().len() as u64, SIZE);
    let mut broken = 0;
    for name in whole.files("ledger").keys() {
        let state = whole.copy();
        fs::remove_file(state.path("ledger").join(name)).unwrap();
        broken += usize::from(state.survives(&name.display().to_string()));
    }
    let state = whole.copy();
    fs::remove_dir_all(state.path("ledger/blobs")).unwrap();
    state.survives("the blobs");
    assert!(broken > 0);
    let state = whole.copy();
    fs::remove_dir_all(state.path("ledger")).unwrap();
    let restored = state.plan().unwrap().perform(Principal::Host { uid: 7 }, &state.key).unwrap();
    assert_eq!((restored.size, restored.damaged), (SIZE + 1, None));
    assert_eq!(state.open().unwrap().len() as u64, SIZE + 1);
}

/// What was never published is lost; that is said, recorded, and no reason to publish a lie.
#[tokio::test]
async fn what_was_not_published_is_said_to_be_lost() {
    let state = State::new(SIZE, 270).await;
    assert!(matches!(state.plan(), Err(RestoreError::Whole)));
    fs::write(state.path("ledger/db"), "gone").unwrap();
    let signed = fs::read(state.path("checkpoint")).unwrap();
    let before = state.files("tlog");
    let plan = state.plan().unwrap();
    let survey = plan.survey.clone();
    assert_eq!((survey.size, survey.proven, survey.lost()), (270, 270, 30));
    plan.perform(Principal::Host { uid: 7 }, &state.key).unwrap();
    let found = state.open().unwrap();
    assert!(found[..270] == records(0..270, &state.key));
    let Event::Registry(Registry::Recovered { lost, .. }) = found[270].event else {
        panic!("{:?}", found[270]);
    };
    assert_eq!(lost, 30);
    let Event::Registry(Registry::ReviewBegun { lost, root }) = found[271].event else {
        panic!("{:?}", found[271]);
    };
    assert_eq!((lost, root), (Lost { from: 270, until: SIZE }, survey.root));
    assert_eq!((found.len(), root.is_some()), (272, true));
    let checkpoints = fs::read_dir(state.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept = checkpoints.filter(|path| fs::read(path).is_ok_and(|bytes| bytes == signed));
    assert_eq!(kept.count(), 1, "the checkpoint that knows of them is kept");
    // The new ledger goes on, and its copy after the old one's last record.
    publish(state.dir.path(), &state.key).await;
    let after = state.files("tlog");
    assert!(before.contains_key(Path::new("tile/entries/001.p/14")));
    assert!(after.contains_key(Path::new("tile/entries/001.p/16")));
}

#[tokio::test]
async fn a_ledger_in_use_is_left_alone() {
    let state = State::new(SIZE, SIZE).await;
    let opened = open_at(state.dir.path(), &state.key).unwrap();
    let outcome = state.plan().map(drop);
    assert!(matches!(outcome, Err(RestoreError::Open(OpenError::Busy { .. }))), "{outcome:?}");
    drop(opened);
}
