//! Handing a granted device its token.
//!
//! The token is minted when the device comes to fetch it, not when it is approved: then the
//! plaintext never has to wait anywhere, and a crash in between costs nothing. It is handed out
//! once; a device that lost it rotates or pairs again.

use super::{Event, Registry};
use crate::domain::{
    ids::TokenHash, operation::Operation, permit::Permit, refusal::Refusal, scope::Role,
};

pub(super) fn issue(
    state: &Registry,
    permit: &Permit,
    role: Role,
    token: TokenHash,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::IssueToken)?;
    let device = permit.principal().device().ok_or(Refusal::DeviceIdentityRequired)?;
    let grant = state.grant(device, role).ok_or(Refusal::GrantEnded)?;
    Ok(match grant.token {
        Some(_) => vec![],
        None => vec![Event::TokenIssued { device, role, token }],
    })
}
