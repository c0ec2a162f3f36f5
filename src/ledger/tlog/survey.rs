//! What of a ledger can be had from its published bundles, and how far that can be trusted.
//!
//! A signed checkpoint is trusted, and nothing else on the disk. Records that add up to its root are
//! what was signed; so is each record whose hash stands in tiles that add up to it, also if records
//! after it are damaged. Records after the newest checkpoint are believed as far as they are whole,
//! because a damaged store has nothing better to offer; how many those are is said.

use std::{
    fs, io,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
};

use super::{
    WIDTH, bundle,
    name::{Content, Resource},
    read,
    resume::read_hashes,
};
use crate::{
    domain::{
        Event,
        ids::PublicKey,
        registry::{self, hold::Lost},
        time::UnixMillis,
    },
    ledger::{
        checkpoint::Checkpoint,
        codec,
        merkle::{Frontier, Hash, leaf_hash},
        record::Record,
    },
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    dir: PathBuf,
    /// How many records can be restored: the first so many.
    pub size: u64,
    /// How many records the newest checkpoint covers.
    pub signed: u64,
    /// The root of that checkpoint.
    pub root: Option<Hash>,
    /// How many of those that can be restored a checkpoint proves.
    pub proven: u64,
    /// Why there are no more: what is wrong with the first record that cannot be restored.
    pub fault: Option<String>,
}

impl Survey {
    /// How many records a checkpoint knows of that cannot be restored.
    pub fn lost(&self) -> u64 {
        self.signed.saturating_sub(self.size)
    }

    /// What there is to say of records that were written and cannot be restored; `None` where nothing
    /// proves that there were any.
    pub fn hold(&self) -> Option<registry::Event> {
        let lost = Lost { from: self.size, until: self.signed.max(self.size) };
        let root = self.root.filter(|_| self.lost() > 0);
        let is_proven = self.lost() > 0 || self.fault.is_some();
        is_proven.then_some(registry::Event::ReviewBegun { lost, root })
    }

