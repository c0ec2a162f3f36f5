//! Snapshots: what is taken up, what is not, and what is found out behind.

mod behind;
mod discarded;
mod keeping;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{
    Discarded, SHAPE, Snapshot, read,
    start::{Started, open_store},
    state, write,
};
use crate::{
    domain::{
        Decider, Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        registry::{self, Registry},
    },
    ledger::{
        Record,
        chain::HeadState,
        checkpoint::hex,
        error::OpenError,
        memory::MemoryStore,
        store::Store,
        tests::{fixtures::entries, frozen},
    },
    support::keys::GatewayKey,
};

/// Every kind of record, and every way in which a request ends. The frozen examples are a history but
/// for one of them, which asks for what was asked for already.
fn examples() -> Vec<Record> {
    let frozen = frozen::examples().into_iter().filter(|(name, _)| *name != "requested-role");
    let mut records: Vec<_> = frozen.map(|(_, record)| record).collect();
    let last = records[records.len() - 1].clone();
    let ask = |id: u8| happened_to(id, frozen_event("requested-not-paired"));
    let ends = ["rejected-by-token", "expired", "approved_v2-limited"].map(frozen_event);
    let ended = (1..).zip(ends).flat_map(|(id, end)| [ask(id), happened_to(id, end)]);
    records.extend(ended.chain([ask(9)]).map(|event| Record { event, ..last.clone() }));
    for (seq, record) in (0..).zip(&mut records) {
        record.seq = Seq(seq);
    }
    records
}

fn frozen_event(name: &str) -> registry::Event {
    let found = frozen::examples().into_iter().find(|(known, _)| *known == name);
    let Event::Registry(event) = found.unwrap().1.event;
    event
}

/// The same, of another request and device.
fn happened_to(id: u8, mut event: registry::Event) -> Event {
    use registry::Event as E;
    match &mut event {
        E::PairingRequested { request_id, device, .. }
        | E::PairingRejected { request_id, device, .. }
        | E::PairingExpired { request_id, device, .. } => {
            (*request_id, *device) = (RequestId([id; 16]), DeviceId([id; 32]));
        }
        E::PairingApproved(approval) => {
            (approval.request_id, approval.device) = (RequestId([id; 16]), DeviceId([id; 32]));
        }
        _ => {}
    }
    Event::Registry(event)
}

/// A history that has every kind of record, and what it adds up to after each.
struct History {
    key: GatewayKey,
    records: Vec<Record>,
    folds: Vec<Registry>,
    heads: Vec<HeadState>,
    dir: tempfile::TempDir,
}

impl History {
    fn new() -> Self {
        Self::of(GatewayKey::generate(), |records| records)
    }

    /// One that was changed.
    fn of(key: GatewayKey, change: impl FnOnce(Vec<Record>) -> Vec<Record>) -> Self {
        let mut records = examples();
        let begun = registry::Event::Begun { gateway_key: PublicKey(key.public()) };
        records[0].event = Event::Registry(begun);
        let records = change(records);
        let (mut state, mut head) = (Registry::default(), HeadState::default());
        let (mut folds, mut heads) = (vec![state.clone()], vec![head.clone()]);
        for record in &records {
            let Event::Registry(event) = &record.event;
            state.apply(record.stamp(), event);
            entries(&mut head, std::slice::from_ref(record));
            folds.push(state.clone());
            heads.push(head.clone());
        }
        Self { key, records, folds, heads, dir: tempfile::tempdir().unwrap() }
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("snapshot")
    }

    /// A store with the first so many records.
    fn store(&self, size: usize) -> MemoryStore {
        let (mut store, mut head) = (MemoryStore::new(), HeadState::default());
        let batch = entries(&mut head, &self.records[..size]);
        store.append(0, &batch, &head).unwrap();
        store
    }

    /// What a snapshot of the first so many records says.
    fn snapshot(&self, size: usize) -> Snapshot {
        Snapshot { head: self.heads[size].clone(), state: self.folds[size].clone() }
    }

    fn write(&self, snapshot: Snapshot) {
        write(&self.file(), snapshot, &self.key).unwrap();
    }

    fn start(&self, store: &MemoryStore) -> Result<Started, OpenError> {
        self.start_with(store, None)
    }

    fn start_with(
        &self,
        store: &MemoryStore,
        outside: Option<&Path>,
    ) -> Result<Started, OpenError> {
        let (file, store) = (self.file(), Box::new(store.clone()));
        let snapshot = read(&file, &self.key.public());
        open_store(store, Path::new("memory"), outside, (&file, snapshot), &self.key)
    }

    /// Why a start did not use the snapshot, if it did not; then everything was read.
    fn discarded(&self, store: &MemoryStore) -> Option<Discarded> {
        let started = self.start(store).unwrap();
        assert!(started.unverified.is_none() || started.discarded.is_none());
        let size = usize::try_from(started.opened.head.size()).unwrap();
        assert!(started.state == self.folds[size], "the whole ledger was not folded");
        assert_eq!(started.last_at, started.opened.head.time);
        started.discarded
    }
}

#[test]
fn a_snapshot_and_what_came_after_are_the_straight_fold_wherever_it_was_made() {
    let history = History::new();
    let store = history.store(history.len());
    for size in 1..=history.len() {
        history.write(history.snapshot(size));
        let started = history.start(&store).unwrap();
        assert_eq!(started.discarded, None, "of {size} records");
        assert!(started.state == history.folds[history.len()], "of {size} records");
        assert_eq!(&started.opened.head, history.heads.last().unwrap(), "of {size} records");
        assert_eq!(started.last_at, history.records[history.len() - 1].at, "of {size} records");
        let unverified = started.unverified.unwrap();
        assert_eq!(unverified.size(), size as u64);
    }
}

#[test]
fn without_a_snapshot_everything_is_read() {
    let history = History::new();
    let started = history.start(&history.store(history.len())).unwrap();
    assert!(started.unverified.is_none() && started.discarded.is_none());
    assert!(started.state == history.folds[history.len()]);
}

/// If this fails, what a state is written as has changed, or what records add up to. A snapshot of
/// before must not be used then: raise `SHAPE`, and put the new digest here.
#[test]
fn the_shape_has_a_number_and_these_bytes() {
    let mut folded = Registry::default();
    let mut digest = Sha256::new();
    for record in examples() {
        let Event::Registry(event) = &record.event;
        folded.apply(record.stamp(), event);
        digest.update(state::put(folded.clone()).unwrap());
    }
    let digest: [u8; 32] = digest.finalize().into();
    assert_eq!(
        (SHAPE, hex(&digest).as_str()),
        (3, "0baa8eb5c490dc3035f566ab8a6051510b2a6313fbaefa9bb13dc087be7e007e")
    );
}
