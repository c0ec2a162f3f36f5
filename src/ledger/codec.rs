//! The one configuration in which anything is written to or read from the ledger's store.
//!
//! Fixed for ever: variable-length little-endian integers, less than 64 KiB, no bytes left over.
//! Without the limit a dozen hostile bytes can ask for more memory than there is.

use bincode::{Decode, Encode, config};

use super::{chain::HeadState, record::Record, schema};

/// The longest encoded record, in bytes. A ledger is not a place for transcripts: larger content is
/// recorded by its digest. The store keeps values above about 128 KiB in files that it never syncs,
/// and a bundle of [`super::tlog`] counts a record's bytes with 16 bits.
pub const RECORD_BYTES_MAX: usize = 64 * 1024 - 1;

/// What decoding may claim. bincode counts every integer in full width and every list by the size
/// of its elements in memory, so this is more than the bytes of the longest record.
const CLAIM_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;

type Config =
    config::Configuration<config::LittleEndian, config::Varint, config::Limit<CLAIM_BYTES_MAX>>;

const CONFIG: Config = config::standard().with_limit::<CLAIM_BYTES_MAX>();

/// What decoding one part of a state may claim. A device is made of what several records say.
const PART_CLAIM_MAX: usize = 32 * RECORD_BYTES_MAX;

type PartConfig =
    config::Configuration<config::LittleEndian, config::Varint, config::Limit<PART_CLAIM_MAX>>;

const PART_CONFIG: PartConfig = config::standard().with_limit::<PART_CLAIM_MAX>();

/// Why bytes are not a record, or a record is not to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Longer than [`RECORD_BYTES_MAX`].
    #[error("{0} bytes are more than a record may have ({RECORD_BYTES_MAX})")]
    TooLong(usize),
    /// Not the expected shape.
    #[error("the bytes are not a record: {0}")]
    Malformed(String),
    /// The shape is right, and more follows.
    #[error("{0} bytes are left over")]
    TrailingBytes(usize),
    /// A kind or version of event that this program does not know.
    #[error("event kind {kind} version {version} is unknown: written by a later doorward?")]
    UnknownEvent {
        /// The kind.
        kind: u16,
        /// The version.
        version: u16,
    },
    /// What would be written would be read as something else.
    #[error("the record does not read back as it was: it holds something that has no stored form")]
    NotFaithful,
}

/// The bytes of a record.
///
/// They are read back and compared before they are given out. Nothing may enter the ledger that
/// does not come out of it, and beside a disk sync the check costs nothing.
///
/// # Errors
/// [`CodecError::TooLong`], or [`CodecError::NotFaithful`] for values that the wire cannot bring.
pub fn encode_record(record: &Record) -> Result<Vec<u8>, CodecError> {
    let bytes = schema::encode(record)?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(CodecError::TooLong(bytes.len()));
    }
    match decode_record(&bytes) {
        Ok(read) if read == *record => Ok(bytes),
        _ => Err(CodecError::NotFaithful),
    }
}

/// The record in these bytes.
///
/// # Errors
/// If they are not exactly one record.
pub fn decode_record(bytes: &[u8]) -> Result<Record, CodecError> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(CodecError::TooLong(bytes.len()));
    }
    schema::decode(bytes)
}

/// The bytes of a head.
///
/// # Errors
/// None that can be caused; the codec's signature has one.
pub fn encode_head(head: &HeadState) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    put(&schema::v1::Head::from(head), &mut bytes)?;
    Ok(bytes)
}

/// The head in these bytes.
///
/// # Errors
/// If they are not exactly one head.
pub fn decode_head(bytes: &[u8]) -> Result<HeadState, CodecError> {
    take_all::<schema::v1::Head>(bytes)?.try_into()
}

/// Appends the bytes of `value` to `out`.
pub(super) fn put<T: Encode>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::encode_into_std_write(value, out, CONFIG).map(drop).map_err(malformed)
}

/// Reads a `T` from the front, and gives what follows it.
pub(super) fn take<T: Decode<()>>(bytes: &[u8]) -> Result<(T, &[u8]), CodecError> {
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG).map_err(malformed)?;
    Ok((value, &bytes[used..]))
}

/// Reads a `T` that fills the bytes.
pub(super) fn take_all<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    match take(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(CodecError::TrailingBytes(rest.len())),
    }
}

/// Appends one part of a state.
pub(super) fn put_part<T: Encode>(part: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    bincode::encode_into_std_write(part, out, PART_CONFIG).map(drop).map_err(malformed)
}

/// Takes one part of a state from the front.
pub(super) fn take_part<T: Decode<()>>(bytes: &mut &[u8]) -> Result<T, CodecError> {
    let (part, used) = bincode::decode_from_slice(bytes, PART_CONFIG).map_err(malformed)?;
    *bytes = &bytes[used..];
    Ok(part)
}

fn malformed(error: impl std::fmt::Display) -> CodecError {
    CodecError::Malformed(error.to_string())
}
