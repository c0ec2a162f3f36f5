//! What the later records mean: every credential and its whole life.

use super::{DEVICE, Example, REQUEST, profile, scopes};
use crate::domain::{
    ids::{ApprovalId, CodeId, PublicKey, TokenHash, TokenId},
    principal::{Principal, Rule, SecretKind, Subject},
    registry::{
        Access, Approval, ApprovedBy, AuthMode, CredentialClass, Event, LockKey, Policy,
        approvals::{
            Asker, Decision, Event as Asked, Kind, Presentation, Request, Whole, Withdrawal,
        },
        digest::TranscriptDigest,
        hold::{Item, Lost},
        keys::{KeyList, ListedKey},
    },
    scope::{Known, Role, ScopeSet},
    talk::{AgentId, RunId, SessionId, SessionKey},
    time::UnixMillis,
};

const HASH: TokenHash = TokenHash([0x71; 32]);
const TOKEN: TokenId = TokenId([0x70; 16]);
const CODE: CodeId = CodeId([0xc0; 16]);
const UNTIL: UnixMillis = UnixMillis(1_800_000_000_000);

const HOST: Principal = Principal::Host { uid: 1000 };
const OPERATOR: Principal = Principal::Device(DEVICE, Role::Operator);
const HUB: Principal = Principal::Token(TOKEN);

pub(super) fn examples() -> Vec<Example> {
    let second = [
        codes_of_someone(),
        tokens_revoked(),
        recovered(),
        restored(),
        persons_asked(),
        sessions(),
        reviewed(),
    ];
    [approvals(), devices(), ceilings(), tokens(), codes(), rest(), second.concat()].concat()
}

/// What waited for a person, and every way that it ended.
fn persons_asked() -> Vec<Example> {
    let agent = || system(Rule::AgentRun);
    let asked = |n, kind, asker, detail: Option<&str>, whole, offered: &[Decision]| {
        let presentation = Presentation {
            tool: detail.map(|_| "execute".into()),
            title: "make ☕".into(),
            description: "of the kitchen".into(),
            detail: detail.map(Into::into),
            whole,
        };
        let (id, offered) = (asked_id(n), offered.iter().copied().collect());
        let request = Request { id, kind, asker, presentation, offered, until: UNTIL };
        Event::Approval(Asked::Requested(Box::new(request)))
    };
    let asker = Asker {
        agent: AgentId::parse("main"),
        session: SessionKey::stored("agent:main:main"),
        run: RunId::parse("run-1"),
    };
    let nobody = Asker::default;
    let whole = Some(Whole { digest: [0x5a; 32], bytes: 70_000 });
    let decided =
        |n, decision, by| Event::Approval(Asked::Decided { id: asked_id(n), decision, by });
    let withdrawn = |n, why| Event::Approval(Asked::Withdrawn { id: asked_id(n), why });
    let expired = |n| Event::Approval(Asked::Expired { id: asked_id(n) });
    let all = Decision::ALL;
    vec![
        ("approval-requested", agent(), asked(1, Kind::Plugin, asker, Some("make"), whole, &all)),
        ("approval-requested-exec", agent(), asked(2, Kind::Exec, nobody(), None, None, &[])),
        ("approval-requested-to-end", agent(), asked(3, Kind::Exec, nobody(), None, None, &all)),
        ("approval-requested-to-stay", agent(), asked(4, Kind::Plugin, nobody(), None, None, &all)),
        ("approval-allowed", OPERATOR, decided(1, Decision::AllowOnce, OPERATOR)),
        ("approval-allowed-always", HOST, decided(9, Decision::AllowAlways, HOST)),
        ("approval-denied", HUB, decided(9, Decision::Deny, HUB)),
        ("approval-expired", system(Rule::Expiry), expired(2)),
        ("approval-of-a-run-that-ended", agent(), withdrawn(3, Withdrawal::RunEnded)),
        ("approval-of-a-crash", agent(), withdrawn(9, Withdrawal::AgentCrashed)),
        ("approval-restart", system(Rule::Startup), withdrawn(9, Withdrawal::GatewayRestarted)),
    ]
}

const fn asked_id(n: u8) -> ApprovalId {
    ApprovalId([n; 16])
}

fn recovered() -> Vec<Example> {
    let event = Event::Recovered { lost: 300, unsigned: 2, fault: "the end is cut off ☕".into() };
    vec![("recovered", HOST, event)]
}

fn restored() -> Vec<Example> {
    let event = |newest| Event::Restored { size: 300, root: [0x72; 32], newest };
    vec![("restored", HOST, event(None)), ("restored-newer", HOST, event(Some(70_000)))]
}

fn sessions() -> Vec<Example> {
    let digest = |messages| TranscriptDigest {
        key: SessionKey::of(&AgentId::main(), "caf\u{e9} \u{2615}"),
        transcript: SessionId([0x74; 16]),
        messages,
        sha256: [0x75; 32],
    };
    vec![
        ("session-deleted", OPERATOR, Event::SessionDeleted(digest(70_000))),
        ("session-deleted-by-rule", system(Rule::Retention), Event::SessionDeleted(digest(0))),
        ("session-reset", HUB, Event::SessionReset(digest(2))),
    ]
}

