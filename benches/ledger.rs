//! What the ledger costs: durable appends, opening with replay, hashing, encoding.
//!
//! `cargo bench --bench ledger` runs all; a name behind `--` picks some, as in
//! `cargo bench --bench ledger -- open_and_replay`.

use std::{hint::black_box, ops::ControlFlow, path::Path, sync::Arc};

use divan::{Bencher, counter::ItemsCount};
use doorward::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        principal::{Principal, Rule},
        registry::{Approval, ApprovedBy, Event as Registry, Profile},
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        LedgerHandle, OpenOptions, Opened, Record, Via, codec,
        merkle::{Frontier, leaf_hash},
        open,
    },
    support::keys::GatewayKey,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// An approval, the kind that a ledger is made of; about 250 bytes.
fn record(seq: u64, key: &GatewayKey) -> Record {
    let device = DeviceId([seq as u8; 32]);
    let approved = Registry::PairingApproved(Box::new(Approval {
        request_id: RequestId([seq as u8; 16]),
        device,
        public_key: PublicKey([7; 32]),
        role: Role::Operator,
        scopes: ScopeSet::full_operator(),
        profile: Profile {
            display_name: Some("kitchen".into()),
            client_id: "cli".into(),
            client_mode: "cli".into(),
            version: "1.2.3".into(),
            platform: "linux".into(),
            device_family: None,
        },
        by: ApprovedBy::Host,
        approver: Some(Principal::Host { uid: 1000 }),
        until: None,
        ceiling: None,
        ephemeral: false,
    }));
    let begun = Registry::Begun { gateway_key: PublicKey(key.public()) };
    Record {
        seq: Seq(seq),
        at: UnixMillis(1_700_000_000_000 + seq),
        principal: Principal::System(Rule::LocalPolicy),
        authority: Seq(0),
        via: Via { request: Some("r-12345".into()), ..Via::internal() },
        before: ScopeSet::empty(),
        after: ScopeSet::full_operator(),
        event: Event::Registry(if seq == 0 { begun } else { approved }),
    }
}

fn records(from: u64, count: u64, key: &GatewayKey) -> Vec<Record> {
    (from..from + count).map(|seq| record(seq, key)).collect()
}

fn open_at(state: &Path, key: &GatewayKey) -> (Opened, u64) {
    let options =
        OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") };
    let mut seen = 0;
    let opened = open(&options, key, &mut |record| {
        seen += black_box(record).at.0 & 1;
        ControlFlow::Continue(())
    });
    (opened.expect("the ledger is whole"), seen)
}

struct Ledger {
    state: TempDir,
    key: Arc<GatewayKey>,
    runtime: Runtime,
}

impl Ledger {
    fn with(size: u64) -> Self {
        let state = tempfile::tempdir().expect("a directory for the ledger");
        let key = Arc::new(GatewayKey::generate());
        let runtime = Runtime::new().expect("a runtime");
        let ledger = Self { state, key, runtime };
        let handle = ledger.start();
        ledger.runtime.block_on(async {
            for from in (0..size).step_by(1024) {
                let batch = records(from, 1024.min(size - from), &ledger.key);
                handle.append(from, batch).await.expect("an append");
            }
            handle.close().await.expect("an orderly end");
        });
        ledger
    }

    fn start(&self) -> LedgerHandle {
        let (opened, _) = open_at(self.state.path(), &self.key);
        LedgerHandle::spawn(opened, Arc::clone(&self.key)).expect("a thread")
    }
}

#[divan::bench(args = [1, 64, 256])]
fn append_synced(bencher: Bencher, batch: u64) {
    let ledger = Ledger::with(1);
    let handle = ledger.start();
    bencher
        .counter(ItemsCount::new(batch))
        .with_inputs(|| records(handle.size(), batch, &ledger.key))
        .bench_local_values(|batch| {
            ledger.runtime.block_on(handle.append(handle.size(), batch)).expect("an append")
        });
}

#[divan::bench(args = [100_000, 1_000_000], sample_count = 5, sample_size = 1)]
fn open_and_replay(bencher: Bencher, size: u64) {
    let ledger = Ledger::with(size);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let (opened, seen) = open_at(ledger.state.path(), &ledger.key);
        assert_eq!(opened.head.size(), size);
        seen
    });
}

#[divan::bench]
fn merkle_append(bencher: Bencher) {
    let mut frontier = Frontier::default();
    bencher.counter(ItemsCount::new(1u64)).bench_local(|| frontier.push([7; 32]));
}

#[divan::bench]
fn leaf(bencher: Bencher) {
    let bytes = codec::encode_record(&record(1, &GatewayKey::generate())).expect("a record");
    bencher.counter(ItemsCount::new(1u64)).bench(|| leaf_hash(black_box(&bytes)));
}

#[divan::bench]
fn encode(bencher: Bencher) {
    let record = record(1, &GatewayKey::generate());
    bencher.counter(ItemsCount::new(1u64)).bench(|| codec::encode_record(black_box(&record)));
}

#[divan::bench]
fn decode(bencher: Bencher) {
    let bytes = codec::encode_record(&record(1, &GatewayKey::generate())).expect("a record");
    bencher.counter(ItemsCount::new(1u64)).bench(|| codec::decode_record(black_box(&bytes)));
}
