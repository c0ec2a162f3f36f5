//! Bytes that were once written are read for ever: `migrations/0001_ledger/after/`.
//!
//! [`first`] and [`later`] hold what the bytes mean; here they are read, and written again. An
//! example is never changed and a file never replaced: a kind or version that is new gets an
//! example at the end, and `freeze_what_is_new` writes its file.

mod first;
mod later;

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{
    domain::{
        Event,
        ids::{DeviceId, RequestId, Seq},
        origin::Locality,
        principal::Principal,
        registry::{Event as Registry, Profile},
        scope::{Known, Scope, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        Record, Transport, Via,
        chain::{self, HeadState},
        codec, schema,
        walk::Walker,
    },
    support::private_file,
};

const DEVICE: DeviceId = DeviceId([0xd1; 32]);
/// The frozen head is that after so many examples.
const HEAD_SIZE: u64 = 19;
const REQUEST: RequestId = RequestId([0x1e; 16]);

/// What someone did.
type Example = (&'static str, Principal, Registry);

/// Examples whose kind has a later version by now: read for ever, and never written again.
const SUPERSEDED: [&str; 10] = [
    "policy-token",
    "policy-password",
    "policy-none",
    "approved-by-host",
    "approved-by-operator",
    "approved-by-policy",
    "code-full",
    "code-limited",
    "code-node",
    "service-token-revoked",
];

/// One record of every kind, over every kind of principal, transport and other closed choice. They
/// are one whole ledger. What is here is never changed; examples of new kinds go to the end.
pub(in crate::ledger) fn examples() -> Vec<(&'static str, Record)> {
    let events = first::examples().into_iter().chain(later::examples());
    let records = events
        .enumerate()
        .map(|(seq, (name, principal, event))| (name, record(seq as u64, principal, event)));
    records.map(over_grpc).collect()
}

/// The transport that came later than the pattern of [`via`].
fn over_grpc((name, record): (&'static str, Record)) -> (&'static str, Record) {
    match name.ends_with("-over-grpc") {
        true => (name, Record { via: Via { transport: Transport::Grpc, ..record.via }, ..record }),
        false => (name, record),
    }
}

fn record(seq: u64, principal: Principal, event: Registry) -> Record {
    // The first records know eleven scopes; `operator.audit` came later.
    let known = if seq < HEAD_SIZE { 11 } else { Known::ALL.len() };
    let every_scope = Known::ALL.iter().take(known).copied().map(Scope::Known);
    let future = Scope::Other("operator.future:x-1".into());
    Record {
        seq: Seq(seq),
        at: UnixMillis(1_700_000_000_000 + seq * 1000),
        principal,
        authority: Seq(seq / 2),
        via: via(seq),
        before: if seq.is_multiple_of(2) { ScopeSet::empty() } else { ScopeSet::full_operator() },
        after: every_scope.take(seq as usize).chain([future]).collect(),
        event: Event::Registry(event),
    }
}

fn via(seq: u64) -> Via {
    let local = |transport| Via { transport, ..Via::internal() };
    match seq % 4 {
        0 => Via::internal(),
        1 => local(Transport::AdminSocket),
        2 => Via {
            transport: Transport::WebSocket,
            address: Some("192.0.2.7".into()),
            locality: Locality::Elsewhere,
            connection: Some("c-17".into()),
            request: Some("r-4".into()),
        },
        _ => Via { request: Some("é".repeat(200)), ..local(Transport::Http) },
    }
}

fn profile() -> Profile {
    Profile {
        display_name: Some("Kitchen tablet ☕".into()),
        client_id: "cli".into(),
        client_mode: "operator".into(),
        version: "1.2.3".into(),
        platform: "linux".into(),
        device_family: None,
    }
}

fn scopes() -> ScopeSet {
    ScopeSet::from_iter([Known::Read, Known::Pairing, Known::SessionsArchive])
}

fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/0001_ledger/after"));
    root.join(format!("{name}.bin"))
}

fn frozen(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Frozen bytes are history: get a lost file back from version control. For \
             an example that is new, run: cargo test -- --ignored freeze_what_is_new",
            path(name).display()
        )
    })
}

/// The record behind the link.
fn record_in(value: &[u8]) -> &[u8] {
    chain::split(value).unwrap().1
}

fn file_name(seq: usize, name: &str) -> String {
    format!("{seq:02}-{name}")
}

#[test]
fn frozen_records_are_read_as_they_were_meant_and_written_as_they_were() {
    let mut walker = Walker::default();
    let mut head = HeadState::default();
    for (seq, (name, expected)) in examples().into_iter().enumerate() {
        let value = frozen(&file_name(seq, name));
        assert_eq!(walker.step(seq as u64, &value), Ok(expected.clone()), "{name}");
        let bytes = codec::encode_record(&expected).unwrap();
        let as_stored = bytes == record_in(&value);
        assert_ne!(as_stored, SUPERSEDED.contains(&name), "how {name} is written now");
        assert!(head.append(record_in(&value), expected.at) == value, "{name} is linked otherwise");
        if head.size() == HEAD_SIZE {
            let frozen = frozen("head");
            assert_eq!(codec::decode_head(&frozen).as_ref(), Ok(walker.head()));
            assert_eq!(codec::encode_head(&head), Ok(frozen));
        }
    }
    assert!(head.size() >= HEAD_SIZE);
}

#[test]
fn there_is_a_frozen_record_of_every_kind_and_version() {
    let stored = examples().into_iter().enumerate().map(|(seq, (name, record))| {
        let value = frozen(&file_name(seq, name));
        let (envelope, _) = codec::take::<schema::v1::Envelope>(record_in(&value)).unwrap();
        assert_eq!(envelope.kind, schema::kind(&record.event).0, "{name}");
        ((envelope.kind, envelope.version), schema::kind(&record.event).1)
    });
    let (stored, current): (BTreeSet<_>, BTreeSet<_>) =
        stored.map(|((kind, version), current)| ((kind, version), (kind, current))).unzip();
    let kinds: Vec<_> = current.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, schema::KINDS.collect::<Vec<_>>());
    for (kind, current) in current {
        for version in 1..=current {
            assert!(stored.contains(&(kind, version)), "no example of {kind} version {version}");
        }
    }
}

/// Run by hand for a new example. Never replaces a file.
#[test]
#[ignore = "writes into the source tree; only for new examples"]
fn freeze_what_is_new() {
    let mut head = HeadState::default();
    for (seq, (name, record)) in examples().into_iter().enumerate() {
        let file = file_name(seq, name);
        let bytes = match fs::read(path(&file)) {
            Ok(value) => record_in(&value).to_vec(),
            Err(_) => codec::encode_record(&record).unwrap(),
        };
        freeze(&file, &head.append(&bytes, record.at));
        if head.size() == HEAD_SIZE {
            freeze("head", &codec::encode_head(&head).unwrap());
        }
    }
}

fn freeze(name: &str, bytes: &[u8]) {
    let path = path(name);
    private_file::create_dir(path.parent().unwrap()).unwrap();
    if !path.exists() {
        private_file::write_new(&path, bytes).unwrap();
    }
}
