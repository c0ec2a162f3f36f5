//! What the keeper can be told to do.

use std::sync::Arc;

use super::session::{Draft, Held, Patch, RunState, Session};
use crate::domain::{
    talk::{Model, RunId, SessionId, SessionKey, Usage},
    time::UnixMillis,
};

/// What can be ordered. Times and ids come with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Makes a session, or changes the one that is there.
    Create {
        /// Its key.
        key: SessionKey,
        /// The transcript of a new one.
        id: SessionId,
        /// Now.
        at: UnixMillis,
        /// What it is to be like.
        patch: Patch,
    },
    /// Keeps what was said to an agent, with the run that is to answer. Makes the session if there
    /// is none. Ordered again under the same run, it changes nothing.
    Begin {
        /// The session.
        key: SessionKey,
        /// The transcript of a new one.
        id: SessionId,
        /// The transcript that is meant, if it matters.
        expect: Option<SessionId>,
        /// Now.
        at: UnixMillis,
        /// The run.
        run: RunId,
        /// What was said.
        said: Vec<Draft>,
    },
    /// A run begins to work.
    Start {
        /// The session.
        key: SessionKey,
        /// Its transcript.
        id: SessionId,
        /// Now.
        at: UnixMillis,
        /// The run.
        run: RunId,
    },
    /// A run is over; keeps what it said.
    End {
        /// The session.
        key: SessionKey,
        /// Its transcript.
        id: SessionId,
        /// Now.
        at: UnixMillis,
        /// The run.
        run: RunId,
        /// What it said.
        said: Vec<Draft>,
        /// How it ended.
        state: RunState,
        /// Who answered.
        model: Option<Model>,
        /// What it cost.
        usage: Usage,
    },
    /// Puts something in, outside of any run. Needs the session.
    Append {
        /// The session.
        key: SessionKey,
        /// Now.
        at: UnixMillis,
        /// What.
        said: Draft,
    },
    /// Changes a session.
    Change {
        /// The session.
        key: SessionKey,
        /// Now.
        at: UnixMillis,
        /// What about it.
        patch: Patch,
    },
    /// Stops everything in a session that is about to be deleted or reset. Needs one in which nothing
    /// is at work.
    Hold {
        /// The session.
        key: SessionKey,
        /// The transcript that is meant, if it matters.
        expect: Option<SessionId>,
        /// Only if nothing was said or changed since then.
        idle_since: Option<UnixMillis>,
        /// What is about to be done.
        held: Held,
    },
    /// Gives up what was about to be done.
    Release {
        /// The session.
        key: SessionKey,
    },
    /// Puts a session away in which nothing happens any more.
    PutAway {
        /// The session.
        key: SessionKey,
        /// Now.
        at: UnixMillis,
        /// Only if nothing was said or changed since then.
        idle_since: UnixMillis,
    },
    /// Goes on with an empty transcript; the old one is kept among the previous ones.
    Reset {
        /// The session.
        key: SessionKey,
        /// The new transcript.
        id: SessionId,
        /// Now.
        at: UnixMillis,
    },
    /// Deletes a session with its transcripts.
    Delete {
        /// The session.
        key: SessionKey,
        /// The transcript that is meant, if it matters.
        expect: Option<SessionId>,
    },
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The session as it is now; as it was, if it was deleted.
    pub session: Arc<Session>,
    /// Whether it had been ordered before, so that nothing was changed.
    pub known: bool,
}
