//! Noting what a paired device says about itself now (N4 A4.3: one event, no new approval).

use super::{Event, Profile, Registry};
use crate::domain::{operation::Operation, permit::Permit, refusal::Refusal};

pub(super) fn describe(
    state: &Registry,
    permit: &Permit,
    profile: Profile,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::DescribeDevice)?;
    let id = permit.principal().device().ok_or(Refusal::DeviceIdentityRequired)?;
    let device = state.device(id).ok_or(Refusal::UnknownDevice)?;
    Ok(if device.profile == profile {
        vec![]
    } else {
        vec![Event::DeviceDescribed { device: id, profile }]
    })
}
