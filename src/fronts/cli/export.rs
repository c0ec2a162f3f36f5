//! `doorward audit export`: every record once and for all into a file, also over crashes of either side.
//!
//! Beside the file lies `<file>.cursor`: the last record that is safely in the file, with its hash. It
//! moves only after the file was synced, so that a kill at any moment repeats records and never leaves
//! one out (at least once; the same `seq` is the same record). A line that a kill cut short goes before
//! anything is added.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    Session,
    admin::Admin,
    args::{ExportArgs, ExportTarget},
    audit::{Backoff, request},
    exit::{ExitStatusCode, Trouble},
    json, words,
};
use crate::{proto::v1::LedgerRecord, support::private_file};

/// The file is synced after this many records, or when none came for a moment.
const SYNC_RECORDS: usize = 1024;
const QUIET: Duration = Duration::from_millis(100);

/// A record, by which to go on: its number and its hash in hex.
type Mark = (u64, String);

/// Where the records go.
enum Sink {
    Stdout,
    File { path: PathBuf, file: BufWriter<File> },
}

struct Export {
    sink: Sink,
    /// The last record that was written.
    last: Option<Mark>,
    /// Where to begin if none was.
    from: u64,
    /// How many were written since the last sync.
    unsynced: usize,
}

/// `audit export`
///
/// # Errors
/// What the gateway said instead, that the file cannot be written, or that it comes from another
/// ledger. When following, a gateway that goes away is waited for.
pub async fn export(
    session: &mut Session<'_>,
    args: ExportArgs,
) -> Result<ExitStatusCode, Trouble> {
    let ExportArgs { to, from, follow } = args;
    let mut export = Export::open(to, from)?;
    let mut admin = connect(session, follow).await?;
    let mut waits = Backoff::default();
    loop {
        let copied = export.copy(session, &mut admin, follow).await;
        export.sync(session)?;
        match copied {
            Ok(()) if !follow => return Ok(ExitStatusCode::OK),
            Err(trouble) if !follow || trouble.exit != ExitStatusCode::UNREACHABLE => {
                return Err(trouble);
            }
            _ => {}
        }
        admin = loop {
            tokio::time::sleep(waits.next(export.next())).await;
            match connect(session, true).await {
                Err(trouble) if trouble.exit == ExitStatusCode::UNREACHABLE => {}
                answer => break answer?,
            }
        };
    }
}

async fn connect(session: &mut Session<'_>, follow: bool) -> Result<Admin, Trouble> {
    if follow { session.admin().await } else { session.ledger().await }
}

impl Export {
    fn open(to: ExportTarget, from: Option<u64>) -> Result<Self, Trouble> {
        let from = from.unwrap_or_default();
        let ExportTarget::File(path) = to else {
            return Ok(Self { sink: Sink::Stdout, last: None, from, unsynced: 0 });
        };
        let last = read_cursor(&path)?;
        let file = open_whole_lines(&path).map_err(|error| broken_file(&path, &error))?;
        let sink = Sink::File { file: BufWriter::new(file), path };
        Ok(Self { sink, last, from, unsynced: 0 })
    }

    fn next(&self) -> u64 {
        self.last.as_ref().map_or(self.from, |(seq, _)| seq + 1)
    }

    /// Writes what there is, and with `follow` what comes, until the stream ends.
    async fn copy(
        &mut self,
        session: &mut Session<'_>,
        admin: &mut Admin,
        follow: bool,
    ) -> Result<(), Trouble> {
        self.check(admin).await?;
        let mut records = admin.tail(request(Some(self.next()), None, follow, None)).await?;
        loop {
            // A stream keeps what it has when nobody waits for it any more.
            let Ok(next) = timeout(QUIET, records.next()).await else {
                self.sync(session)?;
                continue;
            };
            let Some(response) = next? else { return Ok(()) };
            self.write(session, &response.record.unwrap_or_default())?;
        }
    }

