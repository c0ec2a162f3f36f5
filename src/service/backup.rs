//! Backups: made of a running gateway or of its files, and checked.
//!
//! A backup has the gateway's key and its shared token in the clear, so it goes to the host alone.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use super::{
    Service,
    audit::{Offline, unreadable},
    pieces::{self, Pieces},
};
use crate::{
    domain::{operation::Operation, permit, principal::Standing, refusal::Refusal},
    ledger::{
        StoreError,
        backup::{
            self,
            write::{Contents, write},
        },
    },
};

pub use crate::ledger::backup::{
    BackupError,
    read::{Backup, is_of as backup_is_of},
    restore::{
        Newer, Order as RestoreOrder, Plan as RestorePlan, RestoreError as BackupRestoreError,
        Restored as BackupRestored, plan as plan_restore,
    },
};

impl Service {
    /// Makes a backup of all that is there now, while everything goes on.
    ///
    /// # Errors
    /// If `who` is not the host, or no checkpoint can be signed. Later trouble is in the pieces.
    pub async fn back_up(&self, who: &Standing) -> Result<Pieces, Refusal> {
        permit::check(who, Operation::BackUp)?;
        self.0.ledger.verified().await;
        let note = self.0.ledger.checkpoint().await.map_err(|error| {
            tracing::warn!(%error, "no checkpoint could be signed for a backup");
            let reason = "no checkpoint can be signed; see the log";
            Refusal::Unavailable { reason, retry_after_ms: 0 }
        })?;
        let (reader, info) = (self.0.ledger.reader(), self.0.info.clone());
        Ok(pieces::write(move |out| {
            contents(&info.state_dir, &info.config_path, note)
                .and_then(|contents| write(out, &reader, contents))
                .map(drop)
                .map_err(|error| unreadable(StoreError(error.to_string())))
        }))
    }
}

impl Offline {
    /// See [`Service::back_up`]. `config` is the configuration file, which may not be there.
    ///
    /// # Errors
    /// If something cannot be read, or `out` takes no more.
    pub fn back_up(&self, state_dir: &Path, config: &Path, out: impl Write) -> io::Result<()> {
        let note = self.sign_now().map_err(io::Error::other)?;
        write(out, self.reader(), contents(state_dir, config, note)?)?.flush()
    }
}

/// Reads a backup from beginning to end.
///
/// # Errors
/// What is wrong with it.
pub fn check_backup(from: impl Read) -> Result<Backup, BackupError> {
    backup::read::read(from, [], &mut |_| Ok(()))
}

fn contents(state_dir: &Path, config: &Path, note: String) -> io::Result<Contents> {
    let at = |path: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let key_file = state_dir.join(backup::KEY);
    let key = fs::read(&key_file).map_err(|error| at(&key_file, error))?;
    let mut files = Vec::new();
    let shared_token = state_dir.join(backup::SHARED_TOKEN);
    for (name, path) in [(backup::SHARED_TOKEN, shared_token.as_path()), (backup::CONFIG, config)] {
        match fs::read(path) {
            Ok(bytes) => files.push((name, bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(path, error)),
        }
    }
    Ok(Contents { note, key, files })
}
