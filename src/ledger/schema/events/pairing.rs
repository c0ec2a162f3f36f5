//! Bodies of the events about pairing, devices and policy, as they were first written, and their
//! successors.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use ipnet::IpNet;

use super::super::v1::{ApprovedBy, AuthMode, Principal, Profile, Reason, Role, Scopes};
use crate::{
    domain::{
        ids::{DeviceId, PublicKey, RequestId},
        registry::{self, Approval, Event as Registry},
        scope::ScopeSet,
        time::UnixMillis,
    },
    ledger::codec::{self, CodecError},
};

#[derive(Encode, Decode)]
pub(super) struct Begun {
    pub(super) gateway_key: [u8; 32],
}

#[derive(Encode, Decode)]
pub(super) struct PolicyAdopted {
    pub(super) auth_mode: AuthMode,
    pub(super) shared_scopes: Scopes,
    pub(super) loopback_scopes: Scopes,
    pub(super) auto_approve_local: bool,
}

/// Version 2: ranges, people and roles. Ranges are written as text, as RFC 4632 has them.
#[derive(Encode, Decode)]
pub(in crate::ledger::schema) struct PolicyAdopted2 {
    first: PolicyAdopted,
    auto_approve_cidrs: Vec<String>,
    people: Vec<(String, Scopes)>,
    others: Option<Scopes>,
    ceilings: Vec<(String, Scopes)>,
}

#[derive(Encode, Decode)]
pub(super) struct PairingRequested {
    pub(super) request_id: [u8; 16],
    pub(super) device: [u8; 32],
    pub(super) public_key: [u8; 32],
    pub(super) role: Role,
    pub(super) scopes: Scopes,
    pub(super) reason: Reason,
    pub(super) profile: Profile,
    pub(super) address: Option<String>,
}

#[derive(Encode, Decode)]
pub(super) struct PairingSuperseded {
    pub(super) request_id: [u8; 16],
    pub(super) device: [u8; 32],
    pub(super) by: [u8; 16],
}

#[derive(Encode, Decode)]
pub(super) struct PairingApproved {
    pub(super) request_id: [u8; 16],
    pub(super) device: [u8; 32],
    pub(super) public_key: [u8; 32],
    pub(super) role: Role,
    pub(super) scopes: Scopes,
    pub(super) profile: Profile,
    pub(super) by: ApprovedBy,
}

/// Version 2: on whose word exactly, until when, under which ceiling, and for how long.
#[derive(Encode, Decode)]
pub(super) struct PairingApproved2 {
    first: PairingApproved,
    approver: Option<Principal>,
    until: Option<u64>,
    ceiling: Option<String>,
    ephemeral: bool,
}

#[derive(Encode, Decode)]
pub(super) struct PairingRejected {
    pub(super) request_id: [u8; 16],
    pub(super) device: [u8; 32],
    pub(super) role: Role,
    pub(super) withdrawn: bool,
}

#[derive(Encode, Decode)]
pub(super) struct PairingExpired {
    pub(super) request_id: [u8; 16],
    pub(super) device: [u8; 32],
    pub(super) role: Role,
}

#[derive(Encode, Decode)]
pub(super) struct TokenIssued {
    pub(super) device: [u8; 32],
    pub(super) role: Role,
    pub(super) token: [u8; 32],
}

#[derive(Encode, Decode)]
pub(super) struct DeviceDescribed {
    pub(super) device: [u8; 32],
    pub(super) profile: Profile,
}

impl From<&registry::Policy> for PolicyAdopted2 {
    fn from(value: &registry::Policy) -> Self {
        let registry::Policy {
            auth_mode,
            shared_scopes,
            loopback_scopes,
            auto_approve_local,
            auto_approve_cidrs,
            people,
            others,
            ceilings,
        } = value;
        let named = |sets: &BTreeMap<String, ScopeSet>| {
            sets.iter().map(|(name, scopes)| (name.clone(), scopes.into())).collect()
        };
        Self {
            first: PolicyAdopted {
                auth_mode: (*auth_mode).into(),
                shared_scopes: shared_scopes.into(),
                loopback_scopes: loopback_scopes.into(),
                auto_approve_local: *auto_approve_local,
            },
            auto_approve_cidrs: auto_approve_cidrs.iter().map(ToString::to_string).collect(),
            people: named(people),
            others: others.as_ref().map(Scopes::from),
            ceilings: named(ceilings),
        }
    }
}

