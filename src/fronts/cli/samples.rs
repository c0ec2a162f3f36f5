//! Fixed answers of an imagined gateway, for the tests of what people and programs see.
//!
//! After a change that is meant: `DOORWARD_REGENERATE=1 cargo test --lib fronts::cli`, then read the diff.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    config::Env,
    proto::v1::{
        ApprovedBy, AuthMode, CreateCodeResponse, Device, Event, ExplainResponse, Grant, Grantor,
        LedgerRecord, ListDevicesResponse, ListTokensResponse, PairingReason, PendingRequest,
        Policy, Principal, Profile, Requirement, Role, Scopes, ServiceToken, SetupAccess,
        StateAsOfResponse, Via,
        principal::{Host, Kind, PairedDevice, SharedSecret, System},
        via::Transport,
    },
};

/// 2026-01-02T03:04:05Z
pub const NOW: u64 = 1_767_323_045_000;

/// Compares with the file of this name in `tests/goldens/cli/`.
pub fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/cli").join(name);
    if Env::capture().get("DOORWARD_REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs; if that is meant: DOORWARD_REGENERATE=1");
}

fn scopes(names: &str) -> Option<Scopes> {
    Some(Scopes { names: names.split_whitespace().map(Into::into).collect() })
}

fn id(byte: u8) -> String {
    super::words::hex(&[byte; 32])
}

fn profile(name: Option<&str>, client_id: &str) -> Option<Profile> {
    Some(Profile {
        display_name: name.map(Into::into),
        client_id: client_id.into(),
        client_mode: "cli".into(),
        version: "2026.1.1".into(),
        platform: "linux".into(),
        device_family: None,
    })
}

fn grant(role: Role, held: &str, seq: u64, by: ApprovedBy) -> Grant {
    Grant {
        role: role.into(),
        scopes: scopes(held),
        seq,
        granted_at_ms: NOW - 7_200_000,
        since_ms: NOW - 86_400_000,
        approved_by: by.into(),
        token_issued_at_ms: Some(NOW - 7_100_000),
        approved: scopes(held),
        ..Grant::default()
    }
}

fn devices() -> Vec<Device> {
    let laptop = Device {
        device_id: id(0x1a),
        public_key: vec![1; 32],
        profile: profile(Some("Laptop"), "cli"),
        paired_at_ms: NOW - 86_400_000,
        grants: vec![
            grant(Role::Operator, "operator.admin operator.read x.y", 4, ApprovedBy::Host),
            grant(Role::Node, "", 9, ApprovedBy::Operator),
        ],
        barred: false,
        connected: true,
        last_seen_ms: Some(NOW - 1000),
        label: Some("Ada's laptop".into()),
    };
    let sneaky = Device {
        device_id: id(0x2b),
        public_key: vec![2; 32],
        profile: profile(Some("tv\u{1b}[2J\nroot"), "node-host"),
        paired_at_ms: NOW - 3_600_000,
        grants: vec![grant(Role::Node, "", 12, ApprovedBy::LocalPolicy)],
        barred: true,
        connected: false,
        last_seen_ms: None,
        label: None,
    };
    vec![laptop, sneaky]
}

fn pending() -> Vec<PendingRequest> {
    let upgrade = PendingRequest {
        request_id: "3f2a91c4-0000-4000-8000-000000000001".into(),
        device_id: id(0x1a),
        public_key: vec![1; 32],
        role: Role::Operator.into(),
        requested: scopes("operator.read operator.write"),
        current: scopes("operator.read"),
        reason: PairingReason::ScopeUpgrade.into(),
        profile: profile(Some("Laptop"), "cli"),
        address: Some("192.168.1.20".into()),
        seq: 20,
        requested_at_ms: NOW - 65_000,
        expires_at_ms: Some(NOW + 235_000),
    };
    let fresh = PendingRequest {
        request_id: "7b000000-0000-4000-8000-000000000002".into(),
        device_id: id(0x3c),
        public_key: vec![3; 32],
        role: Role::Node.into(),
        requested: scopes(""),
        current: scopes(""),
        reason: PairingReason::NotPaired.into(),
        profile: profile(None, "node-host"),
        address: None,
        seq: 18,
        requested_at_ms: NOW - 125_000,
        expires_at_ms: Some(NOW + 175_000),
    };
    vec![upgrade, fresh]
}

/// Two requests and two devices, one of which plays tricks with its name.
pub fn listed() -> ListDevicesResponse {
    ListDevicesResponse {
        pending: pending(),
        devices: devices(),
        now_ms: NOW,
        next_page_token: String::new(),
    }
}

/// The same, as of a record.
pub fn state() -> StateAsOfResponse {
    let policy = Policy {
        seq: 1,
        auth_mode: AuthMode::Token.into(),
        shared_scopes: scopes("operator.read operator.write"),
        loopback_scopes: scopes("operator.admin"),
        auto_approve_local: true,
        auto_approve_cidrs: vec!["192.168.1.0/24".into()],
        people: BTreeMap::new(),
        others: None,
        ceilings: BTreeMap::from([("reader".into(), scopes("operator.read").unwrap())]),
    };
    let past = |device: Device| Device { connected: false, last_seen_ms: None, ..device };
    let still = |request| PendingRequest { expires_at_ms: None, ..request };
    StateAsOfResponse {
        seq: 20,
        time_ms: NOW,
        gateway_key: vec![0xc0; 32],
        policy: Some(policy),
        pending: pending().into_iter().map(still).collect(),
        devices: devices().into_iter().map(past).collect(),
        tokens: Vec::new(),
    }
}

