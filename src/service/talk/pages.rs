//! Reading what was said, a page at a time.

use std::sync::Arc;

use super::refused;
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{SessionId, SessionKey},
    },
    service::Service,
    transcripts::{Entry, Session, TranscriptError},
};

/// How far a client has read: a transcript and the last entry of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The transcript.
    pub id: SessionId,
    /// The last entry that was read; 0 before the first.
    pub seq: u64,
}

/// Which part of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest, after passing over some of the very newest.
    Newest {
        /// How many to pass over.
        offset: u64,
    },
    /// What came after a cursor, oldest first.
    After(Cursor),
    /// The entry at this place alone.
    At(u64),
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The session as it is.
    pub session: Arc<Session>,
    /// Entries, oldest first.
    pub entries: Vec<Entry>,
    /// Whether there is more in the direction that was asked for.
    pub has_more: bool,
    /// Whether the cursor was of another transcript: what the client has is not the session's any more.
    pub was_reset: bool,
}

impl Page {
    /// Where to go on.
    pub fn cursor(&self) -> Cursor {
        let seq = self.entries.last().map_or(self.session.entries, |entry| entry.seq);
        Cursor { id: self.session.id, seq }
    }
}

impl Service {
    /// A page of what was said; `None` if there is no such session.
    ///
    /// # Errors
    /// If `who` may not read it, or it cannot be read.
    pub async fn transcript(
        &self,
        who: &Standing,
        key: &SessionKey,
        range: HistoryRange,
        limit: usize,
    ) -> Result<Option<Page>, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let Some(session) = self.0.talk.transcripts.session(key) else { return Ok(None) };
        let limit = limit.max(1) as u64;
        let (first, count, was_reset) = match range {
            HistoryRange::Newest { offset } => {
                let last = session.entries.saturating_sub(offset);
                let first = last.saturating_sub(limit) + 1;
                (first, last + 1 - first, false)
            }
            HistoryRange::After(cursor) if cursor.id != session.id => (1, 0, true),
            HistoryRange::After(cursor) => {
                let first = cursor.seq.saturating_add(1);
                (first, limit.min((session.entries + 1).saturating_sub(first)), false)
            }
            HistoryRange::At(seq) => (seq, 1, false),
        };
        let has_more = match range {
            HistoryRange::Newest { .. } => first > 1,
            HistoryRange::After(_) => first + count <= session.entries && !was_reset,
            HistoryRange::At(_) => false,
        };
        let entries = self.entries(session.id, first, count as usize).await?;
        Ok(Some(Page { session, entries, has_more, was_reset }))
    }

    /// One entry of a session, for news of it.
    pub fn entry(&self, id: SessionId, seq: u64) -> Option<Entry> {
        self.0.talk.transcripts.entries(id, seq, 1).ok()?.pop()
    }

    async fn entries(
        &self,
        id: SessionId,
        first: u64,
        count: usize,
    ) -> Result<Vec<Entry>, Refusal> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let transcripts = self.0.talk.transcripts.clone();
        let read = tokio::task::spawn_blocking(move || transcripts.entries(id, first, count));
        let read = read.await.unwrap_or(Err(TranscriptError::Closed));
        read.map_err(|error| {
            tracing::error!(%error, "a transcript cannot be read");
            refused(error)
        })
    }
}
