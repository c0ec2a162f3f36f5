//! The names that programs look for are those that the contract lists.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    domain::{
        Event,
        ids::{ApprovalId, CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
        principal::Subject,
        refusal::PairingReason,
        registry::{
            Access, Approval, ApprovedBy, AuthMode, CredentialClass, Event as E, LockKey, Policy,
            Profile,
            approvals::{
                Asker, Decision, Event as Asked, Kind as ApprovalKind, Presentation, Request,
                Whole, Withdrawal,
            },
            digest::TranscriptDigest,
            hold::{Item, Lost},
            keys::{KeyList, ListedKey},
        },
        scope::{Known, Role, ScopeSet},
        talk::{AgentId, RunId, SessionId, SessionKey},
        time::UnixMillis,
    },
    service::Via,
};

const CONTRACT: &str = include_str!("../../../proto/doorward/admin/v1/ledger.proto");

fn profile() -> Profile {
    Profile {
        display_name: Some("Laptop".into()),
        client_id: "cli".into(),
        client_mode: "cli".into(),
        version: "1".into(),
        platform: "linux".into(),
        device_family: Some("pc".into()),
    }
}

const REQUEST: RequestId = RequestId([7; 16]);
const DEVICE: DeviceId = DeviceId([8; 32]);
const ROLE: Role = Role::Node;
const HASH: TokenHash = TokenHash([0xab; 32]);
const TOKEN: TokenId = TokenId([5; 16]);
const CODE: CodeId = CodeId([6; 16]);
const KEY: PublicKey = PublicKey([9; 32]);
const UNTIL: UnixMillis = UnixMillis(77);

fn some_scopes() -> ScopeSet {
    ScopeSet::from_iter([Known::Read, Known::Talk])
}

/// One event of each kind, with everything that it can tell.
fn events() -> Vec<E> {
    [pairing_events(), device_events(), credential_events()].concat()
}

fn pairing_events() -> Vec<E> {
    let (request_id, device, role, public_key) = (REQUEST, DEVICE, ROLE, KEY);
    let named = || BTreeMap::from([("ada".to_owned(), some_scopes())]);
    let policy = Policy {
        auth_mode: AuthMode::Password,
        shared_scopes: some_scopes(),
        loopback_scopes: ScopeSet::empty(),
        auto_approve_local: true,
        auto_approve_cidrs: vec!["192.0.2.0/24".parse().unwrap()],
        people: named(),
        others: Some(some_scopes()),
        ceilings: named(),
    };
    let approval = Approval {
        request_id,
        device,
        public_key,
        role,
        scopes: some_scopes(),
        profile: profile(),
        by: ApprovedBy::LocalPolicy,
        approver: Some(Principal::System(Rule::LocalPolicy)),
        until: Some(UNTIL),
        ceiling: Some("auditor".into()),
        ephemeral: true,
    };
    vec![
        E::Begun { gateway_key: public_key },
        E::PolicyAdopted(policy),
        E::PairingRequested {
            request_id,
            device,
            public_key,
            role,
            scopes: some_scopes(),
            reason: PairingReason::ScopeUpgrade,
            profile: profile(),
            address: Some("192.0.2.1".into()),
        },
        E::PairingSuperseded { request_id, device, by: RequestId([1; 16]) },
        E::PairingApproved(Box::new(approval)),
        E::PairingRejected { request_id, device, role, withdrawn: true },
        E::PairingExpired { request_id, device, role },
    ]
}

fn device_events() -> Vec<E> {
    let (device, role, reason) = (DEVICE, ROLE, Some("lost".to_owned()));
    vec![
        E::TokenIssued { device, role, token: HASH },
        E::DeviceDescribed { device, profile: profile() },
        E::TokenConfirmed { device, role },
        E::DeviceSeen { device },
        E::TokenRotated { device, role, scopes: some_scopes(), token: Some(HASH) },
        E::GrantRevoked { device, role, reason: reason.clone(), bars: true },
        E::DeviceRemoved { device, reason, bars: true },
        E::DeviceRenamed { device, label: "Kitchen".into() },
        E::GrantExpired { device, role, scopes: Some(some_scopes()) },
        E::CeilingAssigned { subject: Subject::Token(TOKEN), ceiling: Some("auditor".into()) },
    ]
}

