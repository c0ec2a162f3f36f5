//! `AgentService`: lists agents and talks to them.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response};

use super::{
    error::{Failure, invalid, refused},
    peer,
    sessions::{agent, key, model},
};
use crate::{
    domain::{
        operation::Operation,
        talk::{Part, RunId, SessionKey, Stop},
    },
    proto::v1::{
        self, ListAgentsRequest, ListAgentsResponse, RunAccepted, RunAgentRequest,
        RunAgentResponse, RunEnded, agent_service_server::AgentService, run_agent_response::Step,
    },
    service::{Changes, Ended, Heard, Listener, Live, Run, Saying, Sent, Service},
    support::entropy,
};

/// The service behind the contract.
pub(super) struct Front {
    service: Service,
}

impl Front {
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

type RunAgentStream = Pin<Box<dyn Stream<Item = Result<RunAgentResponse, Failure>> + Send>>;

#[tonic::async_trait]
impl AgentService for Front {
    type RunAgentStream = RunAgentStream;

    async fn list_agents(
        &self,
        request: Request<ListAgentsRequest>,
    ) -> Result<Response<ListAgentsResponse>, Failure> {
        let who = peer::standing(&request)?;
        let all = self.service.agents(&who).map_err(|refusal| refused(&refusal))?;
        let agents = all.iter().map(|agent| v1::Agent {
            agent_id: agent.id.to_string(),
            name: agent.name.clone(),
            emoji: agent.emoji.clone(),
            runtime: agent.runtime.kind().into(),
            model: agent.runtime.model(),
            is_default: agent.id == *all.default_id(),
        });
        Ok(Response::new(ListAgentsResponse { agents: agents.collect() }))
    }

    async fn run_agent(
        &self,
        request: Request<RunAgentRequest>,
    ) -> Result<Response<RunAgentStream>, Failure> {
        let (who, live) = (peer::standing(&request)?, peer::live(&request)?);
        let saying = self.saying(request.into_inner())?;
        let sent = self.service.send(&who, saying.clone()).await;
        let (run, known) = match sent.map_err(|refusal| refused(&refusal))? {
            Sent::Begun { run, .. } => (Some(run), false),
            Sent::Known(run, _) => (run, true),
        };
        let accepted = Step::Accepted(RunAccepted {
            run_id: saying.run.to_string(),
            session_key: saying.session.to_string(),
            agent_id: saying.session.agent().to_string(),
            known,
        });
        let first = tokio_stream::once(Ok(RunAgentResponse { step: Some(accepted) }));
        let rest = run.map(|run| Hearing::of(&run, live, self.service.clone()).into_stream());
        let rest: RunAgentStream = match rest {
            Some(rest) => Box::pin(rest),
            None => Box::pin(tokio_stream::empty()),
        };
        Ok(Response::new(Box::pin(first.chain(rest))))
    }
}

impl Front {
    fn saying(&self, request: RunAgentRequest) -> Result<Saying, Failure> {
        let RunAgentRequest { message, session, agent_id, model, timeout_ms, run_id } = request;
        if message.trim().is_empty() {
            return Err(invalid("message must say something"));
        }
        let session = match session {
            Some(name) => key(&self.service, name)?,
            None => match agent(&agent_id)? {
                Some(agent) => SessionKey::main_of(&agent),
                None => key(&self.service, main_session())?,
            },
        };
        let run_id = if run_id.is_empty() { entropy::uuid().to_string() } else { run_id };
        let run = RunId::parse(&run_id);
        let run = run.ok_or_else(|| invalid("run_id must have 1 to 256 plain characters"))?;
        let mut saying = Saying::plain(session, run, vec![Part::Text(message)]);
        saying.model = Some(model).filter(|model| !model.is_empty());
        saying.deadline = Some(timeout_ms).filter(|ms| *ms > 0).map(Duration::from_millis);
        Ok(saying)
    }
}

/// The main session of the default agent.
fn main_session() -> v1::SessionName {
    v1::SessionName { key: "main".into(), agent_id: String::new() }
}

/// A caller that listens to a run, for as long as it may.
struct Hearing {
    run: Arc<Run>,
    listener: Listener,
    live: Live,
    changes: Changes,
    service: Service,
}

impl Hearing {
    fn of(run: &Arc<Run>, live: Live, service: Service) -> Self {
        let changes = service.changes();
        Self { run: Arc::clone(run), listener: run.listen(), live, changes, service }
    }

    fn into_stream(self) -> impl Stream<Item = Result<RunAgentResponse, Failure>> + Send {
        futures_util::stream::try_unfold(self, |mut hearing| async move {
            let step = hearing.next().await?;
            Ok(step.map(|step| (RunAgentResponse { step: Some(step) }, hearing)))
        })
    }

    async fn next(&mut self) -> Result<Option<Step>, Failure> {
        loop {
            self.changes.mark_seen();
            let may = self.service.may_still(&mut self.live, Operation::Complete);
            may.map_err(|refusal| refused(&refusal))?;
            let heard = tokio::select! {
                heard = self.listener.next() => heard,
                () = self.changes.next() => continue,
            };
            match heard {
                None => return Ok(None),
                Some(Heard::Text(text)) => return Ok(Some(Step::Text(text))),
                Some(Heard::Ended(ended, _)) => return Ok(Some(Step::Ended(self.end(&ended)))),
                // Tools of a client are for clients that bring some; what it thinks is no answer.
                Some(Heard::Model(_) | Heard::ToolCall { .. } | Heard::Reasoning(_)) => {}
            }
        }
    }

    fn end(&self, ended: &Ended) -> RunEnded {
        let log = self.run.log();
        let told = RunEnded {
            text: log.text(),
            model: log.model.as_ref().map(model),
            input_tokens: log.usage.input,
            output_tokens: log.usage.output,
            ..RunEnded::default()
        };
        match ended {
            Ended::Stopped(stop) => {
                let aborted = *stop == Stop::Aborted;
                let state = if aborted { v1::RunState::Aborted } else { v1::RunState::Done };
                RunEnded { state: state.into(), stop_reason: stop.name().into(), ..told }
            }
            Ended::Failed(failure) => RunEnded {
                state: v1::RunState::Failed.into(),
                failure_code: Some(failure.code().into()),
                failure: Some(failure.message()),
                remedy: Some(failure.remedy().to_string()),
                ..told
            },
        }
    }
}
