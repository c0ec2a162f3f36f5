//! Bytes that were once written are read for ever: `migrations/0001_ledger/after/`.

use std::{fs, path::PathBuf};

use crate::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash},
        origin::Locality,
        principal::{Principal, Rule, SecretKind},
        refusal::PairingReason,
        registry::{ApprovedBy, AuthMode, Event as Registry, Policy, Profile},
        scope::{Known, Role, Scope, ScopeSet},
        time::UnixMillis,
    },
    ledger::{Record, Transport, Via, chain::HeadState, codec, schema, walk::Walker},
    support::private_file,
};

const DEVICE: DeviceId = DeviceId([0xd1; 32]);
/// The frozen head is that after so many examples.
const HEAD_SIZE: u64 = 19;
const REQUEST: RequestId = RequestId([0x1e; 16]);

/// One record of every kind, over every kind of principal, transport and other closed choice. They
/// are one whole ledger. What is here is never changed; examples of new kinds go to the end.
fn examples() -> Vec<(&'static str, Record)> {
    let host = Principal::Host { uid: 1000 };
    let startup = Principal::System(Rule::Startup);
    let applicant = Principal::Applicant(DEVICE);
    let operator = Principal::Device(DEVICE, Role::Operator);
    let token = Principal::SharedSecret(SecretKind::Token);
    let password = Principal::SharedSecret(SecretKind::Password);
    let events = vec![
        ("begun", startup.clone(), begun()),
        ("policy-token", startup.clone(), policy(AuthMode::Token)),
        ("policy-password", startup.clone(), policy(AuthMode::Password)),
        ("policy-none", startup, policy(AuthMode::None)),
        ("requested-not-paired", applicant.clone(), requested(PairingReason::NotPaired)),
        ("requested-role", applicant.clone(), requested(PairingReason::RoleUpgrade)),
        ("requested-scope", operator.clone(), requested(PairingReason::ScopeUpgrade)),
        ("requested-metadata", operator.clone(), requested(PairingReason::MetadataUpgrade)),
        ("superseded", applicant.clone(), superseded()),
        ("approved-by-host", host, approved(ApprovedBy::Host)),
        ("approved-by-operator", operator, approved(ApprovedBy::Operator)),
        (
            "approved-by-policy",
            Principal::System(Rule::LocalPolicy),
            approved(ApprovedBy::LocalPolicy),
        ),
        ("rejected-by-token", token, rejected(false)),
        ("rejected-by-password", password, rejected(false)),
        ("rejected-in-open-mode", Principal::Open, rejected(false)),
        ("withdrawn", applicant, rejected(true)),
        ("expired", Principal::System(Rule::Expiry), expired()),
        ("token-issued", Principal::Device(DEVICE, Role::Node), token_issued()),
        ("described", Principal::Device(DEVICE, Role::Node), described()),
    ];
    let records = events
        .into_iter()
        .enumerate()
        .map(|(seq, (name, principal, event))| (name, record(seq as u64, principal, event)));
    records.collect()
}

fn record(seq: u64, principal: Principal, event: Registry) -> Record {
    let every_scope = Known::ALL.iter().copied().map(Scope::Known);
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

fn begun() -> Registry {
    Registry::Begun { gateway_key: PublicKey([0x9a; 32]) }
}

fn policy(auth_mode: AuthMode) -> Registry {
    Registry::PolicyAdopted(Policy {
        auth_mode,
        shared_scopes: scopes(),
        loopback_scopes: ScopeSet::full_operator(),
        auto_approve_local: auth_mode != AuthMode::None,
    })
}

fn requested(reason: PairingReason) -> Registry {
    let role = if reason == PairingReason::RoleUpgrade { Role::Node } else { Role::Operator };
    Registry::PairingRequested {
        request_id: REQUEST,
        device: DEVICE,
        public_key: PublicKey([0x7b; 32]),
        role,
        scopes: scopes(),
        reason,
        profile: profile(),
        address: Some("2001:db8::7".into()),
    }
}

fn superseded() -> Registry {
    Registry::PairingSuperseded { request_id: REQUEST, device: DEVICE, by: RequestId([0x2f; 16]) }
}

fn approved(by: ApprovedBy) -> Registry {
    Registry::PairingApproved {
        request_id: REQUEST,
        device: DEVICE,
        public_key: PublicKey([0x7b; 32]),
        role: Role::Operator,
        scopes: scopes(),
        profile: profile(),
        by,
    }
}

fn rejected(withdrawn: bool) -> Registry {
    Registry::PairingRejected { request_id: REQUEST, device: DEVICE, role: Role::Node, withdrawn }
}

fn expired() -> Registry {
    Registry::PairingExpired { request_id: REQUEST, device: DEVICE, role: Role::Operator }
}

fn token_issued() -> Registry {
    Registry::TokenIssued { device: DEVICE, role: Role::Node, token: TokenHash([0x70; 32]) }
}

fn described() -> Registry {
    let profile = Profile { device_family: Some("tablet".into()), display_name: None, ..profile() };
    Registry::DeviceDescribed { device: DEVICE, profile }
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
        assert!(head.append(&bytes, expected.at) == value, "{name} is written differently now");
        if head.size() == HEAD_SIZE {
            let frozen = frozen("head");
            assert_eq!(codec::decode_head(&frozen).as_ref(), Ok(walker.head()));
            assert_eq!(codec::encode_head(&head), Ok(frozen));
        }
    }
    assert!(head.size() >= HEAD_SIZE);
}

#[test]
fn there_is_a_frozen_record_of_every_kind() {
    let examples = examples();
    for kind in schema::KINDS {
        let is_it = |(_, record): &(_, Record)| schema::kind(&record.event) == (kind, 1);
        assert!(examples.iter().any(is_it), "no example of event kind {kind}");
    }
}

/// Run by hand for a new example. Never replaces a file.
#[test]
#[ignore = "writes into the source tree; only for new examples"]
fn freeze_what_is_new() {
    let mut head = HeadState::default();
    for (seq, (name, record)) in examples().into_iter().enumerate() {
        let value = head.append(&codec::encode_record(&record).unwrap(), record.at);
        freeze(&file_name(seq, name), &value);
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
