//! The bodies of events, by kind and version.
//!
//! The numbers are for ever: never reused, never reordered. Kinds 1 to 99 are the registry's;
//! further deciders take the hundreds. A changed body is a new version beside the old one.

use bincode::{Decode, Encode};

use super::v1::{ApprovedBy, AuthMode, Profile, Reason, Role, Scopes};
use crate::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, TokenHash},
        registry::{self, Event as Registry},
    },
    ledger::codec::{self, CodecError},
};

const BEGUN: u16 = 1;
const POLICY_ADOPTED: u16 = 2;
const PAIRING_REQUESTED: u16 = 3;
const PAIRING_SUPERSEDED: u16 = 4;
const PAIRING_APPROVED: u16 = 5;
const PAIRING_REJECTED: u16 = 6;
const PAIRING_EXPIRED: u16 = 7;
const TOKEN_ISSUED: u16 = 8;
const DEVICE_DESCRIBED: u16 = 9;

/// Every kind that there is; the tests ask for a frozen example of each.
#[cfg(test)]
pub(in crate::ledger) const KINDS: std::ops::RangeInclusive<u16> = BEGUN..=DEVICE_DESCRIBED;

/// The kind and version under which an event is written.
pub(in crate::ledger) fn kind(event: &Event) -> (u16, u16) {
    let Event::Registry(event) = event;
    let kind = match event {
        Registry::Begun { .. } => BEGUN,
        Registry::PolicyAdopted(_) => POLICY_ADOPTED,
        Registry::PairingRequested { .. } => PAIRING_REQUESTED,
        Registry::PairingSuperseded { .. } => PAIRING_SUPERSEDED,
        Registry::PairingApproved { .. } => PAIRING_APPROVED,
        Registry::PairingRejected { .. } => PAIRING_REJECTED,
        Registry::PairingExpired { .. } => PAIRING_EXPIRED,
        Registry::TokenIssued { .. } => TOKEN_ISSUED,
        Registry::DeviceDescribed { .. } => DEVICE_DESCRIBED,
    };
    (kind, 1)
}

#[derive(Encode, Decode)]
struct Begun {
    gateway_key: [u8; 32],
}

#[derive(Encode, Decode)]
struct PolicyAdopted {
    auth_mode: AuthMode,
    shared_scopes: Scopes,
    loopback_scopes: Scopes,
    auto_approve_local: bool,
}

#[derive(Encode, Decode)]
struct PairingRequested {
    request_id: [u8; 16],
    device: [u8; 32],
    public_key: [u8; 32],
    role: Role,
    scopes: Scopes,
    reason: Reason,
    profile: Profile,
    address: Option<String>,
}

#[derive(Encode, Decode)]
struct PairingSuperseded {
    request_id: [u8; 16],
    device: [u8; 32],
    by: [u8; 16],
}

#[derive(Encode, Decode)]
struct PairingApproved {
    request_id: [u8; 16],
    device: [u8; 32],
    public_key: [u8; 32],
    role: Role,
    scopes: Scopes,
    profile: Profile,
    by: ApprovedBy,
}

#[derive(Encode, Decode)]
struct PairingRejected {
    request_id: [u8; 16],
    device: [u8; 32],
    role: Role,
    withdrawn: bool,
}

#[derive(Encode, Decode)]
struct PairingExpired {
    request_id: [u8; 16],
    device: [u8; 32],
    role: Role,
}

#[derive(Encode, Decode)]
struct TokenIssued {
    device: [u8; 32],
    role: Role,
    token: [u8; 32],
}

#[derive(Encode, Decode)]
struct DeviceDescribed {
    device: [u8; 32],
    profile: Profile,
}

/// Appends the body of an event.
pub(in crate::ledger) fn put(event: &Event, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Event::Registry(event) = event;
    match event {
        Registry::Begun { gateway_key } => codec::put(&Begun { gateway_key: gateway_key.0 }, out),
        Registry::PolicyAdopted(policy) => put_policy(policy, out),
        Registry::PairingRequested { .. } => put_requested(event, out),
        Registry::PairingSuperseded { request_id, device, by } => {
            let body = PairingSuperseded { request_id: request_id.0, device: device.0, by: by.0 };
            codec::put(&body, out)
        }
        Registry::PairingApproved { .. } => put_approved(event, out),
        Registry::PairingRejected { request_id, device, role, withdrawn } => {
            let (request_id, device, role) = (request_id.0, device.0, (*role).into());
            codec::put(&PairingRejected { request_id, device, role, withdrawn: *withdrawn }, out)
        }
        Registry::PairingExpired { request_id, device, role } => {
            let (request_id, device, role) = (request_id.0, device.0, (*role).into());
            codec::put(&PairingExpired { request_id, device, role }, out)
        }
        Registry::TokenIssued { device, role, token } => {
            let body = TokenIssued { device: device.0, role: (*role).into(), token: token.0 };
            codec::put(&body, out)
        }
        Registry::DeviceDescribed { device, profile } => {
            codec::put(&DeviceDescribed { device: device.0, profile: profile.into() }, out)
        }
    }
}

