//! Access records: who came in, who was turned away, and who called what they have no right to
//! (N5 A5.7).
//!
//! They are not the ledger's: nothing stands on them, they are bounded and end, and nobody waits for
//! them. Like is counted with like, so a million wrong tokens from one address are one row with an
//! exact count; what is too various to be kept apart is counted without its details. [`files`] keeps
//! them; a crash loses what was counted since the last few seconds.

mod files;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Service, guard::network};
use crate::{
    domain::{
        operation::Operation, permit, principal::Standing, refusal::Refusal, time::UnixMillis,
    },
    ledger::{StoreError, Transport, Via},
    support::clock,
};
use files::Files;

/// Different rows that are counted at once, until they are written. Beyond that, rows lose their
/// details and keep their counts: a spray from ten thousand addresses takes no more memory than this.
const KEYS_MAX: usize = 2048;

/// What happened at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessKind {
    /// A client was let in.
    Entered,
    /// A client was turned away: its credential, its proof, or its pairing.
    Refused,
    /// A client that was let in called what it has no right to.
    Denied,
}

impl AccessKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Entered, Self::Refused, Self::Denied];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Refused => "refused",
            Self::Denied => "denied",
        }
    }
}

/// What was counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessKey {
    /// What happened.
    pub kind: AccessKind,
    /// The refusal's stable code; empty for who was let in.
    pub code: String,
    /// By which door.
    pub transport: Transport,
    /// Who, as filters of the ledger name them; empty if nobody knows.
    pub who: String,
    /// What was called; empty for who came to the door.
    pub what: String,
    /// From where: an address, or the /64 of an IPv6 one; empty if nobody knows, or if there were too
    /// many.
    pub address: String,
}

/// How often, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: UnixMillis,
    /// The last time.
    pub last: UnixMillis,
}

impl Tally {
    fn once(now: UnixMillis) -> Self {
        Self { count: 1, first: now, last: now }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Which rows someone wants to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccessFilter {
    /// Of this kind.
    pub kind: Option<AccessKind>,
    /// That happened at this time or later.
    pub since: Option<UnixMillis>,
}

type Rows = BTreeMap<AccessKey, Tally>;

/// The counts since the last writing, and the files of those before.
pub struct AccessLog {
    rows: Mutex<Rows>,
    files: Mutex<Files>,
}

impl AccessLog {
    /// Over the files in a directory, which is made with the first of them.
    pub fn new(dir: PathBuf) -> Self {
        Self { rows: Mutex::default(), files: Mutex::new(Files::new(dir)) }
    }

    /// Counts one more.
    pub fn note(&self, key: AccessKey, now: UnixMillis) {
        add(&mut lock(&self.rows), key, Tally::once(now));
    }

    /// Writes what was counted. What cannot be written is counted on.
    ///
    /// # Errors
    /// Why not.
    pub fn write(&self, now: UnixMillis) -> Result<(), StoreError> {
        let mut files = lock(&self.files);
        let rows = std::mem::take(&mut *lock(&self.rows));
        let written = files.write(&rows, now);
        if written.is_err() {
            let mut since = lock(&self.rows);
            rows.into_iter().for_each(|(key, tally)| add(&mut since, key, tally));
        }
        written
    }

    /// Every row that is kept, those that happened last at the end.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn rows(&self, filter: AccessFilter) -> Result<Vec<(AccessKey, Tally)>, StoreError> {
        let files = lock(&self.files);
        let mut all = files.read()?;
        lock(&self.rows).iter().for_each(|(key, tally)| add_all(&mut all, key.clone(), *tally));
        drop(files);
        let wanted = |(key, tally): &(AccessKey, Tally)| {
            filter.kind.is_none_or(|kind| key.kind == kind)
                && filter.since.is_none_or(|since| tally.last >= since)
        };
        let mut rows: Vec<_> = all.into_iter().filter(wanted).collect();
        rows.sort_by_key(|(_, tally)| tally.last);
        Ok(rows)
    }
}

/// Adds to a row, or, where there are too many, to the one without details.
fn add(rows: &mut Rows, key: AccessKey, tally: Tally) {
    if rows.len() < KEYS_MAX || rows.contains_key(&key) {
        return add_all(rows, key, tally);
    }
    let (who, what, address) = Default::default();
    add_all(rows, AccessKey { who, what, address, ..key }, tally);
}

fn add_all(rows: &mut Rows, key: AccessKey, tally: Tally) {
    rows.entry(key).and_modify(|known| known.add(tally)).or_insert(tally);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Counts a call that its caller has no right to. `what` is the method or
    /// path, `code` the refusal's.
    pub fn note_denied(&self, who: &Standing, what: &str, code: &str, via: &Via) {
        let address = via.address.as_deref().and_then(|address| address.parse().ok());
        self.note(AccessKey {
            kind: AccessKind::Denied,
            code: code.into(),
            transport: via.transport,
            who: who.principal.reference(),
            what: what.into(),
            address: place(address),
        });
    }

    /// Counts what became of a client at a door.
    pub(super) fn note_at_door(
        &self,
        outcome: Result<&Standing, &Refusal>,
        transport: Transport,
        address: Option<IpAddr>,
    ) {
        let (kind, code, who) = match outcome {
            Ok(standing) => (AccessKind::Entered, String::new(), standing.principal.reference()),
            Err(refusal) => (AccessKind::Refused, refusal.code().to_owned(), String::new()),
        };
        let (what, address) = (String::new(), place(address));
        self.note(AccessKey { kind, code, transport, who, what, address });
    }

    fn note(&self, key: AccessKey) {
        self.0.access.note(key, UnixMillis(clock::unix_millis()));
    }

    /// Writes the access records that were counted; `boot` asks for it now and then. Trouble is
    /// logged and changes nothing else.
    pub fn write_access(&self) {
        if let Err(error) = self.0.access.write(UnixMillis(clock::unix_millis())) {
            tracing::warn!(%error, "access records are not being written; they are counted on");
        }
    }

    /// The access records that are kept. Blocks on the disk.
    ///
    /// # Errors
    /// If `who` may not read the ledger, or a file cannot be read.
    pub fn access(
        &self,
        who: &Standing,
        filter: AccessFilter,
    ) -> Result<Vec<(AccessKey, Tally)>, Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        self.0.access.rows(filter).map_err(super::audit::unreadable)
    }
}

fn place(address: Option<IpAddr>) -> String {
    address.map(|address| network(address).to_string()).unwrap_or_default()
}
