//! The one thread that writes.
//!
//! Requests come through a bounded channel from [`super::handle`]. Appends that wait and follow on
//! each other go out as one transaction with one sync; nobody is answered before it. If the outcome of a write is unknown,
//! the ledger is over for this process: nothing is tried again, everything after is refused, and
//! whoever runs the process is told to stop. Recovery decides what was kept.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use tokio::sync::{oneshot, watch};

use super::{
    chain::HeadState,
    checkpoint::Checkpoint,
    codec,
    error::AppendError,
    record::Record,
    recover::Opened,
    store::{LogReader, Store, StoredEntry},
};
use crate::{
    domain::{Event, registry},
    support::{clock::Stopwatch, keys::GatewayKey, private_file},
    telemetry::metrics,
};

/// How many records one transaction takes from waiting appends. Beyond this a sync is cheap beside
/// the rest of the work, and a larger transaction only makes everyone wait longer.
pub const BATCH_RECORDS_MAX: usize = 1024;

/// A checkpoint is signed after this many records. Signing and two small synced files cost about a
/// millisecond; over a thousand records that is nothing.
pub const CHECKPOINT_RECORDS: u64 = 1024;

/// And at the latest this long after the first record that none covers. This is how much history
/// can vanish unnoticed if the disk loses its end; 30 s cost two syncs a minute on a busy gateway
/// and none on a quiet one.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, AppendError>>;

/// What the writer can be asked.
pub(super) enum Request {
    Append(Append),
    Checkpoint(Reply<String>),
    Close(Reply<()>),
}

/// An append that waits. Dropped without an answer, it answers that it was never tried.
pub(super) struct Append {
    pub(super) expected_size: u64,
    pub(super) records: Vec<Record>,
    pub(super) reply: Option<Reply<u64>>,
}

impl Append {
    fn answer(mut self, answer: Result<u64, AppendError>) {
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have gone away.
            drop(reply.send(answer));
        }
    }
}

/// An append that nobody tried was certainly not written, and its caller must hear that.
impl Drop for Append {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            drop(reply.send(Err(AppendError::Failed("the ledger is closed".into()))));
        }
    }
}

/// The writer; lives on its thread.
pub(super) struct Writer {
    store: Box<dyn Store>,
    log: Arc<dyn LogReader>,
    /// What is committed.
    head: HeadState,
    key: Arc<GatewayKey>,
    outside: Option<PathBuf>,
    /// How many records the last checkpoint covers, or would if it could have been saved.
    tried_size: u64,
    /// Runs since the first record that no saved checkpoint covers, or since the last attempt.
    unsigned: Option<Stopwatch>,
    size: watch::Sender<u64>,
    fatal: watch::Sender<Option<String>>,
}

/// Some of the waiting appends, as one transaction.
struct Batch {
    entries: Vec<StoredEntry>,
    head: HeadState,
    waiting: Vec<(u64, Reply<u64>)>,
}

impl Writer {
    /// A writer that goes on where the ledger ends.
    pub(super) fn new(
        opened: Opened,
        key: Arc<GatewayKey>,
        size: watch::Sender<u64>,
        fatal: watch::Sender<Option<String>>,
    ) -> Self {
        let Opened { store, head, signed_size, outside_checkpoint, notes: _ } = opened;
        metrics::covered(signed_size);
        Self {
            log: store.reader(),
            store,
            key,
            outside: outside_checkpoint,
            tried_size: signed_size,
            unsigned: (head.size() > signed_size).then(Stopwatch::start),
            head,
            size,
            fatal,
        }
    }

    /// Serves until it is closed, or until nobody is left who could ask.
    pub(super) fn run(mut self, queue: &Receiver<Request>) {
        let alarm = Alarm(self.fatal.clone());
        let mut put_off = None;
        loop {
            let request = match put_off.take() {
                Some(request) => Ok(request),
                None => self.receive(queue),
            };
            match request {
                Ok(Request::Append(first)) => put_off = self.serve(first, queue),
                Ok(Request::Checkpoint(reply)) => drop(reply.send(self.sign())),
                Ok(Request::Close(reply)) => {
                    let signed = self.sign_if_due(true);
                    // The store is closed before the answer, so that the caller may open it again.
                    drop(self);
                    drop(reply.send(signed));
                    break;
                }
                Err(RecvTimeoutError::Timeout) => drop(self.sign_if_due(true)),
                Err(RecvTimeoutError::Disconnected) => {
                    drop(self.sign_if_due(true));
                    break;
                }
            }
        }
        drop(alarm);
    }

