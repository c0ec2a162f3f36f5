//! The household and its month, January 2026.

use std::path::Path;

use doorward::{
    domain::{
        Decider,
        ids::{CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
        operation::Operation,
        origin::Locality,
        permit,
        principal::{Principal, Rule, SecretKind, Standing, Subject},
        refusal::PairingReason,
        registry::{
            Access, Ask, AuthMode, Basis, Command, Policy, Profile, Registry, Renewal, Terms,
            keys::{KeyList, ListedKey},
            service_token::NewToken,
        },
        scope::{Role, Scope, ScopeSet},
        time::{Stamp, UnixMillis},
    },
    ledger::{Record, Transport, Via},
};

use super::shelf;

/// 2026-01-01T08:00:00Z.
pub const START: u64 = 1_767_254_400_000;
pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// The state after each record.
pub type Folds = Vec<(Stamp, Registry)>;

fn set(names: &str) -> ScopeSet {
    names
        .split_whitespace()
        .map(|name| Scope::parse(&format!("operator.{name}")).unwrap())
        .collect()
}

/// Spread, so that the beginnings of two ids differ.
fn number(index: usize) -> u8 {
    (index as u8).wrapping_mul(37).wrapping_add(0x1a)
}

fn host() -> Standing {
    Standing::host(1000)
}

/// The household as it lives: what was decided is what is written.
struct Household {
    state: Registry,
    records: Vec<Record>,
    folds: Folds,
    now: u64,
    from: &'static str,
    names: Vec<&'static str>,
    requests: u8,
}

/// Lives the month in an empty state directory, and gives the state after each record.
pub fn live(state_dir: &Path) -> Folds {
    let mut house = Household {
        state: Registry::default(),
        records: vec![],
        folds: vec![],
        now: START,
        from: "192.168.1.10",
        names: vec![],
        requests: 0,
    };
    house.moves_in();
    house.settles();
    house.is_broken_into();
    house.cleans_up();
    house.goes_on();
    shelf::write(state_dir, house.records);
    house.folds
}

impl Household {
    /// Days 1 to 3: the owner, her family, the lights.
    fn moves_in(&mut self) {
        let policy = Policy {
            auth_mode: AuthMode::Token,
            shared_scopes: set("read write"),
            loopback_scopes: ScopeSet::full_operator(),
            auto_approve_local: true,
            auto_approve_cidrs: vec!["192.168.40.0/24".parse().unwrap()],
            people: Default::default(),
            others: None,
            ceilings: [("family".to_owned(), set("read write talk"))].into(),
        };
        let gateway_key = PublicKey(shelf::key().public());
        let secret = Some((SecretKind::Token, TokenHash([0x5e; 32])));
        let start = Command::Start { gateway_key, policy, secret };
        self.does(&Standing::system(Rule::Startup), Operation::AdoptPolicy, start);
        self.later(10 * MINUTE);
        self.pairs(&host(), "ada-laptop", "admin");
        self.later(HOUR);
        let ada = self.acting("ada-laptop");
        self.from = "192.168.1.11";
        self.pairs(&ada, "ada-phone", "admin");
        self.pairs(&ada, "ben-phone", "admin");
        self.later(DAY);
        self.from = "192.168.40.7";
        for lamp in ["node-hall", "node-kitchen", "node-garden", "node-roof", "node-cellar"] {
            self.arrives(lamp, Role::Node, "", Basis::TrustedCidr);
            self.later(MINUTE);
        }
        self.from = "192.168.1.30";
        let runner = self.known("ci-runner");
        let key =
            ListedKey { label: "ci-runner".into(), role: Role::Operator, scopes: set("read") };
        let keys = [(PublicKey([runner; 32]), key)].into();
        let adopt = Command::AdoptKeys(KeyList { file_hash: [0xf1; 32], keys });
        self.does(&host(), Operation::AdoptKeys, adopt);
        self.arrives("ci-runner", Role::Operator, "read", Basis::KeyList);
    }

    /// Days 4 to 11: tablets, a dashboard, a guest, an auditor.
    fn settles(&mut self) {
        self.later(2 * DAY);
        let ben = self.acting("ben-phone");
        self.from = "192.168.1.12";
        self.pairs(&ben, "cleo-phone", "write pairing");
        self.pairs(&ben, "eve-tablet", "read talk");
        self.carries("eve-tablet", "family");
        self.later(DAY);
        let ada = self.acting("ada-laptop");
        self.makes_token(&ada, 1, "grafana", "read", None);
        self.makes_code(&ada, 1, Access::Limited);
        self.arrives("dan-phone", Role::Operator, "read", Basis::SetupCode(TokenHash([0xc1; 32])));
        self.later(DAY);
        self.pairs(&ada, "auditor-pc", "read audit");
        self.carries("auditor-pc", Policy::AUDITOR);
        let tonight = Some(UnixMillis(self.now + 4 * HOUR));
        let until = Terms { until: tonight, ..Terms::default() };
        self.pairs_on(&ada, "guest-phone", "read write", until);
        self.later(5 * HOUR);
        self.ends("guest-phone");
        for name in ["tv", "car", "printer", "door-bell"] {
            self.later(HOUR);
            self.pairs(&ada, name, "read");
        }
    }

    /// Day 12: someone has Ben's phone.
    fn is_broken_into(&mut self) {
        self.until_day(12, 18);
        self.from = "203.0.113.66";
        let ben = self.acting("ben-phone");
        self.pairs(&ben, "intruder", "admin");
        self.later(5 * MINUTE);
        let intruder = self.acting("intruder");
        self.makes_token(&intruder, 2, "sync", "admin", None);
        self.later(MINUTE);
        self.asks("eve-tablet", "admin");
        self.later(6 * MINUTE);
    }

    /// Day 13: Ada notices.
    fn cleans_up(&mut self) {
        self.until_day(13, 7);
        self.from = "192.168.1.10";
        let ada = self.acting("ada-laptop");
        let id = TokenId([2; 16]);
        let force = None;
        self.does(&ada, Operation::RevokeServiceToken, Command::RevokeServiceToken { id, force });
        for name in ["intruder", "ben-phone"] {
            let device = self.device(name);
            let remove = Command::RemoveDevice { device, force: None };
            self.does(&ada, Operation::RemoveDevice, remove);
            self.later(MINUTE);
        }
        let request_id = RequestId([self.requests; 16]);
        self.does(&ada, Operation::RejectPairing, Command::RejectPairing { request_id });
        let (kind, fingerprint) = (SecretKind::Token, TokenHash([0x5f; 32]));
        self.does(&host(), Operation::RotateSecret, Command::RotateSecret { kind, fingerprint });
        let (device, role, token) =
            (self.device("cleo-phone"), Role::Operator, TokenHash([0x77; 32]));
        let scopes = Some(set("write"));
        let rotate = Command::RotateToken { device, role, scopes, token };
        self.does(&ada, Operation::RotateToken, rotate);
    }

    /// Days 14 to 31: Ben's new phone, a renamed car, a wider dashboard.
    fn goes_on(&mut self) {
        self.until_day(15, 12);
        let ada = self.acting("ada-laptop");
        self.pairs(&ada, "ben-new-phone", "write pairing");
        self.until_day(21, 9);
        let (id, token) = (TokenId([1; 16]), TokenHash([0x71; 32]));
        self.does(&ada, Operation::RotateServiceToken, Command::RotateServiceToken { id, token });
        let label = "family-car".to_owned();
        let device = self.device("car");
        self.does(&ada, Operation::RenameDevice, Command::RenameDevice { device, label });
        self.until_day(24, 9);
        let week = Some(UnixMillis(self.now + 7 * DAY));
        self.makes_token(&ada, 3, "backup", "audit", week);
        self.pairs(&ada, "workshop", "read");
        let device = self.device("printer");
        let role = Role::Operator;
        self.does(&ada, Operation::RevokeToken, Command::RevokeToken { device, role, force: None });
    }
}

/// What the household does, in the words above.
impl Household {
    fn later(&mut self, span: u64) {
        self.now += span;
    }

    fn until_day(&mut self, day: u64, hour: u64) {
        let midnight = START - 8 * HOUR;
        self.now = midnight + (day - 1) * DAY + hour * HOUR;
    }

    /// A device's number; a new one for a new name.
    fn known(&mut self, name: &'static str) -> u8 {
        let found = self.names.iter().position(|known| *known == name);
        let index = found.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        number(index)
    }

    fn device(&self, name: &str) -> DeviceId {
        let index = self.names.iter().position(|known| *known == name).unwrap();
        DeviceId([number(index); 32])
    }

    fn acting(&self, name: &str) -> Standing {
        let subject = Subject::Device(self.device(name), Role::Operator);
        self.state.standing_of(&subject, Locality::Elsewhere).unwrap()
    }

    fn ask(&mut self, name: &'static str, role: Role, scopes: &str) -> Ask {
        let number = self.known(name);
        self.requests += 1;
        let known = self.state.device(DeviceId([number; 32])).is_some();
        Ask {
            request_id: RequestId([self.requests; 16]),
            device: DeviceId([number; 32]),
            public_key: PublicKey([number; 32]),
            role,
            scopes: set(scopes),
            reason: if known { PairingReason::ScopeUpgrade } else { PairingReason::NotPaired },
            profile: Profile {
                display_name: Some(name.into()),
                client_id: "openclaw-app".into(),
                client_mode: "app".into(),
                version: "2026.1.1".into(),
                platform: "linux".into(),
                device_family: None,
            },
            address: Some(self.from.parse().unwrap()),
            secret: Some(SecretKind::Token),
            locality: Locality::Elsewhere,
        }
    }

    fn asks(&mut self, name: &'static str, scopes: &str) -> RequestId {
        let ask = self.ask(name, Role::Operator, scopes);
        let request_id = ask.request_id;
        let who = Standing::applicant(ask.device, ask.role);
        self.does(&who, Operation::RequestPairing, Command::RequestPairing(Box::new(ask)));
        request_id
    }

    /// A device asks, someone approves, the device fetches its token.
    fn pairs(&mut self, who: &Standing, name: &'static str, scopes: &str) {
        self.pairs_on(who, name, scopes, Terms::default());
    }

    fn pairs_on(&mut self, who: &Standing, name: &'static str, scopes: &str, terms: Terms) {
        let request_id = self.asks(name, scopes);
        self.later(20_000);
        let now = UnixMillis(self.now);
        let approve = Command::ApprovePairing { request_id, expected: None, terms, now };
        self.does(who, Operation::ApprovePairing, approve);
        self.later(1_000);
        let (token, renewal) = (TokenHash([self.known(name); 32]), Renewal::No);
        let device = self.acting(name);
        let issue = Command::IssueToken { role: Role::Operator, token, renewal };
        self.does(&device, Operation::IssueToken, issue);
    }

    /// A device comes in by a rule.
    fn arrives(&mut self, name: &'static str, role: Role, scopes: &str, basis: Basis) {
        let ask = Box::new(self.ask(name, role, scopes));
        let (token, now) = (TokenHash([self.known(name); 32]), UnixMillis(self.now));
        let rule = self.state.rule_standing(basis).unwrap();
        let approve = Command::ApproveByRule { ask, basis, token, now };
        self.does(&rule, Operation::ApprovePairing, approve);
    }

    fn makes_token(
        &mut self,
        who: &Standing,
        n: u8,
        name: &str,
        scopes: &str,
        until: Option<UnixMillis>,
    ) {
        let new = NewToken {
            id: TokenId([n; 16]),
            name: name.into(),
            scopes: set(scopes),
            token: TokenHash([0xa0 + n; 32]),
            until,
            ranges: vec![],
            now: UnixMillis(self.now),
        };
        self.does(who, Operation::CreateToken, Command::CreateToken(Box::new(new)));
    }

    fn makes_code(&mut self, who: &Standing, n: u8, access: Access) {
        let (id, code) = (CodeId([n; 16]), TokenHash([0xc0 + n; 32]));
        let until = UnixMillis(self.now + 10 * MINUTE);
        let create = Command::CreateCode { id, code, access, until };
        self.does(who, Operation::CreateCode, create);
    }

    fn carries(&mut self, name: &str, ceiling: &str) {
        let subject = Subject::Device(self.device(name), Role::Operator);
        let ceiling = Some(ceiling.to_owned());
        self.does(&host(), Operation::AssignRole, Command::AssignCeiling { subject, ceiling });
    }

    fn ends(&mut self, name: &str) {
        let subject = Subject::Device(self.device(name), Role::Operator);
        let end = Command::EndGrant { subject, now: UnixMillis(self.now) };
        self.does(&Standing::system(Rule::Expiry), Operation::EndGrant, end);
    }

    /// Decides as the gateway does, and keeps what it would write.
    fn does(&mut self, who: &Standing, operation: Operation, command: Command) {
        let permit = permit::authorize(who, operation).unwrap();
        let events = self.state.decide(&permit, command).unwrap();
        assert!(!events.is_empty(), "{operation:?} changed nothing");
        let first = self.records.is_empty();
        let authority = if first { Seq(0) } else { self.state.authority(&permit).unwrap() };
        for event in events {
            let stamp = Stamp { seq: Seq(self.records.len() as u64), at: UnixMillis(self.now) };
            let before = self.state.holdings(&event);
            self.state.apply(stamp, &event);
            self.records.push(Record {
                seq: stamp.seq,
                at: stamp.at,
                principal: who.principal.clone(),
                authority,
                via: self.via(who),
                before,
                after: self.state.holdings(&event),
                event: event.into(),
            });
            self.folds.push((stamp, self.state.clone()));
        }
    }

    fn via(&self, who: &Standing) -> Via {
        match who.principal {
            Principal::Host { .. } => Via { transport: Transport::AdminSocket, ..Via::internal() },
            Principal::System(Rule::Startup | Rule::Expiry) => Via::internal(),
            _ => Via {
                transport: Transport::WebSocket,
                address: Some(self.from.into()),
                locality: Locality::Elsewhere,
                connection: None,
                request: None,
            },
        }
    }
}
