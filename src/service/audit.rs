//! Reading the ledger: its records and its soundness.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    Service,
    access::{AccessFilter, AccessKey, AccessLog, Tally},
    history::History,
    proofs,
};
use crate::{
    domain::{operation::Operation, permit, principal::Standing, refusal::Refusal},
    ledger::{
        audit::{self, Entry, LedgerReader},
        checkpoint::Checkpoint,
        error::{OpenError, StoreError, unread_key},
        recover::{self, OpenOptions},
    },
    support::keys::GatewayKey,
};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many records were checked.
    pub size: u64,
    /// Their Merkle root (RFC 6962); all zero if the ledger is broken.
    pub root: [u8; 32],
    /// What is wrong, if something is.
    pub broken: Option<Broken>,
    /// The newest signed checkpoint.
    pub checkpoint: Option<String>,
}

/// Where a ledger stops being true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The first record that cannot be trusted.
    pub first_bad_seq: u64,
    /// What is wrong with it.
    pub what: String,
}

impl Service {
    /// Up to `limit` records from place `from` on.
    ///
    /// # Errors
    /// If `who` may not read the ledger, or it cannot be read.
    pub async fn read_ledger(
        &self,
        who: &Standing,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        self.0.ledger.verified().await;
        let reader = self.0.ledger.reader();
        on_a_thread(move || reader.read(from, limit)).await
    }

    /// Walks the whole ledger and compares it with its checkpoints.
    ///
    /// # Errors
    /// If `who` may not, or the store cannot be read at all.
    pub async fn verify_ledger(&self, who: &Standing) -> Result<Verdict, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        let reader = self.0.ledger.reader();
        on_a_thread(move || verify(&reader)).await
    }

    /// How many records there are to tell of: those that the published state adds up to. What is
    /// durable and not in it yet could be read by someone from whom it takes that right.
    pub fn told_size(&self) -> u64 {
        self.0.registry.epoch().now()
    }
}

/// The ledger of a gateway that is not running.
pub struct Offline {
    reader: LedgerReader,
    /// Where its tiles lie.
    published: PathBuf,
    key: GatewayKey,
    access: AccessLog,
}

/// Opens the ledger in a state directory, which verifies it. Nothing is created.
///
/// # Errors
/// Why it cannot be trusted, or that there is none.
pub fn offline(state_dir: &Path) -> Result<Offline, OpenError> {
    let (dir, key_file) = (state_dir.join("ledger"), state_dir.join("gateway.key"));
    if !dir.is_dir() {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no ledger here");
        return Err(OpenError::Io { path: dir, source });
    }
    let key = GatewayKey::load(&key_file)
        .map_err(|error| OpenError::Io { path: key_file, source: unread_key(error) })?;
    let outside_checkpoint = state_dir.join("checkpoint");
    let options = OpenOptions { dir, outside_checkpoint: outside_checkpoint.clone() };
    let opened = recover::open(&options, &key, &mut |_| ControlFlow::Continue(()))?;
    let reader = LedgerReader::new(opened.store.reader(), key.public(), Some(outside_checkpoint));
    let access = AccessLog::new(state_dir.join("access"));
    Ok(Offline { reader, published: proofs::published_in(state_dir), key, access })
}

impl Offline {
    /// The ledger itself.
    pub(super) fn reader(&self) -> &LedgerReader {
        &self.reader
    }

    /// Where its tiles lie, if any do.
    pub(super) fn published(&self) -> &Path {
        &self.published
    }

    /// Signs what is there now; the ledger was checked when it was opened. The note is not kept.
    pub(super) fn sign_now(&self) -> Result<String, StoreError> {
        let audit::Verdict::Ok { size, root } = self.reader.verify()? else {
            return Err(StoreError("the ledger is broken".into()));
        };
        Ok(Checkpoint { size, root }.sign(&self.key))
    }

    /// See [`Service::read_ledger`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.reader.read(from, limit)
    }

    /// How many records there are.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn size(&self) -> Result<u64, StoreError> {
        self.reader.size()
    }

    /// See [`Service::verify_ledger`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify(&self) -> Result<Verdict, StoreError> {
        verify(&self.reader)
    }

    /// See [`Service::access`].
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn access(&self, filter: AccessFilter) -> Result<Vec<(AccessKey, Tally)>, StoreError> {
        self.access.rows(filter)
    }

    /// Asks something of it, as [`Service::history`] does of a running gateway.
    pub fn history(&self) -> History {
        History::of_files(self.reader.clone())
    }
}

fn verify(reader: &LedgerReader) -> Result<Verdict, StoreError> {
    let checkpoint = reader.checkpoint()?;
    Ok(match reader.verify()? {
        audit::Verdict::Ok { size, root } => Verdict { size, root, broken: None, checkpoint },
        audit::Verdict::Broken { first_bad_seq, what } => {
            let broken = Some(Broken { first_bad_seq, what: what.to_string() });
            Verdict { size: first_bad_seq, root: [0; 32], broken, checkpoint }
        }
    })
}

pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let stopped = |_| Refusal::Unavailable { reason: "the gateway is stopping", retry_after_ms: 0 };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?.map_err(unreadable)
}

pub(super) fn unreadable(error: StoreError) -> Refusal {
    tracing::error!(%error, "the ledger cannot be read");
    Refusal::Unavailable { reason: "the ledger cannot be read; see the log", retry_after_ms: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_key_a_ledger_is_not_read_and_nothing_is_made() {
        let state = tempfile::tempdir().unwrap();
        let error = offline(state.path()).map(drop).unwrap_err().to_string();
        assert!(error.ends_with("there is no ledger here"), "{error}");
        std::fs::create_dir(state.path().join("ledger")).unwrap();
        let error = offline(state.path()).map(drop).unwrap_err().to_string();
        let key_file = state.path().join("gateway.key");
        assert!(error.starts_with(&format!("{}: ", key_file.display())), "{error}");
        assert!(error.contains("key is missing; put it back from a backup"), "{error}");
        assert!(!key_file.exists());
        assert_eq!(std::fs::read_dir(state.path().join("ledger")).unwrap().count(), 0);
    }
}
