//! The hashes of the log's tree, from the published tiles as far as they go, and from the records
//! where there are none. A proof over a million records touches a handful of tiles.
//!
//! Tiles are files that anyone with a hand on the disk could change, so what comes from them is
//! checked against a root before it is given out; if it does not fit, the records decide alone.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    WIDTH,
    name::{Content, Resource, span},
    publisher::root_of,
    read,
    resume::read_hashes,
    tree::Nodes,
};
use crate::ledger::{
    audit::LedgerReader,
    checkpoint::Checkpoint,
    error::StoreError,
    merkle::{Hash, leaf_hash},
};

/// The levels of the tree that one level of tiles spans.
const HEIGHT: u32 = 8;

/// Where the hashes come from.
pub(super) struct Hashes<'a> {
    log: &'a LedgerReader,
    dir: PathBuf,
    /// How many records the tiles cover.
    published: u64,
    /// Those that were read.
    tiles: BTreeMap<(u32, u64), Option<Vec<Hash>>>,
}

impl<'a> Hashes<'a> {
    /// From the tiles in `dir`, up to the checkpoint there, and from the log.
    pub(super) fn published(log: &'a LedgerReader, dir: &Path) -> Self {
        let note = read(dir, &Resource::Checkpoint).ok().flatten().unwrap_or_default();
        let checkpoint = Checkpoint::parse_unverified(&String::from_utf8_lossy(&note));
        let published = checkpoint.map_or(0, |checkpoint| checkpoint.size);
        Self { log, dir: dir.to_owned(), published, tiles: BTreeMap::new() }
    }

    /// From the log alone.
    pub(super) fn of_log(log: &'a LedgerReader) -> Self {
        Self { log, dir: PathBuf::new(), published: 0, tiles: BTreeMap::new() }
    }

    /// A tile, if it is published and has the size that it should have.
    fn tile(&mut self, level: u32, index: u64) -> Option<&[Hash]> {
        let hashes = self.published / span(level);
        let width = hashes.checked_sub(index * WIDTH)?.min(WIDTH);
        let name = Resource::tile(Content::Hashes(level), index, width);
        let read = || (width > 0).then(|| read_hashes(&self.dir, &name).ok().flatten()).flatten();
        self.tiles.entry((level, index)).or_insert_with(read).as_deref()
    }

    fn in_tile(&mut self, height: u32, index: u64) -> Option<Hash> {
        let (level, within) = (height / HEIGHT, height % HEIGHT);
        let first = index << within;
        let column = usize::try_from(first % WIDTH).ok()?;
        let hashes = self.tile(level, first / WIDTH)?.get(column..column + (1 << within))?;
        Some(root_of(hashes))
    }
}

impl Nodes for Hashes<'_> {
    type Error = StoreError;

    fn subtree(&mut self, height: u32, index: u64) -> Result<Hash, StoreError> {
        if let Some(hash) = self.in_tile(height, index) {
            return Ok(hash);
        }
        let (begin, end) = (index << height, (index + 1) << height);
        let mut leaves = Vec::new();
        self.log.read_bytes(begin, end, &mut |record| {
            leaves.push(leaf_hash(record));
            ControlFlow::Continue(())
        })?;
        match begin + leaves.len() as u64 == end {
            true => Ok(root_of(&leaves)),
            false => Err(StoreError(format!("there are fewer than {end} records"))),
        }
    }
}
