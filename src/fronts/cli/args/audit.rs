//! What can be typed about the ledger.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand, ValueEnum};

use crate::{domain::scope::Known, support::clock};

/// What to ask of the ledger. Works without a running gateway too.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print records, oldest first; without --from, the newest
    #[command(after_help = "\
Example:
  doorward audit log                        the newest 50
  doorward audit log --from 0 --json        everything, one JSON document per line
  doorward audit log --follow               the newest 10, then each new one as it is committed
  doorward audit log --about Kitchen --scope operator.admin
                                            when the kitchen tablet gained and lost admin")]
    Log(LogArgs),
    /// Go on with each new record from a place on, also over restarts of the gateway
    #[command(after_help = "\
Example:
  doorward audit watch --from 120 --json >> audit.jsonl
                                            each record once; go on with the last seq + 1")]
    Watch {
        /// Begin at this record; without it, at the next new one
        #[arg(long, value_name = "SEQ")]
        from: Option<u64>,
        /// Which records
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Write every record to a file, and go on where that stopped: at least once, none left out
    #[command(after_help = "\
Example:
  doorward audit export --to jsonl:/var/log/doorward.jsonl             from cron
  doorward audit export --to jsonl:/var/log/doorward.jsonl --follow    as a service
  doorward audit export --to jsonl:- --from 120 | collector")]
    Export(ExportArgs),
    /// List where the gateway itself sends every record, and how far each of those is
    #[command(after_help = "\
Example:
  doorward audit sinks
  doorward audit sinks --json | jq '.sinks[] | select(.lag > 1000)'")]
    Sinks,
    /// Tell why someone has a scope: the chain of grants back to its root; exits 3 if they have not
    #[command(after_help = "\
Example:
  doorward audit why \"Kitchen tablet\" operator.admin
  doorward audit why grafana operator.read --at 2026-11-01T12:00:00Z
  doorward audit why shared-secret operator.write")]
    Why {
        /// A device or service token (its name, or the beginning of its id), shared-secret,
        /// local-shared-secret, open, or person:NAME
        whom: String,
        /// The scope, with or without its `operator.`
        #[arg(value_parser = scope_name)]
        scope: String,
        /// At this moment: after a record, at a time, or so long ago
        #[arg(long, value_name = "SEQ|TIME")]
        at: Option<When>,
    },
    /// List everyone who has a scope
    #[command(
        name = "who-can",
        after_help = "\
Example:
  doorward audit who-can operator.admin"
    )]
    WhoCan {
        /// The scope, with or without its `operator.`
        #[arg(value_parser = scope_name)]
        scope: String,
        /// At this moment: after a record, at a time, or so long ago
        #[arg(long, value_name = "SEQ|TIME")]
        at: Option<When>,
    },
    /// Tell what was gained and lost between two moments, and by whom
    #[command(after_help = "\
Example:
  doorward audit diff 41 57
  doorward audit diff 7d                    the last week
  doorward audit diff 2026-11-01 2026-11-08")]
    Diff {
        /// From this moment: after a record, at a time, or so long ago
        from: When,
        /// To this one; without it, now
        to: Option<When>,
    },
    /// List who came in, who was turned away, and who called what they have no right to
    #[command(after_help = "\
Example:
  doorward audit access                     the last 50, alike counted together
  doorward audit access --kind refused --since 1d")]
    Access {
        /// Of this kind alone
        #[arg(long, value_enum)]
        kind: Option<AccessWord>,
        /// That happened since this time, or so long ago
        #[arg(long, value_name = "TIME")]
        since: Option<Time>,
        /// How many of the last
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },
    /// Replay history under another policy: which decisions would have gone otherwise
    ///
    /// The policy is read from a configuration file as `run` would read it. Nothing is written.
    #[command(after_help = "\
Example:
  doorward audit replay --policy stricter.json5")]
    Replay {
        /// The configuration file to take the policy from
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
    /// Check every record, the chain and the checkpoints; exits 5 if something is broken
    #[command(after_help = "\
Example:
  doorward audit verify && echo untouched
  doorward audit verify --since backup/checkpoint     and it begins as it did then")]
    Verify {
        /// A checkpoint that was kept elsewhere: what it signed must be the beginning of what is there
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Give the proof that a record is in the ledger, for people who have nothing but the public key
    #[command(after_help = "\
Example:
  doorward audit prove --seq 41 --out 41.tlog-proof
  doorward audit check 41.tlog-proof --key KEY          anywhere, as the command says")]
    Prove {
        /// The record
        #[arg(long)]
        seq: u64,
        /// Write the proof to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check such a proof, without a gateway and without its state
    #[command(after_help = "\
Example:
  doorward audit check 41.tlog-proof --key gateway.pub")]
    Check {
        /// The proof
        file: PathBuf,
        /// The gateway's public key, in base64url or hex, or a file with it. Take it from a source that
        /// you trust, not from whoever brings the proof
        #[arg(long, value_name = "KEY|FILE")]
        key: String,
    },
    /// Print who waited and who held what, right after a record or at a time
    #[command(
        name = "as-of",
        after_help = "\
Example:
  doorward audit as-of 41
  doorward audit as-of 2026-11-01T12:00:00Z"
    )]
    AsOf {
        /// After this record, at this time, or so long ago
        at: When,
    },
}

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// jsonl:FILE, which keeps its place in FILE.cursor, or jsonl:- for standard output
    #[arg(long, value_name = "TARGET")]
    pub to: ExportTarget,
    /// Begin at this record; a file that has a cursor goes on from there instead
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// Go on with each new record, also over restarts of the gateway
    #[arg(long, short)]
    pub follow: bool,
}

