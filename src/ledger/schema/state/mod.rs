//! The shape of a whole state in a snapshot, part after part in a fixed order.
//!
//! Unlike a record, a snapshot can be made again, so this shape need not be read for ever: whoever
//! changes it, or changes what the events add up to (`domain/registry/apply`), raises [`SHAPE`], and
//! snapshots of the old shape are thrown away. A test holds the bytes of one state against that.
//! [`put`] writes, [`take`] reads; [`devices`] and [`credentials`] have the shapes of the parts.

mod approvals;
mod credentials;
mod devices;

use std::sync::Arc;

use imbl::OrdMap;

use self::{
    credentials::{Code, Held, Locked, Secret, Token},
    devices::{Closure, Device, Pending},
};
use super::{
    events::{Item, Key, KeysAdopted, PolicyAdopted2},
    v1::Role,
};
use crate::{
    domain::{
        ids::{CodeId, DeviceId, PublicKey, RequestId, Seq, TokenHash, TokenId},
        registry::{Parts, Policy, Registry, keys::KeyList},
    },
    ledger::codec::{self, CodecError},
};

/// The number of this shape, and of what events add up to.
pub(in crate::ledger) const SHAPE: u32 = 3;

/// The bytes of a state.
///
/// # Errors
/// None that can be caused; the codec's signature has one.
pub(in crate::ledger) fn put(state: Registry) -> Result<Vec<u8>, CodecError> {
    let Parts {
        gateway_key,
        policy,
        devices,
        pending,
        asking,
        closed,
        closed_order,
        barred,
        secret,
        tokens,
        token_by_hash,
        codes,
        code_by_hash,
        keys,
        lockouts,
        approvals,
        held,
    } = state.into();
    let mut out = Vec::new();
    codec::put_part(&gateway_key.map(|key| key.0), &mut out)?;
    let policy = policy.map(|(seq, policy)| (seq.0, PolicyAdopted2::from(&*policy)));
    codec::put_part(&policy, &mut out)?;
    codec::put_part(&secret.map(Secret::from), &mut out)?;
    let keys = keys.map(|(seq, list)| (seq.0, KeysAdopted::from(&*list)));
    codec::put_part(&keys, &mut out)?;
    each(&devices, &mut out, |id, device| (id.0, Device::from(&**device)))?;
    each(&pending, &mut out, |id, request| (id.0, Pending::from(&**request)))?;
    each(&asking, &mut out, |(id, role), request| ((id.0, Role::from(*role)), request.0))?;
    each(&closed, &mut out, |id, (seq, how)| (id.0, (seq.0, Closure::from(*how))))?;
    each(&closed_order, &mut out, |seq, id| (seq.0, id.0))?;
    each(&barred, &mut out, |id, seq| (id.0, seq.0))?;
    each(&tokens, &mut out, |id, token| (id.0, Token::from(&**token)))?;
    each(&token_by_hash, &mut out, |hash, id| (hash.0, id.0))?;
    each(&codes, &mut out, |id, code| (id.0, Code::from(&**code)))?;
    each(&code_by_hash, &mut out, |hash, id| (hash.0, id.0))?;
    each(&lockouts, &mut out, |key, lockout| (Key::from(key), Locked::from(&**lockout)))?;
    let approvals: Vec<_> = approvals.iter().map(approvals::Kept::from).collect();
    codec::put_part(&approvals, &mut out)?;
    each(&held, &mut out, |item, hold| (Item::from(*item), Held::from(*hold)))?;
    Ok(out)
}

/// The state with these bytes.
///
/// # Errors
/// If they are not exactly one state.
pub(in crate::ledger) fn take(mut bytes: &[u8]) -> Result<Registry, CodecError> {
    let from = &mut bytes;
    let gateway_key = codec::take_part::<Option<_>>(from)?.map(PublicKey);
    let policy: Option<(u64, PolicyAdopted2)> = codec::take_part(from)?;
    let secret: Option<Secret> = codec::take_part(from)?;
    let keys: Option<(u64, KeysAdopted)> = codec::take_part(from)?;
    let parts = Parts {
        gateway_key,
        policy: policy
            .map(|(seq, policy)| Ok((Seq(seq), Arc::new(Policy::try_from(policy)?))))
            .transpose()?,
        secret: secret.map(Into::into),
        keys: keys
            .map(|(seq, list)| Ok::<_, CodecError>((Seq(seq), Arc::new(KeyList::try_from(list)?))))
            .transpose()?,
        devices: all(from, |id, device: Device| Ok((DeviceId(id), Arc::new(device.try_into()?))))?,
        pending: all(from, |id, request: Pending| {
            Ok((RequestId(id), Arc::new(request.try_into()?)))
        })?,
        asking: all(from, |(id, role): (_, Role), request| {
            Ok(((DeviceId(id), role.into()), RequestId(request)))
        })?,
        closed: all(from, |id, (seq, how): (_, Closure)| {
            Ok((RequestId(id), (Seq(seq), how.into())))
        })?,
        closed_order: all(from, |seq, id| Ok((Seq(seq), RequestId(id))))?,
        barred: all(from, |id, seq| Ok((DeviceId(id), Seq(seq))))?,
        tokens: all(from, |id, token: Token| Ok((TokenId(id), Arc::new(token.try_into()?))))?,
        token_by_hash: all(from, |hash, id| Ok((TokenHash(hash), TokenId(id))))?,
        codes: all(from, |id, code: Code| Ok((CodeId(id), Arc::new(code.try_into()?))))?,
        code_by_hash: all(from, |hash, id| Ok((TokenHash(hash), CodeId(id))))?,
        lockouts: all(from, |key: Key, lockout: Locked| {
            Ok((key.try_into()?, Arc::new(lockout.into())))
        })?,
        approvals: codec::take_part::<Vec<approvals::Kept>>(from)?
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, CodecError>>()?,
        held: all(from, |item: Item, hold: Held| Ok((item.into(), hold.into())))?,
    };
    match bytes {
        [] => Ok(parts.into()),
        more => Err(CodecError::TrailingBytes(more.len())),
    }
}

/// How many, and then each of them.
fn each<K: Ord + Clone, V: Clone, S: bincode::Encode>(
    map: &OrdMap<K, V>,
    out: &mut Vec<u8>,
    shape: impl Fn(&K, &V) -> S,
) -> Result<(), CodecError> {
    codec::put_part(&(map.len() as u64), out)?;
    map.iter().try_for_each(|(key, value)| codec::put_part(&shape(key, value), out))
}

fn all<K: Ord + Clone, V: Clone, A: bincode::Decode<()>, B: bincode::Decode<()>>(
    from: &mut &[u8],
    read: impl Fn(A, B) -> Result<(K, V), CodecError>,
) -> Result<OrdMap<K, V>, CodecError> {
    let many: u64 = codec::take_part(from)?;
    (0..many)
        .map(|_| {
            let (key, value) = codec::take_part(from)?;
            read(key, value)
        })
        .collect()
}
