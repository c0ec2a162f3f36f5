//! The bodies of the events about a ledger that was put back: restored from a backup, and what is held
//! for review because records are lost.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        ids::{DeviceId, TokenId},
        registry::{
            Event,
            hold::{self, Lost},
        },
    },
    ledger::{
        codec::{self, CodecError},
        schema::v1::Role,
    },
};

#[derive(Encode, Decode)]
struct Restored {
    size: u64,
    root: [u8; 32],
    newest: Option<u64>,
}

#[derive(Encode, Decode)]
struct ReviewBegun {
    from: u64,
    until: u64,
    root: Option<[u8; 32]>,
}

#[derive(Encode, Decode)]
struct ReviewEnded {
    item: Item,
}

/// What can be held.
#[derive(Encode, Decode)]
pub(in crate::ledger::schema) enum Item {
    Device([u8; 32], Role),
    Token([u8; 16]),
    Rules,
}

impl From<hold::Item> for Item {
    fn from(value: hold::Item) -> Self {
        match value {
            hold::Item::Device(id, role) => Self::Device(id.0, role.into()),
            hold::Item::Token(id) => Self::Token(id.0),
            hold::Item::Rules => Self::Rules,
        }
    }
}

impl From<Item> for hold::Item {
    fn from(value: Item) -> Self {
        match value {
            Item::Device(id, role) => Self::Device(DeviceId(id), role.into()),
            Item::Token(id) => Self::Token(TokenId(id)),
            Item::Rules => Self::Rules,
        }
    }
}

/// Appends the body, if it is one of these.
pub(super) fn put(event: &Event, out: &mut Vec<u8>) -> Option<Result<(), CodecError>> {
    Some(match event {
        Event::Restored { size, root, newest } => {
            codec::put(&Restored { size: *size, root: *root, newest: *newest }, out)
        }
        Event::ReviewBegun { lost: Lost { from, until }, root } => {
            codec::put(&ReviewBegun { from: *from, until: *until, root: *root }, out)
        }
        Event::ReviewEnded { item } => codec::put(&ReviewEnded { item: (*item).into() }, out),
        _ => return None,
    })
}

/// The event with this body.
pub(super) fn take(kind: u16, body: &[u8]) -> Result<Event, CodecError> {
    Ok(match kind {
        super::RESTORED => {
            let Restored { size, root, newest } = codec::take_all(body)?;
            Event::Restored { size, root, newest }
        }
        super::REVIEW_BEGUN => {
            let ReviewBegun { from, until, root } = codec::take_all(body)?;
            Event::ReviewBegun { lost: Lost { from, until }, root }
        }
        super::REVIEW_ENDED => {
            let ReviewEnded { item } = codec::take_all(body)?;
            Event::ReviewEnded { item: item.into() }
        }
        _ => return Err(CodecError::UnknownEvent { kind, version: 1 }),
    })
}
