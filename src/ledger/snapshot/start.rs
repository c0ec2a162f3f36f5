//! Opening a ledger with a snapshot of its state, if there is one that fits.
//!
//! Such an opening never refuses: whatever does not fit the snapshot, everything is read, and that
//! decides, with the same words as if there had been none.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
};

use super::{Discarded, Snapshot, keeper::Begin, put_aside, read};
use crate::{
    domain::{Decider, Event, registry::Registry, time::UnixMillis},
    ledger::{
        ahead,
        chain::{self, HeadState},
        codec,
        error::{OpenError, StoreError},
        record::Record,
        recover::{self, Found, OpenOptions, Opened, Signed, check_genesis, corrupt, unreadable},
        sled as embedded,
        store::{LogReader, Store},
        walk::{Fault, Walker},
    },
    support::keys::GatewayKey,
};

/// A ledger that is open, and what its records add up to.
pub struct Started {
    /// The ledger.
    pub opened: Opened,
    /// The state.
    pub state: Registry,
    /// The time of the last record.
    pub last_at: UnixMillis,
    /// What was taken on a snapshot's word, and is to be verified behind.
    pub unverified: Option<Unverified>,
    /// Where the snapshot lies, or will.
    pub snapshot: PathBuf,
    /// Why the one that was there was not used.
    pub discarded: Option<Discarded>,
}

impl Started {
    /// What the operator should know.
    pub fn notes(&self) -> Vec<String> {
        let discarded = self.discarded.iter();
        let file = self.snapshot.display();
        let discarded = discarded.map(|why| format!("the snapshot {file} is not used: {why}"));
        self.opened.notes.iter().map(ToString::to_string).chain(discarded).collect()
    }

    /// The ledger, the state, the time of the last record, and what the thread behind begins with.
    pub fn apart(self) -> (Opened, Registry, UnixMillis, Begin) {
        let Self { opened, state, last_at, unverified, snapshot: file, discarded: _ } = self;
        let begin = Begin { file, head: opened.head.clone(), unverified };
        (opened, state, last_at, begin)
    }
}

/// The records that nobody has read since the start, and what a snapshot says of them.
pub struct Unverified {
    snapshot: Snapshot,
    signed: Signed,
    /// The store's directory, for errors.
    dir: PathBuf,
    /// The snapshot's file.
    file: PathBuf,
}

/// Opens the ledger, with the snapshot in `file` if it fits. Blocks; not for async threads.
///
/// # Errors
/// As [`recover::open`].
pub fn open(options: &OpenOptions, file: &Path, key: &GatewayKey) -> Result<Started, OpenError> {
    let public_key = key.public();
    // Both are reading and sorting out; side by side, a start waits for the slower one only.
    let (store, snapshot) = thread::scope(|scope| {
        let reading = scope.spawn(|| read(file, &public_key));
        let store = embedded::open(&options.dir);
        let panicked = |_| Err(Discarded::Unreadable("reading it panicked".into()));
        (store, reading.join().unwrap_or_else(panicked))
    });
    let (store, notes) = store?;
    let outside = Some(options.outside_checkpoint.as_path());
    let mut started = open_store(Box::new(store), &options.dir, outside, (file, snapshot), key)?;
    started.opened.notes.splice(0..0, notes);
    Ok(started)
}

/// As [`open`], over any store, with what was read from the snapshot's file.
pub(super) fn open_store(
    store: Box<dyn Store>,
    dir: &Path,
    outside: Option<&Path>,
    (file, snapshot): (&Path, Result<Option<Snapshot>, Discarded>),
    key: &GatewayKey,
) -> Result<Started, OpenError> {
    let reader = store.reader();
    let signed = Signed::read(&*reader, dir, outside)?;
    let resumed = snapshot.and_then(|snapshot| {
        snapshot.map(|snapshot| resume(&*reader, dir, &signed, snapshot, key)).transpose()
    });
    let (found, fold, unverified, discarded) = match resumed {
        Ok(Some((found, fold, snapshot))) => {
            let (dir, file, signed) = (dir.to_owned(), file.to_owned(), signed.clone());
            (found, fold, Some(Unverified { snapshot, signed, dir, file }), None)
        }
        other => {
            let discarded = other.err();
            if let Some(why) = &discarded {
                reject(file, why);
            }
            let mut fold = Fold::default();
            let each = &mut |record: Record| fold.take(&record);
            let found = recover::check(&*reader, dir, HeadState::default(), &signed, key, each)?;
            (found, fold, None, discarded)
        }
    };
    Ok(Started {
        opened: found.opened(store, &signed),
        state: fold.state,
        last_at: fold.last_at,
        unverified,
        snapshot: file.to_owned(),
        discarded,
    })
}

