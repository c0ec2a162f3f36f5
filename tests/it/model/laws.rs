//! What has to be true of every state, and of every step from one to the next.

use std::fmt;

use doorward::domain::{
    ids::TokenHash,
    operation::Operation,
    origin::Locality,
    permit,
    principal::Standing,
    refusal::Refusal,
    registry::{
        Admins, Command, Event, Profile, Renewal, Terms,
        admit::{Credential, Knock, ProvenDevice, admit},
        invariants,
    },
    scope::{Role, ScopeSet},
};

use super::{
    action::Action,
    claim::{Bits, admins, bits, is_held_back},
    project,
    waiting::ended_once,
    world::{DEVICES, Holder, Rules, TOKEN, Who, World, device},
};

/// A law, by what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// Nobody holds more than a chain of gifts from the host gives it.
    Provenance,
    /// What was revoked is gone, whatever was granted since.
    Gone,
    /// Somebody holds `operator.admin`, if anybody did.
    LastAdmin,
    /// A request that was closed is never approved, and an approval ends once.
    Closed,
    /// Doing the same again changes nothing.
    Idempotent,
    /// What is for a while ends.
    Ends,
    /// INV-1 to INV-11.
    Invariants,
}

impl Law {
    pub const ALL: &[Self] = &[
        Self::Provenance,
        Self::Gone,
        Self::LastAdmin,
        Self::Closed,
        Self::Idempotent,
        Self::Ends,
        Self::Invariants,
    ];
}

/// A law that was broken, and how.
#[derive(Debug, Clone)]
pub struct Broken {
    pub law: Law,
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.how)
    }
}

type Held = Result<(), Broken>;

fn law(law: Law, holds: bool, how: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(Broken { law, how: how() }) }
}

/// A step that was not refused.
pub struct Step {
    pub world: World,
    /// What was asked; nobody asks for records to be lost.
    pub command: Option<Command>,
    pub events: usize,
}

/// Tries an action. `None` if there was nothing to try, or it was refused.
///
/// # Errors
/// The first law that is broken by it, or by where it leads.
pub fn step(rules: &impl Rules, before: &World, action: Action) -> Result<Option<Step>, Broken> {
    let mut world = before.clone();
    if action == Action::Lose {
        return lose(world).map(Some);
    }
    let Some((who, operation, command)) = action.call(&mut world) else { return Ok(None) };
    let outcome = run(rules, &mut world, &who, operation, &command)?;
    let Ok(events) = outcome else { return Ok(None) };
    note(before, &mut world, action, &command, &events)?;
    ends(&world, before, action)?;
    gone(rules, &world)?;
    closed(rules, &world)?;
    law(Law::Closed, ended_once(before, &world), || "an approval ended twice, or too late".into())?;
    last_admin(before, &world, action)?;
    provenance(&world)?;
    invariants(&world)?;
    withheld(action, &events)?;
    if !events.is_empty() {
        retried(rules, &world, action, (&who, operation, &command))?;
    }
    Ok(Some(Step { world, command: Some(command), events: events.len() }))
}

/// Whatever comes back is held.
fn lose(mut world: World) -> Result<Step, Broken> {
    world.lose().map_err(|how| Broken { law: Law::Invariants, how })?;
    world.shadow.hold_everyone();
    provenance(&world)?;
    invariants(&world)?;
    Ok(Step { world, command: None, events: 1 })
}

fn invariants(world: &World) -> Held {
    let holds = invariants::check(&world.registry);
    law(Law::Invariants, holds.is_ok(), || holds.unwrap_err().into())
}

type Outcome = Result<Vec<Event>, Refusal>;

fn run(
    rules: &impl Rules,
    world: &mut World,
    who: &Standing,
    operation: Operation,
    command: &Command,
) -> Result<Outcome, Broken> {
    let outcome = world.run(rules, who, operation, command.clone());
    outcome.map_err(|how| Broken { law: Law::Invariants, how })
}

/// Takes down in the account what was asked and not refused, and keeps what is left of what ended.
fn note(
    before: &World,
    world: &mut World,
    action: Action,
    command: &Command,
    events: &[Event],
) -> Held {
    // Who holds what it asks for by now is given nothing.
    let gives = matches!(
        action,
        Action::Ask(..) | Action::Local(..) | Action::Nearby(_) | Action::Listed(_)
    );
    if gives && events.is_empty() {
        return Ok(());
    }
    if let (Action::Code(maker, access), Command::CreateCode { code, .. }) = (action, command) {
        world.shadow.made_code(maker, *code, access);
    }
    let lost = world.shadow.note(action, &before.registry, &world.registry);
    let lost = lost.map_err(|how| Broken { law: Law::Provenance, how })?;
    lost.into_iter().for_each(|holder| bury(before, world, holder));
    bury_request(before, world, action);
    if let Action::Confirm(n, role) = action {
        let grant = before.registry.grant(device(n), role);
        let retired = grant.and_then(|grant| grant.retired.last().copied());
        world.dead.extend(retired.map(|token| (Holder::device(n, role), token)));
    }
    Ok(())
}

