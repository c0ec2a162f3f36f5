//! The shape of records on disk, frozen, and apart from the domain's types on purpose.
//!
//! The codec writes positions, not names: a field or variant that moves silently rewrites the
//! meaning of history. So the domain's types never reach the disk; each is converted by hand, with
//! every field named, and what stands here is only ever added to, never changed or reordered.
//!
//! A record is an envelope and, right behind it, the body of its event. The envelope says the
//! event's kind and version; a changed event gets a new version and the old one is read for ever.
//! `migrations/0001_ledger/` holds frozen bytes that the tests compare with.

mod events;
pub(super) mod state;
pub(super) mod v1;

#[cfg(test)]
pub(super) use events::{KINDS, kind};

use super::{
    codec::{self, CodecError},
    record::Record,
};
use crate::domain::{ids::Seq, time::UnixMillis};

/// The bytes of a record, of whatever length.
pub(super) fn encode(record: &Record) -> Result<Vec<u8>, CodecError> {
    let Record { seq, at, principal, authority, via, before, after, event } = record;
    let (kind, version) = events::kind(event);
    let envelope = v1::Envelope {
        format: v1::FORMAT,
        seq: seq.0,
        at: at.0,
        principal: principal.into(),
        authority: authority.0,
        via: via.into(),
        before: before.into(),
        after: after.into(),
        kind,
        version,
    };
    let mut bytes = Vec::with_capacity(256);
    codec::put(&envelope, &mut bytes)?;
    events::put(event, &mut bytes)?;
    Ok(bytes)
}

/// The record in these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, CodecError> {
    let (envelope, body) = codec::take::<v1::Envelope>(bytes)?;
    let v1::Envelope { format, seq, at, principal, authority, via, before, after, kind, version } =
        envelope;
    if format != v1::FORMAT {
        return Err(CodecError::Malformed(format!("format {format} is unknown")));
    }
    Ok(Record {
        seq: Seq(seq),
        at: UnixMillis(at),
        principal: principal.into(),
        authority: Seq(authority),
        via: via.into(),
        before: before.try_into()?,
        after: after.try_into()?,
        event: events::take(kind, version, body)?,
    })
}
