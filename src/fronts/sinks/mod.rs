//! The sinks of the export: every record of the ledger goes where the configuration says, at least once
//! and in order (N19 A19.3).
//!
//! A front that faces outwards: it asks the service for records as a reader of the ledger does, renders
//! them ([`super::record`] has the one mapping of names) and delivers them. Each sink is a task of its
//! own ([`task`]) with a cursor in `<state>/export/<name>`, which moves only after the receiver has
//! acknowledged. No commit waits for a sink, no sink for another, and a sink that is down holds one
//! batch: what comes meanwhile is in the ledger and is read from there.
//!
//! `opentelemetry-otlp` is not used, only the messages of its protocol: its processors batch in memory,
//! drop what does not fit, and do not say which records were acknowledged, so no cursor could follow.
//!
//! Start with [`start`].

mod backoff;
mod file;
mod http;
mod otlp;
mod outlet;
mod syslog;
mod task;
#[cfg(test)]
mod tests;
mod webhook;

use std::{path::Path, sync::Arc};

use tokio::{runtime::Handle, task::JoinHandle};

use super::record::{cursor::Cursor, line::Line};
use crate::{
    config::ExportSink,
    service::{Service, Sink, SinkState},
    support::{keys, private_file, shutdown::Shutdown},
};
use outlet::Outlet;
use task::Task;

/// Who sends: the same for every record.
#[derive(Debug, Clone)]
struct Origin {
    host: String,
    version: &'static str,
    /// The gateway's public key, base64url.
    key: String,
}

/// Why a batch was not taken.
#[derive(Debug)]
struct Failed {
    state: SinkState,
    what: String,
    /// When the receiver wants to be asked again, in seconds.
    after: Option<u64>,
}

impl Failed {
    /// It may pass.
    fn passing(what: impl ToString) -> Self {
        Self { state: SinkState::Failing, what: what.to_string(), after: None }
    }

    /// Somebody has to do something.
    fn refused(what: impl ToString) -> Self {
        Self { state: SinkState::Refused, what: what.to_string(), after: None }
    }
}

/// Records on their way, as their receiver reads them.
struct Batch {
    lines: Vec<Line>,
    /// Messages; or one, of all.
    payload: Vec<Vec<u8>>,
}

/// The configured sinks, to be told of; none has started.
pub fn of(configured: &[ExportSink]) -> Vec<Sink> {
    let sink = |one: &ExportSink| {
        Sink::new(one.name.clone(), outlet::kind(&one.to), outlet::target(&one.to))
    };
    configured.iter().map(sink).collect()
}

/// Starts the sinks that the service tells of. They end after the order to stop, once they are done or
/// the first attempt fails.
///
/// # Errors
/// If the directory of the cursors cannot be made.
pub fn start(
    configured: &[ExportSink],
    service: &Service,
    shutdown: &Shutdown,
    on: &Handle,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    if configured.is_empty() {
        return Ok(Vec::new());
    }
    let info = service.info();
    let cursors = info.state_dir.join("export");
    private_file::create_dir(&cursors)?;
    let key = keys::to_base64url(&info.public_key);
    let origin = Arc::new(Origin { host: info.host.clone(), version: info.version, key });
    let tasks = configured.iter().zip(&info.sinks).map(|(one, sink)| {
        let cursor = cursor(&cursors, &one.name);
        let outlet = Outlet::new(&one.to, &origin);
        let task = Task::new(service.clone(), sink.clone(), outlet, cursor, one.from);
        on.spawn(task.run(shutdown.clone()))
    });
    Ok(tasks.collect())
}

fn cursor(dir: &Path, name: &str) -> Cursor {
    Cursor::at(dir.join(name))
}
