//! The values: a session, and the entries of its transcript.

use std::sync::Arc;

use imbl::OrdMap;

use crate::domain::{
    registry::digest::SessionAct,
    talk::{Failure, Message, Model, RunId, SessionId, SessionKey, Stop, Usage},
    time::UnixMillis,
};

/// Every session by its key.
pub type Sessions = OrdMap<SessionKey, Arc<Session>>;

/// How many of its newest runs a session remembers: a key is for trying again, not for ever.
pub const RECENT_RUNS_MAX: usize = 64;

/// How many earlier transcripts of a session are kept after resets; an older one is deleted.
pub const PREVIOUS_MAX: usize = 16;

/// The most characters of a preview, and of a title taken from the first message.
pub const PREVIEW_CHARS_MAX: usize = 160;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub key: SessionKey,
    /// Its transcript.
    pub id: SessionId,
    /// When it began.
    pub created_at: UnixMillis,
    /// When something was last said or changed.
    pub updated_at: UnixMillis,
    /// How many entries its transcript has.
    pub entries: u64,
    /// A name given by people, of which there is one.
    pub label: Option<String>,
    /// A model other than the agent's own.
    pub model: Option<String>,
    /// When it was put away.
    pub archived_at: Option<UnixMillis>,
    /// When it was pinned.
    pub pinned_at: Option<UnixMillis>,
    /// Whether there is something new to read.
    pub unread: bool,
    /// The first words that were said.
    pub title: Option<String>,
    /// The last words that were said.
    pub preview: Option<String>,
    /// Tokens used so far.
    pub usage: Usage,
    /// The newest run that began to work.
    pub last_run: Option<LastRun>,
    /// Its newest runs, by which a message that is sent again is known.
    pub recent: Vec<RunId>,
    /// Runs that have not ended.
    pub open: Vec<RunId>,
    /// Earlier transcripts, newest last.
    pub previous: Vec<SessionId>,
    /// What is about to be done to it. Until it is done or given up, nothing else is.
    pub held: Option<Held>,
}

/// A session that is about to be deleted or reset, once that is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What is to be done.
    pub act: SessionAct,
    /// How many records the ledger had before: the record of it comes later.
    pub since: u64,
}

impl Session {
    /// A session of which nothing was heard yet.
    pub fn new(key: SessionKey, id: SessionId, at: UnixMillis) -> Self {
        Self {
            key,
            id,
            created_at: at,
            updated_at: at,
            entries: 0,
            label: None,
            model: None,
            archived_at: None,
            pinned_at: None,
            unread: false,
            title: None,
            preview: None,
            usage: Usage::default(),
            last_run: None,
            recent: Vec::new(),
            open: Vec::new(),
            previous: Vec::new(),
            held: None,
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It works.
    Running,
    /// It answered.
    Done,
    /// Somebody ended it.
    Aborted,
    /// It could not answer: the code and the words of its [`Failure`].
    Failed {
        /// [`Failure::code`].
        code: String,
        /// [`Failure::message`].
        message: String,
    },
}

impl RunState {
    /// How a failed run stands.
    pub fn failed(failure: &Failure) -> Self {
        Self::Failed { code: failure.code().into(), message: failure.message() }
    }
}

/// The newest run of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// Which.
    pub id: RunId,
    /// When it began.
    pub started_at: UnixMillis,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
    /// How it stands.
    pub state: RunState,
    /// Which model answered.
    pub model: Option<Model>,
}

/// One entry of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place; the first is 1.
    pub seq: u64,
    /// When it was kept.
    pub at: UnixMillis,
    /// What it says.
    pub draft: Draft,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The message.
    pub message: Message,
    /// The run that it began, or that said it.
    pub run: Option<RunId>,
    /// Who said it, in words for people.
    pub by: Option<String>,
    /// A label, if it was put in from outside of a run.
    pub label: Option<String>,
    /// Which model said it.
    pub model: Option<Model>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// The code and the words of the failure that ended it.
    pub failure: Option<(String, String)>,
}

impl Draft {
    /// A message and nothing else.
    pub fn of(message: Message) -> Self {
        Self {
            message,
            run: None,
            by: None,
            label: None,
            model: None,
            usage: None,
            stop: None,
            failure: None,
        }
    }
}

/// What to change about a session; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// Another label, or none.
    pub label: Option<Option<String>>,
    /// Another model, or the agent's own.
    pub model: Option<Option<String>>,
    /// Put away, or taken out again.
    pub archived: Option<bool>,
    /// Pinned or not.
    pub pinned: Option<bool>,
    /// Whether there is something new to read.
    pub unread: Option<bool>,
}

/// The beginning of a text on one line, for lists.
pub fn shortened(text: &str) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(PREVIEW_CHARS_MAX) {
        _ if words.is_empty() => None,
        Some((end, _)) => Some(format!("{}\u{2026}", &words[..end])),
        None => Some(words),
    }
}