    /// Whether the ledger still holds the last record that was written.
    async fn check(&self, admin: &mut Admin) -> Result<(), Trouble> {
        let Some((seq, hash)) = &self.last else { return Ok(()) };
        let mut records = admin.tail(request(Some(*seq), Some(1), false, None)).await?;
        let found = records.next().await?.and_then(|response| response.record);
        if found.is_some_and(|record| words::hex(&record.leaf_hash) == *hash) {
            return Ok(());
        }
        let what = format!(
            "the ledger does not hold record {seq} as it was exported: it is another ledger, or an \
             older copy of it"
        );
        Err(Trouble::new(ExitStatusCode::BROKEN, what)
            .run("doorward audit verify; then export to a new file"))
    }

    fn write(&mut self, session: &mut Session<'_>, record: &LedgerRecord) -> Result<(), Trouble> {
        let line = format!("{}\n", json::record(record));
        match &mut self.sink {
            Sink::Stdout => session.out.raw(&line)?,
            Sink::File { path, file } => {
                file.write_all(line.as_bytes()).map_err(|error| broken_file(path, &error))?;
            }
        }
        self.last = Some((record.seq, words::hex(&record.leaf_hash)));
        self.unsynced += 1;
        if self.unsynced >= SYNC_RECORDS { self.sync(session) } else { Ok(()) }
    }

    /// Makes safe what was written, and only then moves the cursor.
    fn sync(&mut self, session: &mut Session<'_>) -> Result<(), Trouble> {
        if std::mem::take(&mut self.unsynced) == 0 {
            return Ok(());
        }
        let (Sink::File { path, file }, Some((seq, hash))) = (&mut self.sink, &self.last) else {
            return session.out.flush();
        };
        let synced = file.flush().and_then(|()| file.get_ref().sync_data());
        let moved = synced.and_then(|()| {
            private_file::replace(&cursor_of(path), format!("{seq} {hash}\n").as_bytes())
        });
        moved.map_err(|error| broken_file(path, &error))
    }
}

/// `<file>.cursor`
fn cursor_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".cursor");
    name.into()
}

fn read_cursor(file: &Path) -> Result<Option<Mark>, Trouble> {
    let cursor = cursor_of(file);
    let text = match fs::read_to_string(&cursor) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| broken_file(&cursor, &error))?,
    };
    let mark = text.trim_end().split_once(' ').and_then(|(seq, hash)| {
        let seq = seq.parse().ok()?;
        Some((seq, hash.to_owned()))
    });
    mark.map(Some).ok_or_else(|| {
        let what = format!("{} is no cursor of an export", cursor.display());
        Trouble::new(ExitStatusCode::USAGE, what)
    })
}

/// Opens the file to add to it; what follows its last line goes.
fn open_whole_lines(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut end = file.metadata()?.len();
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..usize::try_from(end - start).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        match part.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => {
                end = start + at as u64 + 1;
                break;
            }
            None => end = start,
        }
    }
    file.set_len(end)?;
    Ok(file)
}

fn broken_file(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(ExitStatusCode::INTERNAL, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_cut_short_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let long = "x".repeat(10_000);
        for (was, is) in [
            ("", ""),
            ("{}", ""),
            ("{}\n", "{}\n"),
            ("{}\n{\"a\"", "{}\n"),
            (&*format!("{{}}\n{long}"), "{}\n"),
            (&*long, ""),
        ] {
            fs::write(&path, was).unwrap();
            open_whole_lines(&path).unwrap().write_all(b"+").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{is}+"), "{was:.20}");
        }
    }

    #[test]
    fn cursors_row_by_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        assert_eq!(read_cursor(&path).unwrap(), None);
        for (text, expected) in
            [("7 ab\n", Some((7, "ab".to_owned()))), ("7", None), ("x ab\n", None), ("", None)]
        {
            fs::write(cursor_of(&path), text).unwrap();
            assert_eq!(read_cursor(&path).ok().flatten(), expected, "{text}");
        }
    }
}