fn put_policy(policy: &registry::Policy, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let registry::Policy { auth_mode, shared_scopes, loopback_scopes, auto_approve_local } = policy;
    let body = PolicyAdopted {
        auth_mode: (*auth_mode).into(),
        shared_scopes: shared_scopes.into(),
        loopback_scopes: loopback_scopes.into(),
        auto_approve_local: *auto_approve_local,
    };
    codec::put(&body, out)
}

fn put_requested(event: &Registry, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Registry::PairingRequested {
        request_id,
        device,
        public_key,
        role,
        scopes,
        reason,
        profile,
        address,
    } = event
    else {
        unreachable!("called for this event only");
    };
    let body = PairingRequested {
        request_id: request_id.0,
        device: device.0,
        public_key: public_key.0,
        role: (*role).into(),
        scopes: scopes.into(),
        reason: (*reason).into(),
        profile: profile.into(),
        address: address.clone(),
    };
    codec::put(&body, out)
}

fn put_approved(event: &Registry, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Registry::PairingApproved { request_id, device, public_key, role, scopes, profile, by } =
        event
    else {
        unreachable!("called for this event only");
    };
    let body = PairingApproved {
        request_id: request_id.0,
        device: device.0,
        public_key: public_key.0,
        role: (*role).into(),
        scopes: scopes.into(),
        profile: profile.into(),
        by: (*by).into(),
    };
    codec::put(&body, out)
}

/// The event with this body.
pub(in crate::ledger) fn take(kind: u16, version: u16, body: &[u8]) -> Result<Event, CodecError> {
    if version != 1 {
        return Err(CodecError::UnknownEvent { kind, version });
    }
    let event = match kind {
        BEGUN => {
            let Begun { gateway_key } = codec::take_all(body)?;
            Registry::Begun { gateway_key: PublicKey(gateway_key) }
        }
        POLICY_ADOPTED => codec::take_all::<PolicyAdopted>(body)?.try_into()?,
        PAIRING_REQUESTED => codec::take_all::<PairingRequested>(body)?.try_into()?,
        PAIRING_SUPERSEDED => {
            let PairingSuperseded { request_id, device, by } = codec::take_all(body)?;
            let (request_id, device) = (RequestId(request_id), DeviceId(device));
            Registry::PairingSuperseded { request_id, device, by: RequestId(by) }
        }
        PAIRING_APPROVED => codec::take_all::<PairingApproved>(body)?.try_into()?,
        PAIRING_REJECTED => {
            let PairingRejected { request_id, device, role, withdrawn } = codec::take_all(body)?;
            let (request_id, device) = (RequestId(request_id), DeviceId(device));
            Registry::PairingRejected { request_id, device, role: role.into(), withdrawn }
        }
        PAIRING_EXPIRED => {
            let PairingExpired { request_id, device, role } = codec::take_all(body)?;
            let (request_id, device) = (RequestId(request_id), DeviceId(device));
            Registry::PairingExpired { request_id, device, role: role.into() }
        }
        TOKEN_ISSUED => {
            let TokenIssued { device, role, token } = codec::take_all(body)?;
            let (device, token) = (DeviceId(device), TokenHash(token));
            Registry::TokenIssued { device, role: role.into(), token }
        }
        DEVICE_DESCRIBED => {
            let DeviceDescribed { device, profile } = codec::take_all(body)?;
            Registry::DeviceDescribed { device: DeviceId(device), profile: profile.into() }
        }
        _ => return Err(CodecError::UnknownEvent { kind, version }),
    };
    Ok(Event::Registry(event))
}

impl TryFrom<PolicyAdopted> for Registry {
    type Error = CodecError;

    fn try_from(value: PolicyAdopted) -> Result<Self, CodecError> {
        let PolicyAdopted { auth_mode, shared_scopes, loopback_scopes, auto_approve_local } = value;
        Ok(Self::PolicyAdopted(registry::Policy {
            auth_mode: auth_mode.into(),
            shared_scopes: shared_scopes.try_into()?,
            loopback_scopes: loopback_scopes.try_into()?,
            auto_approve_local,
        }))
    }
}

impl TryFrom<PairingRequested> for Registry {
    type Error = CodecError;

    fn try_from(value: PairingRequested) -> Result<Self, CodecError> {
        let PairingRequested {
            request_id,
            device,
            public_key,
            role,
            scopes,
            reason,
            profile,
            address,
        } = value;
        Ok(Self::PairingRequested {
            request_id: RequestId(request_id),
            device: DeviceId(device),
            public_key: PublicKey(public_key),
            role: role.into(),
            scopes: scopes.try_into()?,
            reason: reason.into(),
            profile: profile.into(),
            address,
        })
    }
}

impl TryFrom<PairingApproved> for Registry {
    type Error = CodecError;

    fn try_from(value: PairingApproved) -> Result<Self, CodecError> {
        let PairingApproved { request_id, device, public_key, role, scopes, profile, by } = value;
        Ok(Self::PairingApproved {
            request_id: RequestId(request_id),
            device: DeviceId(device),
            public_key: PublicKey(public_key),
            role: role.into(),
            scopes: scopes.try_into()?,
            profile: profile.into(),
            by: by.into(),
        })
    }
}
