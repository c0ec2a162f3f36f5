//! Putting a role of the policy on a grant as a ceiling, or taking it off (N17 A17.1).
//!
//! What is in force is what both the grant and the role hold. Taking a ceiling off gives back what
//! it hid, so whoever does that has to hold it.

use super::{Event, Registry, approve::within};
use crate::domain::{
    Decider, operation::Operation, permit::Permit, principal::Subject, refusal::Refusal,
    scope::Role,
};

pub(super) fn assign(
    state: &Registry,
    permit: &Permit,
    subject: Subject,
    ceiling: Option<String>,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::AssignRole)?;
    state.authority(permit)?;
    let (scopes, role, current) = match &subject {
        Subject::Device(device, role) => {
            let grant = state.find_grant(*device, *role)?;
            (&grant.scopes, *role, &grant.ceiling)
        }
        Subject::Token(id) => {
            let token = state.tokens.get(id).ok_or(Refusal::UnknownToken)?;
            (&token.scopes, Role::Operator, &token.ceiling)
        }
        _ => return Err(Refusal::UnknownDevice),
    };
    if *current == ceiling {
        return Ok(vec![]);
    }
    if let Some(name) = &ceiling {
        state
            .policy()
            .and_then(|(_, policy)| policy.ceiling(name))
            .ok_or(Refusal::UnknownCeiling)?;
    }
    let after = state.capped(scopes, ceiling.as_deref());
    within(permit.standing(), role, &after)?;
    let keeps = after.satisfies_known(crate::domain::scope::Known::Admin);
    state.leave_an_admin(permit, None, |holder| !keeps && *holder == subject)?;
    Ok(vec![Event::CeilingAssigned { subject, ceiling }])
}
