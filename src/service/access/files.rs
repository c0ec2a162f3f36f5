//! Where access records are kept: files of lines of JSON, the oldest of which goes for a new one.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{AccessKey, AccessKind, Rows, Tally, add_all};
use crate::{
    domain::time::UnixMillis,
    ledger::{StoreError, Transport},
    support::private_file,
};

/// A file that has so many bytes gets a successor.
pub(super) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// So many files are kept: 64 MiB in all, some 300,000 rows.
pub(super) const FILES_MAX: usize = 16;

/// A file that was begun so long ago gets a successor, too, so that old rows can go.
const SPAN_MS: u64 = 24 * 3_600_000;

/// And a file goes when its last row is as old as this: a month shows what is usual.
pub(super) const KEPT_MS: u64 = 30 * 24 * 3_600_000;

/// The files of one directory.
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Writes rows to the newest file, and lets go of what is too old or too much.
    pub fn write(&mut self, rows: &Rows, now: UnixMillis) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.try_write(rows, now).map_err(|error| self.told(&error))
    }

    fn try_write(&mut self, rows: &Rows, now: UnixMillis) -> io::Result<()> {
        private_file::create_dir(&self.dir)?;
        let mut names = self.names()?;
        let is_over = |path: &PathBuf| {
            let is_full = fs::metadata(path).is_ok_and(|file| file.len() >= FILE_BYTES_MAX);
            is_full || began(path).is_some_and(|at| at + SPAN_MS < now.0)
        };
        let newest = match names.last().filter(|path| !is_over(path)) {
            Some(path) => path.clone(),
            None => {
                names.push(self.dir.join(format!("{:020}.jsonl", now.0)));
                names[names.len() - 1].clone()
            }
        };
        let mut file = fs::OpenOptions::new()
            .read(true)
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&newest)?;
        let lines: String =
            rows.iter().map(|(key, tally)| format!("{}\n", line(key, tally))).collect();
        append_whole(&mut file, &lines)?;
        let too_many = names.len().saturating_sub(FILES_MAX);
        let (gone, kept) = names.split_at(too_many);
        let too_old =
            kept.iter().filter(|path| began(path).is_some_and(|at| at + KEPT_MS + SPAN_MS < now.0));
        let gone = gone.iter().chain(too_old);
        gone.for_each(|path| drop(fs::remove_file(path)));
        Ok(())
    }

    /// Everything that is kept. A line that was cut off by a crash is left out.
    pub fn read(&self) -> Result<Rows, StoreError> {
        let mut rows = Rows::new();
        for path in self.names().map_err(|error| self.told(&error))? {
            let file = fs::File::open(&path).map_err(|error| self.told(&error))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|error| self.told(&error))?;
                if let Some((key, tally)) = parsed(&line) {
                    add_all(&mut rows, key, tally);
                }
            }
        }
        Ok(rows)
    }

    /// The files, oldest first; none if there is no directory.
    fn names(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries?,
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        let mut names: Vec<_> = paths.into_iter().filter(|path| began(path).is_some()).collect();
        names.sort();
        Ok(names)
    }

    fn told(&self, error: &io::Error) -> StoreError {
        StoreError(format!("{}: {error}", self.dir.display()))
    }
}

/// Appends all or nothing: what is counted on after a failure must not be there in part. A line that
/// a crash cut off ends first, or it would take the next one with it.
fn append_whole(file: &mut fs::File, lines: &str) -> io::Result<()> {
    let end = file.metadata()?.len();
    let mut last = [b'\n'];
    if let Some(place) = end.checked_sub(1) {
        file.read_exact_at(&mut last, place)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    let written = file.write_all([start, lines].concat().as_bytes());
    if written.is_err() {
        file.set_len(end)?;
    }
    written
}

/// When a file was begun, which is its name.
fn began(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    name.parse().ok()
}

fn line(key: &AccessKey, tally: &Tally) -> Value {
    let AccessKey { kind, code, transport, who, what, address } = key;
    json!({
        "kind": kind.name(),
        "code": code,
        "via": transport.name(),
        "who": who,
        "what": what,
        "address": address,
        "count": tally.count,
        "firstMs": tally.first.0,
        "lastMs": tally.last.0,
    })
}

fn parsed(line: &str) -> Option<(AccessKey, Tally)> {
    let row: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let number = |key: &str| row[key].as_u64();
    let (kind, via) = (text("kind")?, text("via")?);
    let key = AccessKey {
        kind: AccessKind::ALL.iter().copied().find(|known| known.name() == kind)?,
        code: text("code")?,
        transport: Transport::ALL.iter().copied().find(|known| known.name() == via)?,
        who: text("who")?,
        what: text("what")?,
        address: text("address")?,
    };
    let (first, last) = (UnixMillis(number("firstMs")?), UnixMillis(number("lastMs")?));
    Some((key, Tally { count: number("count")?, first, last }))
}
