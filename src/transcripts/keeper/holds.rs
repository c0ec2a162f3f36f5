//! Sessions that are about to end, and those that nobody came back to.

use super::{Answer, Keeper};
use crate::{
    domain::{
        talk::{SessionId, SessionKey},
        time::UnixMillis,
    },
    transcripts::{
        Outcome, TranscriptError,
        session::{Held, Session},
    },
};

impl Keeper {
    pub(super) fn hold(
        &mut self,
        key: &SessionKey,
        expect: Option<SessionId>,
        idle_since: Option<UnixMillis>,
        held: Held,
    ) -> Answer {
        let session = self.resting(key, expect, idle_since)?;
        self.kept(Session { held: Some(held), ..session })
    }

    pub(super) fn release(&mut self, key: &SessionKey) -> Answer {
        let session = self.any(key, None)?;
        self.kept(Session { held: None, ..session })
    }

    /// What is put away was not changed by that: it goes on resting since it last was.
    pub(super) fn put_away(
        &mut self,
        key: &SessionKey,
        at: UnixMillis,
        idle_since: UnixMillis,
    ) -> Answer {
        let session = self.resting(key, None, Some(idle_since))?;
        let archived_at = session.archived_at.or(Some(at));
        self.kept(Session { archived_at, ..session })
    }

    /// A session in which nothing is at work, and nothing happened since then.
    fn resting(
        &self,
        key: &SessionKey,
        expect: Option<SessionId>,
        since: Option<UnixMillis>,
    ) -> Result<Session, TranscriptError> {
        let session = self.meant(key, expect)?;
        if !session.open.is_empty() {
            return Err(TranscriptError::AtWork);
        }
        match since.is_some_and(|since| session.updated_at > since) {
            true => Err(TranscriptError::NotIdle),
            false => Ok(session),
        }
    }

    fn kept(&mut self, session: Session) -> Answer {
        self.put(session).map(|session| Outcome { session, known: false })
    }
}
