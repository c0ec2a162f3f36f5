//! What talking has cost, counted from what is kept: every answer that a run recorded says what it
//! used. Nothing is summed up beforehand, so what is told is what is in the transcripts.

use std::{cmp::Reverse, sync::Arc};

use super::refused;
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{
            AgentId, SessionId, SessionKey,
            spent::{Calendar, Day, Said, Tally},
        },
        time::UnixMillis,
    },
    service::{Agents, Service},
    transcripts::{Entry, Session, TranscriptError, Transcripts},
};

/// Entries read at once.
const PAGE: u64 = 512;

/// What to count.
#[derive(Debug, Clone)]
pub struct CountUsage {
    /// In the sessions of this agent.
    pub agent: Option<AgentId>,
    /// In this session.
    pub session: Option<SessionKey>,
    /// Whether the transcripts from before a session's resets count with it.
    pub previous: bool,
    /// From this day on, or from the beginning.
    pub first: Option<Day>,
    /// To this day, with it.
    pub last: Day,
    /// Where a day begins.
    pub calendar: Calendar,
}

/// What one session came to.
#[derive(Debug, Clone)]
pub struct SessionUsage {
    /// The session.
    pub session: Arc<Session>,
    /// What was said in it on these days, and what that cost.
    pub tally: Tally,
}

impl Service {
    /// Counts, session by session, the one that was last changed first; those in which nothing was
    /// said on these days are left out. One counts at a time: it reads whatever was said.
    ///
    /// # Errors
    /// If `who` may not read sessions, or they cannot be read.
    pub async fn usage(
        &self,
        who: &Standing,
        what: CountUsage,
    ) -> Result<Vec<SessionUsage>, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let talk = &self.0.talk;
        let _turn = talk.counting.lock().await;
        let (transcripts, agents) = (talk.transcripts.clone(), talk.agents.clone());
        let counted =
            tokio::task::spawn_blocking(move || count(&transcripts, &agents, &what)).await;
        counted.unwrap_or(Err(TranscriptError::Closed)).map_err(refused)
    }
}

fn count(
    transcripts: &Transcripts,
    agents: &Agents,
    what: &CountUsage,
) -> Result<Vec<SessionUsage>, TranscriptError> {
    let begin = what.first.map_or(UnixMillis(0), |day| what.calendar.start_of(day));
    let all = transcripts.sessions();
    let meant = |session: &&Arc<Session>| {
        what.agent.as_ref().is_none_or(|agent| session.key.agent() == agent)
            && what.session.as_ref().is_none_or(|key| session.key == *key)
            && session.updated_at >= begin
    };
    let mut sessions: Vec<_> = all.values().filter(meant).cloned().collect();
    sessions.sort_by_key(|session| Reverse(session.updated_at));
    let mut counted = Vec::new();
    for session in sessions {
        let mut tally = Tally::default();
        let previous = if what.previous { &session.previous[..] } else { &[] };
        for id in previous.iter().chain([&session.id]) {
            count_one(transcripts, agents, *id, what, &mut tally)?;
        }
        if tally.span.is_some() {
            counted.push(SessionUsage { session, tally });
        }
    }
    Ok(counted)
}

fn count_one(
    transcripts: &Transcripts,
    agents: &Agents,
    id: SessionId,
    what: &CountUsage,
    tally: &mut Tally,
) -> Result<(), TranscriptError> {
    let mut next = 1;
    loop {
        let page = transcripts.entries(id, next, PAGE as usize)?;
        for entry in &page {
            let day = what.calendar.day_of(entry.at);
            if day <= what.last && what.first.is_none_or(|first| first <= day) {
                tally.note(what.calendar, entry.at, &said(entry, agents));
            }
        }
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => next = last.seq + 1,
            _ => return Ok(()),
        }
    }
}

fn said<'a>(entry: &'a Entry, agents: &Agents) -> Said<'a> {
    let draft = &entry.draft;
    Said {
        message: &draft.message,
        model: draft.model.as_ref(),
        usage: draft.usage,
        price: draft.model.as_ref().and_then(|model| agents.price(model)),
        failed: draft.failure.is_some(),
    }
}
