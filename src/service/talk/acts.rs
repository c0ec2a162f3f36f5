//! Deleting and resetting sessions: on record before anything is gone.
//!
//! The session is held first, so that nothing is said in it any more; then its transcripts are
//! digested, the digest is put on record, and only then does the session end. All of that goes on
//! when its client goes away. Where the gateway ends in between, its next start looks whether the record
//! is there: if so, the session ends then; if not, nobody was told that it did, and it goes on.

use std::{ops::ControlFlow, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{now, refused};
use crate::{
    actors::{
        news::{Fact, News},
        talk_news::TalkNews,
    },
    domain::{
        Event,
        operation::Operation,
        permit::{self, Permit},
        principal::Standing,
        refusal::Refusal,
        registry::{
            self, Command,
            digest::{SessionAct, TranscriptDigest},
        },
        talk::{SessionId, SessionKey},
        time::UnixMillis,
    },
    ledger::{error::StoreError, record::Via},
    service::Service,
    support::entropy,
    transcripts::{Held, Order, Session, TranscriptError, Transcripts},
};

/// How often what is at work in a session is ended before that is given up.
const TRIES: usize = 8;

/// Records read at once when a start looks for the one of an act.
const PAGE: usize = 256;

/// A session that is to end, and why.
pub(super) struct Ending {
    pub permit: Permit,
    pub via: Via,
    pub key: SessionKey,
    pub expect: Option<SessionId>,
    pub act: SessionAct,
    /// For the house's own rule: only if nothing happened since then, and nothing is at work.
    pub idle_since: Option<UnixMillis>,
}

impl Service {
    /// Goes on with an empty transcript. What is at work in the session is ended.
    ///
    /// # Errors
    /// If `who` may not, there is no such session, or it cannot be put on record.
    pub async fn reset_session(
        &self,
        who: &Standing,
        via: Via,
        key: SessionKey,
    ) -> Result<Arc<Session>, Refusal> {
        let permit = permit::authorize(who, Operation::ManageSessions)?;
        let act = SessionAct::Reset;
        self.end_session(Ending { permit, via, key, expect: None, act, idle_since: None }).await
    }

    /// Deletes a session with its transcripts. What is at work in it is ended. Gives it as it was.
    ///
    /// # Errors
    /// If `who` may not, there is no such session, it was reset meanwhile, or it cannot be put on
    /// record.
    pub async fn delete_session(
        &self,
        who: &Standing,
        via: Via,
        key: SessionKey,
        expect: Option<SessionId>,
    ) -> Result<Arc<Session>, Refusal> {
        let permit = permit::authorize(who, Operation::ManageSessions)?;
        let act = SessionAct::Delete;
        self.end_session(Ending { permit, via, key, expect, act, idle_since: None }).await
    }

    /// Ends a session, whatever becomes of who asked for it.
    pub(super) async fn end_session(&self, ending: Ending) -> Result<Arc<Session>, Refusal> {
        let service = self.clone();
        let ended = tokio::spawn(async move { service.end_on_record(ending).await }).await;
        ended.unwrap_or_else(|_| Err(refused(TranscriptError::Closed)))
    }

    async fn end_on_record(&self, ending: Ending) -> Result<Arc<Session>, Refusal> {
        let Ending { permit, via, key, expect, act, idle_since } = ending;
        let session = self.hold(&key, expect, idle_since, act).await?;
        let transcripts = self.0.talk.transcripts.clone();
        let digest = tokio::task::spawn_blocking(move || digest(&transcripts, &session, act)).await;
        let digest = digest.unwrap_or(Err(TranscriptError::Closed)).map_err(refused);
        let noted = match digest {
            Ok(digest) => {
                let command = Command::NoteSession { act, digest };
                self.0.registry.execute(permit, command, via).await.map(drop)
            }
            Err(refusal) => Err(refusal),
        };
        match noted {
            Ok(()) => self.finish(act, key).await,
            Err(refusal) => {
                // Whether a broken ledger has the record, the next start sees; so it does where the
                // transcripts do not take this.
                if self.is_ready() {
                    let _ = self.0.talk.transcripts.order(Order::Release { key }).await;
                }
                Err(refusal)
            }
        }
    }

    /// Holds a session, once nothing is at work in it. A rule waits for nobody's work and ends none.
    async fn hold(
        &self,
        key: &SessionKey,
        expect: Option<SessionId>,
        idle_since: Option<UnixMillis>,
        act: SessionAct,
    ) -> Result<Arc<Session>, Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            if idle_since.is_none() {
                self.end_runs(key).await;
            }
            let held = Held { act, since: self.told_size() };
            let hold = Order::Hold { key: key.clone(), expect, idle_since, held };
            match self.0.talk.transcripts.order(hold).await {
                Err(TranscriptError::AtWork) if idle_since.is_none() && tries < TRIES => {}
                answer => return answer.map(|held| held.session).map_err(refused),
            }
        }
    }

    async fn end_runs(&self, key: &SessionKey) {
        let runs = self.0.talk.runs.of_session(key);
        runs.iter().for_each(|run| run.abort());
        for run in runs {
            run.over().await;
        }
    }

    /// Does what is on record, and tells of it.
    async fn finish(&self, act: SessionAct, key: SessionKey) -> Result<Arc<Session>, Refusal> {
        match act {
            SessionAct::Reset => {
                let id = SessionId(entropy::uuid().into_bytes());
                self.ordered(Order::Reset { key, id, at: now() }, "reset").await
            }
            SessionAct::Delete => {
                let order = Order::Delete { key, expect: None };
                let deleted = self.0.talk.transcripts.order(order).await.map_err(refused)?.session;
                let news = TalkNews::Deleted(Arc::clone(&deleted));
                self.0.hub.publish(News::new(Fact::Talk(news)));
                Ok(deleted)
            }
        }
    }

    /// Finishes what was under way when the gateway ended: what is on record is done, the rest is given
    /// up. Called before the doors open.
    ///
    /// # Errors
    /// If the ledger or the transcripts cannot be read or written.
    pub async fn settle_sessions(&self) -> Result<(), Refusal> {
        let all = Arc::clone(&self.0.talk.transcripts.sessions());
        for (session, held) in all.values().filter_map(|one| Some((one, one.held?))) {
            let key = session.key.clone();
            let on_record = self.is_on_record(session, held).await?;
            tracing::warn!(session = %key, on_record, "the gateway ended while a session did");
            match on_record {
                true => self.finish(held.act, key).await?,
                false => {
                    let release = Order::Release { key };
                    self.0.talk.transcripts.order(release).await.map_err(refused)?.session
                }
            };
        }
        Ok(())
    }

    async fn is_on_record(&self, session: &Session, held: Held) -> Result<bool, Refusal> {
        let (reader, size) = (self.0.ledger.reader(), self.told_size());
        let (key, id) = (session.key.clone(), session.id);
        let is_it = move |event: &Event| {
            let Event::Registry(event) = event;
            let (act, digest) = match event {
                registry::Event::SessionDeleted(digest) => (SessionAct::Delete, digest),
                registry::Event::SessionReset(digest) => (SessionAct::Reset, digest),
                _ => return false,
            };
            act == held.act && digest.key == key && digest.transcript == id
        };
        let look = move || -> Result<bool, StoreError> {
            let mut from = held.since;
            while from < size {
                let page = reader.read(from, PAGE)?;
                if page.is_empty() {
                    break;
                }
                if page.iter().any(|entry| is_it(&entry.record.event)) {
                    return Ok(true);
                }
                from += page.len() as u64;
            }
            Ok(false)
        };
        let found = tokio::task::spawn_blocking(look).await;
        found.ok().and_then(Result::ok).ok_or_else(|| {
            let reason = "the ledger cannot be read; see the log";
            Refusal::Unavailable { reason, retry_after_ms: 0 }
        })
    }
}

/// What a session is before it ends: of one that is deleted with its earlier transcripts.
fn digest(
    transcripts: &Transcripts,
    session: &Session,
    act: SessionAct,
) -> Result<TranscriptDigest, TranscriptError> {
    let which = match act {
        SessionAct::Delete => session.transcripts(),
        SessionAct::Reset => vec![session.id],
    };
    let (mut hash, mut messages) = (Sha256::new(), 0);
    transcripts.lines(session, &which, &mut |line| {
        hash.update(line);
        messages += 1;
        ControlFlow::Continue(())
    })?;
    let (key, transcript, sha256) = (session.key.clone(), session.id, hash.finalize().into());
    Ok(TranscriptDigest { key, transcript, messages, sha256 })
}
