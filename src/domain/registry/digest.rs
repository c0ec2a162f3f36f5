//! What is put on record before a transcript goes: what it was, so that nobody can say later that it
//! was something else, and nothing of what was said.

use super::{Event, Registry};
use crate::domain::{
    Decider as _,
    operation::Operation,
    permit::Permit,
    refusal::Refusal,
    talk::{SessionId, SessionKey},
};

/// What was done to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAct {
    /// It is gone, with all its transcripts.
    Delete,
    /// It goes on under its key with an empty transcript.
    Reset,
}

/// What a session's transcript was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptDigest {
    /// The session.
    pub key: SessionKey,
    /// The transcript that it had.
    pub transcript: SessionId,
    /// How many messages went: of a session that was deleted those of its earlier transcripts too.
    pub messages: u64,
    /// SHA-256 over the same messages as they are exported.
    pub sha256: [u8; 32],
}

/// Puts it on record.
pub(super) fn note(
    state: &Registry,
    permit: &Permit,
    act: SessionAct,
    digest: TranscriptDigest,
) -> Result<Vec<Event>, Refusal> {
    permit.expect(Operation::ManageSessions)?;
    state.authority(permit)?;
    Ok(vec![match act {
        SessionAct::Delete => Event::SessionDeleted(digest),
        SessionAct::Reset => Event::SessionReset(digest),
    }])
}
