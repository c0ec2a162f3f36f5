//! Devices, what they hold, and what they ask for.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash},
        registry::{self, state},
        time::{Stamp, UnixMillis},
    },
    ledger::{
        codec::CodecError,
        schema::v1::{ApprovedBy, Principal, Profile, Reason, Role, Scopes},
    },
};

#[derive(Encode, Decode)]
pub(super) struct Device {
    public_key: [u8; 32],
    profile: Profile,
    label: Option<String>,
    paired_at: u64,
    seen_at: u64,
    grants: Vec<(Role, Grant)>,
}

#[derive(Encode, Decode)]
struct Grant {
    line: u64,
    at: u64,
    since: u64,
    held: Held,
    token: Option<Issued>,
    retired: Vec<[u8; 32]>,
    rotated_at: Option<u64>,
    ends: Option<(u64, Option<Held>)>,
}

/// What is held, and where it came from.
#[derive(Encode, Decode)]
struct Held {
    seq: u64,
    by: ApprovedBy,
    approver: Option<Principal>,
    baseline: Scopes,
    scopes: Scopes,
    ceiling: Option<String>,
    ephemeral: bool,
}

#[derive(Encode, Decode)]
struct Issued {
    hash: [u8; 32],
    issued_at: u64,
    seq: u64,
}

#[derive(Encode, Decode)]
pub(super) struct Pending {
    device: [u8; 32],
    public_key: [u8; 32],
    role: Role,
    scopes: Scopes,
    reason: Reason,
    profile: Profile,
    address: Option<String>,
    asked: (u64, u64),
}

#[derive(Encode, Decode)]
pub(super) enum Closure {
    Approved,
    Rejected,
    Expired,
    Superseded([u8; 16]),
}

impl From<&state::Device> for Device {
    fn from(value: &state::Device) -> Self {
        let state::Device { public_key, profile, label, paired_at, seen_at, grants } = value;
        let grants = grants.iter().map(|(role, grant)| ((*role).into(), (&**grant).into()));
        Self {
            public_key: public_key.0,
            profile: profile.into(),
            label: label.clone(),
            paired_at: paired_at.0,
            seen_at: seen_at.0,
            grants: grants.collect(),
        }
    }
}

impl TryFrom<Device> for state::Device {
    type Error = CodecError;

    fn try_from(value: Device) -> Result<Self, CodecError> {
        let Device { public_key, profile, label, paired_at, seen_at, grants } = value;
        let grants = grants
            .into_iter()
            .map(|(role, grant)| Ok((role.into(), Box::new(grant.try_into()?))))
            .collect::<Result<_, CodecError>>()?;
        Ok(Self {
            public_key: PublicKey(public_key),
            profile: profile.into(),
            label,
            paired_at: UnixMillis(paired_at),
            seen_at: UnixMillis(seen_at),
            grants,
        })
    }
}

impl From<&state::Grant> for Grant {
    fn from(value: &state::Grant) -> Self {
        let state::Grant {
            seq,
            line,
            at,
            since,
            by,
            approver,
            baseline,
            scopes,
            token,
            retired,
            rotated_at,
            ends,
            ceiling,
            ephemeral,
        } = value;
        let held = Held {
            seq: seq.0,
            by: (*by).into(),
            approver: approver.as_ref().map(Into::into),
            baseline: baseline.into(),
            scopes: scopes.into(),
            ceiling: ceiling.clone(),
            ephemeral: *ephemeral,
        };
        let ends = ends.as_ref().map(|state::Ending { at, leaves }| {
            let leaves = leaves.as_ref().map(Held::from);
            (at.0, leaves)
        });
        Self {
            line: line.0,
            at: at.0,
            since: since.0,
            held,
            token: token.map(Into::into),
            retired: retired.iter().map(|hash| hash.0).collect(),
            rotated_at: rotated_at.map(|at| at.0),
            ends,
        }
    }
}

impl TryFrom<Grant> for state::Grant {
    type Error = CodecError;

