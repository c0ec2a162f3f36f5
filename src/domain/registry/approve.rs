//! Approving: the one place where a device comes to hold scopes.
//!
//! Source: the protocol's operator-scope document. Nobody grants what they do not hold; roles other
//! than operator need admin; a device session without admin acts on its own device alone. And nobody
//! grants for longer than they hold it themselves, or a grant with an end would outlive it (N16).

use super::{
    Approval, ApprovedBy, Ask, Event, Grant, Registry, Terms, ceiling::layers_of, hold::Item,
};
use crate::domain::{
    Decider,
    ids::{DeviceId, RequestId},
    operation::Operation,
    permit::{self, Permit},
    principal::{Principal, Standing, Subject},
    refusal::{PairingReason, Refusal},
    scope::{Known, Role, Scope, ScopeSet},
    time::UnixMillis,
};

/// What someone gives to a device that asks.
pub(super) struct Offer {
    /// Everything that it will hold.
    pub scopes: ScopeSet,
    /// On whose word.
    pub by: ApprovedBy,
    /// On whose word exactly.
    pub approver: Principal,
}

impl Offer {
    /// The event of giving it, for good. A rule neither lifts a ceiling nor makes a device stay that
    /// was to vanish: a person said so.
    pub(super) fn to(self, ask: Ask, held: Option<&Grant>) -> Event {
        Event::PairingApproved(Box::new(Approval {
            request_id: ask.request_id,
            device: ask.device,
            public_key: ask.public_key,
            role: ask.role,
            scopes: self.scopes,
            profile: ask.profile,
            by: self.by,
            approver: Some(self.approver),
            until: None,
            ceiling: ceiling_of(held, false).cloned(),
            ephemeral: held.is_some_and(Grant::vanishes),
        }))
    }
}

/// Approves a pending request. What the device held before stays: an upgrade never takes away.
pub(super) fn pending(
    state: &Registry,
    permit: &Permit,
    request_id: RequestId,
    expected: Option<&ScopeSet>,
    terms: Terms,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ApprovePairing)?;
    state.authority(permit)?;
    let request = state.find_pending(request_id)?;
    if expected.is_some_and(|expected| *expected != request.scopes) {
        return Err(Refusal::RequestChanged { now: request.scopes.clone() });
    }
    let approver = permit.standing();
    only_own_without_admin(approver, request.device)?;
    if terms.until.is_some_and(|until| until <= now) {
        return Err(Refusal::AlreadyOver);
    }
    // Nothing is given on top of what may have been taken away: that is decided first.
    state.not_under_review(Item::Device(request.device, request.role))?;
    let held = state.grant(request.device, request.role);
    let ends = terms.until.is_some();
    let scopes = held_afterwards(held, &request.scopes, ends)?;
    let until = terms.until.map(|until| ends_with(held, &request.scopes, until));
    let ceiling = state.ceiling_after(approver, held, until, terms.ceiling)?;
    within(approver, request.role, &scopes)?;
    let gained = gained(held, request.role, &scopes);
    for_as_long(state, approver, &gained, until)?;
    let events = vec![Event::PairingApproved(Box::new(Approval {
        request_id,
        device: request.device,
        public_key: request.public_key,
        role: request.role,
        scopes,
        profile: request.profile.clone(),
        by: match approver.principal {
            Principal::Host { .. } => ApprovedBy::Host,
            _ => ApprovedBy::Operator,
        },
        approver: Some(approver.principal.clone()),
        until,
        ceiling,
        ephemeral: terms.ephemeral && state.may_vanish(request.device),
    }))];
    state.leave_an_admin(&events)?;
    Ok(events)
}

/// The ceiling that stays on a grant when it grows: with an end, or for good.
fn ceiling_of(held: Option<&Grant>, ends: bool) -> Option<&String> {
    let grant = held?;
    match grant.ends.as_ref().and_then(|ending| ending.leaves.as_ref()) {
        Some(lasting) if !ends => lasting.ceiling.as_ref(),
        _ => grant.ceiling.as_ref(),
    }
}

/// When it ends. What a device holds in a role has one end: nothing that was given before gets a
/// later one by something else that is given, unless it was asked for again.
fn ends_with(held: Option<&Grant>, asked: &ScopeSet, until: UnixMillis) -> UnixMillis {
    let Some(before) = held.and_then(|grant| Some((grant, grant.ends.as_ref()?))) else {
        return until;
    };
    let (grant, ending) = before;
    let lasting = ending.leaves.as_ref().map(|lasting| lasting.scopes.clone()).unwrap_or_default();
    if lasting.union(asked).covers(&grant.scopes) { until } else { until.min(ending.at) }
}

/// What an approval adds to what is held for good; a role that is new counts like admin.
fn gained(held: Option<&Grant>, role: Role, scopes: &ScopeSet) -> ScopeSet {
    let lasting = held.and_then(Grant::lasting);
    let mut gained = lasting.as_ref().map_or(scopes.clone(), |held| scopes.beyond(&held.scopes));
    if role != Role::Operator && lasting.is_none() {
        gained.insert(Known::Admin.into());
    }
    gained
}

