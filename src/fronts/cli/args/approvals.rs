//! The arguments of `doorward approvals`.

use clap::Subcommand;

/// What to do about approvals.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List what waits
    #[command(after_help = "\
Example:
  doorward approvals list           who asks for what, and how long it waits
  doorward approvals list --json    with all that would be done")]
    List,
    /// Show one: what exactly would be done, or what became of it
    #[command(after_help = "\
Example:
  doorward approvals show 0f8c6a52-7d0e-4f6c-9a51-2f8f3c1d9e77")]
    Show {
        /// Its id, as `doorward approvals list` shows it
        id: String,
    },
    /// Allow one: this once, or so that whoever asks may remember it
    ///
    /// The first answer wins. Exit code 1: somebody was first, or it is over.
    #[command(after_help = "\
Example:
  doorward approvals approve 0f8c6a52-7d0e-4f6c-9a51-2f8f3c1d9e77
  doorward approvals approve 0f8c6a52-7d0e-4f6c-9a51-2f8f3c1d9e77 --always")]
    Approve {
        /// Its id, as `doorward approvals list` shows it
        id: String,
        /// Let whoever asks remember it, if it can
        #[arg(long)]
        always: bool,
    },
    /// Deny one
    #[command(after_help = "\
Example:
  doorward approvals deny 0f8c6a52-7d0e-4f6c-9a51-2f8f3c1d9e77")]
    Deny {
        /// Its id, as `doorward approvals list` shows it
        id: String,
    },
    /// List what became of the last that waited: who decided, or why nobody did
    #[command(after_help = "\
Example:
  doorward approvals history
  doorward audit log --kind approval_decided    all of them, with from where and on which grant")]
    History,
}
