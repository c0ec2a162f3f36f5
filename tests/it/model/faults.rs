//! Each law, broken: the domain with one thing about it that is wrong, seeded around the real one.
//! The shape of each is a mistake that is easily made.

use doorward::domain::{
    ids::Seq,
    permit::{self, Permit},
    principal::Standing,
    refusal::Refusal,
    registry::{Approval, Command, Event, Registry, hold::Item, session::Session},
    scope::Role,
};

use super::{
    explore::Field,
    fields::{CODES, LISTS, PAIRING, REVIEW, ROLES, TAKING, TOKENS},
    laws::Law,
    world::{Domain, Rules, set},
};

type Decided = Result<Vec<Event>, Refusal>;
type Decide = fn(&Registry, &Permit, Command) -> Decided;

/// A mistake.
pub struct Fault {
    /// What is wrong.
    pub name: &'static str,
    /// The law that it breaks.
    pub law: Law,
    /// Where it shows.
    pub field: Field,
    decide: Decide,
    reassess: fn(&Registry, &Session) -> Result<Standing, Refusal>,
}

impl Rules for Fault {
    fn decide(&self, registry: &Registry, permit: &Permit, command: Command) -> Decided {
        (self.decide)(registry, permit, command)
    }

    fn reassess(&self, registry: &Registry, session: &Session) -> Result<Standing, Refusal> {
        (self.reassess)(registry, session)
    }
}

const fn fault(name: &'static str, law: Law, field: Field, decide: Decide) -> Fault {
    Fault { name, law, field, decide, reassess: |registry, session| registry.reassess(session) }
}

fn right(registry: &Registry, permit: &Permit, command: Command) -> Decided {
    Domain.decide(registry, permit, command)
}

/// As if the host had asked.
fn as_host(registry: &Registry, permit: &Permit, command: Command) -> Decided {
    let permit = permit::authorize(&Standing::host(0), permit.operation())?;
    right(registry, &permit, command)
}

fn without(events: Decided, unwanted: fn(&Event) -> bool) -> Decided {
    Ok(events?.into_iter().filter(|event| !unwanted(event)).collect())
}

fn with(events: Decided, change: fn(&mut Event)) -> Decided {
    let mut events = events?;
    events.iter_mut().for_each(change);
    Ok(events)
}

fn approval(event: &mut Event) -> Option<&mut Approval> {
    if let Event::PairingApproved(approval) = event { Some(approval) } else { None }
}