/// Says why a snapshot is not used, and keeps it: it may be evidence.
fn reject(file: &Path, why: &Discarded) {
    tracing::warn!(
        %why, file = %file.display(),
        "the snapshot is not used and was put aside; the whole ledger is read"
    );
    if let Err(error) = put_aside(file) {
        tracing::warn!(%error, file = %file.display(), "the snapshot could not be put aside");
    }
}

/// The state as far as records were taken.
#[derive(Default)]
struct Fold {
    state: Registry,
    last_at: UnixMillis,
}

impl Fold {
    fn take(&mut self, record: &Record) -> ControlFlow<String> {
        let Event::Registry(event) = &record.event;
        self.state.apply(record.stamp(), event);
        self.last_at = record.at;
        ControlFlow::Continue(())
    }
}

/// Takes the snapshot up where the ledger holds what it stands on, and folds what came after.
fn resume(
    reader: &dyn LogReader,
    dir: &Path,
    signed: &Signed,
    snapshot: Snapshot,
    key: &GatewayKey,
) -> Result<(Found, Fold, Snapshot), Discarded> {
    let broken = |StoreError(said)| Discarded::DoesNotFit(said);
    let (size, inside) = (snapshot.head.size(), reader.head().map_err(broken)?);
    let inside = inside.map_or(0, |head| head.size());
    if size == 0 || size > inside {
        return Err(Discarded::Longer { size, inside });
    }
    let link =
        |value: &[u8]| chain::split(value).is_some_and(|(link, _)| *link == snapshot.head.link);
    if !at(reader, size - 1).map_err(broken)?.is_some_and(|value| link(&value)) {
        return Err(Discarded::OtherHistory(size - 1));
    }
    let fits = |error: OpenError| Discarded::DoesNotFit(error.to_string());
    begins(reader, key).map_err(fits)?;
    let mut fold = Fold { state: snapshot.state.clone(), last_at: snapshot.head.time };
    let each = &mut |record: Record| fold.take(&record);
    let found = recover::check(reader, dir, snapshot.head.clone(), signed, key, each);
    Ok((found.map_err(fits)?, fold, snapshot))
}

/// The stored value at a place.
fn at(reader: &dyn LogReader, place: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut found = None;
    reader.scan(place, &mut |seq, value| {
        found = (seq == place).then(|| value.to_owned());
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Whether the first record begins the ledger of this key.
fn begins(reader: &dyn LogReader, key: &GatewayKey) -> Result<(), OpenError> {
    let bad = |what: String| corrupt((0, Fault::Undecodable(what)));
    let value = at(reader, 0).map_err(|error| bad(error.to_string()))?;
    let (_, bytes) = value.as_deref().and_then(chain::split).ok_or_else(|| bad("none".into()))?;
    check_genesis(&codec::decode_record(bytes).map_err(|error| bad(error.to_string()))?, key)
}

impl Unverified {
    /// How many records there are to verify.
    pub fn size(&self) -> u64 {
        self.snapshot.head.size()
    }

    /// Reads and checks all of them, and compares what they add up to with what the snapshot said.
    /// Tells how far it is after each record; `false` if it was told to stop.
    ///
    /// # Errors
    /// What a start without a snapshot would have refused with, or [`OpenError::FalseSnapshot`].
    pub(super) fn verify(
        &self,
        log: &dyn LogReader,
        public_key: &[u8; 32],
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<bool, OpenError> {
        let (mut walker, mut fold) = (Walker::remembering(self.signed.sizes()), Fold::default());
        let (mut fault, mut stopped) = (None, false);
        let scanned = ahead::scan(log, 0, &mut |seq, value| {
            let place = walker.head().size();
            if place == self.size() {
                return ControlFlow::Break(());
            }
            match walker.step(seq, value) {
                Ok(record) => drop(fold.take(&record)),
                Err(what) => {
                    fault = Some((place, what));
                    return ControlFlow::Break(());
                }
            }
            stopped = progress(place + 1).is_break();
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        scanned.map_err(|error| unreadable(&self.dir, error))?;
        fault.map_or(Ok(()), |fault| Err(corrupt(fault)))?;
        if stopped {
            return Ok(false);
        }
        walker.compare(&self.snapshot.head).map_err(corrupt)?;
        self.signed.compare_up_to(&walker, public_key)?;
        match fold.state == self.snapshot.state {
            true => Ok(true),
            false => Err(OpenError::FalseSnapshot { file: self.file.clone(), size: self.size() }),
        }
    }
}
