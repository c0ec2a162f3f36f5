//! What can be typed about every other credential, and about why someone may or may not.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::Force;

/// What to do about service tokens.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// List the service tokens
    #[command(after_help = "\
Example:
  doorward tokens list")]
    List,
    /// Make a service token; its secret is printed once
    #[command(after_help = "\
Example:
  doorward tokens create --name grafana --scope operator.read --ttl 90d
  doorward tokens create --name hub --scope operator.read,operator.write --from 192.168.1.0/24")]
    Create {
        /// What to call it, at most 64 characters
        #[arg(long)]
        name: String,
        /// What it is to hold; once for each, or with commas
        #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// How long it is to be good, such as 90d [default: for ever]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        ttl: Option<Duration>,
        /// From where it may be used: an address or a range; once for each, or with commas
        #[arg(long, value_name = "RANGE", value_delimiter = ',')]
        from: Vec<String>,
    },
    /// Replace the secret of a service token; the sessions of the old one end
    #[command(after_help = "\
Example:
  doorward tokens rotate grafana")]
    Rotate {
        /// Its name, or its id
        token: String,
    },
    /// End a service token, and its sessions with it
    #[command(after_help = "\
Example:
  doorward tokens revoke grafana
  doorward tokens revoke grafana --force --reason \"stolen\"   even the last with operator.admin")]
    Revoke {
        /// Its name, or its id
        token: String,
        /// Whether to do it even if nobody holds `operator.admin` then
        #[command(flatten)]
        force: Force,
    },
    /// Put a role of the policy on a service token, as a ceiling, or take it off
    #[command(after_help = "\
Example:
  doorward tokens role backup auditor
  doorward tokens role backup --none")]
    Role {
        /// Its name, or its id
        token: String,
        /// The role, as the configuration names it; `auditor` is always there
        #[arg(required_unless_present = "none", conflicts_with = "none")]
        ceiling: Option<String>,
        /// Take the ceiling off
        #[arg(long)]
        none: bool,
    },
}

/// What to do about the shared secret.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Replace the shared token or password; the sessions of the old one end, all others stay
    #[command(after_help = "\
Example:
  doorward auth rotate                          the gateway makes a new one, in the same file
  pass show gateway | doorward auth rotate --from-file -")]
    Rotate {
        /// A file that holds the new secret; `-` reads it from standard input
        #[arg(long, value_name = "FILE")]
        from_file: Option<PathBuf>,
    },
}

/// What to do about keys that need no approval.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Adopt a file of keys as a whole, in place of the one before
    ///
    /// The file is JSON5: a list of {publicKey, label, role, scopes}, where publicKey is the raw
    /// Ed25519 key in base64url, as clients send it. What the old file gave and the new one does not
    /// is taken away at once; what people gave stays. Applying the same file again changes nothing.
    #[command(after_help = "\
Example:
  doorward keys apply keys.json5 --dry-run      see what would change; exits 1 if something would
  doorward keys apply keys.json5")]
    Apply {
        /// The file
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
}

/// About what, and about whom.
#[derive(Debug, Clone, Default, Args)]
#[command(group = clap::ArgGroup::new("action").required(true).args(["method", "operation"]))]
pub struct ExplainArgs {
    /// A method of the gateway protocol, such as cron.add
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// A call of the admin API, such as RotateSecret
    #[arg(long, value_name = "NAME")]
    pub operation: Option<String>,
    /// A device (its id, the first 4 characters, or its name), a service token (its name or id),
    /// `shared-secret`, or `local-shared-secret`; without it, yourself
    #[arg(long = "as", value_name = "WHO")]
    pub who: Option<String>,
}

/// What to do about lockouts.
#[derive(Debug, Subcommand)]
pub enum LockoutsCommand {
    /// Lift lockouts: all of them, or those of an address or a kind of credential
    #[command(after_help = "\
Example:
  doorward lockouts clear
  doorward lockouts clear --address 192.168.1.7
  doorward lockouts clear --class shared-secret")]
    Clear {
        /// Only those of this address
        #[arg(long, value_name = "ADDRESS")]
        address: Option<IpAddr>,
        /// Only those of this kind of credential
        #[arg(long, value_parser = ["shared-secret", "device-token", "service-token", "setup-code"])]
        class: Option<String>,
    },
}
