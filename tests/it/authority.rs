//! Authority as properties: whatever happens, in whatever order, nobody grants what they lack, and
//! the ledger's fold is the state.

use doorward::domain::{
    Decider,
    ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
    operation::Operation,
    origin::Locality,
    permit::{self, Reach},
    principal::{Principal, Rule, SecretKind, Standing},
    refusal::{PairingReason, Refusal},
    registry::{
        Approval, Ask, AuthMode, Basis, Command, Event, PENDING_TTL_MS, Policy, Profile, Registry,
        Renewal, Terms, invariants,
    },
    scope::{Known, Role, ScopeSet},
    time::{Stamp, UnixMillis},
};
use proptest::prelude::*;

use crate::golden;

const DEVICES: u8 = 4;

/// One thing that somebody tries.
#[derive(Debug, Clone)]
enum Attempt {
    Request { device: u8, role: Role, scopes: ScopeSet, local: bool, secret: bool },
    Approve { who: Who, nth: usize },
    Reject { who: Who, nth: usize },
    ApproveLocally { device: u8, role: Role, scopes: ScopeSet, local: bool, secret: bool },
    Expire { nth: usize, minutes: u64 },
    IssueToken { device: u8, role: Role },
    Adopt { loopback: ScopeSet, auto: bool },
}

/// Who tries it.
#[derive(Debug, Clone)]
enum Who {
    Host,
    Shared(ScopeSet),
    Device(u8, ScopeSet),
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    proptest::collection::vec(proptest::sample::select(Known::ALL), 0..4)
        .prop_map(|known| known.into_iter().collect())
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![4 => Just(Role::Operator), 1 => Just(Role::Node)]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        Just(Who::Host),
        scopes().prop_map(Who::Shared),
        (0..DEVICES, scopes()).prop_map(|(device, scopes)| Who::Device(device, scopes)),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let asking = || (0..DEVICES, role(), scopes(), any::<bool>(), any::<bool>());
    prop_oneof![
        4 => asking().prop_map(|(device, role, scopes, local, secret)| {
            Attempt::Request { device, role, scopes, local, secret }
        }),
        4 => (who(), 0usize..4).prop_map(|(who, nth)| Attempt::Approve { who, nth }),
        1 => (who(), 0usize..4).prop_map(|(who, nth)| Attempt::Reject { who, nth }),
        2 => asking().prop_map(|(device, role, scopes, local, secret)| {
            Attempt::ApproveLocally { device, role, scopes, local, secret }
        }),
        1 => (0usize..4, 0u64..12).prop_map(|(nth, minutes)| Attempt::Expire { nth, minutes }),
        1 => (0..DEVICES, role()).prop_map(|(device, role)| Attempt::IssueToken { device, role }),
        1 => (scopes(), any::<bool>()).prop_map(|(loopback, auto)| Attempt::Adopt { loopback, auto }),
    ]
}

/// Everything that was tried so far, and what came of it.
#[derive(Default)]
struct History {
    state: Registry,
    events: Vec<(Stamp, Event)>,
    minted: u64,
}

impl History {
    fn run(
        &mut self,
        standing: &Standing,
        operation: Operation,
        command: Command,
    ) -> Result<Vec<Event>, Refusal> {
        let permit = permit::authorize(standing, operation)?;
        let events = self.state.decide(&permit, command)?;
        if !events.is_empty() {
            // As the aggregate does: what stands on nothing does not happen.
            self.state.authority(&permit)?;
        }
        for event in &events {
            let seq = self.events.len() as u64;
            let stamp = Stamp { seq: Seq(seq), at: self.now() };
            self.state.apply(stamp, event);
            assert_eq!(invariants::check(&self.state), Ok(()), "after {event:?}");
            self.events.push((stamp, event.clone()));
        }
        Ok(events)
    }

