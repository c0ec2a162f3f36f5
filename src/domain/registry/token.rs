//! Handing a granted device its token.
//!
//! The token is minted when the device comes to fetch it, not when it is approved: then the
//! plaintext never has to wait anywhere, and a crash in between costs nothing. It is handed out
//! once. After a rotation the old token fetches the new one, until the new one was used; a device
//! that lost its token altogether rotates or pairs again. A token is worth all that its grant holds,
//! so a session with less gets another one only if the grant has grown since the last, or if the last
//! was never used: its answer may have been lost.

use super::{Event, Grant, Registry, Renewal, approve::within};
use crate::domain::{
    ids::{DeviceId, TokenHash},
    operation::Operation,
    permit::Permit,
    principal::{Principal, Standing},
    refusal::Refusal,
    scope::Role,
};

pub(super) fn issue(
    state: &Registry,
    permit: &Permit,
    role: Role,
    token: TokenHash,
    renewal: Renewal,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::IssueToken)?;
    let (device, grant) = own(state, permit, role)?;
    let due = match (grant.token, renewal) {
        (None, _) => true,
        (Some(_), Renewal::No) => false,
        (Some(_), Renewal::Retired(presented)) => grant.is_retired(presented),
        (Some(_), Renewal::Upgraded) => {
            may_fetch(state, permit.standing(), role, grant)?;
            true
        }
    };
    Ok(if due { vec![Event::TokenIssued { device, role, token }] } else { vec![] })
}

/// Whether a session of the grant's own device gets a token for the asking.
pub(super) fn may_fetch(
    state: &Registry,
    who: &Standing,
    role: Role,
    grant: &Grant,
) -> Result<(), Refusal> {
    let untold = grant.token.is_none_or(|issued| issued.seq < grant.grown());
    match untold || !grant.retired.is_empty() {
        true => Ok(()),
        false => within(who, role, &state.in_force(grant)),
    }
}

/// A device has used its token: the one before is dead from here on.
pub(super) fn confirm(
    state: &Registry,
    permit: &Permit,
    role: Role,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ConfirmToken)?;
    let (device, grant) = own(state, permit, role)?;
    let news = !grant.retired.is_empty() && grant.token.is_some_and(|ours| ours.hash == token);
    Ok(if news { vec![Event::TokenConfirmed { device, role }] } else { vec![] })
}

/// The grant that the session itself stands on: a device's node has no part in its operator's token.
fn own<'a>(
    state: &'a Registry,
    permit: &Permit,
    role: Role,
) -> Result<(DeviceId, &'a Grant), Refusal> {
    match permit.principal() {
        Principal::Device(device, own) if *own == role => {
            let grant = state.grant(*device, role).ok_or(Refusal::GrantEnded)?;
            Ok((*device, grant))
        }
        Principal::Device(_, own) => Err(Refusal::WrongRole { role: *own }),
        _ => Err(Refusal::GrantEnded),
    }
}
