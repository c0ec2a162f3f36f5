//! The thread behind: it verifies what a start took on a snapshot's word, and then keeps snapshots.
//!
//! None is written before that verification has ended well, so that no snapshot stands on another
//! one's word alone. Nobody waits for this thread but questions about a past that is not verified yet;
//! where several states wait to be kept, the newest is.

use std::{
    io,
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use super::{Snapshot, put_aside, start::Unverified, write};
use crate::{
    domain::registry::Registry,
    ledger::{
        audit::LedgerReader,
        chain::HeadState,
        error::OpenError,
        handle::{Behind, LedgerHandle},
        walk::Walker,
    },
    support::{clock::Stopwatch, keys::GatewayKey},
};

/// A snapshot is kept after so many records at least: so much is read at a start after a crash, in
/// some 50 ms.
pub const SNAPSHOT_RECORDS: u64 = 16 * 1024;

/// And after this part of all records: the state may be as long as the ledger, and to write it should
/// cost little beside the records that came meanwhile.
const SNAPSHOT_PART: u64 = 32;

/// At an orderly end one is kept if there are so many records that it does not cover. Fewer are read
/// sooner than a snapshot is.
pub const SNAPSHOT_RECORDS_AT_END: u64 = 1024;

/// How often progress is told: often enough to be seen, seldom enough to cost nothing.
const TELL_EVERY: u64 = 1024;

/// A thread that gives way to all others, and still gets on beside them: a tenth of their share.
const NICE: i32 = 10;

/// Keeps snapshots until it is dropped.
pub struct Keeper {
    waiting: Arc<Waiting>,
    /// The size of the newest state that was asked to be kept.
    asked: AtomicU64,
    thread: JoinHandle<()>,
}

/// What is to be kept next.
#[derive(Default)]
struct Waiting {
    slot: Mutex<Slot>,
    more: Condvar,
    /// Whether verifying is to end, because the gateway does.
    stop: AtomicBool,
}

#[derive(Default)]
struct Slot {
    state: Option<(u64, Registry)>,
    closed: bool,
}

/// What it begins with.
pub struct Begin {
    /// The snapshot's file.
    pub file: PathBuf,
    /// Where the ledger ended when it was opened.
    pub head: HeadState,
    /// What is to be verified first.
    pub unverified: Option<Unverified>,
}

impl Keeper {
    /// Starts the thread beside a ledger. The receiver hears of a verification that failed.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        begin: Begin,
        ledger: &LedgerHandle,
        key: Arc<GatewayKey>,
    ) -> io::Result<(Arc<Self>, oneshot::Receiver<OpenError>)> {
        let Begin { file, head, unverified } = begin;
        let of = unverified.as_ref().map(Unverified::size);
        ledger.tell_behind(of.map(|of| Behind { checked: 0, of }));
        let (failed, failure) = oneshot::channel();
        let waiting = Arc::new(Waiting::default());
        let work = Work {
            waiting: Arc::clone(&waiting),
            alarm: Alarm(ledger.clone()),
            log: ledger.reader(),
            head,
            file,
            key,
        };
        let thread = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || work.run(unverified, failed))?;
        let asked = AtomicU64::new(of.unwrap_or(0));
        Ok((Arc::new(Self { waiting, asked, thread }), failure))
    }

    /// Has a state kept if it is time for that; `size` records add up to it. Costs nothing if not.
    pub fn offer(&self, size: u64, state: &Registry) {
        let asked = self.asked.load(Relaxed);
        if size >= asked.saturating_add(SNAPSHOT_RECORDS.max(asked / SNAPSHOT_PART)) {
            self.ask(size, state);
        }
    }

    /// Has the last state kept, unless the newest snapshot is nearly as new, and ends the thread.
    /// Returns at once; see [`Self::has_ended`].
    pub fn end(&self, size: u64, state: &Registry) {
        self.waiting.stop.store(true, Relaxed);
        if size >= self.asked.load(Relaxed).saturating_add(SNAPSHOT_RECORDS_AT_END) {
            self.ask(size, state);
        }
        self.waiting.change(|slot| slot.closed = true);
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    fn ask(&self, size: u64, state: &Registry) {
        self.asked.store(size, Relaxed);
        self.waiting.change(|slot| slot.state = Some((size, state.clone())));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.waiting.stop.store(true, Relaxed);
        self.waiting.change(|slot| slot.closed = true);
    }
}