fn credential_events() -> Vec<E> {
    let listed = ListedKey { label: "ci".into(), role: ROLE, scopes: ScopeSet::empty() };
    let list = KeyList { file_hash: [4; 32], keys: BTreeMap::from([(KEY, listed)]) };
    let key = LockKey {
        class: CredentialClass::DeviceToken,
        address: Some("192.0.2.1".parse().unwrap()),
    };
    vec![
        E::SecretAdopted { kind: SecretKind::Password, fingerprint: HASH },
        E::ServiceTokenCreated {
            id: TOKEN,
            name: "hub".into(),
            scopes: some_scopes(),
            token: HASH,
            until: Some(UNTIL),
            ranges: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            creator: Principal::Host { uid: 0 },
        },
        E::ServiceTokenRotated { id: TOKEN, token: HASH },
        E::ServiceTokenRevoked { id: TOKEN, reason: Some("stolen".into()) },
        E::ServiceTokenExpired { id: TOKEN },
        E::CodeCreated {
            id: CODE,
            code: HASH,
            access: Access::Limited,
            scopes: some_scopes(),
            until: UNTIL,
            creator: Some(Principal::Host { uid: 0 }),
        },
        E::CodeRedeemed { id: CODE, device: DEVICE, address: Some("192.0.2.1".into()) },
        E::KeysAdopted(list),
        E::LockedOut {
            key,
            failures: BTreeMap::from([("AUTH_TOKEN_MISMATCH".into(), 3)]),
            until: UNTIL,
        },
        E::LockoutCleared { key },
        E::Recovered { lost: 2, unsigned: 1, fault: "cut off".into() },
        E::Restored { size: 9, root: [5; 32], newest: Some(12) },
        E::Approval(Asked::Requested(Box::new(request()))),
        E::Approval(Asked::Decided { id: APPROVAL, decision: Decision::Deny, by: Principal::Open }),
        E::Approval(Asked::Expired { id: APPROVAL }),
        E::Approval(Asked::Withdrawn { id: APPROVAL, why: Withdrawal::RunEnded }),
        E::SessionDeleted(digest()),
        E::SessionReset(digest()),
        E::ReviewBegun { lost: Lost { from: 9, until: 12 }, root: Some([5; 32]) },
        E::ReviewEnded { item: Item::Device(DEVICE, Role::Operator) },
    ]
}

fn digest() -> TranscriptDigest {
    let key = SessionKey::main_of(&AgentId::main());
    TranscriptDigest { key, transcript: SessionId([6; 16]), messages: 4, sha256: [7; 32] }
}

const APPROVAL: ApprovalId = ApprovalId([0xa9; 16]);

fn request() -> Request {
    Request {
        id: APPROVAL,
        kind: ApprovalKind::Plugin,
        asker: Asker {
            agent: AgentId::parse("main"),
            session: SessionKey::stored("agent:main:main"),
            run: RunId::parse("run-1"),
        },
        presentation: Presentation {
            tool: Some("execute".into()),
            title: "make".into(),
            description: "in the kitchen".into(),
            detail: Some("make coffee".into()),
            whole: Some(Whole { digest: [0x5a; 32], bytes: 70_000 }),
        },
        offered: [Decision::AllowOnce, Decision::Deny].into(),
        until: UNTIL,
    }
}

