//! The ends of grants and tokens that have one (N16), and of devices enrolled for one connection.
//!
//! A grant falls back to what was held for good before, without a new pairing. The last grant of
//! `operator.admin` does not expire: nobody would be left to give another (A16.3).

use super::{Event, Registry};
use crate::domain::{
    ids::DeviceId, operation::Operation, permit::Permit, principal::Subject, refusal::Refusal,
    scope::Known, time::UnixMillis,
};

pub(super) fn end(
    state: &Registry,
    permit: &Permit,
    subject: Subject,
    now: UnixMillis,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::EndGrant)?;
    let is_over = state.ends_at(&subject).is_some_and(|at| at <= now);
    if !is_over || state.is_held_back(&subject) {
        return Ok(vec![]);
    }
    Ok(match subject {
        Subject::Device(device, role) => {
            let ending = state.grant(device, role).and_then(|grant| grant.ends.clone());
            let scopes = ending.and_then(|ending| ending.leaves).map(|lasting| lasting.scopes);
            vec![Event::GrantExpired { device, role, scopes }]
        }
        Subject::Token(id) => vec![Event::ServiceTokenExpired { id }],
        _ => vec![],
    })
}

/// Takes out a device that was enrolled for as long as it stayed connected. The sweeper saw that it
/// is gone; whether it was enrolled like that is on record.
pub(super) fn end_enrolment(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::EndGrant)?;
    let Some(known) = state.device(device) else { return Ok(vec![]) };
    let all = known.grants.values().all(|grant| grant.ephemeral);
    let last = || state.leave_an_admin(permit, None, |holder| of(holder, device)).is_err();
    if !all || last() {
        return Ok(vec![]);
    }
    let mut events = state.drop_requests(device, None);
    let reason = Some("enrolled for one connection".into());
    events.push(Event::DeviceRemoved { device, reason, bars: false });
    Ok(events)
}

fn of(holder: &Subject, device: DeviceId) -> bool {
    matches!(holder, Subject::Device(id, _) if *id == device)
}

impl Registry {
    /// When a subject's grant ends, if it does.
    pub fn ends_at(&self, subject: &Subject) -> Option<UnixMillis> {
        match subject {
            Subject::Device(device, role) => Some(self.grant(*device, *role)?.ends.as_ref()?.at),
            Subject::Token(id) => self.tokens.get(id)?.until,
            _ => None,
        }
    }

    /// Everything that has an end, with the time of its grant and its end.
    pub fn endings(&self) -> impl Iterator<Item = (Subject, UnixMillis, UnixMillis)> + '_ {
        let devices = self.devices().flat_map(|(id, device)| {
            device.grants.iter().filter_map(move |(role, grant)| {
                Some((Subject::Device(id, *role), grant.at, grant.ends.as_ref()?.at))
            })
        });
        let tokens = self
            .tokens
            .iter()
            .filter_map(|(id, token)| Some((Subject::Token(*id), token.at, token.until?)));
        devices.chain(tokens)
    }

    /// Whether this is the last grant of `operator.admin`, which does not expire.
    pub fn is_held_back(&self, subject: &Subject) -> bool {
        let lasting = self.admins().next().is_some();
        let admins = self.endings().filter(|(other, ..)| self.is_admin(other));
        !lasting && self.is_admin(subject) && admins.count() == 1
    }

    fn is_admin(&self, subject: &Subject) -> bool {
        let locality = crate::domain::origin::Locality::Elsewhere;
        self.held(subject, locality).is_some_and(|held| held.scopes.satisfies_known(Known::Admin))
    }

    /// Every device that vanishes once it has disconnected.
    pub fn ephemeral(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.devices()
            .filter(|(_, device)| device.grants.values().all(|grant| grant.ephemeral))
            .filter(|(_, device)| !device.grants.is_empty())
            .map(|(id, _)| id)
    }
}
