//! What can be typed about devices.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

/// What to do about devices.
#[derive(Debug, Subcommand)]
pub enum DevicesCommand {
    /// List the requests that wait and the devices that are paired
    #[command(after_help = "\
Example:
  doorward devices list
  doorward devices list --stale 30d
  doorward devices list --json | jq -r '.pending[].requestId'")]
    List {
        /// Only paired devices that were not here for this long, such as 30d
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        stale: Option<Duration>,
    },
    /// Approve a request; without one, show the newest and how to approve it
    #[command(after_help = "\
Example:
  doorward devices approve                                   look first; approves nothing, exits 1
  doorward devices approve 3f2a91c4                          the beginning of an id is enough
  doorward devices approve 3f2a91c4 --scopes operator.read   only if it asks for exactly this
  doorward devices approve 3f2a91c4 --until 1h               falls back to what it held before")]
    Approve {
        /// The request: its id, or at least the first 4 characters
        request: Option<String>,
        /// The scopes that you saw, with commas; if the request asks for others, nothing happens
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', requires = "request")]
        scopes: Option<Vec<String>>,
        /// Let the grant end after this long, such as 1h; what was held for good before is left
        #[arg(long, value_name = "TIME", requires = "request",
            value_parser = humantime::parse_duration)]
        until: Option<Duration>,
        /// Put a role of the policy on the grant, as a ceiling
        #[arg(long, value_name = "ROLE", requires = "request")]
        role: Option<String>,
        /// Let the device vanish once it has disconnected
        #[arg(long, requires = "request")]
        ephemeral: bool,
    },
    /// Make a single-use code that lets one device in
    #[command(after_help = "\
Example:
  doorward devices setup-code                   for a phone or browser: reads, writes, answers
  doorward devices setup-code --for node        for a headless machine")]
    SetupCode {
        /// What the device is to be
        #[arg(long = "for", value_name = "limited|node|full", default_value = "limited")]
        access: AccessWord,
        /// How to hand it over.
        #[command(flatten)]
        args: SetupArgs,
    },
    /// Turn a request down; no rule approves that device by itself from then on
    #[command(after_help = "\
Example:
  doorward devices reject 3f2a91c4")]
    Reject {
        /// The request: its id, or at least the first 4 characters
        request: String,
    },
    /// Take a device out, with everything that it holds; its sessions end at once
    #[command(after_help = "\
Example:
  doorward devices remove 3f2a91c4
  doorward devices remove \"Old phone\" --force --reason \"lost\"   even the last with operator.admin")]
    Remove {
        /// The device: its id, at least the first 4 characters, or its name
        device: String,
        /// Whether to insist.
        #[command(flatten)]
        force: Force,
    },
    /// Give a device a name, which it keeps whatever it says about itself
    #[command(after_help = "\
Example:
  doorward devices rename 3f2a91c4 \"Kitchen tablet\"")]
    Rename {
        /// The device: its id, at least the first 4 characters, or its name
        device: String,
        /// The name, at most 64 characters
        label: String,
    },
    /// Replace a device's token; it fetches the new one when it connects next
    #[command(after_help = "\
Example:
  doorward devices rotate 3f2a91c4
  doorward devices rotate 3f2a91c4 --scope operator.read      and leave it only this from now on")]
    Rotate {
        /// Whose.
        #[command(flatten)]
        whose: InRole,
        /// What is to be in force, within what was approved; once for each, or with commas
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scope: Option<Vec<String>>,
    },
    /// End what a device holds in a role; its sessions end at once, the device stays listed
    #[command(after_help = "\
Example:
  doorward devices revoke 3f2a91c4
  doorward devices revoke 3f2a91c4 --as node")]
    Revoke {
        /// Whose.
        #[command(flatten)]
        whose: InRole,
        /// Whether to insist.
        #[command(flatten)]
        force: Force,
    },
    /// Take every device out, and turn every request down
    #[command(after_help = "\
Example:
  doorward devices clear --yes --pending                      only the requests that wait
  doorward devices clear --yes --force --reason \"moving out\"")]
    Clear {
        /// That you mean it
        #[arg(long, required = true)]
        yes: bool,
        /// Leave the paired devices alone
        #[arg(long)]
        pending: bool,
        /// Whether to insist.
        #[command(flatten)]
        force: Force,
    },
    /// Put a role of the policy on what a device holds, as a ceiling, or take it off
    #[command(after_help = "\
Example:
  doorward devices role 3f2a91c4 auditor                      reads the ledger and does nothing else
  doorward devices role 3f2a91c4 --none")]
    Role {
        /// Whose.
        #[command(flatten)]
        whose: InRole,
        /// The role, as the configuration names it; `auditor` is always there
        #[arg(required_unless_present = "none", conflicts_with = "none")]
        ceiling: Option<String>,
        /// Take the ceiling off
        #[arg(long)]
        none: bool,
    },
}

/// What a setup code is for, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccessWord {
    /// The owner: everything.
    Full,
    /// Reads, writes and answers, and administers nothing.
    Limited,
    /// Offers capabilities.
    Node,
}

/// How to hand a setup code over.
#[derive(Debug, Clone, Default, Args)]
pub struct SetupArgs {
    /// The address at which the device reaches the gateway [default: the likeliest of this host]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Leave the picture out
    #[arg(long)]
    pub no_qr: bool,
}

/// What a device holds in one role.
#[derive(Debug, Clone, Args)]
pub struct InRole {
    /// The device: its id, at least the first 4 characters, or its name
    pub device: String,
    /// In which role
    #[arg(long = "as", value_name = "operator|node", default_value = "operator")]
    pub role: RoleWord,
}

/// A role, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleWord {
    /// Controls the gateway.
    Operator,
    /// Offers capabilities.
    Node,
}

/// Whether to do it even if nobody holds `operator.admin` then.
#[derive(Debug, Clone, Default, Args)]
pub struct Force {
    /// Even if nobody holds operator.admin then
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Why; it goes into the ledger
    #[arg(long, value_name = "TEXT", requires = "force")]
    pub reason: Option<String>,
}
