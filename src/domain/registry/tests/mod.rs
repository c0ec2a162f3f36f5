//! Rows for every operation of the registry: who asks, what is there, what comes of it.

mod admission;
mod approvals;
mod ceilings;
mod describing;
mod digests;
mod ends;
mod explain;
mod holds;
mod issuing;
mod knocks;
mod lineage;
mod listed_keys;
mod lockouts;
mod narrowings;
mod pairing;
mod refusals;
mod replay;
mod retired;
mod review;
mod rotation;
mod rules;
mod service_tokens;
mod sessions;
mod setup_codes;
mod taking;
mod warnings;
mod who;

use super::*;
use crate::domain::{
    ids::TokenHash,
    operation::Operation,
    permit,
    principal::{Principal, Rule, Standing, Subject},
    scope::Scope,
    time::UnixMillis,
};

/// A registry with a helper for its clock and its places. Every event is checked against the
/// invariants.
struct House {
    state: Registry,
    seq: u64,
}

const fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

const fn token(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

const fn request(n: u8) -> RequestId {
    RequestId([n; 16])
}

fn set(names: &str) -> ScopeSet {
    names
        .split_whitespace()
        .map(|name| Scope::parse(&format!("operator.{name}")).unwrap())
        .collect()
}

fn policy() -> Policy {
    Policy {
        auth_mode: AuthMode::Token,
        shared_scopes: set("read write"),
        loopback_scopes: ScopeSet::full_operator(),
        auto_approve_local: true,
        auto_approve_cidrs: vec![],
        people: Default::default(),
        others: None,
        ceilings: Default::default(),
    }
}

fn ask(n: u8, scopes: &str) -> Ask {
    Ask {
        request_id: request(n),
        device: device(n),
        public_key: PublicKey([n; 32]),
        role: Role::Operator,
        scopes: set(scopes),
        reason: PairingReason::NotPaired,
        profile: Profile { platform: "linux".into(), ..Profile::default() },
        address: None,
        secret: Some(SecretKind::Token),
        locality: Locality::Elsewhere,
    }
}

fn as_request(id: u8, ask: Ask) -> Ask {
    Ask { request_id: request(id), ..ask }
}

impl House {
    fn new() -> Self {
        let mut house = Self { state: Registry::default(), seq: 0 };
        house.start(policy());
        house
    }

    /// A millisecond after the last record.
    fn now(&self) -> UnixMillis {
        UnixMillis(1000 + self.seq)
    }

    fn run(
        &mut self,
        who: &Standing,
        operation: Operation,
        command: Command,
    ) -> Result<Vec<Event>, Refusal> {
        let events = self.state.decide(&permit::authorize(who, operation)?, command)?;
        for event in &events {
            let stamp = Stamp { seq: Seq(self.seq), at: self.now() };
            self.state.apply(stamp, event);
            self.seq += 1;
            assert_eq!(invariants::check(&self.state), Ok(()), "after {event:?}");
        }
        Ok(events)
    }

    fn start(&mut self, policy: Policy) -> usize {
        let secret = Some((SecretKind::Token, token(9)));
        let command = Command::Start { gateway_key: PublicKey([9; 32]), policy, secret };
        let startup = Standing::system(Rule::Startup);
        self.run(&startup, Operation::AdoptPolicy, command).unwrap().len()
    }

    fn request(&mut self, ask: Ask) -> Result<Vec<Event>, Refusal> {
        let who = Standing::applicant(ask.device, ask.role);
        self.run(&who, Operation::RequestPairing, Command::RequestPairing(Box::new(ask)))
    }

    fn approve(&mut self, who: &Standing, id: u8) -> Result<Vec<Event>, Refusal> {
        self.approve_on(who, id, Terms::default())
    }

    fn approve_on(&mut self, who: &Standing, id: u8, terms: Terms) -> Result<Vec<Event>, Refusal> {
        let (request_id, expected, now) = (request(id), None, self.now());
        let command = Command::ApprovePairing { request_id, expected, terms, now };
        self.run(who, Operation::ApprovePairing, command)
    }

    fn reject(&mut self, who: &Standing, id: u8) -> Result<Vec<Event>, Refusal> {
        let command = Command::RejectPairing { request_id: request(id) };
        self.run(who, Operation::RejectPairing, command)
    }

    fn approve_locally(&mut self, ask: Ask) -> Result<Vec<Event>, Refusal> {
        self.approve_by(ask, Basis::LocalPolicy)
    }

    /// Approves by rule; a token that goes with it hashes to `token(7)`.
    fn approve_by(&mut self, ask: Ask, basis: Basis) -> Result<Vec<Event>, Refusal> {
        let who = self.state.rule_standing(basis)?;
        let (token, now) = (token(7), self.now());
        let command = Command::ApproveByRule { ask: Box::new(ask), basis, token, now };
        self.run(&who, Operation::ApprovePairing, command)
    }

    fn issue(&mut self, who: &Standing, n: u8) -> Result<Vec<Event>, Refusal> {
        let (role, renewal) = (who.role, Renewal::No);
        let command = Command::IssueToken { role, token: token(n), renewal };
        self.run(who, Operation::IssueToken, command)
    }

    /// Pairs a device through the host and gives the standing of a session of it.
    fn paired(&mut self, n: u8, scopes: &str) -> Standing {
        self.request(ask(n, scopes)).unwrap();
        self.approve(&host(), n).unwrap();
        self.session(n, scopes)
    }

    fn session(&self, n: u8, scopes: &str) -> Standing {
        let grant = self.state.grant(device(n), Role::Operator).unwrap();
        Standing {
            principal: Principal::Device(device(n), Role::Operator),
            role: Role::Operator,
            scopes: set(scopes),
            grant: grant.seq,
        }
    }

    /// The standing of a session by the shared token.
    fn shared(&self, scopes: &str) -> Standing {
        Standing {
            principal: Principal::SharedSecret(SecretKind::Token),
            role: Role::Operator,
            scopes: set(scopes),
            grant: self.state.secret().unwrap().seq,
        }
    }
}

fn host() -> Standing {
    Standing::host(1000)
}
