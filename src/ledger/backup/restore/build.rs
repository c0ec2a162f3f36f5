//! Builds the new store beside the old one, and puts it in its place.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{Newer, Plan, RestoreError, at, beside, open, remove};
use crate::{
    domain::{
        Decider, Event,
        ids::Seq,
        principal::Principal,
        registry::{self, Registry},
        time::UnixMillis,
    },
    ledger::{
        backup::read,
        chain::HeadState,
        checkpoint::Checkpoint,
        codec,
        error::AppendError,
        record::{Record, Via},
        recover::{self, OpenOptions},
        sled::{self as embedded, SledStore},
        store::{Store, StoredEntry},
    },
    support::{clock, private_file},
};

/// How many records one transaction takes.
const BATCH: usize = 1024;

/// Builds the store in `dir`, verifies it as a start does, and gives its size and its checkpoint.
pub(super) fn build(plan: &Plan, dir: &Path) -> Result<(u64, String), RestoreError> {
    remove(dir).map_err(at(dir))?;
    let (store, _) = embedded::open(dir)?;
    let mut filling = Filling { store, stored: 0, head: HeadState::default(), batch: Vec::new() };
    let read = read::read(open(&plan.order.file)?, [], &mut |step| {
        let entry = StoredEntry { seq: step.record.seq.0, value: step.value.to_vec() };
        filling.add(entry, step.head.clone()).map_err(|error| error.to_string())
    });
    let in_backup = |error| RestoreError::Backup { file: plan.order.file.clone(), error };
    let read = read.map_err(in_backup)?;
    if read.checkpoint != plan.backup.checkpoint {
        return Err(at(&plan.order.file)(io::Error::other("it was replaced meanwhile")));
    }
    filling.close(plan)?;
    let note = filling.sign(plan)?;
    drop(filling);
    let built = OpenOptions { dir: dir.to_owned(), outside_checkpoint: beside(dir, "none") };
    let opened = recover::open(&built, &plan.backup.key, &mut |_| ControlFlow::Continue(()))?;
    Ok((opened.head.size(), note))
}

struct Filling {
    store: SledStore,
    stored: u64,
    head: HeadState,
    batch: Vec<StoredEntry>,
}

impl Filling {
    fn add(&mut self, entry: StoredEntry, head: HeadState) -> Result<(), AppendError> {
        self.batch.push(entry);
        self.head = head;
        if self.batch.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), AppendError> {
        self.store.append(self.stored, &self.batch, &self.head)?;
        self.stored = self.head.size();
        self.batch.clear();
        Ok(())
    }

    /// Appends what the restore has to say, and what it takes away again.
    fn close(&mut self, plan: &Plan) -> Result<(), RestoreError> {
        let Checkpoint { size, root } = plan.backup.checkpoint;
        let newest = match plan.newer {
            Newer::Known { size } | Newer::Lost { size, .. } => Some(size),
            Newer::Nothing | Newer::Other => None,
        };
        let restored = registry::Event::Restored { size, root, newest };
        let mut state = plan.state.clone();
        for event in [restored].iter().chain(&plan.review).chain(&plan.hold).cloned() {
            let record = self.record(&mut state, event);
            let bytes = codec::encode_record(&record);
            let bytes = bytes.map_err(|error| AppendError::Failed(error.to_string()))?;
            let mut head = self.head.clone();
            let value = head.append(&bytes, record.at);
            self.add(StoredEntry { seq: record.seq.0, value }, head)?;
        }
        Ok(self.flush()?)
    }

    /// The next record, by the host: whoever may write these files is nobody else.
    fn record(&self, state: &mut Registry, event: registry::Event) -> Record {
        let before = state.holdings(&event);
        let mut record = Record {
            seq: Seq(self.head.size()),
            at: self.head.time.max(UnixMillis(clock::unix_millis())),
            principal: Principal::Host { uid: rustix::process::geteuid().as_raw() },
            authority: Seq(0),
            via: Via::internal(),
            before: before.clone(),
            after: before,
            event: Event::Registry(event),
        };
        let Event::Registry(event) = &record.event;
        state.apply(record.stamp(), event);
        record.after = state.holdings(event);
        record
    }

    fn sign(&mut self, plan: &Plan) -> Result<String, AppendError> {
        let signed = Checkpoint { size: self.head.size(), root: self.head.root() };
        let note = signed.sign(&plan.backup.key);
        self.store.save_checkpoint(&note).map(|()| note)
    }
}

/// Puts the new store into its place. What was there is kept. The checkpoint comes last: until then
/// no gateway takes an empty directory for a new ledger.
pub(super) fn swap(options: &OpenOptions, new: &Path, note: &str) -> io::Result<Option<PathBuf>> {
    let OpenOptions { dir, outside_checkpoint } = options;
    let aside = format!("replaced.{}", clock::unix_millis());
    let kept = dir.exists().then(|| beside(dir, &aside));
    if let Some(kept) = &kept {
        fs::rename(dir, kept)?;
    }
    fs::rename(new, dir)?;
    private_file::sync_parent(dir)?;
    if outside_checkpoint.exists() {
        fs::copy(outside_checkpoint, beside(outside_checkpoint, &aside))?;
    }
    private_file::replace(outside_checkpoint, note.as_bytes())?;
    Ok(kept)
}
