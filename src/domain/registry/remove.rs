//! Taking away: one grant of a device, or the device with everything that it holds.
//!
//! A device may always take itself out. Nobody without admin revokes a grant of more than they hold
//! (the protocol's rule; taking the whole device out asks for no more than `operator.pairing`, because
//! the official command line asks for no more). Nobody takes `operator.admin` from its last holder,
//! but for the host, with a reason that goes into the record (N1 A1.7).

use imbl::OrdSet;

use super::{
    Event, Grant, Registry, Touched, apply,
    approve::{not_above, only_own_without_admin},
};
use crate::domain::{
    Decider,
    ids::DeviceId,
    operation::Operation,
    origin::Locality,
    permit::Permit,
    principal::{Principal, Subject},
    refusal::Refusal,
    scope::{Known, Role, ScopeSet},
    time::Stamp,
};

/// How well a registry is provided with holders of `operator.admin`, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admins {
    /// Nobody holds it.
    Nobody,
    /// All who hold it lose it again at some time.
    Passing,
    /// Somebody holds it for good.
    Lasting,
}

/// Ends a grant. Doing it twice is no fault.
pub(super) fn revoke(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    role: Role,
    force: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RevokeToken, device)?;
    state.authority(permit)?;
    let caller = permit.standing();
    only_own_without_admin(caller, device)?;
    if state.device(device).is_none() {
        return Err(Refusal::UnknownDevice);
    }
    let admin = caller.covers(&ScopeSet::from_iter([Known::Admin]));
    let own = permit.principal().device() == Some(device);
    if role != Role::Operator && !admin && !own {
        let required = ScopeSet::from_iter([Known::Admin]);
        return Err(Refusal::MissingScope { missing: Known::Admin.into(), required });
    }
    let Some(grant) = state.grant(device, role) else { return Ok(vec![]) };
    if !own {
        not_above(caller, role, &state.in_force(grant))?;
    }
    let revoked = |reason| Event::GrantRevoked { device, role, reason, bars: true };
    let reason = state.leave_an_admin_unless(permit, force, &[revoked(None)])?;
    let mut events = state.drop_requests(device, Some(role), false);
    events.push(revoked(reason));
    Ok(events)
}

/// Takes a device out, and its pending requests with it (N10 A10.1).
pub(super) fn remove(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    force: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RemoveDevice, device)?;
    state.authority(permit)?;
    only_own_without_admin(permit.standing(), device)?;
    if state.device(device).is_none() {
        return Err(Refusal::UnknownDevice);
    }
    let removed = |reason| Event::DeviceRemoved { device, reason, bars: true };
    let reason = state.leave_an_admin_unless(permit, force, &[removed(None)])?;
    let mut events = state.drop_requests(device, None, false);
    events.push(removed(reason));
    Ok(events)
}

impl Registry {
    /// The grant of a device in a role, or which of the two is missing.
    pub(super) fn find_grant(&self, device: DeviceId, role: Role) -> Result<&Grant, Refusal> {
        let device = self.device(device).ok_or(Refusal::UnknownDevice)?;
        device.grants.get(&role).map(|grant| &**grant).ok_or(Refusal::NoGrant { role })
    }

    /// The ends of a device's pending requests, in one role or in all; nobody turned them down if
    /// they are `withdrawn`.
    pub(super) fn drop_requests(
        &self,
        device: DeviceId,
        role: Option<Role>,
        withdrawn: bool,
    ) -> Vec<Event> {
        let roles = [Role::Operator, Role::Node].into_iter();
        let roles = roles.filter(|of| role.is_none_or(|role| role == *of));
        roles
            .filter_map(|role| {
                let (request_id, _) = self.request_of(device, role)?;
                Some(Event::PairingRejected { request_id, device, role, withdrawn })
            })
            .collect()
    }