fn bury(before: &World, world: &mut World, holder: Holder) {
    if let Some(session) = before.session(holder, ScopeSet::empty()) {
        world.ghosts.insert(holder, session);
    }
    let token = match holder {
        Holder::Operator(n) | Holder::Node(n) => {
            let role = if holder == Holder::Node(n) { Role::Node } else { Role::Operator };
            let grant = before.registry.grant(device(n), role);
            grant.and_then(|grant| grant.token).map(|token| token.hash)
        }
        Holder::Token => before.registry.service_token(TOKEN).map(|token| token.hash),
        Holder::Shared => None,
    };
    world.dead.extend(token.map(|token| (holder, token)));
}

/// Whatever waited and waits no longer, other than by an approval, is over.
fn bury_request(before: &World, world: &mut World, action: Action) {
    let over = match action {
        Action::Approve(..) => return,
        Action::Reject(n, role, _) | Action::Expire(n, role) => {
            before.registry.request_of(device(n), role)
        }
        _ => None,
    };
    let mut closed: Vec<_> = over.into_iter().collect();
    closed.extend(
        before.registry.all_pending().filter(|(id, _)| world.registry.pending(*id).is_none()),
    );
    for (id, request) in closed {
        let n = (0..DEVICES).find(|n| device(*n) == request.device).unwrap_or(0);
        world.closed.insert((n, request.role), id);
    }
}

/// What reached its end is over, unless nobody else would be left.
fn ends(world: &World, before: &World, action: Action) -> Held {
    let Action::End(holder) = action else { return Ok(()) };
    if is_held_back(&before.registry, before.shadow.policy(), holder) {
        return Ok(());
    }
    let end = world.registry.ends_at(&holder.subject());
    let over = end.is_none_or(|end| end.0 > world.clock);
    law(Law::Ends, over, || format!("{holder:?} reached its end and holds on"))?;
    let (has, may) = (enforced(world, holder), world.shadow.now(holder));
    let over = has.is_none_or(|has| may.is_some_and(|may| has & !may == 0));
    law(Law::Ends, over, || format!("{holder:?} reached its end and keeps {has:?} of {may:?}"))
}

/// What a holder's sessions may use.
fn enforced(world: &World, holder: Holder) -> Option<Bits> {
    Some(bits(&world.session(holder, ScopeSet::empty())?.standing.scopes))
}

fn provenance(world: &World) -> Held {
    let operators = (0..DEVICES).flat_map(|n| [Holder::Operator(n), Holder::Node(n)]);
    for holder in operators.chain([Holder::Token, Holder::Shared]) {
        let Some(has) = enforced(world, holder) else { continue };
        let claim = world.shadow.claim(holder);
        let may = world.shadow.now(holder);
        let given = may.is_some_and(|may| has & !may == 0);
        law(Law::Provenance, given, || {
            format!("{holder:?} holds {has:b} and was given {may:?}: {claim:?}")
        })?;
    }
    for holder in world.shadow.held() {
        let enters = comes_in(world, holder);
        law(Law::Provenance, !enters, || format!("{holder:?} is held and comes in"))?;
    }
    Ok(())
}

/// Whether what somebody has to show is good now.
fn comes_in(world: &World, holder: Holder) -> bool {
    let (Holder::Operator(n) | Holder::Node(n)) = holder else {
        let (scopes, credential) = (ScopeSet::empty(), Credential::ServiceToken(TOKEN));
        let (role, locality) = (Role::Operator, Locality::Elsewhere);
        let knock = Knock { role, scopes: &scopes, device: None, credential, locality, cap: None };
        return admit(&world.registry, &knock).is_ok();
    };
    let role = if holder == Holder::Node(n) { Role::Node } else { Role::Operator };
    let grant = world.registry.grant(device(n), role);
    let token = grant.and_then(|grant| grant.token);
    token.is_some_and(|token| admits(world, n, role, token.hash))
}

/// Nobody's new token is told to another device.
fn withheld(action: Action, events: &[Event]) -> Held {
    let Action::Rotate(n, _, who, _) = action else { return Ok(()) };
    let itself = [Who::Session(Holder::Operator(n)), Who::Narrow(n)].contains(&who);
    let told =
        events.iter().any(|event| matches!(event, Event::TokenRotated { token: Some(_), .. }));
    law(Law::Provenance, itself || !told, || format!("{who:?} was told the token of {n}"))
}