    fn ask(&mut self, device: u8, role: Role, scopes: ScopeSet, local: bool, secret: bool) -> Ask {
        self.minted += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.minted.to_be_bytes());
        Ask {
            request_id: RequestId(id),
            device: DeviceId([device; 32]),
            public_key: PublicKey([device; 32]),
            role,
            scopes,
            reason: PairingReason::NotPaired,
            profile: Profile::default(),
            address: None,
            secret: secret.then_some(SecretKind::Token),
            locality: if local { Locality::DirectLoopback } else { Locality::Elsewhere },
        }
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(1000 * self.events.len() as u64)
    }

    fn nth_pending(&self, nth: usize) -> RequestId {
        self.state.all_pending().nth(nth).map_or(RequestId([0xff; 16]), |(id, _)| id)
    }

    fn secret_grant(&self) -> ScopeSet {
        let policy = self.state.policy().map(|(_, policy)| policy);
        policy.map(|policy| policy.secret_grant(Locality::DirectLoopback)).unwrap_or_default()
    }

    /// A session as the service would make it: never more than the grant of this moment.
    fn standing(&self, who: &Who) -> Standing {
        let secret = self.state.secret().map_or(Seq(0), |secret| secret.seq);
        match who {
            Who::Host => Standing::host(0),
            Who::Shared(scopes) => Standing {
                principal: Principal::SharedSecret(SecretKind::Token),
                role: Role::Operator,
                scopes: self.secret_grant().narrowed_to(scopes),
                grant: secret,
            },
            Who::Device(n, scopes) => {
                let id = DeviceId([*n; 32]);
                let grant = self.state.grant(id, Role::Operator);
                let held = grant.map(|grant| grant.scopes.clone()).unwrap_or_default();
                Standing {
                    principal: Principal::Device(id, Role::Operator),
                    role: Role::Operator,
                    scopes: held.narrowed_to(scopes),
                    grant: grant.map_or(Seq(0), |grant| grant.seq),
                }
            }
        }
    }

    /// Tries one thing, and gives what it granted together with what its approver held.
    fn attempt(&mut self, attempt: Attempt) -> Vec<(Event, Standing)> {
        let (standing, operation, command) = match attempt {
            Attempt::Request { device, role, scopes, local, secret } => {
                let ask = self.ask(device, role, scopes, local, secret);
                let standing = Standing::applicant(ask.device, ask.role);
                (standing, Operation::RequestPairing, Command::RequestPairing(Box::new(ask)))
            }
            Attempt::Approve { who, nth } => {
                let command = Command::ApprovePairing {
                    request_id: self.nth_pending(nth),
                    expected: None,
                    terms: Terms::default(),
                    now: self.now(),
                };
                (self.standing(&who), Operation::ApprovePairing, command)
            }
            Attempt::Reject { who, nth } => {
                let command = Command::RejectPairing { request_id: self.nth_pending(nth) };
                (self.standing(&who), Operation::RejectPairing, command)
            }
            Attempt::ApproveLocally { device, role, scopes, local, secret } => {
                let ask = self.ask(device, role, scopes, local, secret);
                let basis = Basis::LocalPolicy;
                let Ok(standing) = self.state.rule_standing(basis) else { return vec![] };
                let (token, now) = (TokenHash([device; 32]), self.now());
                let command = Command::ApproveByRule { ask: Box::new(ask), basis, token, now };
                (standing, Operation::ApprovePairing, command)
            }
            Attempt::Expire { nth, minutes } => {
                let command = Command::ExpirePairing {
                    request_id: self.nth_pending(nth),
                    last_asked: UnixMillis(0),
                    now: UnixMillis(minutes * 60_000),
                };
                (Standing::system(Rule::Expiry), Operation::ExpirePairing, command)
            }
            Attempt::IssueToken { device, role } => {
                let standing = Standing::applicant(DeviceId([device; 32]), role);
                let (token, renewal) = (TokenHash([device; 32]), Renewal::No);
                let command = Command::IssueToken { role, token, renewal };
                (standing, Operation::IssueToken, command)
            }
            Attempt::Adopt { loopback, auto } => {
                let policy = Policy {
                    auth_mode: AuthMode::Token,
                    shared_scopes: ScopeSet::empty(),
                    loopback_scopes: loopback,
                    auto_approve_local: auto,
                    auto_approve_cidrs: vec![],
                    people: Default::default(),
                    others: None,
                    ceilings: Default::default(),
                };
                let secret = Some((SecretKind::Token, TokenHash([9; 32])));
                let command = Command::Start { gateway_key: PublicKey([9; 32]), policy, secret };
                (Standing::system(Rule::Startup), Operation::AdoptPolicy, command)
            }
        };
        let events = self.run(&standing, operation, command).unwrap_or_default();
        events.into_iter().map(|event| (event, standing.clone())).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// Everything that an approval grants was held by whoever approved it.
    #[test]
    fn nobody_grants_what_they_lack(attempts in proptest::collection::vec(attempt(), 1..60)) {
        let mut history = History::default();
        for attempt in attempts {
            for (event, approver) in history.attempt(attempt.clone()) {
                if let Event::PairingApproved(approval) = event {
                    let Approval { scopes, role, .. } = *approval;
                    prop_assert!(approver.covers(&scopes), "{attempt:?} granted {scopes}");
                    let admin = approver.covers(&ScopeSet::from_iter([Known::Admin]));
                    prop_assert!(role == Role::Operator || admin, "{attempt:?} made a node");
                }
            }
        }
    }

    /// Folding the ledger again gives the state that live work gave.
    #[test]
    fn replay_is_the_live_state(attempts in proptest::collection::vec(attempt(), 1..60)) {
        let mut history = History::default();
        for attempt in attempts {
            history.attempt(attempt);
        }
        let mut replayed = Registry::default();
        for (stamp, event) in &history.events {
            replayed.apply(*stamp, event);
        }
        prop_assert_eq!(replayed, history.state);
    }

    /// An identical retry changes nothing, however often.
    #[test]
    fn retries_are_idempotent(
        attempts in proptest::collection::vec(attempt(), 0..30),
        device in 0..DEVICES,
        scopes in scopes(),
    ) {
        let mut history = History::default();
        for attempt in attempts {
            history.attempt(attempt);
        }
        let ask = |history: &mut History| {
            let request = Attempt::Request {
                device, role: Role::Operator, scopes: scopes.clone(), local: false, secret: true,
            };
            history.attempt(request).len()
        };
        ask(&mut history);
        let before = history.state.clone();
        prop_assert_eq!(ask(&mut history), 0);
        prop_assert_eq!(before, history.state);
    }
}

