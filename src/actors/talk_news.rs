//! News of the talk: what runs say, what transcripts keep, and what became of sessions.

use std::sync::Arc;

use super::runs::{Ended, Log, Run};
use crate::{
    domain::{
        talk::{AgentId, Model, RunId, SessionId, SessionKey},
        time::UnixMillis,
    },
    transcripts::Session,
};

/// What is told.
#[derive(Debug)]
pub enum TalkNews {
    /// A step of a run as the event `chat` tells it.
    Chat(Arc<RunStep>),
    /// The same as the event `agent` tells it.
    Agent(Arc<RunStep>),
    /// An entry was kept.
    Said {
        /// The session, after that.
        session: Arc<Session>,
        /// The entry's place.
        seq: u64,
    },
    /// A session is not as it was.
    Changed {
        /// The session now.
        session: Arc<Session>,
        /// Why, in the protocol's words.
        reason: &'static str,
    },
    /// A session was deleted.
    Deleted(Arc<Session>),
}

/// One step of a run.
#[derive(Debug)]
pub struct RunStep {
    /// The run.
    pub run: RunId,
    /// Who works.
    pub agent: AgentId,
    /// In which session.
    pub session: SessionKey,
    /// With which transcript.
    pub transcript: SessionId,
    /// Counts the steps of this run.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub what: RunNews,
}

/// What a run does.
#[derive(Debug)]
pub enum RunNews {
    /// It begins to work.
    Started {
        /// When.
        at: UnixMillis,
    },
    /// This model answers.
    Model(Model),
    /// More of the answer, since the last step.
    Text(String),
    /// A tool of the client is to be called.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// A JSON text.
        arguments: String,
    },
    /// It is over, and kept.
    Ended {
        /// When it began.
        started_at: UnixMillis,
        /// When it ended.
        at: UnixMillis,
        /// How.
        ended: Ended,
        /// All that it said.
        log: Log,
    },
}

impl TalkNews {
    /// The news of one step: some is for both events, some for one.
    pub(super) fn of_run(
        run: &Run,
        session: &SessionKey,
        transcript: SessionId,
        seq: u64,
        at: UnixMillis,
        what: RunNews,
    ) -> Vec<Self> {
        let chat =
            matches!(what, RunNews::Text(_) | RunNews::Ended { .. } | RunNews::Started { .. });
        let (run, agent, session) = (run.id.clone(), run.agent.clone(), session.clone());
        let step = Arc::new(RunStep { run, agent, session, transcript, seq, at, what });
        let mut news = vec![Self::Agent(Arc::clone(&step))];
        if chat {
            news.push(Self::Chat(step));
        }
        news
    }
}