fn reviewed() -> Vec<Example> {
    let begun = |root| Event::ReviewBegun { lost: Lost { from: 300, until: 70_000 }, root };
    let ended = |item| Event::ReviewEnded { item };
    vec![
        ("review-begun", HOST, begun(Some([0x73; 32]))),
        ("review-begun-unsigned", HOST, begun(None)),
        ("review-ended-device", HOST, ended(Item::Device(DEVICE, Role::Node))),
        ("review-ended-token", OPERATOR, ended(Item::Token(TOKEN))),
        ("review-ended-rules", HUB, ended(Item::Rules)),
    ]
}

fn person() -> Principal {
    Principal::Person("ada@example.org".into())
}

fn system(rule: Rule) -> Principal {
    Principal::System(rule)
}

fn lost() -> Option<String> {
    Some("lost in the café".into())
}

fn approvals() -> Vec<Example> {
    let by_rule = |name, rule, by| (name, system(rule), approved(by, Some(system(rule))));
    let people = [("ada@example.org".into(), scopes()), ("bob".into(), ScopeSet::empty())];
    let ceilings = [("reader".into(), ScopeSet::from_iter([Known::Read]))];
    let policy = Policy {
        auth_mode: AuthMode::TrustedProxy,
        shared_scopes: ScopeSet::empty(),
        loopback_scopes: scopes(),
        auto_approve_local: false,
        auto_approve_cidrs: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        people: people.into(),
        others: Some(ScopeSet::from_iter([Known::Audit])),
        ceilings: ceilings.into(),
    };
    let limited = Approval {
        until: Some(UNTIL),
        ceiling: Some("reader".into()),
        ephemeral: true,
        ..approval(ApprovedBy::Host, Some(HOST))
    };
    vec![
        ("policy_v2", system(Rule::Startup), Event::PolicyAdopted(policy)),
        ("approved_v2-limited", HOST, Event::PairingApproved(Box::new(limited))),
        ("approved_v2-nobody-named", OPERATOR, approved(ApprovedBy::Operator, None)),
        ("approved_v2-by-operator", OPERATOR, approved(ApprovedBy::Operator, Some(OPERATOR))),
        ("approved_v2-by-token", HUB, approved(ApprovedBy::Operator, Some(HUB))),
        ("approved_v2-by-person", person(), approved(ApprovedBy::Operator, Some(person()))),
        by_rule("approved_v2-local-policy", Rule::LocalPolicy, ApprovedBy::LocalPolicy),
        by_rule("approved_v2-trusted-cidr", Rule::TrustedCidr, ApprovedBy::TrustedCidr),
        by_rule("approved_v2-key-list", Rule::KeyList, ApprovedBy::KeyList),
        by_rule("approved_v2-setup-code", Rule::SetupCode, ApprovedBy::SetupCode),
    ]
}

fn approved(by: ApprovedBy, approver: Option<Principal>) -> Event {
    Event::PairingApproved(Box::new(approval(by, approver)))
}

fn approval(by: ApprovedBy, approver: Option<Principal>) -> Approval {
    Approval {
        request_id: REQUEST,
        device: DEVICE,
        public_key: PublicKey([0x7b; 32]),
        role: Role::Operator,
        scopes: scopes(),
        profile: profile(),
        by,
        approver,
        until: None,
        ceiling: None,
        ephemeral: false,
    }
}

fn devices() -> Vec<Example> {
    let (device, role) = (DEVICE, Role::Operator);
    let rotated = |token| Event::TokenRotated { device, role, scopes: scopes(), token };
    let revoked = |reason, bars| Event::GrantRevoked { device, role: Role::Node, reason, bars };
    let removed = |reason, bars| Event::DeviceRemoved { device, reason, bars };
    let expired = |scopes| Event::GrantExpired { device, role, scopes };
    let label = String::from("Kitchen tablet ☕");
    vec![
        ("token-confirmed", OPERATOR, Event::TokenConfirmed { device, role }),
        ("seen", OPERATOR, Event::DeviceSeen { device }),
        ("rotated", OPERATOR, rotated(Some(HASH))),
        ("rotated-withheld", person(), rotated(None)),
        ("revoked", HUB, revoked(None, true)),
        ("revoked-with-reason", system(Rule::KeyList), revoked(lost(), false)),
        ("removed", person(), removed(None, true)),
        ("removed-with-reason", HOST, removed(lost(), false)),
        ("renamed", OPERATOR, Event::DeviceRenamed { device, label }),
        ("grant-expired", system(Rule::Expiry), expired(None)),
        ("grant-fell-back", system(Rule::Expiry), expired(Some(scopes()))),
    ]
}

