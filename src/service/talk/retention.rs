//! Sessions that nobody comes back to: put away, and deleted, as the configuration says.
//!
//! A rule of the house does it, a bounded number at a time, the oldest first. It waits for nobody's work
//! and ends none; what is pinned, at work or being ended stays, and so does an agent's main session
//! unless the configuration says otherwise. Each deletion is a record of its own: the same as a
//! person's, with the session's own digest, found by the same filter, and finished after a crash in the
//! same way. There are never more of them than there were sessions.

use std::time::Duration;

use super::{acts::Ending, refused};
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::{Rule, Standing},
        refusal::Refusal,
        registry::digest::SessionAct,
        talk::{SessionId, SessionKey},
        time::UnixMillis,
    },
    ledger::record::Via,
    service::Service,
    transcripts::{Order, Session},
};

/// Sessions that one look deletes, and puts away: a few syncs, and soon there is another look.
const AT_ONCE: usize = 64;

/// What is done with sessions that nobody comes back to. Nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    /// Put away after so long without a word.
    pub put_away_after: Option<Duration>,
    /// The most that are not put away.
    pub unarchived_max: Option<usize>,
    /// Deleted after so long without a word.
    pub delete_after: Option<Duration>,
    /// Whether main sessions are deleted too.
    pub delete_main: bool,
    /// Whether what would be done is only logged.
    pub only_warns: bool,
}

/// A session whose time has come, as it was seen.
type Due = (SessionKey, SessionId, UnixMillis);

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tended {
    /// How many were put away.
    pub put_away: usize,
    /// How many were deleted.
    pub deleted: usize,
}

impl Retention {
    /// What is to be deleted and what to be put away, the oldest first.
    fn due<'a>(
        &self,
        sessions: impl Iterator<Item = &'a Session>,
        now: UnixMillis,
    ) -> (Vec<Due>, Vec<Due>) {
        let over = |session: &Session, after: Option<Duration>| {
            let rests = now.0.saturating_sub(session.updated_at.0);
            after.is_some_and(|after| u128::from(rests) >= after.as_millis())
        };
        let is_free = |session: &&Session| {
            session.open.is_empty() && session.held.is_none() && session.pinned_at.is_none()
        };
        let mut rest: Vec<_> = sessions.collect();
        rest.sort_by_key(|session| session.updated_at);
        let unarchived = rest.iter().filter(|session| session.archived_at.is_none()).count();
        let mut excess = self.unarchived_max.map_or(0, |most| unarchived.saturating_sub(most));
        let (mut gone, mut away) = (Vec::new(), Vec::new());
        for session in rest.into_iter().filter(is_free) {
            let due = (session.key.clone(), session.id, session.updated_at);
            let may_go = self.delete_main || !session.key.is_main();
            if may_go && over(session, self.delete_after) {
                gone.push(due);
            } else if session.archived_at.is_none() && !session.key.is_main() {
                if over(session, self.put_away_after) || excess > 0 {
                    away.push(due);
                }
            } else {
                continue;
            }
            excess = excess.saturating_sub(usize::from(session.archived_at.is_none()));
        }
        gone.truncate(AT_ONCE);
        away.truncate(AT_ONCE);
        (gone, away)
    }
}

impl Service {
    /// One look at all sessions. What could not be done now is due at the next one.
    pub async fn tend_sessions(&self, retention: &Retention) -> Tended {
        let now = UnixMillis(self.0.steady.unix_millis());
        let all = self.0.talk.transcripts.sessions().clone();
        let (gone, away) = retention.due(all.values().map(|session| &**session), now);
        if retention.only_warns {
            if !gone.is_empty() || !away.is_empty() {
                let (delete, put_away) = (gone.len(), away.len());
                tracing::warn!(
                    delete,
                    put_away,
                    "sessions are due, and nothing is done: mode warn"
                );
            }
            return Tended::default();
        }
        let mut tended = Tended::default();
        for (key, id, at) in gone {
            tended.deleted += usize::from(done(&key, self.let_go(key.clone(), id, at).await));
        }
        for (key, _, idle_since) in away {
            let order = Order::PutAway { key: key.clone(), at: super::now(), idle_since };
            let put_away = self.ordered(order, "patch").await.map(drop);
            tended.put_away += usize::from(done(&key, put_away));
        }
        tended
    }