/// Whoever had an admin for good keeps one for good; whoever had one keeps one. The host may say
/// otherwise: with a reason, or in the configuration.
fn last_admin(before: &World, after: &World, action: Action) -> Held {
    let by_host = matches!(
        action,
        Action::Revoke(_, _, Who::Forced)
            | Action::Remove(_, Who::Forced)
            | Action::Drop(Who::Forced)
            | Action::Start(_)
    );
    let (was, is) =
        [before, after].map(|world| admins(&world.registry, world.shadow.policy(), None)).into();
    law(Law::LastAdmin, by_host || is >= was, || format!("level {was} of admins became {is}"))?;
    let counted = [Admins::Nobody, Admins::Passing, Admins::Lasting][usize::from(is)];
    let told = after.registry.provided();
    law(Law::LastAdmin, counted == told, || format!("{told:?} are told of, {counted:?} are there"))
}

fn gone(rules: &impl Rules, world: &World) -> Held {
    for (holder, ghost) in &world.ghosts {
        let what = |how| move || format!("a session of before, of {holder:?}, {how}");
        law(Law::Gone, rules.reassess(&world.registry, ghost).is_err(), what("lives on"))?;
        for (operation, command) in last_words(*holder) {
            let acts = permit::authorize(&ghost.standing, operation)
                .and_then(|permit| rules.decide(&world.registry, &permit, command))
                .is_ok_and(|events| !events.is_empty());
            law(Law::Gone, !acts, || {
                format!("a session of before, of {holder:?}, did {operation:?}")
            })?;
        }
    }
    for (holder, token) in &world.dead {
        let good = match holder {
            Holder::Operator(n) => admits(world, *n, Role::Operator, *token),
            Holder::Node(n) => admits(world, *n, Role::Node, *token),
            _ => world.registry.present(*token, None, world.now()).is_ok(),
        };
        law(Law::Gone, !good, || format!("a token of before, of {holder:?}, is good"))?;
    }
    Ok(())
}

/// What a session that has ended may still be in the middle of.
fn last_words(holder: Holder) -> Vec<(Operation, Command)> {
    let token = TokenHash([0xee; 32]);
    match holder {
        Holder::Operator(n) | Holder::Node(n) => {
            let role = if holder == Holder::Node(n) { Role::Node } else { Role::Operator };
            let (device, renewal) = (device(n), Renewal::Upgraded);
            let profile = Profile { platform: "the other side".into(), ..Profile::default() };
            vec![
                (
                    Operation::RenameDevice,
                    Command::RenameDevice { device, label: "from beyond".into() },
                ),
                (Operation::IssueToken, Command::IssueToken { role, token, renewal }),
                (Operation::DescribeDevice, Command::Describe { profile }),
            ]
        }
        Holder::Token | Holder::Shared => {
            let (id, device) = (TOKEN, device(0));
            vec![
                (Operation::RotateServiceToken, Command::RotateServiceToken { id, token }),
                (Operation::RenameDevice, Command::RenameDevice { device, label: "x".into() }),
            ]
        }
    }
}

fn admits(world: &World, n: u8, role: Role, token: TokenHash) -> bool {
    let profile = Profile::default();
    let scopes = ScopeSet::empty();
    let device = Some(ProvenDevice { id: device(n), profile: &profile, profile_signed: true });
    let credential = Credential::DeviceToken(token);
    let locality = Locality::Elsewhere;
    let knock = Knock { role, scopes: &scopes, device, credential, locality, cap: None };
    admit(&world.registry, &knock).is_ok()
}

fn closed(rules: &impl Rules, world: &World) -> Held {
    for request_id in world.closed.values().copied() {
        let (expected, terms, now) = (None, Terms::default(), world.now());
        let command = Command::ApprovePairing { request_id, expected, terms, now };
        let permit = permit::authorize(&Standing::host(0), Operation::ApprovePairing);
        let outcome = permit.and_then(|permit| rules.decide(&world.registry, &permit, command));
        law(Law::Closed, outcome.is_err(), || {
            format!("a closed request was approved: {outcome:?}")
        })?;
    }
    Ok(())
}

/// The same thing once more: refused, or nothing is written. What hands out a secret may hand out
/// another one, and gives nobody more with it.
fn retried(
    rules: &impl Rules,
    world: &World,
    action: Action,
    (who, operation, command): (&Standing, Operation, &Command),
) -> Held {
    let mints = match action {
        // A code more is a code more; being seen is told once a day by the service; that a transcript goes
        // once, its keeper sees to, and a record of it more gives nobody anything.
        Action::Code(..) | Action::Seen(_) | Action::Note(_) => return Ok(()),
        Action::Rotate(..) | Action::Replace(_) | Action::Issue(..) => true,
        _ => false,
    };
    let mut again = world.clone();
    let mut command = command.clone();
    let mut who = who.clone();
    if mints || matches!(action, Action::Ask(..)) {
        // Every knock has an id of its own, and every secret is a new one.
        let Some((by, _, anew)) = action.call(&mut again) else { return Ok(()) };
        (who, command) = (by, anew);
    }
    let Ok(events) = run(rules, &mut again, &who, operation, &command)? else { return Ok(()) };
    let same = events.is_empty() || (mints && project::same_holdings(&again, world));
    law(Law::Idempotent, same, || format!("once more: {events:?}"))
}