impl Registry {
    /// Whether the device holds what it asks for by now: an approval may have come in between.
    /// Whoever is here for another platform asks for more than scopes.
    pub(super) fn already_grants(&self, ask: &Ask) -> bool {
        let held = self.grant(ask.device, ask.role);
        ask.reason != PairingReason::MetadataUpgrade
            && held.is_some_and(|grant| self.in_force(grant).covers(&ask.scopes))
    }

    /// The ceiling on a grant after an approval: the one that the approver names, or the one that
    /// lies on it. To replace one by another is to assign it: that needs admin, and what it shows has
    /// to be the approver's for as long.
    fn ceiling_after(
        &self,
        approver: &Standing,
        held: Option<&Grant>,
        until: Option<UnixMillis>,
        named: Option<String>,
    ) -> Result<Option<String>, Refusal> {
        let mut current = [true, false].into_iter().filter_map(|ends| ceiling_of(held, ends));
        if let (Some(grant), Some(name)) = (held, &named)
            && current.any(|current| current != name)
        {
            permit::check(approver, Operation::AssignRole)?;
            self.may_show(approver, layers_of(grant, until), Some(name))?;
        }
        let ceiling = named.or(ceiling_of(held, until.is_some()).cloned());
        ceiling.as_deref().map_or(Ok(()), |name| self.find_ceiling(name))?;
        Ok(ceiling)
    }

    /// The first scope of `gained` that a subject loses sooner than at `until`, or at all.
    pub(super) fn first_ending(
        &self,
        subject: &Subject,
        gained: &ScopeSet,
        until: Option<UnixMillis>,
    ) -> Option<Scope> {
        let end = self.ends_at(subject)?;
        if until.is_some_and(|until| until <= end) || self.is_held_back(subject) {
            return None;
        }
        self.held_for_good(subject).first_missing(gained)
    }

    /// Whether a device can be enrolled for as long as it stays connected: not if it is here for good.
    fn may_vanish(&self, device: DeviceId) -> bool {
        self.device(device).is_none_or(|known| known.grants.is_empty() || known.vanishes())
    }
}

/// What the device would hold: for good, or with an end. Bounded, because it goes into a record of
/// at most 64 KiB. What is given for good lies beneath what ends and does not contain it.
pub(super) fn held_afterwards(
    held: Option<&Grant>,
    asked: &ScopeSet,
    ends: bool,
) -> Result<ScopeSet, Refusal> {
    let scopes = match held {
        Some(grant) if ends => Some(grant.scopes.clone()),
        held => held.and_then(Grant::lasting).map(|lasting| lasting.scopes),
    };
    let scopes = scopes.map_or_else(|| asked.clone(), |scopes| scopes.union(asked));
    if scopes.len() > ScopeSet::LEN_MAX { Err(Refusal::TooManyScopes) } else { Ok(scopes) }
}

/// A device session without admin acts on its own device alone.
pub(super) fn only_own_without_admin(asker: &Standing, device: DeviceId) -> Result<(), Refusal> {
    match asker.principal {
        Principal::Device(own, _)
            if own != device && !asker.scopes.satisfies_known(Known::Admin) =>
        {
            Err(Refusal::NotYours)
        }
        _ => Ok(()),
    }
}

/// Nobody hands out what they do not hold; roles other than operator need admin.
pub(super) fn within(giver: &Standing, role: Role, scopes: &ScopeSet) -> Result<(), Refusal> {
    let mut required = scopes.clone();
    if role != Role::Operator {
        required.insert(Known::Admin.into());
    }
    if giver.covers(&required) {
        return Ok(());
    }
    let missing = giver.scopes.first_missing(&required).unwrap_or(Known::Admin.into());
    Err(Refusal::BeyondApprover { missing, required })
}

/// Nobody without admin touches a grant of more than they hold.
pub(super) fn not_above(caller: &Standing, role: Role, in_force: &ScopeSet) -> Result<(), Refusal> {
    let admin = caller.covers(&ScopeSet::from_iter([Known::Admin]));
    if admin { Ok(()) } else { within(caller, role, in_force) }
}

/// Nobody hands out for longer than they hold it themselves: what ends would live on in what it
/// gave. Whoever cannot lose it, because nobody else would be left, may give it (N16 A16.3).
pub(super) fn for_as_long(
    state: &Registry,
    giver: &Standing,
    gained: &ScopeSet,
    until: Option<UnixMillis>,
) -> Result<(), Refusal> {
    let Some(subject) = giver.principal.subject() else { return Ok(()) };
    match state.first_ending(&subject, gained, until) {
        None => Ok(()),
        Some(missing) => Err(Refusal::BeyondApprover { missing, required: gained.clone() }),
    }
}
