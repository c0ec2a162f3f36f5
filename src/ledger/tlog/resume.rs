//! What is published already, found without believing it: the next record to publish, and the
//! unfinished tiles above it.
//!
//! What belongs to another history than the ledger's is kept and put aside, for it may be evidence.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    WIDTH,
    name::{Content, Resource, span},
    publisher::{Publisher, root_of},
    read,
};
use crate::{
    ledger::{audit::LedgerReader, checkpoint::Checkpoint, merkle::Hash},
    support::{clock, private_file},
};

/// The bytes of a hash.
const HASH_BYTES: usize = 32;

/// A publisher that goes on where `dir` ends.
///
/// # Errors
/// If the directory cannot be made, read or put aside.
pub(super) fn resume(dir: &Path, log: &LedgerReader, size: u64) -> io::Result<Publisher> {
    private_file::create_dir(dir)?;
    let signed = match read_checkpoint(dir, log)? {
        Signed::Nothing => 0,
        Signed::Ours(checkpoint) if belongs(dir, log, size, checkpoint.size)? => checkpoint.size,
        Signed::Ours(_) | Signed::Foreign => {
            put_aside(dir)?;
            0
        }
    };
    let begin = whole(dir, signed)?;
    Ok(Publisher::resume(dir, begin, unfinished(dir, begin)?))
}

enum Signed {
    Nothing,
    Ours(Checkpoint),
    Foreign,
}

fn read_checkpoint(dir: &Path, log: &LedgerReader) -> io::Result<Signed> {
    let Some(bytes) = read(dir, &Resource::Checkpoint)? else { return Ok(Signed::Nothing) };
    let note = String::from_utf8_lossy(&bytes);
    let read = Checkpoint::verify(&note, log.public_key());
    Ok(read.map_or(Signed::Foreign, Signed::Ours))
}

/// Whether the last signed record is the ledger's own. The records' times and hashes make that as
/// good as certain for all before it, and the ledger itself was checked when it was opened.
fn belongs(dir: &Path, log: &LedgerReader, size: u64, signed: u64) -> io::Result<bool> {
    let Some(last) = signed.checked_sub(1) else { return Ok(true) };
    if signed > size {
        return Ok(false);
    }
    let (index, column) = (last / WIDTH, last % WIDTH);
    let names = [column + 1, WIDTH].map(|width| Resource::tile(Content::Hashes(0), index, width));
    let mut hashes = None;
    for name in names {
        hashes = hashes.or(read_hashes(dir, &name)?);
    }
    // A tile that is gone proves nothing; it is written anew.
    let Some(hashes) = hashes else { return Ok(true) };
    let ours = log.read(last, 1).map_err(io::Error::other)?;
    let published = usize::try_from(column).ok().and_then(|column| hashes.get(column));
    Ok(ours.first().map(|entry| &entry.leaf_hash) == published)
}

fn put_aside(dir: &Path) -> io::Result<()> {
    let aside = PathBuf::from(format!("{}.{}", dir.display(), clock::unix_millis()));
    fs::rename(dir, &aside)?;
    tracing::warn!(
        kept = %aside.display(),
        "the published copy of the ledger is not of this ledger; it was put aside, and a new one is made"
    );
    private_file::create_dir(dir)
}

/// How many records of the first `signed` are published in full tiles and bundles without a gap.
fn whole(dir: &Path, signed: u64) -> io::Result<u64> {
    let mut begin = signed / WIDTH * WIDTH;
    for level in 0..8 {
        let tiles = begin / span(level + 1);
        for index in 0..tiles {
            let is_there = |content| has(dir, &Resource::tile(content, index, WIDTH));
            let tile = is_there(Content::Hashes(level))?;
            if !tile || level == 0 && !is_there(Content::Entries)? {
                begin = index * span(level + 1);
                break;
            }
        }
    }
    Ok(begin)
}

/// The hashes of the unfinished tiles above level 0, from the full tiles below them.
fn unfinished(dir: &Path, size: u64) -> io::Result<Vec<Vec<Hash>>> {
    let mut levels = Vec::new();
    for level in 1.. {
        let hashes = size / span(level);
        if hashes == 0 {
            break;
        }
        let last = (hashes / WIDTH * WIDTH)..hashes;
        let below = last.map(|index| full_tile(dir, level - 1, index).map(|tile| root_of(&tile)));
        levels.push(below.collect::<io::Result<_>>()?);
    }
    Ok(levels)
}

fn full_tile(dir: &Path, level: u32, index: u64) -> io::Result<Vec<Hash>> {
    let name = Resource::tile(Content::Hashes(level), index, WIDTH);
    read_hashes(dir, &name)?.ok_or_else(|| io::Error::other(format!("no tile at {}", name.path())))
}

/// The hashes in a tile; `None` if it is not there or has not the size of its name.
pub(super) fn read_hashes(dir: &Path, name: &Resource) -> io::Result<Option<Vec<Hash>>> {
    let Some(bytes) = read(dir, name)? else { return Ok(None) };
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let Resource::Tile { width, .. } = *name else { return Ok(None) };
    Ok((rest.is_empty() && hashes.len() as u64 == width).then(|| hashes.to_vec()))
}

fn has(dir: &Path, name: &Resource) -> io::Result<bool> {
    match fs::metadata(dir.join(name.path())) {
        Ok(meta) => Ok(match name {
            Resource::Tile { content: Content::Hashes(_), width, .. } => {
                meta.len() == width * HASH_BYTES as u64
            }
            _ => meta.len() > 0,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
