//! Bodies of the events in the later life of a device and its grants.

use bincode::{Decode, Encode};

use super::{
    super::v1::{Role, Scopes, Subject},
    CEILING_ASSIGNED, DEVICE_REMOVED, DEVICE_RENAMED, DEVICE_SEEN, GRANT_EXPIRED, GRANT_REVOKED,
    TOKEN_CONFIRMED, TOKEN_ROTATED,
};
use crate::{
    domain::{
        ids::{DeviceId, TokenHash},
        registry::Event,
        scope::ScopeSet,
    },
    ledger::codec::{self, CodecError},
};

#[derive(Encode, Decode)]
struct TokenConfirmed {
    device: [u8; 32],
    role: Role,
}

#[derive(Encode, Decode)]
struct DeviceSeen {
    device: [u8; 32],
}

#[derive(Encode, Decode)]
struct TokenRotated {
    device: [u8; 32],
    role: Role,
    scopes: Scopes,
    token: Option<[u8; 32]>,
}

#[derive(Encode, Decode)]
struct GrantRevoked {
    device: [u8; 32],
    role: Role,
    reason: Option<String>,
    bars: bool,
}

#[derive(Encode, Decode)]
struct DeviceRemoved {
    device: [u8; 32],
    reason: Option<String>,
    bars: bool,
}

#[derive(Encode, Decode)]
struct DeviceRenamed {
    device: [u8; 32],
    label: String,
}

#[derive(Encode, Decode)]
struct GrantExpired {
    device: [u8; 32],
    role: Role,
    scopes: Option<Scopes>,
}

#[derive(Encode, Decode)]
struct CeilingAssigned {
    subject: Subject,
    ceiling: Option<String>,
}

/// Appends the body, if the event is one of these.
pub(super) fn put(event: &Event, out: &mut Vec<u8>) -> Option<Result<(), CodecError>> {
    Some(match event {
        Event::TokenConfirmed { device, role } => {
            codec::put(&TokenConfirmed { device: device.0, role: (*role).into() }, out)
        }
        Event::DeviceSeen { device } => codec::put(&DeviceSeen { device: device.0 }, out),
        Event::TokenRotated { device, role, scopes, token } => {
            let (role, token) = ((*role).into(), token.map(|token| token.0));
            codec::put(&TokenRotated { device: device.0, role, scopes: scopes.into(), token }, out)
        }
        Event::GrantRevoked { device, role, reason, bars } => {
            let (device, role, reason) = (device.0, (*role).into(), reason.clone());
            codec::put(&GrantRevoked { device, role, reason, bars: *bars }, out)
        }
        Event::DeviceRemoved { device, reason, bars } => {
            let reason = reason.clone();
            codec::put(&DeviceRemoved { device: device.0, reason, bars: *bars }, out)
        }
        Event::DeviceRenamed { device, label } => {
            codec::put(&DeviceRenamed { device: device.0, label: label.clone() }, out)
        }
        Event::GrantExpired { device, role, scopes } => {
            let (role, scopes) = ((*role).into(), scopes.as_ref().map(Scopes::from));
            codec::put(&GrantExpired { device: device.0, role, scopes }, out)
        }
        Event::CeilingAssigned { subject, ceiling } => {
            let body = CeilingAssigned { subject: subject.into(), ceiling: ceiling.clone() };
            codec::put(&body, out)
        }
        _ => return None,
    })
}

/// The event with this body.
pub(super) fn take(kind: u16, body: &[u8]) -> Result<Event, CodecError> {
    Ok(match kind {
        TOKEN_CONFIRMED => {
            let TokenConfirmed { device, role } = codec::take_all(body)?;
            Event::TokenConfirmed { device: DeviceId(device), role: role.into() }
        }
        DEVICE_SEEN => {
            let DeviceSeen { device } = codec::take_all(body)?;
            Event::DeviceSeen { device: DeviceId(device) }
        }
        TOKEN_ROTATED => {
            let TokenRotated { device, role, scopes, token } = codec::take_all(body)?;
            let (device, token) = (DeviceId(device), token.map(TokenHash));
            Event::TokenRotated { device, role: role.into(), scopes: scopes.try_into()?, token }
        }
        GRANT_REVOKED => {
            let GrantRevoked { device, role, reason, bars } = codec::take_all(body)?;
            Event::GrantRevoked { device: DeviceId(device), role: role.into(), reason, bars }
        }
        DEVICE_REMOVED => {
            let DeviceRemoved { device, reason, bars } = codec::take_all(body)?;
            Event::DeviceRemoved { device: DeviceId(device), reason, bars }
        }
        DEVICE_RENAMED => {
            let DeviceRenamed { device, label } = codec::take_all(body)?;
            Event::DeviceRenamed { device: DeviceId(device), label }
        }
        GRANT_EXPIRED => {
            let GrantExpired { device, role, scopes } = codec::take_all(body)?;
            let scopes = scopes.map(ScopeSet::try_from).transpose()?;
            Event::GrantExpired { device: DeviceId(device), role: role.into(), scopes }
        }
        CEILING_ASSIGNED => {
            let CeilingAssigned { subject, ceiling } = codec::take_all(body)?;
            Event::CeilingAssigned { subject: subject.into(), ceiling }
        }
        _ => return Err(CodecError::UnknownEvent { kind, version: 1 }),
    })
}
