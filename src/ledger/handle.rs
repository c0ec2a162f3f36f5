//! The handle through which the writer is asked. The channel itself is never handed out.

use std::sync::{
    Arc,
    mpsc::{SyncSender, TrySendError, sync_channel},
};

use tokio::sync::{oneshot, watch};

use super::{
    audit::LedgerReader,
    error::AppendError,
    record::Record,
    recover::Opened,
    writer::{Append, Reply, Request, Writer},
};
use crate::support::keys::GatewayKey;

/// How many requests may wait. Each aggregate has one append in flight, so a handful would do; the
/// bound is there so that a writer that hangs is noticed at once and not by memory running out.
pub const QUEUE_MAX: usize = 64;

/// The way to the ledger. Clones lead to the same thread, which ends with the last of them.
#[derive(Clone)]
pub struct LedgerHandle {
    requests: SyncSender<Request>,
    size: watch::Receiver<u64>,
    fatal: watch::Sender<Option<String>>,
    behind: watch::Sender<Option<Behind>>,
    reader: LedgerReader,
}

/// A verification that goes on behind a ledger that is served already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// How many records are verified.
    pub checked: u64,
    /// How many there are to verify.
    pub of: u64,
}

impl LedgerHandle {
    /// Starts the thread over an opened ledger.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(opened: Opened, key: Arc<GatewayKey>) -> std::io::Result<Self> {
        let (requests, queue) = sync_channel(QUEUE_MAX);
        let (size_sender, size) = watch::channel(opened.head.size());
        let fatal = watch::Sender::new(None);
        let behind = watch::Sender::new(None);
        let outside = opened.outside_checkpoint.clone();
        let reader = LedgerReader::new(opened.store.reader(), key.public(), outside);
        let writer = Writer::new(opened, key, size_sender, fatal.clone());
        std::thread::Builder::new().name("ledger".into()).spawn(move || writer.run(&queue))?;
        Ok(Self { requests, size, fatal, behind, reader })
    }

    /// Appends the records, which must be numbered from `expected_size` on, and answers with the
    /// new size once they would survive a power cut.
    ///
    /// # Errors
    /// See [`AppendError`]; unless it is `Unknown`, nothing was written.
    pub async fn append(
        &self,
        expected_size: u64,
        records: Vec<Record>,
    ) -> Result<u64, AppendError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Append(Append { expected_size, records, reply: Some(reply) });
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => AppendError::Busy,
            TrySendError::Disconnected(_) => self.ended(),
        })?;
        // Taken and never answered: it may have been in the middle of it.
        answer.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writer died".into())))
    }

    /// How many records there are.
    pub fn size(&self) -> u64 {
        *self.size.borrow()
    }

    /// Tells the size after each commit.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }

    /// Signs a checkpoint of what is there now, saves it inside and outside, and gives it.
    ///
    /// # Errors
    /// If there are no records yet, or it could not be saved inside.
    pub async fn checkpoint(&self) -> Result<String, AppendError> {
        self.ask(Request::Checkpoint).await
    }

    /// Finishes what waits, signs a last checkpoint and ends the thread. Later appends fail.
    ///
    /// The store's files are free once every handle and reader is dropped too.
    ///
    /// # Errors
    /// If the last checkpoint could not be saved; the thread has ended all the same.
    pub async fn close(&self) -> Result<(), AppendError> {
        self.ask(Request::Close).await
    }

    /// Reads and checks the ledger, beside the writer.
    pub fn reader(&self) -> LedgerReader {
        self.reader.clone()
    }

    /// Waits until the ledger can go no further and the process must stop, and says why. Never
    /// returns while all is well, nor after an orderly close.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        let why = fatal.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    /// Whether, and why, the process must stop.
    pub fn fatal_now(&self) -> Option<String> {
        self.fatal.borrow().clone()
    }

    /// How far the verification behind is; `None` if every record was verified.
    pub fn behind(&self) -> watch::Receiver<Option<Behind>> {
        self.behind.subscribe()
    }

    /// How many records it has still to verify.
    pub fn unverified(&self) -> u64 {
        self.behind.borrow().map_or(0, |behind| behind.of.saturating_sub(behind.checked))
    }

    /// Waits until every record that was there at the start was verified. Whoever tells of the past
    /// does, because nothing else says that what lies in the store is what was written.
    pub async fn verified(&self) {
        // It cannot be closed: this handle is one of those who could tell.
        drop(self.behind().wait_for(Option::is_none).await);
    }

    /// Tells how far the verification behind is.
    pub(super) fn tell_behind(&self, behind: Option<Behind>) {
        self.behind.send_replace(behind);
    }

    /// Lets nothing be appended any more, and has the process stop.
    pub(super) fn condemn(&self, why: &str) {
        self.fatal.send_replace(Some(why.to_owned()));
    }

    /// Sends a request that is worth waiting for, even behind a full queue.
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, AppendError> {
        let (reply, answer) = oneshot::channel();
        let (requests, request) = (self.requests.clone(), request(reply));
        let sent = tokio::task::spawn_blocking(move || requests.send(request)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return Err(self.ended());
        }
        answer.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Why a request was not even taken.
    fn ended(&self) -> AppendError {
        let why = self.fatal_now().unwrap_or_else(|| "the ledger is closed".into());
        AppendError::Failed(why)
    }
}