// The attempts above reach expiry: they let up to eleven minutes pass in one step.
const _: () = assert!(PENDING_TTL_MS < 11 * 60_000);

/// Every operation for every kind of principal and every scope, in one file whose diff is the
/// review of a change to authority.
#[test]
fn authority_matrix_golden() {
    let device = DeviceId([1; 32]);
    let session = |principal: Principal, role, scopes: ScopeSet| Standing {
        principal,
        role,
        scopes,
        grant: Seq(1),
    };
    let by_rule =
        |rule| session(Principal::System(rule), Role::Operator, ScopeSet::full_operator());
    let mut principals = vec![
        ("host".to_owned(), Standing::host(0)),
        ("rule:startup".to_owned(), Standing::system(Rule::Startup)),
        ("rule:expiry".to_owned(), Standing::system(Rule::Expiry)),
        ("rule:rate-limit".to_owned(), Standing::system(Rule::RateLimit)),
        ("rule:agent-run".to_owned(), Standing::system(Rule::AgentRun)),
        ("rule:retention".to_owned(), Standing::system(Rule::Retention)),
        ("rule:local-policy".to_owned(), by_rule(Rule::LocalPolicy)),
        ("rule:trusted-cidr".to_owned(), by_rule(Rule::TrustedCidr)),
        ("rule:key-list".to_owned(), by_rule(Rule::KeyList)),
        ("rule:setup-code".to_owned(), by_rule(Rule::SetupCode)),
        ("applicant".to_owned(), Standing::applicant(device, Role::Operator)),
        (
            "node".to_owned(),
            session(Principal::Device(device, Role::Node), Role::Node, ScopeSet::empty()),
        ),
    ];
    let held = || {
        std::iter::once(ScopeSet::empty())
            .chain(Known::ALL.iter().map(|known| ScopeSet::from_iter([*known])))
    };
    for (kind, principal) in [
        ("secret", Principal::SharedSecret(SecretKind::Token)),
        ("open", Principal::Open),
        ("device", Principal::Device(device, Role::Operator)),
        ("token", Principal::Token(TokenId([1; 16]))),
        ("person", Principal::Person("ada".into())),
    ] {
        for scopes in held() {
            let name = format!("{kind} {scopes}");
            principals.push((name, session(principal.clone(), Role::Operator, scopes)));
        }
    }
    let mut text = String::new();
    for operation in Operation::ALL {
        text.push_str(&format!("{operation:?}  needs {:?}\n", operation.requirement()));
        for (name, standing) in &principals {
            let verdict = match permit::authorize(standing, *operation) {
                Ok(permit) if permit.reach() == Reach::Any => "yes".to_owned(),
                Ok(_) => "own".to_owned(),
                Err(refusal) => format!("no   {}", refusal.code()),
            };
            text.push_str(&format!("  {name:<34} {verdict}\n"));
        }
    }
    golden::assert_matches("authority_matrix.txt", &text);
}
