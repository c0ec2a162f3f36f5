//! What can be typed about backups, and about what is held after one was put back.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do about backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Write everything into one file: the ledger, the gateway's key, its token and configuration
    ///
    /// Works while the gateway runs, under load too, and without one. The file is checked before it
    /// gets its name. It holds secrets in the clear: whoever has it can be this gateway. Only its
    /// owner may read it; keep it so.
    #[command(after_help = "\
Example:
  doorward backup create                        doorward-<time>.tar in this directory
  doorward backup create --to /mnt/backups      the same in that directory
  doorward backup create --to /mnt/today.tar    exactly that file, which must not exist")]
    Create {
        /// The new file, or the directory for it [default: this directory]
        #[arg(long, value_name = "FILE|DIR")]
        to: Option<PathBuf>,
    },
    /// Check a backup: every record, the signature, and everything else in it
    #[command(after_help = "\
Example:
  doorward backup verify doorward-2026-01-31T12-00-00Z.tar
  doorward backup verify FILE --key=KEY    and that it is of the gateway with this public key")]
    Verify {
        /// The backup
        file: PathBuf,
        /// The gateway's public key (base64url or hex), or a file with it
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Go on from a backup: make its ledger that of the state directory
    ///
    /// The gateway must not run. Nothing is thrown away: a ledger that is there is put aside, and
    /// files that are there stay. What was revoked, removed, narrowed or replaced after the backup
    /// stays so, as far as the ledger that is there can be read. Where records are known to be lost,
    /// that cannot be known: nothing is restored without --accept-loss, and with it every device and
    /// service token is held until someone has looked at it (doorward review).
    #[command(after_help = "\
Example:
  doorward backup restore FILE                    what would be done
  doorward backup restore FILE --yes              do it, where there is no ledger
  doorward backup restore FILE --replace --yes    where there is one, which is kept beside the new one")]
    Restore(RestoreArgs),
}

/// How to restore.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// Do it; without this, only say what would be done
    #[arg(long)]
    pub yes: bool,
    /// Put a ledger that is there aside
    #[arg(long)]
    pub replace: bool,
    /// A checkpoint that was kept elsewhere: it tells of records that this disk knows nothing of
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Bring back what was taken away after the backup
    #[arg(long)]
    pub trust_backup: bool,
    /// Go on although records are lost: everything that they may have taken away is held for review
    #[arg(long)]
    pub accept_loss: bool,
}

/// What to do about what is held for review.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// List it: what would be in force, since when it is held, and which records are lost
    #[command(after_help = "\
Example:
  doorward review list --json")]
    List,
    /// Let something be in force again, after a look at it
    ///
    /// What is not to be in force again is revoked instead: doorward devices revoke, doorward tokens
    /// revoke.
    #[command(after_help = "\
Example:
  doorward review release 3f2a91c4   a device, by its id, beginning or name
  doorward review release grafana    a service token, by its name
  doorward review release rules      approval without a person: of the policy, and the list of keys
  doorward review release --all      everything that is held")]
    Release {
        /// A device, a service token, or `rules`
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        whom: Option<String>,
        /// Everything
        #[arg(long)]
        all: bool,
    },
}
