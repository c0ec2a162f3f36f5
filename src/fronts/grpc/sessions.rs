//! `SessionService`: reads, exports, resets and deletes sessions.

use std::pin::Pin;

use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response};

use super::{
    error::{Failure, invalid, refused},
    page::Page,
    peer,
};
use crate::{
    domain::{
        operation::Operation,
        refusal::Refusal,
        talk::{AgentId, Model, SessionId, SessionKey, SessionKeyFault},
        time::UnixMillis,
    },
    proto::v1::{
        self, DeleteSessionRequest, DeleteSessionResponse, ExportSessionRequest,
        ExportSessionResponse, GetSessionRequest, GetSessionResponse, ListSessionsRequest,
        ListSessionsResponse, ResetSessionRequest, ResetSessionResponse,
        session_service_server::SessionService,
    },
    service::{HistoryRange, LastRun, ListSessions, RunState, Service, TalkEntry, TalkSession},
    support::clock,
};

/// The most messages that come with a session. Who wants more wants all of them.
const MESSAGES_MAX: u32 = 200;

/// The most characters of one of them.
const TEXT_CHARS_MAX: usize = 2000;

/// The service behind the contract.
pub(super) struct Front {
    service: Service,
}

impl Front {
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    fn key(&self, name: Option<v1::SessionName>) -> Result<SessionKey, Failure> {
        key(&self.service, name.unwrap_or_default())
    }
}

type ExportSessionStream =
    Pin<Box<dyn Stream<Item = Result<ExportSessionResponse, Failure>> + Send>>;

#[tonic::async_trait]
impl SessionService for Front {
    type ExportSessionStream = ExportSessionStream;

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Failure> {
        let who = peer::standing(&request)?;
        let mut rest = request.into_inner();
        let (size, token) =
            (std::mem::take(&mut rest.page_size), std::mem::take(&mut rest.page_token));
        let mut page = Page::of("ListSessions", &rest, size, &token)?;
        let filter = ListSessions {
            agent: agent(&rest.agent_id)?,
            since: rest.active_since_ms.map(UnixMillis),
            archived: (!rest.archived).then_some(false),
            ..ListSessions::default()
        };
        let listed = self.service.sessions(&who, &filter).map_err(|refusal| refused(&refusal))?;
        let mut sessions = listed.sessions;
        sessions.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        Ok(Response::new(ListSessionsResponse {
            sessions: page.take(
                sessions.iter(),
                |session| session.key.as_str().into(),
                |session| told(session),
            ),
            now_ms: clock::unix_millis(),
            next_page_token: page.next(),
        }))
    }

    async fn get_session(
        &self,
        request: Request<GetSessionRequest>,
    ) -> Result<Response<GetSessionResponse>, Failure> {
        let who = peer::standing(&request)?;
        let GetSessionRequest { session, messages } = request.into_inner();
        let key = self.key(session)?;
        let limit = messages.min(MESSAGES_MAX) as usize;
        let newest = HistoryRange::Newest { offset: 0 };
        let page = self.service.transcript(&who, &key, newest, limit).await;
        let page = page.and_then(|page| page.ok_or(Refusal::UnknownSession));
        let page = page.map_err(|refusal| refused(&refusal))?;
        let messages = page.entries.iter().take(limit).map(said).collect();
        Ok(Response::new(GetSessionResponse { session: Some(told(&page.session)), messages }))
    }

    async fn export_session(
        &self,
        request: Request<ExportSessionRequest>,
    ) -> Result<Response<ExportSessionStream>, Failure> {
        let (who, mut live) = (peer::standing(&request)?, peer::live(&request)?);
        let key = self.key(request.into_inner().session)?;
        let pieces =
            self.service.export_session(&who, &key).map_err(|refusal| refused(&refusal))?;
        let service = self.service.clone();
        let stream = ReceiverStream::new(pieces).map(move |piece| {
            let may = service.may_still(&mut live, Operation::ReadSessions);
            let data = may.and(piece).map_err(|refusal| refused(&refusal))?;
            Ok(ExportSessionResponse { data })
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn reset_session(
        &self,
        request: Request<ResetSessionRequest>,
    ) -> Result<Response<ResetSessionResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let key = self.key(request.into_inner().session)?;
        let session = self.service.reset_session(&who, via, key).await;
        let session = session.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ResetSessionResponse { session: Some(told(&session)) }))
    }

