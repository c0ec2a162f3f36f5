//! The hash chain over the stored bytes, and the head that sums it up.
//!
//! A stored value is `link (32 bytes) || record bytes`. The leaf is the RFC 6962 leaf hash of the
//! record bytes; the link is SHA-256(0x02 || previous link || leaf), starting from 32 zero bytes.
//! Prefix 0x02 keeps a link from ever being taken for a leaf (0x00) or a node (0x01). What is
//! hashed is always what was stored, never a record that was encoded again.

use sha2::{Digest, Sha256};

use super::merkle::{Frontier, Hash, leaf_hash};
use crate::domain::time::UnixMillis;

/// The bytes of a link in front of every stored record.
pub const LINK_BYTES: usize = 32;

/// The link of the record after one with `previous`.
pub fn next_link(previous: &Hash, leaf: &Hash) -> Hash {
    let mut input = [0x02; 65];
    input[1..33].copy_from_slice(previous);
    input[33..].copy_from_slice(leaf);
    Sha256::digest(input).into()
}

/// Takes a stored value apart. `None` if it is too short to hold a link.
pub fn split(value: &[u8]) -> Option<(&Hash, &[u8])> {
    value.split_first_chunk::<LINK_BYTES>()
}

/// Everything that the next append needs to know of the records before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeadState {
    /// The last record's link; 32 zero bytes before the first record.
    pub link: Hash,
    /// The last record's time.
    pub time: UnixMillis,
    /// The Merkle tree's right edge.
    pub frontier: Frontier,
}

impl HeadState {
    /// How many records there are, which is also the next record's place.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The Merkle root over all records.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The link that a record with this leaf must have to come next.
    pub fn link_of_next(&self, leaf: &Hash) -> Hash {
        next_link(&self.link, leaf)
    }

    /// Moves past a record.
    pub fn advance(&mut self, link: Hash, leaf: Hash, time: UnixMillis) {
        self.link = link;
        self.time = time;
        self.frontier.push(leaf);
    }

    /// Appends the bytes of a record from that time, and gives the value to store.
    pub fn append(&mut self, record: &[u8], time: UnixMillis) -> Vec<u8> {
        let leaf = leaf_hash(record);
        let link = self.link_of_next(&leaf);
        self.advance(link, leaf, time);
        [&link, record].concat()
    }
}