    async fn let_go(&self, key: SessionKey, id: SessionId, at: UnixMillis) -> Result<(), Refusal> {
        let rule = Standing::system(Rule::Retention);
        let permit = permit::authorize(&rule, Operation::ManageSessions)?;
        let (via, expect, act) = (Via::internal(), Some(id), SessionAct::Delete);
        let ending = Ending { permit, via, key, expect, act, idle_since: Some(at) };
        self.end_session(ending).await.map(drop)
    }
}

/// Somebody may have come back meanwhile; that is no trouble.
fn done(key: &SessionKey, outcome: Result<(), Refusal>) -> bool {
    let came_back = refused(crate::transcripts::TranscriptError::NotIdle);
    match outcome {
        Ok(()) => true,
        Err(refusal) => {
            if refusal != came_back {
                tracing::warn!(session = %key, code = refusal.code(), "a session could not be let go");
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::talk::{AgentId, RunId};

    fn session(rest: &str, at: u64) -> Session {
        let key = SessionKey::of(&AgentId::main(), rest);
        Session::new(key, SessionId([1; 16]), UnixMillis(at))
    }

    fn names(due: &[Due]) -> Vec<&str> {
        due.iter().map(|(key, ..)| key.as_str().rsplit(':').next().unwrap()).collect()
    }

    #[test]
    fn what_is_due_row_by_row() {
        let at = Some(UnixMillis(0));
        let working = RunId::parse("r").unwrap();
        let held = crate::transcripts::Held { act: SessionAct::Delete, since: 0 };
        let all = [
            session("main", 0),
            Session { open: vec![working], ..session("works", 0) },
            Session { held: Some(held), ..session("ends", 0) },
            Session { pinned_at: at, ..session("pinned", 0) },
            Session { archived_at: at, ..session("away", 10) },
            session("old", 10),
            session("newer", 60),
        ];
        let ms = |n| Some(Duration::from_millis(n));
        let off = Retention::default();
        for (retention, gone, away) in [
            (off, &[][..], &[][..]),
            (Retention { delete_after: ms(90), ..off }, &["away", "old"], &[]),
            (Retention { delete_after: ms(91), ..off }, &[], &[]),
            (
                Retention { delete_after: ms(90), delete_main: true, ..off },
                &["main", "away", "old"],
                &[],
            ),
            (Retention { put_away_after: ms(40), ..off }, &[], &["old", "newer"]),
            (Retention { unarchived_max: Some(6), ..off }, &[], &[]),
            (Retention { unarchived_max: Some(5), ..off }, &[], &["old"]),
            (Retention { unarchived_max: Some(0), ..off }, &[], &["old", "newer"]),
            (
                Retention { delete_after: ms(90), unarchived_max: Some(5), ..off },
                &["away", "old"],
                &[],
            ),
        ] {
            let (found_gone, found_away) = retention.due(all.iter(), UnixMillis(100));
            assert_eq!(
                (names(&found_gone), names(&found_away)),
                (gone.to_vec(), away.to_vec()),
                "{retention:?}"
            );
        }
        let many: Vec<_> = (0..200).map(|n| session(&format!("s{n:03}"), n)).collect();
        let (gone, _) = Retention { delete_after: ms(1), ..off }.due(many.iter(), UnixMillis(900));
        assert_eq!(
            (gone.len(), names(&gone)[0]),
            (AT_ONCE, "s000"),
            "a bounded number, oldest first"
        );
    }
}
