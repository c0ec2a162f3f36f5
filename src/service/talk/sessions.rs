//! What can be asked of sessions besides talking in them.

use std::{cmp::Reverse, sync::Arc};

use super::{now, refused};
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{AgentId, Author, Message, SessionId, SessionKey},
        time::UnixMillis,
    },
    service::Service,
    support::entropy,
    transcripts::{Draft, Order, Patch, Session},
};

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct ListSessions {
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// With this label.
    pub label: Option<String>,
    /// With these words in key, label, title or preview.
    pub words: Option<String>,
    /// Put away or not; `None` for all.
    pub archived: Option<bool>,
    /// Changed since then.
    pub since: Option<UnixMillis>,
    /// How many to pass over.
    pub offset: usize,
    /// The most to give.
    pub limit: Option<usize>,
}

/// Sessions, pinned ones first, then the newest.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Those on this page.
    pub sessions: Vec<Arc<Session>>,
    /// How many there are in all.
    pub total: usize,
}

impl Service {
    /// Lists sessions.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn sessions(&self, who: &Standing, filter: &ListSessions) -> Result<Listed, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let all = self.0.talk.transcripts.sessions();
        let mut found: Vec<_> = all.values().filter(|session| filter.fits(session)).collect();
        found.sort_by_key(|session| {
            (Reverse(session.pinned_at.is_some()), Reverse(session.updated_at), &session.key)
        });
        let total = found.len();
        let page = found.into_iter().skip(filter.offset).take(filter.limit.unwrap_or(usize::MAX));
        Ok(Listed { sessions: page.cloned().collect(), total })
    }

    /// One session.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn session(
        &self,
        who: &Standing,
        key: &SessionKey,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        Ok(self.0.talk.transcripts.session(key))
    }

    /// The session that goes on with this transcript.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn session_by_id(
        &self,
        who: &Standing,
        id: SessionId,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let all = self.0.talk.transcripts.sessions();
        Ok(all.values().find(|session| session.id == id).cloned())
    }

    /// Makes a session, or changes the one that is there.
    ///
    /// # Errors
    /// If `who` may not, there is no such agent, or the label is taken.
    pub async fn create_session(
        &self,
        who: &Standing,
        key: SessionKey,
        patch: Patch,
    ) -> Result<Arc<Session>, Refusal> {
        permit::check(who, Operation::EditSessions)?;
        self.0.talk.agents.get(key.agent())?;
        let id = SessionId(entropy::uuid().into_bytes());
        self.ordered(Order::Create { key, id, at: now(), patch }, "create").await
    }

    /// Changes a session.
    ///
    /// # Errors
    /// If `who` may not, there is no such session, or the label is taken.
    pub async fn patch_session(
        &self,
        who: &Standing,
        key: SessionKey,
        patch: Patch,
    ) -> Result<Arc<Session>, Refusal> {
        permit::check(who, Operation::EditSessions)?;
        self.ordered(Order::Change { key, at: now(), patch }, "patch").await
    }

    /// Puts words of the agent into a session that it did not say.
    ///
    /// # Errors
    /// If `who` may not, or there is no such session.
    pub async fn inject(
        &self,
        who: &Standing,
        key: SessionKey,
        words: String,
        label: Option<String>,
    ) -> Result<Arc<Session>, Refusal> {
        permit::check(who, Operation::ManageSessions)?;
        let by = Some(who.principal.reference());
        let said = Draft { by, label, ..Draft::of(Message::text(Author::Assistant, words)) };
        let order = Order::Append { key, at: now(), said };
        let session = self.0.talk.transcripts.order(order).await.map_err(refused)?.session;
        self.tell_said(&session, 1);
        Ok(session)
    }

    pub(super) async fn ordered(
        &self,
        order: Order,
        reason: &'static str,
    ) -> Result<Arc<Session>, Refusal> {
        let session = self.0.talk.transcripts.order(order).await.map_err(refused)?.session;
        self.tell_changed(&session, reason);
        Ok(session)
    }
}

impl ListSessions {
    fn fits(&self, session: &Session) -> bool {
        let says = |words: &String| {
            let words = words.to_lowercase();
            let texts =
                [session.label.as_deref(), session.title.as_deref(), session.preview.as_deref()];
            let mut texts = texts.into_iter().flatten().chain([session.key.as_str()]);
            texts.any(|text| text.to_lowercase().contains(&words))
        };
        self.agent.as_ref().is_none_or(|agent| session.key.agent() == agent)
            && self.label.as_ref().is_none_or(|label| session.label.as_ref() == Some(label))
            && self.archived.is_none_or(|archived| session.archived_at.is_some() == archived)
            && self.since.is_none_or(|since| session.updated_at >= since)
            && self.words.as_ref().is_none_or(says)
    }
}
