//! The bodies of events, by kind and version.
//!
//! The numbers are for ever: never reused, never reordered. Kinds 1 to 99 are the registry's;
//! further deciders take the hundreds. A changed body is a new version beside the old one, which is
//! read for ever and no longer written. Start with [`kind`].

mod approvals;
mod backups;
mod credentials;
mod devices;
mod pairing;
mod sessions;

pub(super) use approvals::ApprovalRequested;
pub(super) use backups::Item;
pub(super) use credentials::{Key, KeysAdopted};
pub(super) use pairing::{PolicyAdopted2, ranges};

use credentials::{CodeCreated2, ServiceTokenRevoked2};
use pairing::{
    Begun, DeviceDescribed, PairingApproved, PairingApproved2, PairingExpired, PairingRejected,
    PairingRequested, PairingSuperseded, PolicyAdopted, TokenIssued,
};

use crate::{
    domain::{
        Event,
        ids::{DeviceId, PublicKey, RequestId, TokenHash},
        registry::Event as Registry,
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
const TOKEN_CONFIRMED: u16 = 10;
const DEVICE_SEEN: u16 = 11;
const TOKEN_ROTATED: u16 = 12;
const GRANT_REVOKED: u16 = 13;
const DEVICE_REMOVED: u16 = 14;
const DEVICE_RENAMED: u16 = 15;
const GRANT_EXPIRED: u16 = 16;
const CEILING_ASSIGNED: u16 = 17;
const SECRET_ADOPTED: u16 = 18;
const SERVICE_TOKEN_CREATED: u16 = 19;
const SERVICE_TOKEN_ROTATED: u16 = 20;
const SERVICE_TOKEN_REVOKED: u16 = 21;
const SERVICE_TOKEN_EXPIRED: u16 = 22;
const CODE_CREATED: u16 = 23;
const CODE_REDEEMED: u16 = 24;
const KEYS_ADOPTED: u16 = 25;
const LOCKED_OUT: u16 = 26;
const LOCKOUT_CLEARED: u16 = 27;
const RECOVERED: u16 = 28;
const RESTORED: u16 = 29;
const APPROVAL_REQUESTED: u16 = 30;
const APPROVAL_DECIDED: u16 = 31;
const APPROVAL_EXPIRED: u16 = 32;
const APPROVAL_WITHDRAWN: u16 = 33;
const SESSION_DELETED: u16 = 34;
const SESSION_RESET: u16 = 35;
const REVIEW_BEGUN: u16 = 36;
const REVIEW_ENDED: u16 = 37;

/// Every kind that there is; the tests ask for a frozen example of each.
#[cfg(test)]
pub(in crate::ledger) const KINDS: std::ops::RangeInclusive<u16> = BEGUN..=REVIEW_ENDED;

/// The kind and version under which an event is written.
pub(in crate::ledger) fn kind(event: &Event) -> (u16, u16) {
    let Event::Registry(event) = event;
    match event {
        Registry::Begun { .. } => (BEGUN, 1),
        Registry::PolicyAdopted(_) => (POLICY_ADOPTED, 2),
        Registry::PairingRequested { .. } => (PAIRING_REQUESTED, 1),
        Registry::PairingSuperseded { .. } => (PAIRING_SUPERSEDED, 1),
        Registry::PairingApproved(_) => (PAIRING_APPROVED, 2),
        Registry::PairingRejected { .. } => (PAIRING_REJECTED, 1),
        Registry::PairingExpired { .. } => (PAIRING_EXPIRED, 1),
        Registry::TokenIssued { .. } => (TOKEN_ISSUED, 1),
        Registry::DeviceDescribed { .. } => (DEVICE_DESCRIBED, 1),
        Registry::TokenConfirmed { .. } => (TOKEN_CONFIRMED, 1),
        Registry::DeviceSeen { .. } => (DEVICE_SEEN, 1),
        Registry::TokenRotated { .. } => (TOKEN_ROTATED, 1),
        Registry::GrantRevoked { .. } => (GRANT_REVOKED, 1),
        Registry::DeviceRemoved { .. } => (DEVICE_REMOVED, 1),
        Registry::DeviceRenamed { .. } => (DEVICE_RENAMED, 1),
        Registry::GrantExpired { .. } => (GRANT_EXPIRED, 1),
        Registry::CeilingAssigned { .. } => (CEILING_ASSIGNED, 1),
        Registry::SecretAdopted { .. } => (SECRET_ADOPTED, 1),
        Registry::ServiceTokenCreated { .. } => (SERVICE_TOKEN_CREATED, 1),
        Registry::ServiceTokenRotated { .. } => (SERVICE_TOKEN_ROTATED, 1),
        Registry::ServiceTokenRevoked { .. } => (SERVICE_TOKEN_REVOKED, 2),
        Registry::ServiceTokenExpired { .. } => (SERVICE_TOKEN_EXPIRED, 1),
        Registry::CodeCreated { .. } => (CODE_CREATED, 2),
        Registry::CodeRedeemed { .. } => (CODE_REDEEMED, 1),
        Registry::KeysAdopted(_) => (KEYS_ADOPTED, 1),
        Registry::LockedOut { .. } => (LOCKED_OUT, 1),
        Registry::LockoutCleared { .. } => (LOCKOUT_CLEARED, 1),
        Registry::Recovered { .. } => (RECOVERED, 1),
        Registry::Restored { .. } => (RESTORED, 1),
        Registry::Approval(event) => (approvals::kind(event), 1),
        Registry::SessionDeleted(_) => (SESSION_DELETED, 1),
        Registry::SessionReset(_) => (SESSION_RESET, 1),
        Registry::ReviewBegun { .. } => (REVIEW_BEGUN, 1),
        Registry::ReviewEnded { .. } => (REVIEW_ENDED, 1),
    }
}

/// Appends the body of an event.
pub(in crate::ledger) fn put(event: &Event, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Event::Registry(event) = event;
    match event {
        Registry::Begun { gateway_key } => codec::put(&Begun { gateway_key: gateway_key.0 }, out),
        Registry::PolicyAdopted(policy) => codec::put(&PolicyAdopted2::from(policy), out),
        Registry::PairingRequested { .. } => pairing::put_requested(event, out),
        Registry::PairingSuperseded { request_id, device, by } => {
            let body = PairingSuperseded { request_id: request_id.0, device: device.0, by: by.0 };
            codec::put(&body, out)
        }
        Registry::PairingApproved(approval) => {
            codec::put(&PairingApproved2::from(&**approval), out)
        }
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
        Registry::Approval(event) => approvals::put(event, out),
        Registry::SessionDeleted(digest) | Registry::SessionReset(digest) => {
            sessions::put(digest, out)
        }
        _ => match devices::put(event, out).or_else(|| backups::put(event, out)) {
            Some(put) => put,
            None => credentials::put(event, out),
        },
    }
}

/// The event with this body.
pub(in crate::ledger) fn take(kind: u16, version: u16, body: &[u8]) -> Result<Event, CodecError> {
    let event = match (kind, version) {
        (POLICY_ADOPTED, 2) => {
            Registry::PolicyAdopted(codec::take_all::<PolicyAdopted2>(body)?.try_into()?)
        }
        (PAIRING_APPROVED, 2) => approved(codec::take_all::<PairingApproved2>(body)?.try_into()?),
        (SERVICE_TOKEN_REVOKED, 2) => codec::take_all::<ServiceTokenRevoked2>(body)?.into(),
        (CODE_CREATED, 2) => codec::take_all::<CodeCreated2>(body)?.try_into()?,
        (BEGUN..=DEVICE_DESCRIBED, 1) => first(kind, body)?,
        (TOKEN_CONFIRMED..=CEILING_ASSIGNED, 1) => devices::take(kind, body)?,
        (SECRET_ADOPTED..=RECOVERED, 1) => credentials::take(kind, body)?,
        (RESTORED | REVIEW_BEGUN..=REVIEW_ENDED, 1) => backups::take(kind, body)?,
        (APPROVAL_REQUESTED..=APPROVAL_WITHDRAWN, 1) => {
            Registry::Approval(approvals::take(kind, body)?)
        }
        (SESSION_DELETED, 1) => Registry::SessionDeleted(sessions::take(body)?),
        (SESSION_RESET, 1) => Registry::SessionReset(sessions::take(body)?),
        _ => return Err(CodecError::UnknownEvent { kind, version }),
    };
    Ok(Event::Registry(event))
}

fn approved(approval: crate::domain::registry::Approval) -> Registry {
    Registry::PairingApproved(Box::new(approval))
}

/// Version 1 of the first nine kinds.
fn first(kind: u16, body: &[u8]) -> Result<Registry, CodecError> {
    Ok(match kind {
        BEGUN => {
            let Begun { gateway_key } = codec::take_all(body)?;
            Registry::Begun { gateway_key: PublicKey(gateway_key) }
        }
        POLICY_ADOPTED => {
            Registry::PolicyAdopted(codec::take_all::<PolicyAdopted>(body)?.try_into()?)
        }
        PAIRING_REQUESTED => codec::take_all::<PairingRequested>(body)?.try_into()?,
        PAIRING_SUPERSEDED => {
            let PairingSuperseded { request_id, device, by } = codec::take_all(body)?;
            let (request_id, device) = (RequestId(request_id), DeviceId(device));
            Registry::PairingSuperseded { request_id, device, by: RequestId(by) }
        }
        PAIRING_APPROVED => approved(codec::take_all::<PairingApproved>(body)?.try_into()?),
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
        _ => return Err(CodecError::UnknownEvent { kind, version: 1 }),
    })
}
