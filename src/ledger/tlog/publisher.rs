//! Writes tiles and bundles as the log grows.
//!
//! Only the right edge is kept in memory: of each level the tile that is not full yet, and the
//! records of the bundle that is not. A file is written under another name, synced and renamed, and
//! a checkpoint gets its name only when all that it covers has one. So whatever moment the process
//! dies at, what is published is whole, and writing it once more changes nothing.
//!
//! After an error a publisher is to be thrown away: what it holds and what is on disk may differ.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    WIDTH, bundle,
    name::{Content, Resource, span},
};
use crate::{
    ledger::{
        audit::LedgerReader,
        merkle::{Frontier, Hash, leaf_hash},
    },
    support::private_file,
};

/// Where publishing stands.
pub(super) struct Publisher {
    dir: PathBuf,
    /// How many records were taken.
    size: u64,
    /// The hashes of each level's last tile, fewer than it can have.
    levels: Vec<Vec<Hash>>,
    /// The records of the last bundle, fewer than it can have.
    records: Vec<Vec<u8>>,
    /// The size of the newest published checkpoint.
    signed: u64,
    /// Files of a size that no checkpoint has; to be removed when larger ones are there.
    loose: Vec<PathBuf>,
}

impl Publisher {
    /// One that goes on after `size` records, a whole number of bundles, with these unfinished tiles
    /// above level 0. It publishes the newest checkpoint again, and so mends what that covers.
    pub(super) fn resume(dir: &Path, size: u64, above: Vec<Vec<Hash>>) -> Self {
        let levels = std::iter::once(Vec::new()).chain(above).collect();
        let dir = dir.to_owned();
        Self { dir, size, levels, records: Vec::new(), signed: 0, loose: Vec::new() }
    }

    /// How many records are published.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many records the published checkpoint covers.
    pub(super) fn signed(&self) -> u64 {
        self.signed
    }

    /// Publishes the log up to `size`, which must be durable.
    pub(super) fn publish(&mut self, log: &LedgerReader, size: u64) -> io::Result<()> {
        if size <= self.size {
            return Ok(());
        }
        self.take(log, size)?;
        let written = self.write_edge(size)?;
        self.remove_loose(&written);
        if size != self.signed {
            let edge = |content| self.dir.join(self.edge_of(content, size).path());
            // Above level 0, a width stands for many sizes; it stays until the tile is full.
            let narrow = [Content::Hashes(0), Content::Entries].map(edge);
            self.loose = written.into_iter().filter(|path| narrow.contains(path)).collect();
        }
        Ok(())
    }

    /// Publishes a checkpoint, and first all that it covers.
    pub(super) fn publish_signed(
        &mut self,
        log: &LedgerReader,
        size: u64,
        note: &str,
    ) -> io::Result<()> {
        if size <= self.signed {
            return Ok(());
        }
        self.take(log, size)?;
        let written = self.write_edge(size)?;
        self.loose.retain(|path| !written.contains(path));
        private_file::replace(&self.dir.join(super::CHECKPOINT), note.as_bytes())?;
        self.signed = size;
        Ok(())
    }

    fn take(&mut self, log: &LedgerReader, until: u64) -> io::Result<()> {
        let mut failed = None;
        let read = log.read_bytes(self.size, until, &mut |record| match self.push(record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        failed.map_or(Ok(()), Err)?;
        read.map_err(io::Error::other)?;
        match self.size >= until {
            true => Ok(()),
            false => Err(io::Error::other(format!("the log ends at record {}", self.size))),
        }
    }

    fn push(&mut self, record: &[u8]) -> io::Result<()> {
        self.records.push(record.to_owned());
        self.size += 1;
        if self.records.len() as u64 == WIDTH {
            let records = std::mem::take(&mut self.records);
            let full = Resource::tile(Content::Entries, self.size / WIDTH - 1, WIDTH);
            self.write_full(&full, &bundle::encode(&records))?;
        }
        let mut hash = leaf_hash(record);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
            if (self.levels[level].len() as u64) < WIDTH {
                break;
            }
            let tile = std::mem::take(&mut self.levels[level]);
            let level = u32::try_from(level).map_err(io::Error::other)?;
            let full =
                Resource::tile(Content::Hashes(level), self.size / span(level + 1) - 1, WIDTH);
            self.write_full(&full, tile.as_flattened())?;
            hash = root_of(&tile);
        }
        Ok(())
    }

    /// A full tile makes all narrower ones of its place superfluous.
    fn write_full(&mut self, full: &Resource, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(full.path());
        write(&path, bytes)?;
        let mut partials = path.into_os_string();
        partials.push(".p");
        self.loose.retain(|loose| !loose.starts_with(&partials));
        match fs::remove_dir_all(&partials) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes what a tree of `size` records has besides full tiles, and tells the names. The size is
    /// the present one, or an earlier one.
    fn write_edge(&self, size: u64) -> io::Result<Vec<PathBuf>> {
        let contents = (0..).zip(&self.levels).map(|(level, _)| Content::Hashes(level));
        let mut written = Vec::new();
        for content in contents.chain([Content::Entries]) {
            let edge = self.edge_of(content, size);
            let Resource::Tile { index, width, .. } = edge else { continue };
            let ours = self.size / span_of(content) / WIDTH;
            // A later place is begun, so this one is full, and its full tile is there.
            if width == 0 || index != ours {
                continue;
            }
            let width = usize::try_from(width).map_err(io::Error::other)?;
            let bytes = match content {
                Content::Entries => bundle::encode(&self.records[..width]),
                Content::Hashes(level) => {
                    self.levels[level as usize][..width].as_flattened().to_owned()
                }
            };
            let path = self.dir.join(edge.path());
            write(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }

    /// The unfinished tile of a tree of that size; of width 0 if there is none.
    fn edge_of(&self, content: Content, size: u64) -> Resource {
        let hashes = size / span_of(content);
        Resource::tile(content, hashes / WIDTH, hashes % WIDTH)
    }

    /// What was loose has a larger neighbour now.
    fn remove_loose(&mut self, but: &[PathBuf]) {
        for path in self.loose.drain(..).filter(|path| !but.contains(path)) {
            // It takes room and does no harm.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(%error, file = %path.display(), "an old partial tile stays");
            }
        }
    }
}

fn span_of(content: Content) -> u64 {
    match content {
        Content::Hashes(level) => span(level),
        Content::Entries => 1,
    }
}

/// The root over hashes, a power of two of them: of a full tile, its hash in the level above.
pub(super) fn root_of(tile: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    tile.iter().for_each(|hash| tree.push(*hash));
    tree.root()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        private_file::create_dir(parent)?;
    }
    private_file::replace(path, bytes)
}
