//! The body of the event about a ledger that was restored from a backup.

use bincode::{Decode, Encode};

use crate::{
    domain::registry::Event,
    ledger::codec::{self, CodecError},
};

#[derive(Encode, Decode)]
struct Restored {
    size: u64,
    root: [u8; 32],
    newest: Option<u64>,
}

/// Appends the body.
pub(super) fn put(
    size: u64,
    root: &[u8; 32],
    newest: Option<u64>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    codec::put(&Restored { size, root: *root, newest }, out)
}

/// The event with this body.
pub(super) fn take(body: &[u8]) -> Result<Event, CodecError> {
    let Restored { size, root, newest } = codec::take_all(body)?;
    Ok(Event::Restored { size, root, newest })
}
