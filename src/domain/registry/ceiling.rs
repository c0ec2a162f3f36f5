//! Putting a role of the policy on a grant as a ceiling, or taking it off (N17 A17.1).
//!
//! What is in force is what both the grant and the role hold. Taking a ceiling off gives back what
//! it hid, so whoever does that has to hold it, and for as long.

use super::{
    Event, Grant, Registry,
    approve::{for_as_long, within},
};
use crate::domain::{
    Decider,
    operation::Operation,
    permit::Permit,
    principal::{Standing, Subject},
    refusal::Refusal,
    scope::{Role, ScopeSet},
    time::UnixMillis,
};

/// Scopes under a ceiling, and until when they are held.
pub(super) type Layer<'a> = (ScopeSet, Option<&'a String>, Option<UnixMillis>);

pub(super) fn assign(
    state: &Registry,
    permit: &Permit,
    subject: Subject,
    ceiling: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::AssignRole)?;
    state.authority(permit)?;
    let layers = state.layers(&subject)?;
    if layers.iter().all(|(_, current, _)| *current == ceiling.as_ref()) {
        return Ok(vec![]);
    }
    ceiling.as_deref().map_or(Ok(()), |name| state.find_ceiling(name))?;
    state.may_show(permit.standing(), layers, ceiling.as_deref())?;
    let events = vec![Event::CeilingAssigned { subject, ceiling }];
    state.leave_an_admin(&events)?;
    Ok(events)
}

impl Registry {
    /// What a subject was granted: with an end, and for good.
    pub(super) fn layers(&self, subject: &Subject) -> Result<Vec<Layer<'_>>, Refusal> {
        match subject {
            Subject::Device(device, role) => Ok(layers_of(self.find_grant(*device, *role)?, None)),
            Subject::Token(id) => {
                let token = self.tokens.get(id).ok_or(Refusal::UnknownToken)?;
                Ok(vec![(token.scopes.clone(), token.ceiling.as_ref(), token.until)])
            }
            _ => Err(Refusal::UnknownDevice),
        }
    }

    /// Refuses a ceiling in place of those that lie on `layers`, if it shows what `giver` does not
    /// hold, or not for as long.
    pub(super) fn may_show(
        &self,
        giver: &Standing,
        layers: Vec<Layer<'_>>,
        ceiling: Option<&str>,
    ) -> Result<(), Refusal> {
        for (scopes, current, until) in layers {
            let before = self.capped(&scopes, current.map(String::as_str));
            let gained = self.capped(&scopes, ceiling).beyond(&before);
            within(giver, Role::Operator, &gained)?;
            for_as_long(self, giver, &gained, until)?;
        }
        Ok(())
    }

    /// Refuses a role that the policy does not have.
    pub(super) fn find_ceiling(&self, name: &str) -> Result<(), Refusal> {
        let policy = self.policy().map(|(_, policy)| policy);
        let ceiling = policy.and_then(|policy| policy.ceiling(name));
        ceiling.map(drop).ok_or(Refusal::UnknownCeiling)
    }
}

/// What a change of the ceiling shows, and until when: all of it until then, or everything for as long
/// as it is held.
pub(super) fn layers_of(grant: &Grant, until: Option<UnixMillis>) -> Vec<Layer<'_>> {
    let ends = grant.ends.as_ref();
    let end = until.or(ends.map(|ending| ending.at));
    let top = (grant.scopes.clone(), grant.ceiling.as_ref(), end);
    let lasting = ends.and_then(|ending| ending.leaves.as_ref()).filter(|_| until.is_none());
    let lasting = lasting.map(|held| (held.scopes.clone(), held.ceiling.as_ref(), None));
    [top].into_iter().chain(lasting).collect()
}
