//! What is known about a paired device beside what it holds: what it says about itself (N4 A4.3: one
//! event, no new approval), the name that an operator gave it, and when it was here (N12).

use super::{Event, Profile, Registry, approve::only_own_without_admin};
use crate::domain::{
    Decider, ids::DeviceId, operation::Operation, permit::Permit, refusal::Refusal,
};

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

pub(super) fn seen(state: &Registry, permit: &Permit) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::DescribeDevice)?;
    let device = permit.principal().device().ok_or(Refusal::DeviceIdentityRequired)?;
    state.device(device).ok_or(Refusal::UnknownDevice)?;
    Ok(vec![Event::DeviceSeen { device }])
}

/// Names a device. The name survives whatever the device says about itself, and a new approval.
pub(super) fn rename(
    state: &Registry,
    permit: &Permit,
    device: DeviceId,
    label: String,
) -> Result<Vec<Event>, Refusal> {
    permit.expect_on(Operation::RenameDevice, device)?;
    state.authority(permit)?;
    only_own_without_admin(permit.standing(), device)?;
    let known = state.device(device).ok_or(Refusal::UnknownDevice)?;
    Ok(if known.label.as_ref() == Some(&label) {
        vec![]
    } else {
        vec![Event::DeviceRenamed { device, label }]
    })
}
