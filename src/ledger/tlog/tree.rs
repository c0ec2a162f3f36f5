//! Proofs over the tree of RFC 6962: that a leaf is in it, and that an earlier one begins it.
//!
//! Making them follows section 2.1.1 and 2.1.2, checking them RFC 9162, sections 2.1.3.2 and 2.1.4.2.
//! Where hashes come from is the business of [`Nodes`].

use crate::ledger::merkle::{Hash, node_hash};

/// Knows the roots of perfect subtrees.
pub(super) trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The root over the leaves from `index << height` up to, but not including,
    /// `(index + 1) << height`.
    fn subtree(&mut self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The hashes that lead from the leaf `index` to the root of the first `size`, from below.
pub(super) fn inclusion<N: Nodes>(
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let middle = begin + left_of(end - begin);
        if index < middle {
            path.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range(nodes, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that lead from the root of the first `old` leaves to that of the first `new`.
pub(super) fn consistency<N: Nodes>(
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut path) = (0, new, Vec::new());
    // The old root itself is known to whoever asks, as long as it is a subtree of the new one.
    let mut known = true;
    while old != 0 && end != old {
        let middle = begin + left_of(end - begin);
        if old <= middle {
            path.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range(nodes, begin, middle)?);
            (begin, known) = (middle, false);
        }
    }
    if !known {
        path.push(range(nodes, begin, end)?);
    }
    path.reverse();
    Ok(path)
}

/// The root over a range of leaves that begins where its largest subtree may.
fn range<N: Nodes>(nodes: &mut N, begin: u64, end: u64) -> Result<Hash, N::Error> {
    let leaves = end - begin;
    if leaves.is_power_of_two() {
        return nodes.subtree(leaves.trailing_zeros(), begin / leaves);
    }
    let middle = begin + left_of(leaves);
    Ok(node_hash(&range(nodes, begin, middle)?, &range(nodes, middle, end)?))
}

/// The largest power of two below a number of leaves.
fn left_of(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root that a path leads to. `None` if it has not the length for that place and size.
pub(super) fn root_over(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let (mut place, mut last) = (index, size.checked_sub(1)?);
    if place > last {
        return None;
    }
    let mut root = leaf;
    for hash in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            root = node_hash(hash, &root);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether a path shows that the `old` leaves under one root begin the `new` under another.
pub(super) fn is_consistent(old: (u64, Hash), new: (u64, Hash), path: &[Hash]) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == 0 || old >= new {
        return path.is_empty() && old <= new && (old == 0 || old_root == new_root);
    }
    let known = old.is_power_of_two().then_some(old_root);
    let mut hashes = known.iter().chain(path);
    let Some(first) = hashes.next() else { return false };
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut from, mut to) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (from, to) = (node_hash(hash, &from), node_hash(hash, &to));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            to = node_hash(&to, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (from, to, last) == (old_root, new_root, 0)
}