#[test]
fn what_waits_for_a_person_is_told_in_full() {
    let (_, details) = told(E::Approval(Asked::Requested(Box::new(request()))));
    let expected = [
        ("agent", "main"),
        ("approval_id", "a9a9a9a9-a9a9-a9a9-a9a9-a9a9a9a9a9a9"),
        ("description", "in the kitchen"),
        ("detail", "make coffee"),
        ("kind", "plugin"),
        ("offered", "allow-once deny"),
        ("run", "run-1"),
        ("session", "agent:main:main"),
        ("title", "make"),
        ("tool", "execute"),
        ("until", &UNTIL.0.to_string()),
        ("whole_bytes", "70000"),
        ("whole_hash", &"5a".repeat(32)),
    ];
    let details: Vec<_> =
        details.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(details, expected);
}

/// An event's kind and details, as they are told.
fn told(event: E) -> (String, BTreeMap<String, String>) {
    let told = details::told(&Event::Registry(event));
    (told.kind, told.details)
}

/// The keys that the contract lists for a kind: the words of its paragraph.
fn listed(kind: &str) -> BTreeSet<&'static str> {
    let lines = CONTRACT.lines().skip_while(|line| !line.starts_with(&format!("//   {kind} ")));
    let first = lines.clone().take(1);
    let more = lines.skip(1).take_while(|line| line.starts_with("//             "));
    let words = |line: &'static str| line.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    first.chain(more).flat_map(words).collect()
}

#[test]
fn every_kind_and_key_is_listed_in_the_contract() {
    let profile_keys = BTreeSet::from([
        "client_id",
        "client_mode",
        "version",
        "platform",
        "display_name",
        "device_family",
    ]);
    assert!(CONTRACT.contains("// Profile keys: client_id, client_mode, version, platform, and"));
    for event in events() {
        let (kind, details) = told(event);
        let listed = listed(&kind);
        assert!(listed.contains(kind.as_str()), "{kind} is not listed");
        for key in details.keys() {
            let known = listed.contains(key.as_str())
                || (listed.contains("profile") && profile_keys.contains(key.as_str()));
            assert!(known, "{kind}: {key} is not listed");
        }
    }
}

