//! Bodies of the events about every other credential: the shared secret, service tokens, setup codes,
//! listed keys, and lockouts; and what became of the ledger itself.

use bincode::{Decode, Encode};

use super::{
    super::v1::{Access, Class, Principal, Role, Scopes, SecretKind},
    CODE_CREATED, CODE_REDEEMED, KEYS_ADOPTED, LOCKED_OUT, LOCKOUT_CLEARED, RECOVERED,
    SECRET_ADOPTED, SERVICE_TOKEN_CREATED, SERVICE_TOKEN_EXPIRED, SERVICE_TOKEN_REVOKED,
    SERVICE_TOKEN_ROTATED,
    pairing::ranges,
};
use crate::{
    domain::{
        ids::{CodeId, DeviceId, PublicKey, TokenHash, TokenId},
        registry::{
            Event, LockKey,
            keys::{KeyList, ListedKey},
        },
        time::UnixMillis,
    },
    ledger::codec::{self, CodecError},
};

#[derive(Encode, Decode)]
struct SecretAdopted {
    kind: SecretKind,
    fingerprint: [u8; 32],
}

#[derive(Encode, Decode)]
struct ServiceTokenCreated {
    id: [u8; 16],
    name: String,
    scopes: Scopes,
    token: [u8; 32],
    until: Option<u64>,
    ranges: Vec<String>,
    creator: Principal,
}

#[derive(Encode, Decode)]
struct ServiceTokenRotated {
    id: [u8; 16],
    token: [u8; 32],
}

#[derive(Encode, Decode)]
struct ServiceTokenEnded {
    id: [u8; 16],
}

/// Version 2 of a revocation: why nobody was to hold `operator.admin` any more.
#[derive(Encode, Decode)]
pub(super) struct ServiceTokenRevoked2 {
    id: [u8; 16],
    reason: Option<String>,
}

impl From<ServiceTokenRevoked2> for Event {
    fn from(ServiceTokenRevoked2 { id, reason }: ServiceTokenRevoked2) -> Self {
        Self::ServiceTokenRevoked { id: TokenId(id), reason }
    }
}

#[derive(Encode, Decode)]
struct CodeCreated {
    id: [u8; 16],
    code: [u8; 32],
    access: Access,
    scopes: Scopes,
    until: u64,
}

/// Version 2: who made it.
#[derive(Encode, Decode)]
pub(super) struct CodeCreated2 {
    first: CodeCreated,
    creator: Option<Principal>,
}

impl TryFrom<CodeCreated2> for Event {
    type Error = CodecError;

    fn try_from(CodeCreated2 { first, creator }: CodeCreated2) -> Result<Self, CodecError> {
        let CodeCreated { id, code, access, scopes, until } = first;
        let (id, code, access) = (CodeId(id), TokenHash(code), access.into());
        let (scopes, until) = (scopes.try_into()?, UnixMillis(until));
        let creator = creator.map(Into::into);
        Ok(Self::CodeCreated { id, code, access, scopes, until, creator })
    }
}

#[derive(Encode, Decode)]
struct CodeRedeemed {
    id: [u8; 16],
    device: [u8; 32],
    address: Option<String>,
}

#[derive(Encode, Decode)]
pub(in crate::ledger::schema) struct KeysAdopted {
    file_hash: [u8; 32],
    keys: Vec<Listed>,
}

#[derive(Encode, Decode)]
struct Listed {
    key: [u8; 32],
    label: String,
    role: Role,
    scopes: Scopes,
}

#[derive(Encode, Decode)]
struct LockedOut {
    key: Key,
    failures: Vec<(String, u32)>,
    until: u64,
}

#[derive(Encode, Decode)]
struct LockoutCleared {
    key: Key,
}

#[derive(Encode, Decode)]
struct Recovered {
    lost: u64,
    unsigned: u64,
    fault: String,
}

/// The address is written as text.
#[derive(Encode, Decode)]
pub(in crate::ledger::schema) struct Key {
    class: Class,
    address: Option<String>,
}

impl From<&LockKey> for Key {
    fn from(LockKey { class, address }: &LockKey) -> Self {
        Self { class: (*class).into(), address: address.map(|address| address.to_string()) }
    }
}

impl TryFrom<Key> for LockKey {
    type Error = CodecError;

    fn try_from(Key { class, address }: Key) -> Result<Self, CodecError> {
        let address = address.map(|text| text.parse()).transpose();
        let address = address.map_err(|_| CodecError::Malformed("not an address".into()))?;
        Ok(Self { class: class.into(), address })
    }
}

