//! Looking for words in what was said: exact, without an index, so that what is found is what is
//! there.
//!
//! Newest sessions first, and in each the newest entries. A look goes through so many entries at the
//! most, and says when it stopped there.

use std::{cmp::Reverse, sync::Arc};

use super::refused;
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{AgentId, Author, SessionKey},
    },
    service::Service,
    transcripts::{Entry, Session, TranscriptError, Transcripts},
};

/// Entries looked through for one answer: a quarter of a second of reading.
const ENTRIES_MAX: usize = 100_000;

/// Entries read at once.
const PAGE: usize = 512;

/// What to look for.
#[derive(Debug, Clone)]
pub struct SearchFor {
    /// These words, whatever their case.
    pub words: String,
    /// In the sessions of this agent.
    pub agent: Option<AgentId>,
    /// In these sessions.
    pub sessions: Option<Vec<SessionKey>>,
    /// The most to give.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Entries with their sessions.
    pub hits: Vec<(Arc<Session>, Entry)>,
    /// Whether there may be more.
    pub truncated: bool,
}

impl Service {
    /// Looks for words.
    ///
    /// # Errors
    /// If `who` may not read, or it cannot be read.
    pub async fn search(&self, who: &Standing, what: SearchFor) -> Result<Found, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let transcripts = self.0.talk.transcripts.clone();
        let found = tokio::task::spawn_blocking(move || look(&transcripts, &what)).await;
        found.unwrap_or(Err(TranscriptError::Closed)).map_err(refused)
    }
}

fn look(transcripts: &Transcripts, what: &SearchFor) -> Result<Found, TranscriptError> {
    let words = what.words.to_lowercase();
    let all = transcripts.sessions();
    let meant = |session: &&Arc<Session>| {
        what.agent.as_ref().is_none_or(|agent| session.key.agent() == agent)
            && what.sessions.as_ref().is_none_or(|keys| keys.contains(&session.key))
    };
    let mut sessions: Vec<_> = all.values().filter(meant).cloned().collect();
    sessions.sort_by_key(|session| Reverse(session.updated_at));
    let (mut hits, mut looked) = (Vec::new(), 0);
    for session in sessions {
        let mut end = session.entries;
        while end > 0 {
            if looked >= ENTRIES_MAX {
                return Ok(Found { hits, truncated: true });
            }
            let first = end.saturating_sub(PAGE as u64) + 1;
            let page = transcripts.entries(session.id, first, (end + 1 - first) as usize)?;
            looked += page.len();
            for entry in page.into_iter().rev() {
                let spoken = matches!(entry.draft.message.author, Author::User | Author::Assistant);
                if spoken && entry.draft.message.words().to_lowercase().contains(&words) {
                    if hits.len() == what.limit {
                        return Ok(Found { hits, truncated: true });
                    }
                    hits.push((Arc::clone(&session), entry));
                }
            }
            end = first - 1;
        }
    }
    Ok(Found { hits, truncated: false })
}