#[test]
fn each_kind_has_a_name_of_its_own_and_none_is_forgotten() {
    // A new kind does not compile here until it has a row in `events`.
    let row = |event: &E| match event {
        E::Begun { .. } => 0,
        E::PolicyAdopted(_) => 1,
        E::PairingRequested { .. } => 2,
        E::PairingSuperseded { .. } => 3,
        E::PairingApproved(_) => 4,
        E::PairingRejected { .. } => 5,
        E::PairingExpired { .. } => 6,
        E::TokenIssued { .. } => 7,
        E::DeviceDescribed { .. } => 8,
        E::TokenConfirmed { .. } => 9,
        E::DeviceSeen { .. } => 10,
        E::TokenRotated { .. } => 11,
        E::GrantRevoked { .. } => 12,
        E::DeviceRemoved { .. } => 13,
        E::DeviceRenamed { .. } => 14,
        E::GrantExpired { .. } => 15,
        E::CeilingAssigned { .. } => 16,
        E::SecretAdopted { .. } => 17,
        E::ServiceTokenCreated { .. } => 18,
        E::ServiceTokenRotated { .. } => 19,
        E::ServiceTokenRevoked { .. } => 20,
        E::ServiceTokenExpired { .. } => 21,
        E::CodeCreated { .. } => 22,
        E::CodeRedeemed { .. } => 23,
        E::KeysAdopted(_) => 24,
        E::LockedOut { .. } => 25,
        E::LockoutCleared { .. } => 26,
        E::Recovered { .. } => 27,
        E::Restored { .. } => 28,
        E::Approval(Asked::Requested(_)) => 29,
        E::Approval(Asked::Decided { .. }) => 30,
        E::Approval(Asked::Expired { .. }) => 31,
        E::Approval(Asked::Withdrawn { .. }) => 32,
        E::SessionDeleted(_) => 33,
        E::SessionReset(_) => 34,
        E::ReviewBegun { .. } => 35,
        E::ReviewEnded { .. } => 36,
    };
    let rows: Vec<_> = events().iter().map(row).collect();
    assert_eq!(rows, (0..37).collect::<Vec<_>>());
    let names: BTreeSet<_> = events().into_iter().map(|event| told(event).0).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn a_record_tells_all_of_itself() {
    let event = events().swap_remove(2);
    let via = Via {
        transport: Transport::WebSocket,
        address: Some("192.0.2.1".into()),
        locality: Locality::Elsewhere,
        connection: Some("c".into()),
        request: Some("r".into()),
    };
    let record = Record {
        seq: Seq(5),
        at: UnixMillis(6),
        principal: Principal::Applicant(DeviceId([8; 32])),
        authority: Seq(1),
        via,
        before: ScopeSet::empty(),
        after: ScopeSet::from_iter([Known::Read]),
        event: Event::Registry(event),
    };
    let told = entry(&Entry { record, leaf_hash: [3; 32] });
    let (via, event) = (told.via.unwrap(), told.event.unwrap());
    assert_eq!((told.seq, told.time_ms, told.authority_seq), (5, 6, 1));
    assert_eq!(told.after.unwrap().names, ["operator.read"]);
    assert_eq!(told.leaf_hash, [3; 32]);
    assert_eq!(via.transport(), WireTransport::WebSocket);
    assert_eq!((via.address.as_deref(), via.direct_loopback), (Some("192.0.2.1"), false));
    assert_eq!((via.connection.as_deref(), via.request.as_deref()), (Some("c"), Some("r")));
    assert_eq!((event.kind.as_str(), event.version), ("pairing_requested", 1));
    assert_eq!(event.device_id, Some("08".repeat(32)));
    assert_eq!(event.role(), v1::Role::Node);
    assert_eq!(event.details["reason"], "scope_upgrade");
    assert_eq!(event.details["scopes"], "operator.read operator.talk");
    assert_eq!(event.details["address"], "192.0.2.1");
}

#[test]
fn every_principal_is_told_apart() {
    let (id, hex) = (DeviceId([8; 32]), "08".repeat(32));
    use v1::principal as wire;
    let device = wire::PairedDevice { device_id: hex.clone(), role: v1::Role::Node.into() };
    let shared =
        |proof: v1::AuthMode| Kind::SharedSecret(wire::SharedSecret { proof: proof.into() });
    let rule = |name: &str| Kind::System(wire::System { rule: name.into() });
    for (who, expected) in [
        (Principal::Host { uid: 7 }, Kind::Host(wire::Host { uid: 7 })),
        (Principal::SharedSecret(SecretKind::Token), shared(v1::AuthMode::Token)),
        (Principal::SharedSecret(SecretKind::Password), shared(v1::AuthMode::Password)),
        (Principal::Open, Kind::Open(wire::Open {})),
        (Principal::Device(id, Role::Node), Kind::Device(device)),
        (Principal::Applicant(id), Kind::Applicant(wire::Applicant { device_id: hex })),
        (Principal::System(Rule::Startup), rule("startup")),
        (Principal::System(Rule::LocalPolicy), rule("local_policy")),
        (Principal::System(Rule::Expiry), rule("expiry")),
        (Principal::System(Rule::TrustedCidr), rule("trusted_cidr")),
        (Principal::System(Rule::KeyList), rule("key_list")),
        (Principal::System(Rule::SetupCode), rule("setup_code")),
        (Principal::System(Rule::RateLimit), rule("rate_limit")),
        (Principal::System(Rule::AgentRun), rule("agent_run")),
        (Principal::System(Rule::Retention), rule("retention")),
        (
            Principal::Token(TOKEN),
            Kind::ServiceToken(wire::ServiceToken { token_id: TOKEN.to_string() }),
        ),
        (Principal::Person("ada".into()), Kind::Person(wire::Person { name: "ada".into() })),
    ] {
        assert_eq!(principal(&who).kind, Some(expected), "{who:?}");
    }
}
