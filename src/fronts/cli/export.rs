//! `doorward audit export`: every record once and for all into a file, also over crashes of either side.
//!
//! Beside the file lies `<file>.cursor`: the last record that is safely in the file, with its hash. It
//! moves only after the file was synced, so that a kill at any moment repeats records and never leaves
//! one out (at least once; the same `seq` is the same record). A line that a kill cut short goes before
//! anything is added.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    super::record::cursor::{Cursor, CursorError, Mark},
    Session,
    admin::Admin,
    args::{ExportArgs, ExportTarget},
    audit::{Backoff, request},
    exit::{ExitStatusCode, Trouble},
    json, words,
};
use crate::{proto::v1::LedgerRecord, support::whole_lines};

/// The file is synced after this many records, or when none came for a moment.
const SYNC_RECORDS: usize = 1024;
const QUIET: Duration = Duration::from_millis(100);

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
        let last = cursor_of(&path).read().map_err(unread)?;
        let file = whole_lines::open(&path).map_err(|error| broken_file(&path, &error))?;
        let sink = Sink::File { file: BufWriter::new(file), path };
        Ok(Self { sink, last, from, unsynced: 0 })
    }

    fn next(&self) -> u64 {
        self.last.as_ref().map_or(self.from, |last| last.seq + 1)
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
        let Some(Mark { seq, hash }) = &self.last else { return Ok(()) };
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
        self.last = Some(Mark { seq: record.seq, hash: words::hex(&record.leaf_hash) });
        self.unsynced += 1;
        if self.unsynced >= SYNC_RECORDS { self.sync(session) } else { Ok(()) }
    }

    /// Makes safe what was written, and only then moves the cursor.
    fn sync(&mut self, session: &mut Session<'_>) -> Result<(), Trouble> {
        if std::mem::take(&mut self.unsynced) == 0 {
            return Ok(());
        }
        let (Sink::File { path, file }, Some(last)) = (&mut self.sink, &self.last) else {
            return session.out.flush();
        };
        let synced = file.flush().and_then(|()| file.get_ref().sync_data());
        let moved = synced.and_then(|()| cursor_of(path).write(last));
        moved.map_err(|error| broken_file(path, &error))
    }
}

/// `<file>.cursor`
fn cursor_of(file: &Path) -> Cursor {
    let mut name = OsString::from(file);
    name.push(".cursor");
    Cursor::at(name.into())
}

fn unread(error: CursorError) -> Trouble {
    let exit = match error {
        CursorError::NoCursor(_) => ExitStatusCode::USAGE,
        CursorError::Io(..) => ExitStatusCode::INTERNAL,
    };
    Trouble::new(exit, error.to_string())
}

fn broken_file(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(ExitStatusCode::INTERNAL, format!("{}: {error}", path.display()))
}
