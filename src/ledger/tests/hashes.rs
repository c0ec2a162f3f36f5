//! The hashes against an independent implementation and against the definitions.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    domain::time::UnixMillis,
    ledger::{
        chain::{self, HeadState},
        merkle::{Frontier, leaf_hash},
    },
};

#[test]
fn the_root_is_that_of_another_implementation_at_every_size() {
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root()[..], oracle.root().as_bytes()[..], "empty");
    for n in 0..600u32 {
        let leaf = n.to_be_bytes().repeat(n as usize % 5);
        frontier.push(leaf_hash(&leaf));
        oracle.push(leaf);
        assert_eq!(frontier.root()[..], oracle.root().as_bytes()[..], "size {}", n + 1);
        assert_eq!(frontier.peaks().len(), (n + 1).count_ones() as usize);
    }
}

proptest! {
    #[test]
    fn a_frontier_goes_on_from_its_parts(before in 0u64..300, after in 0u64..100) {
        let leaf = |n: u64| leaf_hash(&n.to_be_bytes());
        let mut whole = Frontier::default();
        (0..before).for_each(|n| whole.push(leaf(n)));
        let mut resumed = Frontier::from_parts(whole.size(), whole.peaks().to_vec()).unwrap();
        prop_assert_eq!(Frontier::from_parts(before + 1, [whole.peaks(), &[[0; 32]; 9]].concat()), None);
        (before..before + after).for_each(|n| {
            whole.push(leaf(n));
            resumed.push(leaf(n));
        });
        prop_assert_eq!(whole, resumed);
    }
}

#[test]
fn links_follow_their_definition() {
    let mut head = HeadState::default();
    let mut link = [0u8; 32];
    for (n, record) in [&b"one"[..], b"two", b""].into_iter().enumerate() {
        let value = head.append(record, UnixMillis(n as u64));
        let leaf: [u8; 32] = Sha256::digest([&[0x00], record].concat()).into();
        link = Sha256::digest([&[0x02][..], &link, &leaf].concat()).into();
        assert_eq!(chain::split(&value), Some((&link, record)));
        assert_eq!(head.link, link);
        assert_eq!(head.time, UnixMillis(n as u64));
    }
    assert_eq!(head.size(), 3);
    assert_eq!(chain::split(&[0; 31]), None);
}