/// Appends the body.
pub(super) fn put(event: &Event, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match event {
        Event::SecretAdopted { kind, fingerprint } => {
            let fingerprint = fingerprint.0;
            codec::put(&SecretAdopted { kind: (*kind).into(), fingerprint }, out)
        }
        Event::ServiceTokenCreated { id, name, scopes, token, until, ranges, creator } => {
            let body = ServiceTokenCreated {
                id: id.0,
                name: name.clone(),
                scopes: scopes.into(),
                token: token.0,
                until: until.map(|until| until.0),
                ranges: ranges.iter().map(ToString::to_string).collect(),
                creator: creator.into(),
            };
            codec::put(&body, out)
        }
        Event::ServiceTokenRotated { id, token } => {
            codec::put(&ServiceTokenRotated { id: id.0, token: token.0 }, out)
        }
        Event::ServiceTokenRevoked { id, reason } => {
            codec::put(&ServiceTokenRevoked2 { id: id.0, reason: reason.clone() }, out)
        }
        Event::ServiceTokenExpired { id } => codec::put(&ServiceTokenEnded { id: id.0 }, out),
        Event::CodeCreated { id, code, access, scopes, until, creator } => {
            let (access, scopes) = ((*access).into(), scopes.into());
            let first = CodeCreated { id: id.0, code: code.0, access, scopes, until: until.0 };
            codec::put(&CodeCreated2 { first, creator: creator.as_ref().map(Into::into) }, out)
        }
        Event::CodeRedeemed { id, device, address } => {
            let address = address.clone();
            codec::put(&CodeRedeemed { id: id.0, device: device.0, address }, out)
        }
        Event::KeysAdopted(list) => codec::put(&KeysAdopted::from(list), out),
        Event::LockedOut { key, failures, until } => {
            let failures = failures.iter().map(|(code, times)| (code.clone(), *times)).collect();
            codec::put(&LockedOut { key: key.into(), failures, until: until.0 }, out)
        }
        Event::LockoutCleared { key } => codec::put(&LockoutCleared { key: key.into() }, out),
        Event::Recovered { lost, unsigned, fault } => {
            let (lost, unsigned) = (*lost, *unsigned);
            codec::put(&Recovered { lost, unsigned, fault: fault.clone() }, out)
        }
        _ => Err(CodecError::Malformed("an event without a body".into())),
    }
}

impl From<&KeyList> for KeysAdopted {
    fn from(KeyList { file_hash, keys }: &KeyList) -> Self {
        let listed = keys.iter().map(|(key, ListedKey { label, role, scopes })| Listed {
            key: key.0,
            label: label.clone(),
            role: (*role).into(),
            scopes: scopes.into(),
        });
        Self { file_hash: *file_hash, keys: listed.collect() }
    }
}

impl TryFrom<KeysAdopted> for KeyList {
    type Error = CodecError;

    fn try_from(KeysAdopted { file_hash, keys }: KeysAdopted) -> Result<Self, CodecError> {
        let listed = keys.into_iter().map(|Listed { key, label, role, scopes }| {
            let listed = ListedKey { label, role: role.into(), scopes: scopes.try_into()? };
            Ok((PublicKey(key), listed))
        });
        Ok(Self { file_hash, keys: listed.collect::<Result<_, CodecError>>()? })
    }
}

/// The event with this body.
pub(super) fn take(kind: u16, body: &[u8]) -> Result<Event, CodecError> {
    Ok(match kind {
        SECRET_ADOPTED => {
            let SecretAdopted { kind, fingerprint } = codec::take_all(body)?;
            Event::SecretAdopted { kind: kind.into(), fingerprint: TokenHash(fingerprint) }
        }
        SERVICE_TOKEN_CREATED => codec::take_all::<ServiceTokenCreated>(body)?.try_into()?,
        SERVICE_TOKEN_ROTATED => {
            let ServiceTokenRotated { id, token } = codec::take_all(body)?;
            Event::ServiceTokenRotated { id: TokenId(id), token: TokenHash(token) }
        }
        SERVICE_TOKEN_REVOKED => {
            let ServiceTokenEnded { id } = codec::take_all(body)?;
            Event::ServiceTokenRevoked { id: TokenId(id), reason: None }
        }
        SERVICE_TOKEN_EXPIRED => {
            let ServiceTokenEnded { id } = codec::take_all(body)?;
            Event::ServiceTokenExpired { id: TokenId(id) }
        }
        CODE_CREATED => {
            let first = codec::take_all(body)?;
            CodeCreated2 { first, creator: None }.try_into()?
        }
        CODE_REDEEMED => {
            let CodeRedeemed { id, device, address } = codec::take_all(body)?;
            Event::CodeRedeemed { id: CodeId(id), device: DeviceId(device), address }
        }
        KEYS_ADOPTED => Event::KeysAdopted(codec::take_all::<KeysAdopted>(body)?.try_into()?),
        LOCKED_OUT => {
            let LockedOut { key, failures, until } = codec::take_all(body)?;
            let (key, until) = (key.try_into()?, UnixMillis(until));
            Event::LockedOut { key, failures: failures.into_iter().collect(), until }
        }
        LOCKOUT_CLEARED => {
            let LockoutCleared { key } = codec::take_all(body)?;
            Event::LockoutCleared { key: key.try_into()? }
        }
        RECOVERED => {
            let Recovered { lost, unsigned, fault } = codec::take_all(body)?;
            Event::Recovered { lost, unsigned, fault }
        }
        _ => return Err(CodecError::UnknownEvent { kind, version: 1 }),
    })
}

impl TryFrom<ServiceTokenCreated> for Event {
    type Error = CodecError;

    fn try_from(value: ServiceTokenCreated) -> Result<Self, CodecError> {
        let ServiceTokenCreated { id, name, scopes, token, until, ranges: texts, creator } = value;
        Ok(Self::ServiceTokenCreated {
            id: TokenId(id),
            name,
            scopes: scopes.try_into()?,
            token: TokenHash(token),
            until: until.map(UnixMillis),
            ranges: ranges(texts)?,
            creator: creator.into(),
        })
    }
}