/// Where records are exported to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTarget {
    /// Standard output, which has no cursor.
    Stdout,
    /// This file.
    File(PathBuf),
}

impl FromStr for ExportTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("jsonl:") {
            Some("-") => Ok(Self::Stdout),
            Some(file) if !file.is_empty() => Ok(Self::File(file.into())),
            _ => Err("give jsonl:FILE, or jsonl:- for standard output"),
        }
    }
}

/// Which records to print.
#[derive(Debug, Clone, Default, Args)]
pub struct LogArgs {
    /// Begin at this record
    #[arg(long, value_name = "SEQ")]
    pub from: Option<u64>,
    /// How many: from --from on, or of the newest
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Go on with each new record until interrupted
    #[arg(long, short)]
    pub follow: bool,
    /// Which records
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// What has to be true of a record.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Done by: host, a device or service token, shared-secret, open, person:NAME, or rule:NAME
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
    /// Done to: a device or service token
    #[arg(long, value_name = "WHO")]
    pub about: Option<String>,
    /// Of this kind, such as pairing_approved; once for each, or with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// By which this scope was gained or lost
    #[arg(long, value_name = "SCOPE", value_parser = scope_name)]
    pub scope: Option<String>,
    /// From this address or range
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Not before this time, or so long ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<Time>,
    /// Before this time, or so long ago
    #[arg(long, value_name = "TIME")]
    pub until: Option<Time>,
}

/// A kind of access record, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccessWord {
    /// A client was let in.
    Entered,
    /// A client was turned away.
    Refused,
    /// A client called what it has no right to.
    Denied,
}

/// A moment: a place in the ledger, or a time in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Right after this record.
    Seq(u64),
    /// At this time.
    Time(u64),
}

/// A time in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub u64);

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seq) => Ok(Self::Seq(seq)),
            Err(_) => text.parse().map(|Time(ms)| Self::Time(ms)),
        }
    }
}

impl FromStr for Time {
    type Err = String;

    /// `2026-11-01`, `2026-11-01T12:00:00Z` (UTC), or a span such as `2h`: so long ago.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(at) = clock::from_utc(text) {
            return Ok(Self(at));
        }
        let ago = humantime::parse_duration(text).map_err(|_| {
            "give a record's number, a UTC time such as 2026-11-01 or 2026-11-01T12:00:00Z, or a \
             span such as 2h"
                .to_owned()
        })?;
        let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
        Ok(Self(clock::unix_millis().saturating_sub(ago)))
    }
}

/// The whole name of a scope. Lists show names without their `operator.`, and what is shown can be
/// typed.
fn scope_name(typed: &str) -> Result<String, Infallible> {
    let whole = format!("operator.{typed}");
    let is_known = Known::ALL.iter().any(|known| known.name() == whole);
    Ok(if is_known { whole } else { typed.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_may_be_typed_as_lists_show_them() {
        for (typed, whole) in [
            ("admin", "operator.admin"),
            ("talk.secrets", "operator.talk.secrets"),
            ("operator.read", "operator.read"),
            ("plugin.thing", "plugin.thing"),
        ] {
            assert_eq!(scope_name(typed).as_deref(), Ok(whole));
        }
    }

    #[test]
    fn moments_row_by_row() {
        for (text, expected) in [
            ("41", Some(When::Seq(41))),
            ("1970-01-02", Some(When::Time(86_400_000))),
            ("1970-01-01T00:00:01Z", Some(When::Time(1_000))),
            ("1970-01-01 00:00:02", Some(When::Time(2_000))),
            ("yesterday", None),
            ("-1", None),
            ("1969-01-01", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        let Ok(Time(ago)) = "2h".parse() else { panic!("a span") };
        let now = clock::unix_millis();
        assert!(
            (now - 7_210_000..=now - 7_200_000).contains(&ago),
            "two hours ago: {ago} of {now}"
        );
    }
}
