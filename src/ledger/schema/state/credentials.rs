//! The shared secret, service tokens, setup codes, lockouts, and what is held for review.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        ids::{DeviceId, Seq, TokenHash},
        registry::{
            ServiceToken, SetupCode,
            hold::{Hold, Lost},
            lockout::Lockout,
            state::AdoptedSecret,
        },
        time::{Stamp, UnixMillis},
    },
    ledger::{
        codec::CodecError,
        schema::{
            events::ranges,
            v1::{Access, Principal, Scopes, SecretKind},
        },
    },
};

#[derive(Encode, Decode)]
pub(super) struct Secret {
    seq: u64,
    at: u64,
    kind: SecretKind,
    fingerprint: [u8; 32],
}

#[derive(Encode, Decode)]
pub(super) struct Token {
    seq: u64,
    line: u64,
    at: u64,
    name: String,
    scopes: Scopes,
    hash: [u8; 32],
    until: Option<u64>,
    ranges: Vec<String>,
    creator: Principal,
    rotated_at: Option<u64>,
    ceiling: Option<String>,
}

#[derive(Encode, Decode)]
pub(super) struct Code {
    seq: u64,
    hash: [u8; 32],
    access: Access,
    scopes: Scopes,
    until: u64,
    creator: Option<Principal>,
    redeemed: Option<([u8; 32], u64, u64)>,
}

/// Why something is held for review.
#[derive(Encode, Decode)]
pub(super) struct Held {
    seq: u64,
    at: u64,
    from: u64,
    until: u64,
}

impl From<Hold> for Held {
    fn from(Hold { seq, at, lost: Lost { from, until } }: Hold) -> Self {
        Self { seq: seq.0, at: at.0, from, until }
    }
}

impl From<Held> for Hold {
    fn from(Held { seq, at, from, until }: Held) -> Self {
        Self { seq: Seq(seq), at: UnixMillis(at), lost: Lost { from, until } }
    }
}

#[derive(Encode, Decode)]
pub(super) struct Locked {
    seq: u64,
    at: u64,
    until: u64,
    failures: Vec<(String, u32)>,
}

impl From<AdoptedSecret> for Secret {
    fn from(AdoptedSecret { seq, at, kind, fingerprint }: AdoptedSecret) -> Self {
        Self { seq: seq.0, at: at.0, kind: kind.into(), fingerprint: fingerprint.0 }
    }
}

impl From<Secret> for AdoptedSecret {
    fn from(Secret { seq, at, kind, fingerprint }: Secret) -> Self {
        let fingerprint = TokenHash(fingerprint);
        Self { seq: Seq(seq), at: UnixMillis(at), kind: kind.into(), fingerprint }
    }
}

impl From<&ServiceToken> for Token {
    fn from(value: &ServiceToken) -> Self {
        let ServiceToken {
            seq,
            line,
            at,
            name,
            scopes,
            hash,
            until,
            ranges,
            creator,
            rotated_at,
            ceiling,
        } = value;
        Self {
            seq: seq.0,
            line: line.0,
            at: at.0,
            name: name.clone(),
            scopes: scopes.into(),
            hash: hash.0,
            until: until.map(|until| until.0),
            ranges: ranges.iter().map(ToString::to_string).collect(),
            creator: creator.into(),
            rotated_at: rotated_at.map(|at| at.0),
            ceiling: ceiling.clone(),
        }
    }
}

impl TryFrom<Token> for ServiceToken {
    type Error = CodecError;

    fn try_from(value: Token) -> Result<Self, CodecError> {
        let Token {
            seq,
            line,
            at,
            name,
            scopes,
            hash,
            until,
            ranges: texts,
            creator,
            rotated_at,
            ceiling,
        } = value;
        Ok(Self {
            seq: Seq(seq),
            line: Seq(line),
            at: UnixMillis(at),
            name,
            scopes: scopes.try_into()?,
            hash: TokenHash(hash),
            until: until.map(UnixMillis),
            ranges: ranges(texts)?,
            creator: creator.into(),
            rotated_at: rotated_at.map(UnixMillis),
            ceiling,
        })
    }
}

impl From<&SetupCode> for Code {
    fn from(value: &SetupCode) -> Self {
        let SetupCode { seq, hash, access, scopes, until, creator, redeemed } = value;
        Self {
            seq: seq.0,
            hash: hash.0,
            access: (*access).into(),
            scopes: scopes.into(),
            until: until.0,
            creator: creator.as_ref().map(Into::into),
            redeemed: redeemed.map(|(device, stamp)| (device.0, stamp.seq.0, stamp.at.0)),
        }
    }
}

impl TryFrom<Code> for SetupCode {
    type Error = CodecError;

    fn try_from(value: Code) -> Result<Self, CodecError> {
        let Code { seq, hash, access, scopes, until, creator, redeemed } = value;
        let redeemed = redeemed.map(|(device, seq, at)| {
            (DeviceId(device), Stamp { seq: Seq(seq), at: UnixMillis(at) })
        });
        Ok(Self {
            seq: Seq(seq),
            hash: TokenHash(hash),
            access: access.into(),
            scopes: scopes.try_into()?,
            until: UnixMillis(until),
            creator: creator.map(Into::into),
            redeemed,
        })
    }
}

impl From<&Lockout> for Locked {
    fn from(Lockout { seq, at, until, failures }: &Lockout) -> Self {
        let failures = failures.iter().map(|(code, times)| (code.clone(), *times)).collect();
        Self { seq: seq.0, at: at.0, until: until.0, failures }
    }
}

impl From<Locked> for Lockout {
    fn from(Locked { seq, at, until, failures }: Locked) -> Self {
        let failures = failures.into_iter().collect();
        Self { seq: Seq(seq), at: UnixMillis(at), until: UnixMillis(until), failures }
    }
}