impl From<&Approval> for PairingApproved2 {
    fn from(value: &Approval) -> Self {
        let Approval {
            request_id,
            device,
            public_key,
            role,
            scopes,
            profile,
            by,
            approver,
            until,
            ceiling,
            ephemeral,
        } = value;
        Self {
            first: PairingApproved {
                request_id: request_id.0,
                device: device.0,
                public_key: public_key.0,
                role: (*role).into(),
                scopes: scopes.into(),
                profile: profile.into(),
                by: (*by).into(),
            },
            approver: approver.as_ref().map(Principal::from),
            until: until.map(|until| until.0),
            ceiling: ceiling.clone(),
            ephemeral: *ephemeral,
        }
    }
}

pub(super) fn put_requested(event: &Registry, out: &mut Vec<u8>) -> Result<(), CodecError> {
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

impl TryFrom<PolicyAdopted> for registry::Policy {
    type Error = CodecError;

    fn try_from(value: PolicyAdopted) -> Result<Self, CodecError> {
        let PolicyAdopted { auth_mode, shared_scopes, loopback_scopes, auto_approve_local } = value;
        Ok(Self {
            auth_mode: auth_mode.into(),
            shared_scopes: shared_scopes.try_into()?,
            loopback_scopes: loopback_scopes.try_into()?,
            auto_approve_local,
            auto_approve_cidrs: Vec::new(),
            people: BTreeMap::new(),
            others: None,
            ceilings: BTreeMap::new(),
        })
    }
}

impl TryFrom<PolicyAdopted2> for registry::Policy {
    type Error = CodecError;

    fn try_from(value: PolicyAdopted2) -> Result<Self, CodecError> {
        let PolicyAdopted2 { first, auto_approve_cidrs, people, others, ceilings } = value;
        let named = |sets: Vec<(String, Scopes)>| -> Result<BTreeMap<_, _>, CodecError> {
            sets.into_iter().map(|(name, scopes)| Ok((name, scopes.try_into()?))).collect()
        };
        Ok(Self {
            auto_approve_cidrs: ranges(auto_approve_cidrs)?,
            people: named(people)?,
            others: others.map(ScopeSet::try_from).transpose()?,
            ceilings: named(ceilings)?,
            ..first.try_into()?
        })
    }
}

/// Address ranges from their text.
pub(in crate::ledger::schema) fn ranges(texts: Vec<String>) -> Result<Vec<IpNet>, CodecError> {
    let malformed = |_| CodecError::Malformed("not an address range".into());
    texts.iter().map(|text| text.parse().map_err(malformed)).collect()
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

impl TryFrom<PairingApproved> for Approval {
    type Error = CodecError;

    fn try_from(value: PairingApproved) -> Result<Self, CodecError> {
        let PairingApproved { request_id, device, public_key, role, scopes, profile, by } = value;
        Ok(Self {
            request_id: RequestId(request_id),
            device: DeviceId(device),
            public_key: PublicKey(public_key),
            role: role.into(),
            scopes: scopes.try_into()?,
            profile: profile.into(),
            by: by.into(),
            approver: None,
            until: None,
            ceiling: None,
            ephemeral: false,
        })
    }
}

impl TryFrom<PairingApproved2> for Approval {
    type Error = CodecError;

    fn try_from(value: PairingApproved2) -> Result<Self, CodecError> {
        let PairingApproved2 { first, approver, until, ceiling, ephemeral } = value;
        Ok(Self {
            approver: approver.map(Into::into),
            until: until.map(UnixMillis),
            ceiling,
            ephemeral,
            ..first.try_into()?
        })
    }
}
