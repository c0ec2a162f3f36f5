//! Talking to agents: who may, to whom, and what becomes of it.
//!
//! Gate 1 comes first, as everywhere. What was said is durable before a run begins, and what an agent
//! said is durable before anybody is told that it is done. A run goes on when its client goes away;
//! a single question over HTTP does not, because nobody could ask for its answer any more.
//!
//! Start with [`send`]; [`agents`] says who answers, [`sessions`] what can be asked of sessions.

pub mod acts;
pub mod agents;
pub mod ask;
pub mod embed;
pub mod export;
pub mod pages;
pub mod retention;
pub mod search;
pub mod send;
pub mod sessions;
pub mod usage;

pub use agents::{Agent, Agents};
pub use ask::{Asked, Question};
pub use pages::{Cursor, HistoryRange, Page};
pub use retention::{Retention, Tended};
pub use search::{Found, SearchFor};
pub use send::{Message as Send, Sent};
pub use sessions::{ListSessions, Listed};
pub use usage::{CountUsage, SessionUsage};

use std::path::Path;

use crate::{
    actors::{
        hub::HubHandle,
        runs::{Crowded, Runs},
    },
    domain::{refusal::Refusal, time::UnixMillis},
    service::{Service, limits},
    support::clock,
    transcripts::{TranscriptError, Transcripts},
};

pub use crate::transcripts::{Found as FoundOnOpening, OpenTranscriptsError};

/// What the talk needs of the house.
pub struct Talk {
    /// Who answers.
    pub agents: Agents,
    /// What is kept.
    pub transcripts: Transcripts,
    /// Who is at work.
    pub runs: Runs,
    /// Whose turn it is to count what was used.
    pub counting: tokio::sync::Mutex<()>,
}

impl Service {
    /// Finishes what is being written of the talk. Nothing is kept after that.
    pub async fn close_talk(&self) {
        self.0.talk.transcripts.close().await;
    }
}

impl Talk {
    /// Opens the transcripts in `dir` and starts the threads on which runs work. Needs an actix system.
    ///
    /// # Errors
    /// If the transcripts do not open.
    pub fn open(
        dir: &Path,
        agents: Agents,
        hub: HubHandle,
    ) -> Result<(Self, FoundOnOpening), OpenTranscriptsError> {
        let (transcripts, found) = Transcripts::open(dir, now())?;
        let runs = Runs::start(hub, transcripts.clone());
        let counting = tokio::sync::Mutex::default();
        Ok((Self { agents, transcripts, runs, counting }, found))
    }
}

/// When to try again where there is no room: answers take seconds.
const CROWDED_RETRY_MS: u64 = 1000;

fn now() -> UnixMillis {
    UnixMillis(clock::unix_millis())
}

/// What the transcripts say, as a refusal.
fn refused(error: TranscriptError) -> Refusal {
    let reason = match error {
        TranscriptError::NoSession => return Refusal::UnknownSession,
        TranscriptError::WasReset => return Refusal::SessionWasReset,
        TranscriptError::LabelTaken => return Refusal::LabelTaken,
        TranscriptError::Held => "the session is just being deleted or reset",
        TranscriptError::AtWork => "what is at work in the session does not end",
        TranscriptError::NotIdle => "something happened in the session meanwhile",
        TranscriptError::Busy => "too many messages are being written at once",
        TranscriptError::Closed => "the gateway is stopping",
        TranscriptError::Store(_) => "the sessions cannot be read or written; see the log",
    };
    Refusal::Unavailable { reason, retry_after_ms: limits::RETRY_AFTER_MS }
}

fn crowded(crowded: Crowded) -> Refusal {
    let reason = match crowded {
        Crowded::Gateway => "as many runs are at work as there may be",
        Crowded::Session => "too many messages wait in the session already",
    };
    Refusal::Unavailable { reason, retry_after_ms: CROWDED_RETRY_MS }
}
