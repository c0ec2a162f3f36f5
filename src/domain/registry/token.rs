//! Handing a granted device its token.
//!
//! The token is minted when the device comes to fetch it, not when it is approved: then the
//! plaintext never has to wait anywhere, and a crash in between costs nothing. It is handed out
//! once. After a rotation the old token fetches the new one, until the new one was used; a device
//! that lost its token altogether rotates or pairs again.

use super::{Event, Registry, Renewal};
use crate::domain::{
    ids::TokenHash, operation::Operation, permit::Permit, refusal::Refusal, scope::Role,
};

pub(super) fn issue(
    state: &Registry,
    permit: &Permit,
    role: Role,
    token: TokenHash,
    renewal: Renewal,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::IssueToken)?;
    let device = permit.principal().device().ok_or(Refusal::DeviceIdentityRequired)?;
    let grant = state.grant(device, role).ok_or(Refusal::GrantEnded)?;
    let due = match renewal {
        _ if grant.token.is_none() => true,
        Renewal::No => false,
        Renewal::Retired(presented) => grant.retired == Some(presented),
        Renewal::Upgraded => true,
    };
    Ok(if due { vec![Event::TokenIssued { device, role, token }] } else { vec![] })
}

/// A device has used its token: the one before is dead from here on.
pub(super) fn confirm(
    state: &Registry,
    permit: &Permit,
    role: Role,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ConfirmToken)?;
    let device = permit.principal().device().ok_or(Refusal::DeviceIdentityRequired)?;
    let grant = state.grant(device, role).ok_or(Refusal::GrantEnded)?;
    let news = grant.retired.is_some() && grant.token.is_some_and(|ours| ours.hash == token);
    Ok(if news { vec![Event::TokenConfirmed { device, role }] } else { vec![] })
}
