//! What the user may ask of `doorward bench`, and what follows from it.

use std::{convert::Infallible, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::support::secret::Secret;

/// Measure a gateway: this one, or any other that speaks the OpenClaw Gateway protocol.
///
/// Without --url it starts a gateway of its own in a temporary state directory, measures it and
/// removes everything again. With --url it measures the gateway that runs there, for example
/// OpenClaw's own, by the same code; add --pid to see its CPU time and memory too.
///
/// Pairings leave devices behind: measure a gateway whose state you can throw away.
#[derive(Debug, Clone, Args)]
pub struct BenchOptions {
    /// The gateway to measure, for example ws://127.0.0.1:18789 (only ws:// is spoken)
    #[arg(long)]
    pub url: Option<String>,

    /// The shared token of the gateway at --url
    #[arg(long, requires = "url", value_parser = secret)]
    pub token: Option<Secret<String>>,

    /// The process id of the gateway at --url, on this machine: its CPU time and resident memory
    /// are read from /proc
    #[arg(long, requires = "url")]
    pub pid: Option<u32>,

    /// How long each measurement under load takes, in seconds
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,

    /// How many idle connections memory-connections opens, and how many devices revocations connects
    #[arg(long, default_value_t = 5000, value_parser = at_least_one)]
    pub connections: usize,

    /// Make only these measurements, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Name>,

    /// A state directory with many records, for ready-records; it is copied, not changed. Its
    /// gateway should not be running
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    pub state_dir_with_records: Option<PathBuf>,
}

/// The measurements, in the order in which they run: memory before load has touched it, and what
/// fills the ledger last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// From the start of the process to ready, on an empty state
    Ready,
    /// The same on the records of --state-dir-with-records
    ReadyRecords,
    /// Resident memory before any load
    MemoryIdle,
    /// Resident memory that each idle connection adds
    MemoryConnections,
    /// A paired device connects, 32 at a time
    HandshakesKnown,
    /// `health`, 8 connections with 64 requests under way on each
    HealthPipelined,
    /// `health`, one request at a time
    HealthLone,
    /// `system-presence`, 8 connections with 64 requests under way on each
    PresencePipelined,
    /// New devices are paired, 64 at a time
    PairingsFresh,
    /// Operators approve waiting devices, 64 under way
    Approvals,
    /// One of many connected devices is revoked, and its socket closed
    Revocations,
}

impl Name {
    /// As it is written on the command line.
    pub fn text(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What one operation is.
    pub fn what(self) -> &'static str {
        match self {
            Self::Ready => "start of the process to the first 200 of GET /readyz, empty state",
            Self::ReadyRecords => "start of the process to the first 200 of GET /readyz, records",
            Self::MemoryIdle => "resident memory before any load",
            Self::MemoryConnections => "resident memory that an authenticated idle connection adds",
            Self::HandshakesKnown => "TCP connect to hello-ok of a paired device, 32 at a time",
            Self::HealthPipelined => "health, 8 connections, 64 under way on each",
            Self::HealthLone => "health, one connection, one at a time",
            Self::PresencePipelined => "system-presence, 8 connections, 64 under way on each",
            Self::PairingsFresh => "TCP connect of a new device to its token, 64 at a time",
            Self::Approvals => "device.pair.approve, 8 operators, 8 under way for each",
            Self::Revocations => "device.token.revoke to the close of the device's socket",
        }
    }
}

impl BenchOptions {
    /// What to measure, in the order of [`Name`], each once.
    pub fn names(&self) -> Vec<Name> {
        let wanted = |name: &&Name| self.only.is_empty() || self.only.contains(name);
        Name::value_variants().iter().filter(wanted).copied().collect()
    }

    /// Why `name` cannot be measured with these options, if it cannot.
    pub fn skip(&self, name: Name) -> Option<String> {
        let text = match (name, &self.url) {
            (Name::Ready | Name::ReadyRecords, Some(_)) => {
                "only a gateway that is started here can be timed; leave --url out"
            }
            (Name::ReadyRecords, None) if self.state_dir_with_records.is_none() => {
                "give a filled state directory with --state-dir-with-records"
            }
            (Name::MemoryIdle | Name::MemoryConnections, Some(_)) if self.pid.is_none() => {
                "give the gateway's process id with --pid"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn secret(text: &str) -> Result<Secret<String>, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0.01 to 3600 is needed".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1 is needed".to_owned()),
        Ok(number) => Ok(number),
    }
}
