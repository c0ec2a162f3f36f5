//! What a decision costs: `decide` and `apply` of each kind of change, with 5,000 devices.
//!
//! `cargo bench --bench decisions`. The aim is 5 us; the sync that follows costs a hundred times as
//! much. Each sample works on a clone of the state, as the aggregate does while everyone else reads
//! the published one, so copying what is shared is part of the figure.

use divan::Bencher;
use doorward::domain::{
    Decider,
    ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash},
    operation::Operation,
    origin::Locality,
    permit,
    principal::{Principal, Rule, SecretKind, Standing},
    refusal::PairingReason,
    registry::{Ask, AuthMode, Command, Policy, Profile, Registry, Terms},
    scope::{Known, Role, ScopeSet},
    time::{Stamp, UnixMillis},
};

const DEVICES: u32 = 5_000;

fn main() {
    divan::main();
}

/// A home with so many devices, one of which is its owner's.
struct House {
    state: Registry,
    seq: u64,
}

fn id(n: u32) -> [u8; 32] {
    // Spread over the map, as hashes of keys are.
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[4..8].copy_from_slice(&n.to_be_bytes());
    id
}

/// The last in the map: whoever looks for it looks at everyone.
fn owner() -> u32 {
    (0..DEVICES).max_by_key(|n| id(*n)).unwrap_or_default()
}

fn request(n: u32) -> RequestId {
    let mut request = [0; 16];
    request.copy_from_slice(&id(n)[..16]);
    RequestId(request)
}

fn ask(n: u32, scopes: ScopeSet) -> Box<Ask> {
    Box::new(Ask {
        request_id: request(n),
        device: DeviceId(id(n)),
        public_key: PublicKey(id(n)),
        role: Role::Operator,
        scopes,
        reason: PairingReason::NotPaired,
        profile: Profile { platform: "linux".into(), ..Profile::default() },
        address: None,
        secret: Some(SecretKind::Token),
        locality: Locality::Elsewhere,
    })
}

fn read() -> ScopeSet {
    [Known::Read, Known::Write].into_iter().collect()
}

impl House {
    fn new() -> Self {
        let policy = Policy {
            auth_mode: AuthMode::Token,
            shared_scopes: read(),
            loopback_scopes: ScopeSet::full_operator(),
            auto_approve_local: true,
            auto_approve_cidrs: vec![],
            people: Default::default(),
            others: None,
            ceilings: Default::default(),
        };
        let secret = Some((SecretKind::Token, TokenHash([9; 32])));
        let start = Command::Start { gateway_key: PublicKey([9; 32]), policy, secret };
        let mut house = Self { state: Registry::default(), seq: 0 };
        house.run(&Standing::system(Rule::Startup), Operation::AdoptPolicy, start);
        for n in 0..DEVICES {
            house.ask(n, if n == owner() { ScopeSet::full_operator() } else { read() });
            house.approve(&Standing::host(1000), n);
        }
        house
    }

    /// What a decision is: gate 1, gate 2, and the events applied.
    fn run(&mut self, who: &Standing, operation: Operation, command: Command) {
        let permit = permit::authorize(who, operation).expect("it may");
        let events = self.state.decide(&permit, command).expect("nothing is against it");
        for event in &events {
            let stamp = Stamp { seq: Seq(self.seq), at: UnixMillis(1_000 + self.seq) };
            self.state.apply(stamp, event);
            self.seq += 1;
        }
    }

    fn ask(&mut self, n: u32, scopes: ScopeSet) {
        let asker = Standing::applicant(DeviceId(id(n)), Role::Operator);
        let command = Command::RequestPairing(ask(n, scopes));
        self.run(&asker, Operation::RequestPairing, command);
    }

    fn approve(&mut self, who: &Standing, n: u32) {
        let (request_id, expected, now) = (request(n), None, UnixMillis(1_000));
        let command =
            Command::ApprovePairing { request_id, expected, terms: Terms::default(), now };
        self.run(who, Operation::ApprovePairing, command);
    }

    fn owner(&self) -> Standing {
        let device = DeviceId(id(owner()));
        Standing {
            principal: Principal::Device(device, Role::Operator),
            role: Role::Operator,
            scopes: ScopeSet::full_operator(),
            grant: self.state.grant(device, Role::Operator).expect("the owner is paired").seq,
        }
    }
}

/// Measures `decision`, made by the owner on a home of its own.
fn decide(
    bencher: Bencher<'_, '_>,
    prepare: impl Fn(&mut House),
    decision: fn(&mut House, &Standing),
) {
    let mut house = House::new();
    prepare(&mut house);
    let owner = house.owner();
    let fresh = || House { state: house.state.clone(), seq: house.seq };
    bencher.with_inputs(fresh).bench_refs(|house| decision(house, &owner));
}

#[divan::bench]
fn request_pairing(bencher: Bencher<'_, '_>) {
    decide(bencher, |_| (), |house, _| house.ask(DEVICES, read()));
}

#[divan::bench]
fn approve_pairing(bencher: Bencher<'_, '_>) {
    decide(
        bencher,
        |house| house.ask(DEVICES, read()),
        |house, owner| house.approve(owner, DEVICES),
    );
}

#[divan::bench]
fn rotate_token(bencher: Bencher<'_, '_>) {
    let rotate = |house: &mut House, owner: &Standing| {
        let (device, role, token) = (DeviceId(id(77)), Role::Operator, TokenHash([7; 32]));
        let command = Command::RotateToken { device, role, scopes: None, token };
        house.run(owner, Operation::RotateToken, command);
    };
    decide(bencher, |_| (), rotate);
}

#[divan::bench]
fn revoke_token(bencher: Bencher<'_, '_>) {
    let revoke = |house: &mut House, owner: &Standing| {
        let (device, role, force) = (DeviceId(id(77)), Role::Operator, None);
        house.run(owner, Operation::RevokeToken, Command::RevokeToken { device, role, force });
    };
    decide(bencher, |_| (), revoke);
}

#[divan::bench]
fn remove_device(bencher: Bencher<'_, '_>) {
    let remove = |house: &mut House, owner: &Standing| {
        let command = Command::RemoveDevice { device: DeviceId(id(77)), force: None };
        house.run(owner, Operation::RemoveDevice, command);
    };
    decide(bencher, |_| (), remove);
}

/// The costly one: whether somebody else holds `operator.admin` takes a look at the others.
#[divan::bench]
fn remove_one_of_two_admins(bencher: Bencher<'_, '_>) {
    let second = |house: &mut House| {
        house.ask(DEVICES, ScopeSet::full_operator());
        house.approve(&Standing::host(1000), DEVICES);
    };
    let remove = |house: &mut House, owner: &Standing| {
        let command = Command::RemoveDevice { device: DeviceId(id(DEVICES)), force: None };
        house.run(owner, Operation::RemoveDevice, command);
    };
    decide(bencher, second, remove);
}