/// Every law, broken at least once.
pub const FAULTS: &[Fault] = &[
    fault("an approver gives more than it holds", Law::Provenance, PAIRING, |r, p, c| match c {
        Command::ApprovePairing { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("a rotation gives back to anyone", Law::Provenance, ROLES, |r, p, c| match c {
        Command::RotateToken { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("a token is told to another device", Law::Provenance, ROLES, |r, p, c| match c {
        Command::RotateToken { token: fresh, .. } => {
            let mut events = right(r, p, c)?;
            for event in &mut events {
                if let Event::TokenRotated { token, .. } = event {
                    *token = Some(fresh);
                }
            }
            Ok(events)
        }
        c => right(r, p, c),
    }),
    fault("who may assign may lift any role", Law::Provenance, ROLES, |r, p, c| match c {
        Command::AssignCeiling { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("the role that was named is lost", Law::Provenance, ROLES, |r, p, c| {
        with(right(r, p, c), |event| {
            if let Some(approval) = approval(event) {
                approval.ceiling = None;
            }
        })
    }),
    fault("a code outlives what its maker holds", Law::Provenance, CODES, |r, p, c| match c {
        Command::CreateCode { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("a service token of more than its maker", Law::Provenance, TOKENS, |r, p, c| match c {
        Command::CreateToken(_) => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("a secret for longer than one has it", Law::Provenance, TOKENS, |r, p, c| match c {
        Command::RotateSecret { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("a revocation changes nothing", Law::Gone, TAKING, |r, p, c| {
        without(right(r, p, c), |event| matches!(event, Event::GrantRevoked { .. }))
    }),
    Fault {
        reassess: |registry, session| {
            let mut session = session.clone();
            session.standing.grant = Seq(u64::MAX);
            registry.reassess(&session)
        },
        ..fault("a new grant revives old sessions", Law::Gone, TAKING, right)
    },
    fault("a replaced token stays good", Law::Gone, TAKING, |r, p, c| {
        without(right(r, p, c), |event| matches!(event, Event::TokenConfirmed { .. }))
    }),
    fault("a list takes nothing back", Law::Gone, LISTS, |r, p, c| match c {
        Command::AdoptKeys(_) => {
            without(right(r, p, c), |event| matches!(event, Event::GrantRevoked { .. }))
        }
        c => right(r, p, c),
    }),
    fault("the host needs no reason", Law::LastAdmin, TAKING, |r, p, c| match c {
        Command::RevokeToken { device, role, .. } => {
            let force = Some("none".into());
            right(r, p, Command::RevokeToken { device, role, force })
        }
        c => right(r, p, c),
    }),
    fault("a rotation narrows the last admin", Law::LastAdmin, ROLES, |r, p, c| match c {
        Command::RotateToken { device, role, scopes: Some(ref scopes), .. } => {
            let scopes = scopes.clone();
            match right(r, p, c) {
                Err(Refusal::LastAdmin) => {
                    Ok(vec![Event::TokenRotated { device, role, scopes, token: None }])
                }
                decided => decided,
            }
        }
        c => right(r, p, c),
    }),
    fault("an approval finds what took its place", Law::Closed, PAIRING, |r, p, c| match c {
        Command::ApprovePairing { request_id, expected, terms, now } => {
            let approve = |request_id| {
                let (expected, terms) = (expected.clone(), terms.clone());
                right(r, p, Command::ApprovePairing { request_id, expected, terms, now })
            };
            match approve(request_id) {
                Err(Refusal::RequestSuperseded { by }) => approve(by),
                decided => decided,
            }
        }
        c => right(r, p, c),
    }),
    fault("a request never runs out", Law::Closed, PAIRING, |r, p, c| {
        without(right(r, p, c), |event| matches!(event, Event::PairingExpired { .. }))
    }),
    fault("a request that is turned down waits on", Law::Closed, PAIRING, |r, p, c| {
        without(right(r, p, c), |event| {
            matches!(event, Event::PairingRejected { withdrawn: false, .. })
        })
    }),
    fault("a request that is withdrawn waits on", Law::Closed, PAIRING, |r, p, c| {
        without(right(r, p, c), |event| {
            matches!(event, Event::PairingRejected { withdrawn: true, .. })
        })
    }),
    fault("every knock is another request", Law::Idempotent, PAIRING, |r, p, c| match c {
        Command::RequestPairing(mut ask) => {
            ask.profile.platform = ask.request_id.to_string();
            right(r, p, Command::RequestPairing(ask))
        }
        c => right(r, p, c),
    }),
    fault("nothing ends", Law::Ends, PAIRING, |r, p, c| {
        without(right(r, p, c), |event| matches!(event, Event::GrantExpired { .. }))
    }),
    fault("the end that was named is lost", Law::Ends, PAIRING, |r, p, c| {
        with(right(r, p, c), |event| {
            if let Some(approval) = approval(event) {
                approval.until = None;
            }
        })
    }),
    fault("a rotation mints beyond the approval", Law::Invariants, LISTS, |r, p, c| {
        with(right(r, p, c), |event| {
            if let Event::TokenRotated { scopes, .. } = event {
                *scopes = set("read pairing");
            }
        })
    }),
    fault("who may release, releases anything", Law::Provenance, REVIEW, |r, p, c| match c {
        Command::ReleaseHeld { .. } => as_host(r, p, c),
        c => right(r, p, c),
    }),
    fault("who is held is released by an approval", Law::Provenance, REVIEW, |r, p, c| match c {
        Command::ApprovePairing { request_id, .. } => {
            let asked = r.pending(request_id).map(|asked| Item::Device(asked.device, asked.role));
            let held = asked.filter(|item| r.hold_on(*item).is_some());
            match held {
                Some(item) => Ok(vec![Event::ReviewEnded { item }]),
                None => right(r, p, c),
            }
        }
        c => right(r, p, c),
    }),
    fault("a node holds scopes", Law::Invariants, PAIRING, |r, p, c| {
        with(right(r, p, c), |event| {
            if let Some(approval) = approval(event).filter(|approval| approval.role == Role::Node) {
                approval.scopes = set("read");
            }
        })
    }),
];