    /// Shows the bytes and the time of the records that can be restored.
    ///
    /// # Errors
    /// If they cannot be read any more.
    pub(in crate::ledger) fn each(
        &self,
        each: &mut dyn FnMut(&[u8], UnixMillis) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut seq, mut failed) = (0, None);
        walk(&self.dir, &mut |bytes| {
            if seq == self.size {
                return ControlFlow::Break(());
            }
            let record = codec::decode_record(bytes).map_err(io::Error::other);
            match record.and_then(|record| each(bytes, record.at)) {
                Ok(()) => {
                    seq += 1;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        match seq == self.size {
            true => Ok(()),
            false => Err(io::Error::other("the bundles changed while they were read")),
        }
    }
}

/// Why nothing can be restored.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// There is not even a first record.
    #[error("no record can be restored from {}: {fault}", dir.display())]
    Nothing {
        /// Where.
        dir: PathBuf,
        /// What is wrong with the first record.
        fault: String,
    },
    /// What is there is not what was signed.
    #[error(
        "the bundles in {} hold another history than the one that was signed, and no checkpoint \
         fits a part of it; restore a backup, or name an older checkpoint: --checkpoint FILE",
        dir.display()
    )]
    Foreign {
        /// Where.
        dir: PathBuf,
    },
    /// The file system refused.
    #[error("{}: {source}", dir.display())]
    Io {
        /// Where.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Looks at the bundles in `dir`. Of the `notes`, those count that the holder of the key signed.
///
/// # Errors
/// Why nothing can be restored.
pub fn survey(dir: &Path, notes: &[String], key: &[u8; 32]) -> Result<Survey, SurveyError> {
    let at_dir = |source| SurveyError::Io { dir: dir.to_owned(), source };
    let (leaves, mut fault) = whole_records(dir, key).map_err(at_dir)?;
    let mut known: Vec<_> =
        notes.iter().filter_map(|note| Checkpoint::verify(note, key).ok()).collect();
    known.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
    let signed = known.first().map_or(0, |checkpoint| checkpoint.size);
    let root = known.first().map(|checkpoint| checkpoint.root);
    let mut size = leaves.len() as u64;
    let trusted = known.iter().find_map(|checkpoint| {
        let trusted = trusted(dir, &leaves, checkpoint).transpose();
        trusted.map(|outcome| outcome.map(|size| (checkpoint.size, size)))
    });
    let proven = match trusted.transpose().map_err(at_dir)? {
        Some((covered, good)) if good < covered => {
            if good < size {
                fault = Some("its bytes are not those that were signed".into());
            }
            size = good;
            good
        }
        Some((covered, _)) => covered,
        // Nothing to compare: every checkpoint covers more than is left.
        None if known.iter().all(|checkpoint| checkpoint.size > size) => 0,
        None => return Err(SurveyError::Foreign { dir: dir.to_owned() }),
    };
    if known.iter().any(|checkpoint| checkpoint.size > proven && checkpoint.size <= size) {
        // A newer checkpoint tells of another history from somewhere after the trusted one.
        (size, fault) = (proven, Some("it is not what a newer checkpoint signed".into()));
    }
    if size == 0 {
        let fault = fault.unwrap_or_else(|| "there is no bundle".into());
        return Err(SurveyError::Nothing { dir: dir.to_owned(), fault });
    }
    Ok(Survey { dir: dir.to_owned(), size, signed, root, proven, fault })
}

/// How many of the first records are those that the checkpoint signed. `None` if nobody can tell.
fn trusted(dir: &Path, leaves: &[Hash], checkpoint: &Checkpoint) -> io::Result<Option<u64>> {
    let Ok(size) = usize::try_from(checkpoint.size) else { return Ok(None) };
    if leaves.get(..size).is_some_and(|leaves| root_over(leaves) == checkpoint.root) {
        return Ok(Some(checkpoint.size));
    }
    let published = published_leaves(dir, checkpoint.size)?;
    if published.len() != size || root_over(&published) != checkpoint.root {
        return Ok(None);
    }
    let same = leaves.iter().zip(&published).take_while(|(ours, signed)| ours == signed);
    Ok(Some(same.count() as u64))
}

fn root_over(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// The hashes in the tiles of level 0, as far as they are there.
fn published_leaves(dir: &Path, size: u64) -> io::Result<Vec<Hash>> {
    let mut leaves = Vec::new();
    for index in 0..size.div_ceil(WIDTH) {
        let width = (size - index * WIDTH).min(WIDTH);
        let mut tile = None;
        // A tile that was narrower then may be full now.
        for wide in [width, WIDTH] {
            let name = Resource::tile(Content::Hashes(0), index, wide);
            tile = tile.or(read_hashes(dir, &name)?);
        }
        let Some(tile) = tile else { break };
        leaves.extend(tile.into_iter().take(width as usize));
    }
    Ok(leaves)
}

/// The leaves of the records that are whole and in their places, and what is wrong with the next.
fn whole_records(dir: &Path, key: &[u8; 32]) -> io::Result<(Vec<Hash>, Option<String>)> {
    let (mut leaves, mut last_at, mut fault) = (Vec::new(), UnixMillis::default(), None);
    let ended = walk(dir, &mut |bytes| {
        let place = leaves.len() as u64;
        match codec::decode_record(bytes) {
            Ok(record) => {
                fault = misplaced(&record, place, last_at, key);
                last_at = record.at;
            }
            Err(error) => fault = Some(error.to_string()),
        }
        if fault.is_some() {
            return ControlFlow::Break(());
        }
        leaves.push(leaf_hash(bytes));
        ControlFlow::Continue(())
    })?;
    Ok((leaves, fault.or(ended)))
}

fn misplaced(record: &Record, place: u64, after: UnixMillis, key: &[u8; 32]) -> Option<String> {
    let Event::Registry(event) = &record.event;
    let begins = match event {
        registry::Event::Begun { gateway_key } => Some(*gateway_key == PublicKey(*key)),
        _ => None,
    };
    match begins {
        _ if record.seq.0 != place => Some(format!("record {} stands in its place", record.seq)),
        _ if record.at < after => Some("it is older than the record before it".into()),
        Some(false) => Some("it begins the ledger of a gateway with another key".into()),
        Some(true) if place > 0 => Some("it begins a ledger".into()),
        None if place == 0 => Some("it does not begin a ledger".into()),
        _ => None,
    }
}

/// Shows the records in the bundles, in order, until there are no more or told to stop. Gives why
/// there are no more, if a bundle is damaged.
fn walk(dir: &Path, each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<Option<String>> {
    for index in 0.. {
        let full = read(dir, &Resource::tile(Content::Entries, index, WIDTH))?;
        let is_full = full.is_some();
        let Some(bytes) = full.map_or_else(|| widest(dir, index), |bytes| Ok(Some(bytes)))? else {
            return Ok((later(dir, index)?).then(|| format!("bundle {index} is missing")));
        };
        let (records, whole) = bundle::decode(&bytes);
        for record in &records {
            if each(record).is_break() {
                return Ok(None);
            }
        }
        if !whole || is_full && records.len() as u64 != WIDTH {
            return Ok(Some(format!("bundle {index} is damaged")));
        }
        if !is_full {
            return Ok((later(dir, index)?).then(|| format!("bundle {index} is missing")));
        }
    }
    Ok(None)
}

/// The partial bundle of that place that has the most records.
fn widest(dir: &Path, index: u64) -> io::Result<Option<Vec<u8>>> {
    let widths: Range<u64> = 1..WIDTH;
    for width in widths.rev() {
        if let Some(bytes) = read(dir, &Resource::tile(Content::Entries, index, width))? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Whether there is a bundle after that place.
fn later(dir: &Path, index: u64) -> io::Result<bool> {
    let next = Resource::tile(Content::Entries, index + 1, WIDTH);
    let next = dir.join(next.path());
    let mut partials = next.clone().into_os_string();
    partials.push(".p");
    let exists = |path: &Path| fs::exists(path);
    Ok(exists(&next)? || exists(Path::new(&partials))?)
}