fn ceilings() -> Vec<Example> {
    let on = |subject| Event::CeilingAssigned { subject, ceiling: Some("reader".into()) };
    let off = |subject| Event::CeilingAssigned { subject, ceiling: None };
    vec![
        ("ceiling-on-device", HOST, on(Subject::Device(DEVICE, Role::Node))),
        ("ceiling-off-device", HOST, off(Subject::Device(DEVICE, Role::Operator))),
        ("ceiling-on-token", HOST, on(Subject::Token(TOKEN))),
        ("ceiling-on-secret", HOST, on(Subject::SharedSecret)),
        ("ceiling-on-open", HOST, on(Subject::Open)),
        ("ceiling-on-person", HOST, on(Subject::Person("bob".into()))),
    ]
}

fn tokens() -> Vec<Example> {
    let secret = |kind| Event::SecretAdopted { kind, fingerprint: HASH };
    let plain = created(vec![], None, HOST);
    let ranges = ["192.0.2.7/32", "2001:db8::/32"].map(|range| range.parse().unwrap());
    let limited = created(ranges.into(), Some(UNTIL), person());
    vec![
        ("secret-token", system(Rule::Startup), secret(SecretKind::Token)),
        ("secret-password", HOST, secret(SecretKind::Password)),
        ("service-token", HOST, plain),
        ("service-token-limited", person(), limited),
        ("service-token-rotated", HUB, Event::ServiceTokenRotated { id: TOKEN, token: HASH }),
        ("service-token-revoked", HUB, Event::ServiceTokenRevoked { id: TOKEN, reason: None }),
        ("service-token-expired", system(Rule::Expiry), Event::ServiceTokenExpired { id: TOKEN }),
    ]
}

fn created(ranges: Vec<ipnet::IpNet>, until: Option<UnixMillis>, creator: Principal) -> Event {
    let name = String::from("hub ☎");
    Event::ServiceTokenCreated {
        id: TOKEN,
        name,
        scopes: scopes(),
        token: HASH,
        until,
        ranges,
        creator,
    }
}

fn codes() -> Vec<Example> {
    let created = |access: Access| {
        let scopes = access.scopes();
        Event::CodeCreated { id: CODE, code: HASH, access, scopes, until: UNTIL, creator: None }
    };
    let redeemed = |address: Option<&str>| {
        let address = address.map(str::to_owned);
        Event::CodeRedeemed { id: CODE, device: DEVICE, address }
    };
    let rule = || system(Rule::SetupCode);
    vec![
        ("code-full", HOST, created(Access::Full)),
        ("code-limited", OPERATOR, created(Access::Limited)),
        ("code-node", OPERATOR, created(Access::Node)),
        ("code-redeemed", rule(), redeemed(Some("2001:db8::7"))),
        ("code-redeemed-nowhere", rule(), redeemed(None)),
    ]
}

/// Version 2: who made it.
fn codes_of_someone() -> Vec<Example> {
    let created = |creator: Principal| Event::CodeCreated {
        id: CODE,
        code: HASH,
        access: Access::Limited,
        scopes: Access::Limited.scopes(),
        until: UNTIL,
        creator: Some(creator),
    };
    vec![
        ("code_v2-by-operator", OPERATOR, created(OPERATOR)),
        ("code_v2-by-host", HOST, created(HOST)),
    ]
}

/// Version 2: why nobody was to hold `operator.admin` any more.
fn tokens_revoked() -> Vec<Example> {
    let revoked = |reason| Event::ServiceTokenRevoked { id: TOKEN, reason };
    vec![
        ("service-token-revoked_v2", OPERATOR, revoked(None)),
        ("service-token-revoked_v2-forced", HOST, revoked(lost())),
    ]
}

fn rest() -> Vec<Example> {
    let listed = |role, scopes| ListedKey { label: "ci ☕".into(), role, scopes };
    let keys = [
        (PublicKey([0x7b; 32]), listed(Role::Operator, scopes())),
        (PublicKey([0x7c; 32]), listed(Role::Node, ScopeSet::empty())),
    ];
    let list = KeyList { file_hash: [0xf1; 32], keys: keys.into() };
    let locked = |class, address| Event::LockedOut {
        key: key(class, address),
        failures: [("AUTH_TOKEN_MISMATCH".into(), 300), ("RATE".into(), 1)].into(),
        until: UNTIL,
    };
    let cleared = Event::LockoutCleared { key: key(CredentialClass::Person, None) };
    let rule = || system(Rule::RateLimit);
    let (v4, v6) = (Some("192.0.2.7"), Some("2001:db8:0:7::"));
    vec![
        ("keys-adopted", HOST, Event::KeysAdopted(list)),
        ("locked-secret", rule(), locked(CredentialClass::SharedSecret, v4)),
        ("locked-device", rule(), locked(CredentialClass::DeviceToken, v6)),
        ("locked-service-token", rule(), locked(CredentialClass::ServiceToken, None)),
        ("locked-code", rule(), locked(CredentialClass::SetupCode, v4)),
        ("locked-person", rule(), locked(CredentialClass::Person, v6)),
        ("lockout-cleared", person(), cleared),
        ("renamed-over-grpc", HUB, Event::DeviceRenamed { device: DEVICE, label: "hub".into() }),
    ]
}

fn key(class: CredentialClass, address: Option<&str>) -> LockKey {
    LockKey { class, address: address.map(|address| address.parse().unwrap()) }
}
