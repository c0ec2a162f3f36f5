//! Records in a bundle: each one's bytes as stored, behind their number as a big-endian u16.

use crate::ledger::codec::RECORD_BYTES_MAX;

/// The longest record fits behind its length.
const _: () = assert!(RECORD_BYTES_MAX <= u16::MAX as usize);

/// The bundle of these records; none may be longer than a record can be.
pub(super) fn encode(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.iter().map(|record| 2 + record.len()).sum());
    for record in records {
        let length = u16::try_from(record.len()).expect("a stored record has at most 65,535 bytes");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes
}

/// The records in a bundle, up to where it ends or stops being one; and whether it is whole.
pub(super) fn decode(mut bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut records = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((record, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else {
            return (records, false);
        };
        records.push(record);
        bytes = rest;
    }
    (records, bytes.is_empty())
}
