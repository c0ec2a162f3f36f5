//! Where authority comes from, who has it, and what changed (N5 A5.2).

use std::rc::Rc;

use super::{
    who::{HOUR, OWNER},
    *,
};
use crate::domain::{
    lineage::{Act, Past, Root, walk},
    registry::holders::differences,
};

/// What a record keeps of a change.
pub(super) struct Written {
    seq: Seq,
    principal: Principal,
    authority: Seq,
    before: ScopeSet,
    after: ScopeSet,
    event: Event,
}

/// A house that keeps records, as the ledger would.
pub(super) struct Chronicle {
    house: House,
    records: Vec<Rc<Written>>,
}

impl Chronicle {
    pub(super) fn begin() -> Self {
        let mut chronicle =
            Self { house: House { state: Registry::default(), seq: 0 }, records: vec![] };
        let secret = Some((SecretKind::Token, token(9)));
        let command = Command::Start { gateway_key: PublicKey([9; 32]), policy: policy(), secret };
        chronicle.run(&Standing::system(Rule::Startup), Operation::AdoptPolicy, command);
        chronicle
    }

    pub(super) fn run(&mut self, who: &Standing, operation: Operation, command: Command) {
        let permit = permit::authorize(who, operation).unwrap();
        let authority = self.house.state.authority(&permit).unwrap_or_default();
        let mut state = self.house.state.clone();
        let events = self.house.run(who, operation, command).unwrap();
        for event in events {
            let before = state.holdings(&event);
            let seq = self.records.len() as u64;
            state.apply(Stamp { seq: Seq(seq), at: UnixMillis(1000 + seq) }, &event);
            let after = state.holdings(&event);
            let principal = who.principal.clone();
            let seq = Seq(seq);
            self.records.push(Rc::new(Written { seq, principal, authority, before, after, event }));
        }
    }

    fn ask(&mut self, id: u8, n: u8, scopes: &str) {
        let who = Standing::applicant(device(n), Role::Operator);
        let ask = Box::new(as_request(id, ask(n, scopes)));
        self.run(&who, Operation::RequestPairing, Command::RequestPairing(ask));
    }

    /// Has device `n` approved by `who`.
    fn pair(&mut self, who: &Standing, n: u8, scopes: &str) -> Standing {
        self.pair_on(who, n, n, scopes, Terms::default());
        self.house.session(n, scopes)
    }

    fn pair_on(&mut self, who: &Standing, id: u8, n: u8, scopes: &str, terms: Terms) {
        self.ask(id, n, scopes);
        let (request_id, now) = (request(id), self.house.now());
        let command = Command::ApprovePairing { request_id, expected: None, terms, now };
        self.run(who, Operation::ApprovePairing, command);
    }

    fn redeem(&mut self, maker: &Standing, code: u8, n: u8, access: Access, scopes: &str) {
        let (id, until) = (crate::domain::ids::CodeId([code; 16]), self.house.now().plus(HOUR));
        let create = Command::CreateCode { id, code: token(code), access, until };
        self.run(maker, Operation::CreateCode, create);
        let (basis, now) = (Basis::SetupCode(token(code)), self.house.now());
        let rule = self.house.state.rule_standing(basis).unwrap();
        let ask = Box::new(as_request(code, ask(n, scopes)));
        let command = Command::ApproveByRule { ask, basis, token: token(code + 100), now };
        self.run(&rule, Operation::ApprovePairing, command);
    }

    /// The records that device `n` has a scope by, as their kinds and actors.
    fn why(&self, subject: &Subject, scope: &str) -> (Vec<String>, Root) {
        let scope = Scope::parse(&format!("operator.{scope}")).unwrap();
        let start = self.house.state.stands_on(subject, Some(&scope))[0];
        let lineage = walk(self, start, Some(&scope)).unwrap();
        let told = |written: &Rc<Written>| {
            format!("{} by {}", written.event.kind(), actor(&written.principal))
        };
        (lineage.records.iter().map(told).collect(), lineage.root)
    }
}

fn actor(principal: &Principal) -> String {
    match principal {
        Principal::Host { .. } => "host".into(),
        Principal::Device(id, _) => format!("device {}", id.0[0]),
        Principal::System(rule) => format!("{rule:?}"),
        Principal::SharedSecret(_) => "secret".into(),
        Principal::Token(id) => format!("token {}", id.0[0]),
        other => format!("{other:?}"),
    }
}

impl Past for Chronicle {
    type Record = Rc<Written>;
    type Error = ();

    fn record(&self, seq: Seq) -> Result<Rc<Written>, ()> {
        self.records.get(seq.0 as usize).cloned().ok_or(())
    }

    fn act(record: &Rc<Written>) -> Act<'_> {
        let Written { seq, principal, authority, before, event, .. } = &**record;
        Act { seq: *seq, principal, authority: *authority, before, event }
    }

    fn gained(&self, subject: &Subject, scope: &Scope, until: Seq) -> Result<Option<Seq>, ()> {
        let mut earlier = self.records[..until.0 as usize].iter().rev();
        let gained = earlier.find(|written| {
            written.event.concerns(subject)
                && !written.before.satisfies(scope)
                && written.after.satisfies(scope)
        });
        Ok(gained.map(|written| written.seq))
    }
}

const TABLET: Subject = Subject::Device(device(1), Role::Operator);

pub(super) type Story = fn(&mut Chronicle);

