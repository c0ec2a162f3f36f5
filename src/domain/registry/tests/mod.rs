//! Rows for every operation of the registry: who asks, what is there, what comes of it.

mod admission;
mod pairing;
mod refusals;

use super::*;
use crate::domain::{operation::Operation, permit, principal::Standing, scope::Scope};

/// A registry with a helper for its clock and its places.
struct House {
    state: Registry,
    seq: u64,
}

const fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
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

    fn run(
        &mut self,
        who: &Standing,
        operation: Operation,
        command: Command,
    ) -> Result<Vec<Event>, Refusal> {
        let events = self.state.decide(&permit::authorize(who, operation)?, command)?;
        for event in &events {
            let stamp = Stamp { seq: Seq(self.seq), at: UnixMillis(1000 + self.seq) };
            self.state.apply(stamp, event);
            self.seq += 1;
        }
        Ok(events)
    }

    fn start(&mut self, policy: Policy) -> usize {
        let command = Command::Start { gateway_key: PublicKey([9; 32]), policy };
        let startup = Standing::system(Rule::Startup);
        self.run(&startup, Operation::AdoptPolicy, command).unwrap().len()
    }

    fn request(&mut self, ask: Ask) -> Result<Vec<Event>, Refusal> {
        let who = Standing::applicant(ask.device, ask.role);
        self.run(&who, Operation::RequestPairing, Command::RequestPairing(Box::new(ask)))
    }

    fn approve(&mut self, who: &Standing, id: u8) -> Result<Vec<Event>, Refusal> {
        let command = Command::ApprovePairing { request_id: request(id), expected: None };
        self.run(who, Operation::ApprovePairing, command)
    }

    fn reject(&mut self, who: &Standing, id: u8) -> Result<Vec<Event>, Refusal> {
        let command = Command::RejectPairing { request_id: request(id) };
        self.run(who, Operation::RejectPairing, command)
    }

    fn approve_locally(&mut self, ask: Ask) -> Result<Vec<Event>, Refusal> {
        let who = self.state.local_policy_standing().unwrap();
        let command = Command::ApproveLocally { ask: Box::new(ask), token: TokenHash([7; 32]) };
        self.run(&who, Operation::ApprovePairing, command)
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

    fn shared(&self, scopes: &str) -> Standing {
        Standing {
            principal: Principal::SharedSecret(SecretKind::Token),
            role: Role::Operator,
            scopes: set(scopes),
            grant: self.state.policy().unwrap().0,
        }
    }
}

fn host() -> Standing {
    Standing::host(1000)
}
