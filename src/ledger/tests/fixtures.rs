//! Ledgers to test with.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use crate::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq},
        principal::{Principal, Rule},
        registry::Event as Registry,
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        LedgerHandle, OpenError, OpenOptions, Opened, Record, Via, chain::HeadState, codec,
        memory::MemoryStore, open, recover, store::StoredEntry,
    },
    support::keys::GatewayKey,
};

/// A plain record for this place; the first one begins a ledger with this key.
pub fn record(seq: u64, key: &GatewayKey) -> Record {
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
        before: ScopeSet::full_operator(),
        after: ScopeSet::empty(),
        event: Event::Registry(event),
    }
}

/// Plain records for these places.
pub fn records(places: std::ops::Range<u64>, key: &GatewayKey) -> Vec<Record> {
    places.map(|seq| record(seq, key)).collect()
}

/// What the store is given for these records.
pub fn entries(head: &mut HeadState, records: &[Record]) -> Vec<StoredEntry> {
    let stored = records.iter().map(|record| StoredEntry {
        seq: record.seq.0,
        value: head.append(&codec::encode_record(record).unwrap(), record.at),
    });
    stored.collect()
}

/// Opens, and gives what was replayed.
pub fn open_at(state: &Path, key: &GatewayKey) -> Result<(Opened, Vec<Record>), OpenError> {
    let mut replayed = Vec::new();
    let opened = open(&options(state), key, &mut |record| {
        replayed.push(record);
        ControlFlow::Continue(())
    })?;
    Ok((opened, replayed))
}

/// Where things lie in a state directory.
pub fn options(state: &Path) -> OpenOptions {
    OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") }
}

/// As [`open_at`], over a memory store.
pub fn open_memory(
    store: &MemoryStore,
    outside: Option<&Path>,
    key: &GatewayKey,
) -> Result<(Opened, Vec<Record>), OpenError> {
    let mut replayed = Vec::new();
    let store = Box::new(store.clone());
    let opened = recover::recover(store, Path::new("memory"), outside, key, &mut |record| {
        replayed.push(record);
        ControlFlow::Continue(())
    })?;
    Ok((opened, replayed))
}

/// A running ledger over a memory store, with so many records in it.
pub async fn running(store: &MemoryStore, size: u64, key: &Arc<GatewayKey>) -> LedgerHandle {
    let (opened, _) = open_memory(store, None, key).unwrap();
    let handle = LedgerHandle::spawn(opened, Arc::clone(key)).unwrap();
    if size > 0 {
        assert_eq!(handle.append(0, records(0..size, key)).await, Ok(size));
    }
    handle
}

/// A closed ledger on disk with so many records and a checkpoint over all of them.
pub async fn on_disk(state: &Path, size: u64, key: &Arc<GatewayKey>) {
    let (opened, _) = open_at(state, key).unwrap();
    let handle = LedgerHandle::spawn(opened, Arc::clone(key)).unwrap();
    let begin = handle.size();
    handle.append(begin, records(begin..size, key)).await.unwrap();
    handle.close().await.unwrap();
}