/// What may happen until device 1 holds something.
pub(super) fn stories() -> [(&'static str, Story); 7] {
    let by_host: Story = |house| drop(house.pair(&host(), 1, "read"));
    let by_operator: Story = |house| {
        let owner = house.pair(&host(), OWNER, "admin");
        let second = house.pair(&owner, 2, "admin");
        house.pair(&second, 1, "read");
    };
    let by_local_rule: Story = |house| {
        let ask = Ask { locality: Locality::DirectLoopback, ..ask(1, "read") };
        let rule = house.house.state.rule_standing(Basis::LocalPolicy).unwrap();
        let (basis, now) = (Basis::LocalPolicy, house.house.now());
        let command = Command::ApproveByRule { ask: Box::new(ask), basis, token: token(7), now };
        house.run(&rule, Operation::ApprovePairing, command);
    };
    let by_code: Story = |house| {
        let owner = house.pair(&host(), OWNER, "admin");
        house.redeem(&owner, 21, 1, Access::Limited, "read");
    };
    let by_code_beside_a_grant: Story = |house| {
        let owner = house.pair(&host(), OWNER, "admin");
        house.pair(&owner, 1, "audit");
        house.redeem(&host(), 21, 1, Access::Limited, "write");
    };
    let by_secret: Story = |house| {
        let secret = house.house.shared("pairing read");
        house.pair(&secret, 1, "read");
    };
    let for_a_while_on_top: Story = |house| {
        let owner = house.pair(&host(), OWNER, "admin");
        house.pair(&host(), 1, "read");
        let until = Some(house.house.now().plus(HOUR));
        house.pair_on(&owner, 30, 1, "write", Terms { until, ..Terms::default() });
    };
    [
        ("host", by_host),
        ("operators", by_operator),
        ("local rule", by_local_rule),
        ("code", by_code),
        ("code beside a grant", by_code_beside_a_grant),
        ("shared secret", by_secret),
        ("for a while on top", for_a_while_on_top),
    ]
}

#[test]
fn n5_a5_2_every_permission_leads_back_to_a_root() {
    let approved = |by: &str| format!("pairing_approved by {by}");
    for (what, scope, chain, root) in [
        ("host", "read", vec![approved("host")], Root::Host),
        (
            "operators",
            "read",
            vec![approved("device 2"), approved(&format!("device {OWNER}")), approved("host")],
            Root::Host,
        ),
        (
            "local rule",
            "read",
            vec![approved("LocalPolicy"), "policy_adopted by Startup".into()],
            Root::Configuration,
        ),
        (
            "code",
            "read",
            vec![
                approved("SetupCode"),
                format!("setup_code_created by device {OWNER}"),
                approved("host"),
            ],
            Root::Host,
        ),
        (
            "code beside a grant",
            "write",
            vec![approved("SetupCode"), "setup_code_created by host".into()],
            Root::Host,
        ),
        (
            "code beside a grant",
            "audit",
            vec![approved("SetupCode"), approved(&format!("device {OWNER}")), approved("host")],
            Root::Host,
        ),
        (
            "shared secret",
            "read",
            vec![approved("secret"), "secret_adopted by Startup".into()],
            Root::Configuration,
        ),
        ("for a while on top", "read", vec![approved("host")], Root::Host),
        (
            "for a while on top",
            "write",
            vec![approved(&format!("device {OWNER}")), approved("host")],
            Root::Host,
        ),
    ] {
        let mut house = Chronicle::begin();
        let (_, story) = stories().into_iter().find(|(name, _)| *name == what).unwrap();
        story(&mut house);
        assert_eq!(house.why(&TABLET, scope), (chain, root), "{what}: {scope}");
    }
}

#[test]
fn who_can_do_something_row_by_row() {
    let mut house = Chronicle::begin();
    let owner = house.pair(&host(), OWNER, "admin");
    house.pair(&owner, 1, "read");
    house.house.assign(&host(), OWNER, Some(Policy::AUDITOR)).unwrap_err();
    house.pair(&owner, 2, "write audit");
    house.house.assign(&host(), 2, Some(Policy::AUDITOR)).unwrap();
    for (scope, expected) in [
        ("admin", vec!["device c8", "secret here"]),
        ("read", vec!["device 01", "device c8", "secret", "secret here"]),
        ("audit", vec!["device 02", "device c8", "secret here"]),
    ] {
        let scope = Scope::parse(&format!("operator.{scope}")).unwrap();
        let holders = house.house.state.who_can(&scope);
        let told = holders.iter().map(|holder| match (&holder.subject, holder.locality) {
            (Subject::Device(id, _), _) => format!("device {:02x}", id.0[0]),
            (Subject::SharedSecret, Locality::Elsewhere) => "secret".into(),
            (Subject::SharedSecret, Locality::DirectLoopback) => "secret here".into(),
            other => format!("{other:?}"),
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        assert_eq!(told, expected, "{scope:?}");
    }
}

#[test]
fn what_changed_between_two_states() {
    let mut house = Chronicle::begin();
    let owner = house.pair(&host(), OWNER, "admin");
    house.pair(&owner, 1, "read");
    house.pair(&owner, 2, "read");
    let before = house.house.state.clone();
    assert_eq!(differences(&before, &before), []);
    house.pair_on(&owner, 41, 1, "write", Terms::default());
    house.pair(&owner, 3, "talk");
    let (device, role, force) = (device(2), Role::Operator, None);
    house.run(&host(), Operation::RevokeToken, Command::RevokeToken { device, role, force });
    let told = |found: Vec<holders::Difference>| -> Vec<_> {
        let rows = found.into_iter().map(|change| match change.subject {
            Subject::Device(id, _) => (id.0[0], change.before, change.after),
            other => panic!("{other:?}"),
        });
        rows.collect()
    };
    let after = &house.house.state;
    assert_eq!(
        told(differences(&before, after)),
        [
            (1, Some(set("read")), Some(set("read write"))),
            (2, Some(set("read")), None),
            (3, None, Some(set("talk"))),
        ]
    );
    assert_eq!(told(differences(after, &before)).len(), 3, "and backward");
}