    /// Everyone who holds `operator.admin` for good: devices and service tokens without an end.
    pub fn admins(&self) -> impl Iterator<Item = Subject> + '_ {
        self.admins_of(|subject| self.held_for_good(subject))
    }

    /// What is held is never more than the scopes of a grant, so nobody outside the index holds it.
    fn admins_of(&self, held: impl Fn(&Subject) -> ScopeSet) -> impl Iterator<Item = Subject> {
        let all = self.admin_index.iter().cloned();
        all.filter(move |subject| held(subject).satisfies_known(Known::Admin))
    }

    /// What the index of admins has to be, by a look at everyone.
    pub(super) fn administering(&self) -> OrdSet<Subject> {
        let devices = self.devices.keys().map(|id| Subject::Device(*id, Role::Operator));
        let tokens = self.tokens.keys().map(|id| Subject::Token(*id));
        devices.chain(tokens).filter(|subject| self.administers(subject)).collect()
    }

    /// Brings the index up to date with one of them.
    pub(super) fn index_admin(&mut self, subject: Subject) {
        if self.administers(&subject) {
            self.admin_index.insert(subject);
        } else {
            self.admin_index.remove(&subject);
        }
    }

    /// Whether a device or service token has `operator.admin` among its scopes.
    fn administers(&self, subject: &Subject) -> bool {
        let scopes = match subject {
            Subject::Device(id, Role::Operator) => {
                self.grant(*id, Role::Operator).map(|grant| &grant.scopes)
            }
            Subject::Token(id) => self.tokens.get(id).map(|token| &token.scopes),
            _ => None,
        };
        scopes.is_some_and(|scopes| scopes.satisfies_known(Known::Admin))
    }

    /// What a device or service token holds for good, and may use now.
    pub(super) fn held_for_good(&self, subject: &Subject) -> ScopeSet {
        let (scopes, ceiling, now) = match subject {
            _ if self.is_under_review(subject) => return ScopeSet::empty(),
            Subject::Device(id, role) => {
                let Some(grant) = self.grant(*id, *role) else { return ScopeSet::empty() };
                let Some(lasting) = grant.lasting() else { return ScopeSet::empty() };
                (lasting.scopes, lasting.ceiling, self.in_force(grant))
            }
            Subject::Token(id) => {
                let token = self.tokens.get(id).filter(|token| token.until.is_none());
                let Some(token) = token else { return ScopeSet::empty() };
                let scopes = self.capped(&token.scopes, token.ceiling.as_deref());
                (scopes.clone(), None, scopes)
            }
            _ => return ScopeSet::empty(),
        };
        self.capped(&scopes, ceiling.as_deref()).narrowed_to(&now)
    }

    fn held_now(&self, subject: &Subject) -> ScopeSet {
        let held = self.held(subject, Locality::Elsewhere);
        held.map(|held| held.scopes).unwrap_or_default()
    }

    /// How well it is provided with admins.
    pub fn provided(&self) -> Admins {
        if self.admins().next().is_some() {
            Admins::Lasting
        } else if self.admins_of(|subject| self.held_now(subject)).next().is_some() {
            Admins::Passing
        } else {
            Admins::Nobody
        }
    }

    /// Whether it would be no worse provided with admins after `events`.
    pub(super) fn leaves_an_admin(&self, events: &[Event]) -> bool {
        if !events.iter().any(|event| self.concerns_an_admin(event)) {
            return true;
        }
        let before = self.provided();
        let mut after = self.clone();
        events.iter().for_each(|event| apply::apply(&mut after, Stamp::default(), event));
        after.provided() >= before
    }

    fn concerns_an_admin(&self, event: &Event) -> bool {
        let subject = match event.touches() {
            Touched::One(subject) => subject,
            Touched::Device(id) => Subject::Device(id, Role::Operator),
            Touched::Nobody | Touched::Everyone => return false,
        };
        self.held_now(&subject).satisfies_known(Known::Admin)
    }

    /// Refuses what would leave nobody with `operator.admin`. Where nobody holds it, nobody loses it.
    pub(super) fn leave_an_admin(&self, events: &[Event]) -> Result<(), Refusal> {
        if self.leaves_an_admin(events) { Ok(()) } else { Err(Refusal::LastAdmin) }
    }

    /// [`Self::leave_an_admin`], unless the host gives a reason; that reason is for the record.
    pub(super) fn leave_an_admin_unless(
        &self,
        permit: &Permit,
        force: Option<String>,
        events: &[Event],
    ) -> Result<Option<String>, Refusal> {
        match (self.leave_an_admin(events), force, permit.principal()) {
            (Ok(()), ..) => Ok(None),
            (Err(_), Some(reason), Principal::Host { .. }) => Ok(Some(reason)),
            (Err(_), Some(_), _) => Err(Refusal::HostOnly),
            (Err(refusal), None, _) => Err(refusal),
        }
    }
}