    fn try_from(value: Grant) -> Result<Self, CodecError> {
        let Grant { line, at, since, held, token, retired, rotated_at, ends } = value;
        let state::Lasting { seq, by, approver, baseline, scopes, ceiling, ephemeral } =
            held.try_into()?;
        let ends = ends
            .map(|(at, leaves)| {
                let leaves = leaves.map(TryInto::try_into).transpose()?;
                Ok::<_, CodecError>(state::Ending { at: UnixMillis(at), leaves })
            })
            .transpose()?;
        Ok(Self {
            seq,
            line: Seq(line),
            at: UnixMillis(at),
            since: UnixMillis(since),
            by,
            approver,
            baseline,
            scopes,
            token: token.map(Into::into),
            retired: retired.into_iter().map(TokenHash).collect(),
            rotated_at: rotated_at.map(UnixMillis),
            ends,
            ceiling,
            ephemeral,
        })
    }
}

impl From<&state::Lasting> for Held {
    fn from(value: &state::Lasting) -> Self {
        let state::Lasting { seq, by, approver, baseline, scopes, ceiling, ephemeral } = value;
        Self {
            seq: seq.0,
            by: (*by).into(),
            approver: approver.as_ref().map(Into::into),
            baseline: baseline.into(),
            scopes: scopes.into(),
            ceiling: ceiling.clone(),
            ephemeral: *ephemeral,
        }
    }
}

impl TryFrom<Held> for state::Lasting {
    type Error = CodecError;

    fn try_from(value: Held) -> Result<Self, CodecError> {
        let Held { seq, by, approver, baseline, scopes, ceiling, ephemeral } = value;
        Ok(Self {
            seq: Seq(seq),
            by: by.into(),
            approver: approver.map(Into::into),
            baseline: baseline.try_into()?,
            scopes: scopes.try_into()?,
            ceiling,
            ephemeral,
        })
    }
}

impl From<state::IssuedToken> for Issued {
    fn from(state::IssuedToken { hash, issued_at, seq }: state::IssuedToken) -> Self {
        Self { hash: hash.0, issued_at: issued_at.0, seq: seq.0 }
    }
}

impl From<Issued> for state::IssuedToken {
    fn from(Issued { hash, issued_at, seq }: Issued) -> Self {
        Self { hash: TokenHash(hash), issued_at: UnixMillis(issued_at), seq: Seq(seq) }
    }
}

impl From<&registry::PairingRequest> for Pending {
    fn from(value: &registry::PairingRequest) -> Self {
        let registry::PairingRequest {
            device,
            public_key,
            role,
            scopes,
            reason,
            profile,
            address,
            asked,
        } = value;
        Self {
            device: device.0,
            public_key: public_key.0,
            role: (*role).into(),
            scopes: scopes.into(),
            reason: (*reason).into(),
            profile: profile.into(),
            address: address.clone(),
            asked: (asked.seq.0, asked.at.0),
        }
    }
}

impl TryFrom<Pending> for registry::PairingRequest {
    type Error = CodecError;

    fn try_from(value: Pending) -> Result<Self, CodecError> {
        let Pending { device, public_key, role, scopes, reason, profile, address, asked } = value;
        Ok(Self {
            device: DeviceId(device),
            public_key: PublicKey(public_key),
            role: role.into(),
            scopes: scopes.try_into()?,
            reason: reason.into(),
            profile: profile.into(),
            address,
            asked: Stamp { seq: Seq(asked.0), at: UnixMillis(asked.1) },
        })
    }
}

impl From<state::Closure> for Closure {
    fn from(value: state::Closure) -> Self {
        match value {
            state::Closure::Approved => Self::Approved,
            state::Closure::Rejected => Self::Rejected,
            state::Closure::Expired => Self::Expired,
            state::Closure::Superseded(by) => Self::Superseded(by.0),
        }
    }
}

impl From<Closure> for state::Closure {
    fn from(value: Closure) -> Self {
        match value {
            Closure::Approved => Self::Approved,
            Closure::Rejected => Self::Rejected,
            Closure::Expired => Self::Expired,
            Closure::Superseded(by) => Self::Superseded(RequestId(by)),
        }
    }
}