    async fn delete_session(
        &self,
        request: Request<DeleteSessionRequest>,
    ) -> Result<Response<DeleteSessionResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let DeleteSessionRequest { session, session_id } = request.into_inner();
        let key = self.key(session)?;
        let expect = match session_id.as_str() {
            "" => None,
            id => Some(SessionId::parse(id).ok_or_else(|| invalid("session_id must be a UUID"))?),
        };
        let session = self.service.delete_session(&who, via, key, expect).await;
        let session = session.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(DeleteSessionResponse { session: Some(told(&session)) }))
    }
}

/// An agent that is named; empty names none.
pub(super) fn agent(id: &str) -> Result<Option<AgentId>, Failure> {
    match id {
        "" => Ok(None),
        id => AgentId::parse(id).map(Some).ok_or_else(|| refused(&Refusal::UnknownAgent)),
    }
}

/// The session that is named.
pub(super) fn key(service: &Service, name: v1::SessionName) -> Result<SessionKey, Failure> {
    let v1::SessionName { key, agent_id } = name;
    service.session_key(&key, agent(&agent_id)?.as_ref()).map_err(|fault| match fault {
        SessionKeyFault::Malformed => invalid("session.key is no key of a session"),
        SessionKeyFault::Reserved => invalid("session.key is one that the gateway keeps to itself"),
    })
}

/// A model in one word.
pub(super) fn model(Model { provider, name }: &Model) -> String {
    format!("{provider}/{name}")
}

fn told(session: &TalkSession) -> v1::Session {
    v1::Session {
        key: session.key.to_string(),
        session_id: session.id.to_string(),
        agent_id: session.key.agent().to_string(),
        label: session.label.clone(),
        title: session.title.clone(),
        preview: session.preview.clone(),
        model: session.model.clone(),
        messages: session.entries,
        previous: u32::try_from(session.previous.len()).unwrap_or(u32::MAX),
        created_at_ms: session.created_at.0,
        updated_at_ms: session.updated_at.0,
        archived_at_ms: session.archived_at.map(|at| at.0),
        pinned_at_ms: session.pinned_at.map(|at| at.0),
        input_tokens: session.usage.input,
        output_tokens: session.usage.output,
        open_runs: session.open.iter().map(ToString::to_string).collect(),
        last_run: session.last_run.as_ref().map(last_run),
    }
}

fn last_run(run: &LastRun) -> v1::LastRun {
    let LastRun { id, started_at, ended_at, state, model: answered } = run;
    let (state, failure) = match state {
        RunState::Running => (v1::RunState::Running, None),
        RunState::Done => (v1::RunState::Done, None),
        RunState::Aborted => (v1::RunState::Aborted, None),
        RunState::Failed { code, message } => {
            (v1::RunState::Failed, Some((code.clone(), message.clone())))
        }
    };
    let (failure_code, failure) = failure.unzip();
    v1::LastRun {
        run_id: id.to_string(),
        state: state.into(),
        started_at_ms: started_at.0,
        ended_at_ms: ended_at.map(|at| at.0),
        model: answered.as_ref().map(model),
        failure_code,
        failure,
    }
}

fn said(entry: &TalkEntry) -> v1::SaidMessage {
    let draft = &entry.draft;
    let words = draft.message.words();
    let text: String = words.chars().take(TEXT_CHARS_MAX).collect();
    v1::SaidMessage {
        seq: entry.seq,
        at_ms: entry.at.0,
        role: draft.message.author.role().into(),
        truncated: text.len() < words.len(),
        text,
        by: draft.by.clone(),
        failure: draft.failure.as_ref().map(|(_, words)| words.clone()),
    }
}