    /// The next request, or a timeout when a checkpoint is due.
    fn receive(&self, queue: &Receiver<Request>) -> Result<Request, RecvTimeoutError> {
        match &self.unsigned {
            Some(since) if self.is_fit() => {
                queue.recv_timeout(CHECKPOINT_EVERY.saturating_sub(since.elapsed()))
            }
            _ => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn is_fit(&self) -> bool {
        self.fatal.borrow().is_none()
    }

    /// Commits `first` and what waits behind it and follows on. Gives back the first request that
    /// does not follow on; its turn is next.
    fn serve(&mut self, first: Append, queue: &Receiver<Request>) -> Option<Request> {
        if let Some(why) = self.fatal.borrow().clone() {
            first.answer(Err(AppendError::Failed(why)));
            return None;
        }
        if first.expected_size != self.head.size() {
            let actual_size = self.head.size();
            first.answer(Err(AppendError::Conflict { actual_size }));
            return None;
        }
        let mut batch = Batch { entries: Vec::new(), head: self.head.clone(), waiting: Vec::new() };
        batch.add(first);
        let mut put_off = None;
        while batch.entries.len() < BATCH_RECORDS_MAX && put_off.is_none() {
            match queue.try_recv() {
                Ok(Request::Append(next)) if next.expected_size == batch.head.size() => {
                    batch.add(next);
                }
                Ok(other) => put_off = Some(other),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.commit(batch);
        drop(self.sign_if_due(false));
        put_off
    }

    fn commit(&mut self, batch: Batch) {
        let Batch { entries, head, waiting } = batch;
        if waiting.is_empty() {
            return;
        }
        let writing = Stopwatch::start();
        let outcome = if entries.is_empty() {
            Ok(())
        } else {
            self.store.append(self.head.size(), &entries, &head)
        };
        match &outcome {
            Ok(()) => {
                metrics::appended(entries.len(), writing.elapsed());
                self.move_to(head);
                self.unsigned = self.unsigned.or_else(|| Some(Stopwatch::start()));
            }
            Err(AppendError::Conflict { .. }) => self.catch_up(),
            Err(AppendError::Unknown(why)) => self.give_up(why),
            Err(AppendError::Busy | AppendError::Failed(_)) => {}
        }
        for (size, reply) in waiting {
            // Whoever asked may have gone away; what is written stays written.
            drop(reply.send(outcome.clone().map(|()| size)));
        }
    }

    fn move_to(&mut self, head: HeadState) {
        let size = head.size();
        self.head = head;
        self.size.send_replace(size);
    }

    /// Somebody else appended to the same store: goes on from where it is now.
    fn catch_up(&mut self) {
        match self.log.head() {
            Ok(head) => self.move_to(head.unwrap_or_default()),
            Err(error) => self.give_up(&error.to_string()),
        }
    }

    fn give_up(&self, why: &str) {
        tracing::error!(why, "the ledger can go no further; the process must stop");
        self.fatal.send_replace(Some(why.to_owned()));
    }

    /// Signs if the last checkpoint is old enough, or if `now` and there is anything to sign.
    fn sign_if_due(&mut self, now: bool) -> Result<(), AppendError> {
        let unsigned = self.head.size().saturating_sub(self.tried_size);
        let due = unsigned >= CHECKPOINT_RECORDS || (now && self.unsigned.is_some());
        if due && self.is_fit() { self.sign().map(drop) } else { Ok(()) }
    }

    /// Signs what is committed, and saves the note inside and outside.
    ///
    /// A note that cannot be saved outside is no reason to stop: the log is whole, only its guard
    /// is late, and the next note tries again.
    fn sign(&mut self) -> Result<String, AppendError> {
        if let Some(why) = self.fatal.borrow().clone() {
            return Err(AppendError::Failed(why));
        }
        let checkpoint = Checkpoint { size: self.head.size(), root: self.head.root() };
        if checkpoint.size == 0 {
            return Err(AppendError::Failed("there is nothing to sign yet".into()));
        }
        let note = checkpoint.sign(&self.key);
        // If it fails, the next attempt is a full interval away, and not with the next append.
        self.tried_size = checkpoint.size;
        self.unsigned = Some(Stopwatch::start());
        if let Err(error) = self.store.save_checkpoint(&note) {
            tracing::warn!(%error, "the checkpoint was not saved in the ledger");
            if let AppendError::Unknown(why) = &error {
                self.give_up(why);
            }
            return Err(error);
        }
        metrics::signed(checkpoint.size);
        if self.save_outside(&note) {
            self.unsigned = None;
        }
        Ok(note)
    }

    fn save_outside(&self, note: &str) -> bool {
        let Some(file) = &self.outside else {
            return true;
        };
        let saved = private_file::replace(file, note.as_bytes());
        if let Err(error) = &saved {
            tracing::warn!(%error, file = %file.display(), "the checkpoint was not saved outside");
        }
        saved.is_ok()
    }
}

impl Batch {
    /// Adds the records of an append, or answers why they cannot be added.
    fn add(&mut self, mut append: Append) {
        let mut head = self.head.clone();
        let prepared: Result<Vec<_>, _> =
            append.records.iter().map(|record| prepare(&mut head, record)).collect();
        match prepared {
            Ok(entries) => {
                self.entries.extend(entries);
                self.waiting.extend(append.reply.take().map(|reply| (head.size(), reply)));
                self.head = head;
            }
            Err(why) => append.answer(Err(AppendError::Failed(why))),
        }
    }
}

/// Encodes a record as the next one, or says why it cannot be the next.
fn prepare(head: &mut HeadState, record: &Record) -> Result<StoredEntry, String> {
    let seq = head.size();
    if record.seq.0 != seq {
        return Err(format!("record {} came where record {seq} is next", record.seq));
    }
    if record.at < head.time {
        return Err(format!("record {seq} is older than the record before it"));
    }
    let begins = matches!(record.event, Event::Registry(registry::Event::Begun { .. }));
    if begins != (seq == 0) {
        return Err("the first record begins the ledger, and no other does".into());
    }
    let bytes = codec::encode_record(record).map_err(|error| error.to_string())?;
    Ok(StoredEntry { seq, value: head.append(&bytes, record.at) })
}

/// Raises the alarm if the thread ends by a panic.
struct Alarm(watch::Sender<Option<String>>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_replace(Some("the ledger's writer panicked".into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_that_was_never_tried_says_so() {
        let (reply, mut answer) = oneshot::channel();
        drop(Append { expected_size: 0, records: vec![], reply: Some(reply) });
        let answer = answer.try_recv().unwrap().unwrap_err();
        assert!(answer.nothing_written(), "{answer:?}");
    }
}