impl Waiting {
    fn change(&self, change: impl FnOnce(&mut Slot)) {
        change(&mut self.slot.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_one();
    }

    /// The next state to be kept; `None` at the end.
    fn next(&self) -> Option<(u64, Registry)> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |slot: &mut Slot| slot.state.is_none() && !slot.closed;
        let woken = self.more.wait_while(slot, idle);
        woken.unwrap_or_else(PoisonError::into_inner).state.take()
    }
}

/// What the thread has.
struct Work {
    waiting: Arc<Waiting>,
    alarm: Alarm,
    log: LedgerReader,
    /// The end of the records that it knows to be whole.
    head: HeadState,
    file: PathBuf,
    key: Arc<GatewayKey>,
}

impl Work {
    fn run(mut self, unverified: Option<Unverified>, failed: oneshot::Sender<OpenError>) {
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!(%error, "snapshots are made no weaker than the rest");
        }
        if let Some(unverified) = unverified {
            match self.verify(&unverified) {
                Ok(true) => self.alarm.0.tell_behind(None),
                Ok(false) => return,
                Err(error) => return self.fail(error, failed),
            }
        }
        while let Some((size, state)) = self.waiting.next() {
            if let Err(error) = self.keep(size, state) {
                tracing::warn!(%error, file = %self.file.display(), "no snapshot was kept");
            }
        }
    }

    fn verify(&self, unverified: &Unverified) -> Result<bool, OpenError> {
        let (of, took) = (unverified.size(), Stopwatch::start());
        tracing::info!(records = of, "started from a snapshot; its records are verified behind");
        let whole = unverified.verify(self.log.log(), self.log.public_key(), &mut |checked| {
            if checked.is_multiple_of(TELL_EVERY) {
                self.alarm.0.tell_behind(Some(Behind { checked, of }));
            }
            match self.waiting.stop.load(Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        if whole {
            let millis = took.elapsed_millis();
            tracing::info!(records = of, millis, "the snapshot's records are verified");
        }
        Ok(whole)
    }

    /// Nothing is written any more, and the next start reads everything.
    fn fail(&self, error: OpenError, failed: oneshot::Sender<OpenError>) {
        tracing::error!(%error, "the ledger was not what its snapshot said; the gateway stops");
        if let Err(error) = put_aside(&self.file) {
            tracing::warn!(%error, file = %self.file.display(), "the snapshot stays");
        }
        let why = error.to_string();
        // Whoever listens says it; the writer only has to stop.
        drop(failed.send(error));
        self.alarm.0.condemn(&why);
    }

    /// Keeps a state that the first `size` records add up to.
    fn keep(&mut self, size: u64, state: Registry) -> io::Result<()> {
        let took = Stopwatch::start();
        let mut walker = Walker::after(self.head.clone(), []);
        let mut fault = None;
        let read = self.log.read_values(self.head.size(), size, &mut |value| match walker
            .step(walker.head().size(), value)
        {
            Ok(_) => ControlFlow::Continue(()),
            Err(what) => {
                fault = Some(what.to_string());
                ControlFlow::Break(())
            }
        });
        read.map_err(io::Error::other)?;
        fault.map_or(Ok(()), |fault| Err(io::Error::other(fault)))?;
        if walker.head().size() != size {
            return Err(io::Error::other(format!("the ledger ends at {}", walker.head().size())));
        }
        self.head = walker.head().clone();
        write(&self.file, Snapshot { head: self.head.clone(), state }, &self.key)?;
        let millis = took.elapsed_millis();
        tracing::info!(records = size, millis, "a snapshot was kept");
        Ok(())
    }
}

/// Stops the process if the thread panics: what it was to verify nobody verifies then.
struct Alarm(LedgerHandle);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.condemn("the thread that verifies the ledger panicked");
        }
    }
}
