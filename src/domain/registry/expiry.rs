//! The ends of grants and tokens that have one (N16), and of devices enrolled for one connection.
//!
//! A grant falls back to what was held for good before, without a new pairing. The last grant of
//! `operator.admin` does not expire: nobody would be left to give another (A16.3).

use super::{Event, Registry, state::Device};
use crate::domain::{
    ids::DeviceId, operation::Operation, permit::Permit, principal::Subject, refusal::Refusal,
    time::UnixMillis,
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
    Ok(state.end_of(&subject).into_iter().collect())
}

/// Takes out a device that was enrolled for as long as it stayed connected. The sweeper saw that it
/// is gone; whether it was enrolled like that is on record. Nobody turned it down.
pub(super) fn end_enrolment(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::EndGrant)?;
    let reason = Some("enrolled for one connection".into());
    let removed = Event::DeviceRemoved { device, reason, bars: false };
    let vanishes = state.device(device).is_some_and(Device::vanishes);
    if !vanishes || !state.leaves_an_admin(std::slice::from_ref(&removed)) {
        return Ok(vec![]);
    }
    let mut events = state.drop_requests(device, None, true);
    events.push(removed);
    Ok(events)
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
        self.end_of(subject).is_some_and(|end| !self.leaves_an_admin(&[end]))
    }

    /// What it is when the grant of this subject ends, if it does.
    fn end_of(&self, subject: &Subject) -> Option<Event> {
        self.ends_at(subject)?;
        match subject {
            Subject::Device(device, role) => {
                let lasting = self.grant(*device, *role)?.lasting();
                let scopes = lasting.map(|lasting| lasting.scopes);
                Some(Event::GrantExpired { device: *device, role: *role, scopes })
            }
            Subject::Token(id) => Some(Event::ServiceTokenExpired { id: *id }),
            _ => None,
        }
    }

    /// Every device that vanishes once it has disconnected.
    pub fn ephemeral(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.devices().filter(|(_, device)| device.vanishes()).map(|(id, _)| id)
    }
}
