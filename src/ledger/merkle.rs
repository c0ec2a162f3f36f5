//! The Merkle tree of RFC 6962 (section 2.1), as far as a log that only grows needs it.
//!
//! Only the frontier is kept: the roots of the perfect subtrees that make up the tree, largest
//! first, one for every bit that is set in the size. Appending and asking for the root cost
//! O(log n) in time and memory. No I/O here, and nothing about what a leaf means.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256(0x00 || bytes).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(bytes).finalize().into()
}

/// The hash of an inner node: SHA-256(0x01 || left || right).
pub(super) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    Sha256::digest(input).into()
}

/// The right edge of the tree: enough to append and to know the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The stored parts put together again. `None` if there is not one peak for every bit that is
    /// set in `size`.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf, given its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut carry = leaf;
        // Like adding 1 in binary: each trailing 1 bit of the size is a subtree to merge with.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit that is set in the size");
            carry = node_hash(&left, &carry);
        }
        self.peaks.push(carry);
        self.size += 1;
    }

    /// The root over all leaves. Of no leaves, it is the hash of nothing (RFC 6962).
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