fn record(seq: u64, kind: Kind, via: Via, event: Event, before: &str, after: &str) -> LedgerRecord {
    LedgerRecord {
        seq,
        time_ms: NOW + seq * 1000,
        principal: Some(Principal { kind: Some(kind) }),
        authority_seq: seq.saturating_sub(1),
        via: Some(via),
        before: scopes(before),
        after: scopes(after),
        event: Some(event),
        leaf_hash: vec![u8::try_from(seq).unwrap(); 32],
    }
}

fn event(kind: &str, device: Option<u8>, role: Option<Role>, details: &[(&str, &str)]) -> Event {
    let details: BTreeMap<_, _> =
        details.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Event {
        kind: kind.into(),
        version: 1,
        device_id: device.map(id),
        role: role.map(Into::into),
        details,
    }
}

/// A short story: begun, asked, approved on the host, narrowed by an operator.
pub fn records() -> Vec<LedgerRecord> {
    let inside =
        Via { transport: Transport::Internal.into(), direct_loopback: true, ..Via::default() };
    let socket = Via {
        transport: Transport::AdminSocket.into(),
        direct_loopback: true,
        connection: Some("pid 77".into()),
        request: Some("r-1".into()),
        address: None,
    };
    let network = Via {
        transport: Transport::WebSocket.into(),
        direct_loopback: false,
        address: Some("192.168.1.20".into()),
        ..Via::default()
    };
    let (rule, host) =
        (Kind::System(System { rule: "startup".into() }), Kind::Host(Host { uid: 0 }));
    let secret = Kind::SharedSecret(SharedSecret { proof: AuthMode::Token.into() });
    let laptop = PairedDevice { device_id: id(0x1a), role: Role::Operator.into() };
    let node = Some(Role::Node);
    vec![
        record(0, rule, inside, event("ledger_begun", None, None, &[("gateway_key", "k")]), "", ""),
        record(
            1,
            secret,
            network.clone(),
            event("pairing_requested", Some(0x3c), node, &[]),
            "",
            "",
        ),
        record(
            2,
            host,
            socket,
            event("pairing_approved", Some(0x3c), node, &[("request_id", "x")]),
            "",
            "operator.read",
        ),
        record(
            3,
            Kind::Device(laptop),
            network,
            event("pairing_approved", Some(0x3c), node, &[]),
            "operator.read",
            "operator.write x.y",
        ),
    ]
}

/// Two service tokens.
pub fn tokens() -> ListTokensResponse {
    let grafana = ServiceToken {
        token_id: "0b9f62c4-4f3e-4d0a-9a55-6f0f0f6c7a10".into(),
        name: "grafana".into(),
        scopes: scopes("operator.read"),
        seq: 12,
        creator: Some(host()),
        created_at_ms: NOW - 89 * 86_400_000,
        last_used_ms: Some(NOW - 60_000),
        until_ms: Some(NOW + 86_400_000),
        ranges: vec!["192.168.1.0/24".into()],
        ..ServiceToken::default()
    };
    let backup = ServiceToken {
        token_id: "77b2a4d0-91c1-4f7e-8a66-0d5f3a0c1b22".into(),
        name: "backup".into(),
        scopes: scopes("operator.admin"),
        seq: 14,
        creator: Some(host()),
        created_at_ms: NOW - 3_600_000,
        ceiling: Some("auditor".into()),
        ..ServiceToken::default()
    };
    ListTokensResponse {
        tokens: vec![grafana, backup],
        now_ms: NOW,
        next_page_token: String::new(),
    }
}

/// Why a device may not do something.
pub fn explained() -> ExplainResponse {
    let device = PairedDevice { device_id: id(0x1a), role: Role::Operator.into() };
    ExplainResponse {
        action: "cron.add".into(),
        requirement: Requirement::Scope.into(),
        required: scopes("operator.admin"),
        subject: Some(Principal { kind: Some(Kind::Device(device.clone())) }),
        subject_name: Some("Laptop".into()),
        role: Role::Operator.into(),
        holds: scopes("operator.read"),
        grant_seq: 4,
        ceiling: Some("reader".into()),
        held_back: scopes("operator.admin"),
        why: "the ceiling holds back what the grant has".into(),
        code: Some("MISSING_SCOPE".into()),
        missing: Some("scope operator.admin".into()),
        grantors: vec![Grantor {
            principal: Some(Principal { kind: Some(Kind::Device(device)) }),
            name: Some("Phone".into()),
        }],
        remedy: Some("doorward devices role 1a1a1a1a --none".into()),
        ..ExplainResponse::default()
    }
}

fn host() -> Principal {
    Principal { kind: Some(Kind::Host(Host { uid: 0 })) }
}

/// An owner code.
pub fn setup_code() -> CreateCodeResponse {
    CreateCodeResponse {
        code_id: "5c1d7a52-0a4e-4b52-9d58-3f0f5f6f7a10".into(),
        secret: "Zm9yIHRlc3RzIG9ubHksIGFuZCB3b3J0aCBub3RoaW5nLg".into(),
        access: SetupAccess::Full.into(),
        scopes: scopes("operator.admin operator.read"),
        until_ms: NOW + 600_000,
        gateway_urls: vec!["ws://192.168.1.5:18789".into()],
        seq: 3,
    }
}
