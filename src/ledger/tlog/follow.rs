//! The thread that publishes what was committed.
//!
//! It hears of a commit after whoever asked for it did, and publishes at most once a second, so a
//! busy gateway pays for a handful of small files a second and a quiet one for nothing. What fails is
//! said once in the log and tried again; the ledger does not hear of it.

use std::{io, path::PathBuf, thread::JoinHandle, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::{publisher::Publisher, resume};
use crate::{
    ledger::{
        audit::LedgerReader,
        checkpoint::Checkpoint,
        handle::{Behind, LedgerHandle},
    },
    telemetry::metrics,
};

/// The pause after each time: how much of the end a lost store may keep to itself.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// The pause after a failure. A full disk is not emptied by asking more often.
const RETRY_EVERY: Duration = Duration::from_secs(30);

/// Starts the thread. It begins once all that the ledger held is verified, and ends, after a last time,
/// when the ledger's writer has ended.
///
/// # Errors
/// If the system gives no thread.
pub fn follow(dir: PathBuf, ledger: &LedgerHandle) -> io::Result<JoinHandle<()>> {
    let (log, size, behind) = (ledger.reader(), ledger.watch(), ledger.behind());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let follower = Follower { dir, log, size, behind, publisher: None, trouble: None };
    let thread = std::thread::Builder::new().name("tlog".into());
    thread.spawn(move || runtime.block_on(follower.run()))
}

struct Follower {
    dir: PathBuf,
    log: LedgerReader,
    size: watch::Receiver<u64>,
    behind: watch::Receiver<Option<Behind>>,
    publisher: Option<Publisher>,
    /// What the log said last of a failure that is not over.
    trouble: Option<String>,
}

impl Follower {
    async fn run(mut self) {
        if !self.is_verified().await {
            return;
        }
        loop {
            let size = *self.size.borrow_and_update();
            let outcome = self.publish(size);
            self.tell(outcome);
            if self.pause().await.is_err() {
                let size = *self.size.borrow();
                let outcome = self.publish(size);
                return self.tell(outcome);
            }
        }
    }

    /// Waits until all that the ledger held is verified: what is published is believed by others. Not so
    /// if the writer ends before; what is missing then, the next start publishes.
    async fn is_verified(&mut self) -> bool {
        let mut size = self.size.clone();
        let ended = async { while size.changed().await.is_ok() {} };
        tokio::select! {
            biased;
            verified = self.behind.wait_for(Option::is_none) => verified.is_ok(),
            () = ended => false,
        }
    }

    /// Publishes all that was committed; a checkpoint that was signed meanwhile, first.
    fn publish(&mut self, size: u64) -> io::Result<()> {
        // A publisher that failed is gone, and the next one looks at what is there.
        let mut publisher = match self.publisher.take() {
            Some(publisher) => publisher,
            None if size == 0 => return Ok(()),
            None => resume::resume(&self.dir, &self.log, size)?,
        };
        if let Some(note) = self.log.checkpoint().map_err(io::Error::other)? {
            let signed = Checkpoint::parse_unverified(&note).map_err(io::Error::other)?;
            publisher.publish_signed(&self.log, signed.size, &note)?;
        }
        publisher.publish(&self.log, size)?;
        metrics::published(publisher.size());
        self.publisher = Some(publisher);
        Ok(())
    }

    fn tell(&mut self, outcome: io::Result<()>) {
        let trouble = outcome.err().map(|error| error.to_string());
        match (&trouble, &self.trouble) {
            (Some(now), before) if before.as_ref() != Some(now) => tracing::warn!(
                error = now,
                dir = %self.dir.display(),
                "the ledger is not being published; the ledger itself goes on"
            ),
            (None, Some(_)) => {
                tracing::info!(dir = %self.dir.display(), "the ledger is published again");
            }
            _ => {}
        }
        self.trouble = trouble;
    }

    /// Waits for a reason to publish; an error if there will be no other.
    async fn pause(&mut self) -> Result<(), watch::error::RecvError> {
        let pause = if self.trouble.is_some() { RETRY_EVERY } else { PUBLISH_EVERY };
        let ended = async { while self.size.changed().await.is_ok() {} };
        if timeout(pause, ended).await.is_ok() {
            // Nobody is left who could commit anything: the next `changed` says so at once.
            return self.size.changed().await;
        }
        let published = self.publisher.as_ref();
        let (size, waiting) = (*self.size.borrow_and_update(), self.trouble.is_some());
        let done = published.is_some_and(|p| p.size() == size && p.signed() == size);
        if waiting || !(done || size == 0) {
            return Ok(());
        }
        self.size.changed().await
    }
}
