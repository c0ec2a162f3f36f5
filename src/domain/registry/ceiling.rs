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
    principal::Subject,
    refusal::Refusal,
    scope::{Role, ScopeSet},
    time::UnixMillis,
};

/// Scopes under a ceiling, and until when they are held.
type Layer<'a> = (ScopeSet, Option<&'a String>, Option<UnixMillis>);

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
    for (scopes, current, until) in layers {
        let before = state.capped(&scopes, current.map(String::as_str));
        let gained = state.capped(&scopes, ceiling.as_deref()).beyond(&before);
        within(permit.standing(), Role::Operator, &gained)?;
        for_as_long(state, permit.standing(), &gained, until)?;
    }
    let events = vec![Event::CeilingAssigned { subject, ceiling }];
    state.leave_an_admin(&events)?;
    Ok(events)
}

impl Registry {
    /// What a subject was granted: with an end, and for good.
    fn layers(&self, subject: &Subject) -> Result<Vec<Layer<'_>>, Refusal> {
        match subject {
            Subject::Device(device, role) => Ok(layers_of(self.find_grant(*device, *role)?)),
            Subject::Token(id) => {
                let token = self.tokens.get(id).ok_or(Refusal::UnknownToken)?;
                Ok(vec![(token.scopes.clone(), token.ceiling.as_ref(), token.until)])
            }
            _ => Err(Refusal::UnknownDevice),
        }
    }

    /// Refuses a role that the policy does not have.
    pub(super) fn find_ceiling(&self, name: &str) -> Result<(), Refusal> {
        let policy = self.policy().map(|(_, policy)| policy);
        let ceiling = policy.and_then(|policy| policy.ceiling(name));
        ceiling.map(drop).ok_or(Refusal::UnknownCeiling)
    }
}

fn layers_of(grant: &Grant) -> Vec<Layer<'_>> {
    let ends = grant.ends.as_ref();
    let top = (grant.scopes.clone(), grant.ceiling.as_ref(), ends.map(|ending| ending.at));
    let lasting = ends.and_then(|ending| ending.leaves.as_ref());
    let lasting = lasting.map(|held| (held.scopes.clone(), held.ceiling.as_ref(), None));
    [top].into_iter().chain(lasting).collect()
}
