//! One sink: reads from its cursor on, delivers, moves the cursor.

use std::ops::ControlFlow;

use tokio::{select, time::sleep};

use super::{
    super::record::{
        cursor::{Cursor, CursorError, Mark},
        line::line,
    },
    Batch, Failed,
    backoff::Backoff,
    outlet::Outlet,
};
use crate::{
    service::{Service, Sink},
    support::shutdown::Shutdown,
};

/// A batch ends with the record that passes this many bytes. Servers commonly take bodies of 1 MiB.
const BATCH_BYTES: usize = 512 * 1024;

/// A sink while it runs.
pub(super) struct Task {
    service: Service,
    sink: Sink,
    outlet: Outlet,
    cursor: Cursor,
    /// Where to begin if there is no cursor.
    from: u64,
    /// The next record to deliver; none until the cursor was read.
    next: Option<u64>,
    /// What was not taken yet: the same batch is sent again.
    pending: Option<Batch>,
    /// What was delivered and is not in the cursor yet.
    unsaved: Option<Mark>,
}

impl Task {
    pub fn new(service: Service, sink: Sink, outlet: Outlet, cursor: Cursor, from: u64) -> Self {
        Self { service, sink, outlet, cursor, from, next: None, pending: None, unsaved: None }
    }

    /// Delivers until the order to stop; then what there is, if the receiver takes it at once.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut changes = self.service.changes();
        let mut waits = Backoff::default();
        loop {
            let stopping = shutdown.has_begun();
            changes.mark_seen();
            match self.round().await {
                Ok(true) => waits.reset(),
                Ok(false) if stopping => return,
                Ok(false) => {
                    self.sink.has_all();
                    select! {
                        () = changes.next() => {}
                        () = shutdown.begun() => {}
                    }
                }
                Err(Failed { state, what, after }) => {
                    self.sink.failed(state, what);
                    if stopping {
                        return;
                    }
                    select! {
                        () = sleep(waits.next(after)) => {}
                        () = shutdown.begun() => {}
                    }
                }
            }
        }
    }

    /// Delivers one batch; `false` if there is none.
    async fn round(&mut self) -> Result<bool, Failed> {
        let next = match self.next {
            Some(next) => next,
            None => self.find_place().await?,
        };
        self.save().await?;
        let batch = match self.pending.take() {
            Some(batch) => batch,
            None => self.read(next).await?,
        };
        let Some(last) = batch.lines.last().map(|line| line.mark.clone()) else { return Ok(false) };
        let rejected = match self.outlet.send(&batch).await {
            Ok(rejected) => rejected,
            Err(failed) => {
                self.pending = Some(batch);
                return Err(failed);
            }
        };
        self.next = Some(last.seq + 1);
        self.sink.took(batch.lines.len() as u64, rejected, last.seq + 1);
        self.unsaved = Some(last);
        self.save().await?;
        Ok(true)
    }

    /// Reads the cursor, and compares it with the ledger. A cursor that does not fit is left to a
    /// person: what the receiver has is of another history, and only they know what to do about it.
    async fn find_place(&mut self) -> Result<u64, Failed> {
        let (service, cursor, from) = (self.service.clone(), self.cursor.clone(), self.from);
        let next = on_a_thread(move || match cursor.read() {
            Ok(None) => Ok(from),
            Ok(Some(mark)) => match holds(&service, &mark)? {
                true => Ok(mark.seq + 1),
                false => Err(Failed::refused(format!(
                    "the ledger does not hold record {} as it was exported: it is another ledger, or \
                     an older copy of it; {}",
                    mark.seq,
                    begin_anew(&cursor, from)
                ))),
            },
            Err(CursorError::NoCursor(path)) => Err(Failed::refused(format!(
                "{} is no cursor of an export; {}",
                path.display(),
                begin_anew(&cursor, from)
            ))),
            Err(error) => Err(Failed::passing(error)),
        });
        let next = next.await?;
        self.next = Some(next);
        self.sink.starts_at(next);
        Ok(next)
    }

    /// Moves the cursor to what was delivered.
    async fn save(&mut self) -> Result<(), Failed> {
        let Some(mark) = self.unsaved.clone() else { return Ok(()) };
        let cursor = self.cursor.clone();
        on_a_thread(move || {
            let path = cursor.path().display().to_string();
            cursor.write(&mark).map_err(|error| Failed::passing(format!("{path}: {error}")))
        })
        .await?;
        self.unsaved = None;
        Ok(())
    }

    /// The next records, rendered.
    async fn read(&self, from: u64) -> Result<Batch, Failed> {
        let (service, encoder, most) =
            (self.service.clone(), self.outlet.encoder(), self.outlet.records_max());
        on_a_thread(move || {
            let (mut lines, mut bytes, mut lost) = (Vec::new(), 0, None);
            let read = service.read_for_sinks(from, &mut |entry| {
                let line = line(&entry);
                let due = from + lines.len() as u64;
                if line.mark.seq != due {
                    lost = Some(format!("record {due} of the ledger is not where it belongs"));
                    return ControlFlow::Break(());
                }
                bytes += line.json.len();
                lines.push(line);
                match lines.len() < most && bytes < BATCH_BYTES {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            read.map_err(Failed::refused)?;
            if let (true, Some(lost)) = (lines.is_empty(), lost) {
                return Err(Failed::refused(lost));
            }
            let payload = if lines.is_empty() { Vec::new() } else { encoder.encode(&lines) };
            Ok(Batch { lines, payload })
        })
        .await
    }
}

fn begin_anew(cursor: &Cursor, from: u64) -> String {
    format!("remove {} to export again from record {from} on", cursor.path().display())
}

fn holds(service: &Service, mark: &Mark) -> Result<bool, Failed> {
    let mut found = false;
    let read = service.read_for_sinks(mark.seq, &mut |entry| {
        found = line(&entry).mark == *mark;
        ControlFlow::Break(())
    });
    read.map_err(Failed::refused).map(|()| found)
}

/// The store and files block: away from the threads that serve others.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failed::passing("it was interrupted")))
}
