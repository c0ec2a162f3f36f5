//! `agent` and its kin: one turn with an agent, as the command line takes it.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{chat, read, talk_params as params};
use crate::{
    domain::talk::{AgentId, Part, RunId, SessionId, SessionKey},
    fronts::ws::{
        dispatch::{Answer, Call, TwoAnswers},
        error::{Fault, of_call},
        limits,
        wire::{Fields, Misread, Params, talk as wire},
    },
    service::{Run, Saying, Sent},
    support::clock,
};

/// `agent {message, idempotencyKey, agentId?, sessionKey?, ...}`: answers that it is accepted, and
/// once more with what the agent said. The command line waits for the second answer.
pub fn agent(call: &Call<'_>) -> Result<TwoAnswers, Fault> {
    let params: Agent = read(call)?;
    let session = match &params.session {
        Some(key) => params::session_key(call, key, params.agent.as_ref())?,
        None => {
            let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
            SessionKey::main_of(params.agent.as_ref().unwrap_or(agents.default_id()))
        }
    };
    let mut saying = Saying::plain(session, params.run, params.parts);
    saying.expect = params.expect;
    saying.model = params.model;
    saying.instructions = params.instructions;
    saying.deadline = params.timeout.filter(|s| *s > 0).map(Duration::from_secs);
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let sent = service.send(&standing, saying).await.map_err(|refusal| of_call(&refusal))?;
        Ok(match sent {
            Sent::Begun { run, session } => {
                let accepted = json!({
                    "runId": run.id.as_str(),
                    "sessionKey": session.key.as_str(),
                    "agentId": run.agent.as_str(),
                    "status": "accepted",
                    "acceptedAt": clock::unix_millis(),
                });
                (accepted.to_string(), Some(outcome(run)))
            }
            // Whoever asks again wants the answer as much as the first time.
            Sent::Known(Some(run), session) => {
                let known = chat::known(Some(&run), &session, &params.key);
                (known.to_string(), Some(outcome(run)))
            }
            Sent::Known(None, session) => {
                (chat::known(None, &session, &params.key).to_string(), None)
            }
        })
    }))
}

/// How a run ended, once it has.
fn outcome(run: Arc<Run>) -> Answer {
    Box::pin(async move {
        let ended = run.over().await;
        Ok(wire::outcome(run.id.as_str(), &ended, &run.log()).to_string())
    })
}

/// `agent.wait {runId, timeoutMs?}`: how a run ended, or that it has not.
pub fn wait(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: Wait = read(call)?;
    let run = call.service.run(call.standing, &params.run).map_err(|refusal| of_call(&refusal))?;
    let patience = params.timeout_ms.map_or(limits::RUN_WAIT_DEFAULT, Duration::from_millis);
    let patience = patience.min(limits::RUN_WAIT_MAX);
    Ok(Box::pin(async move {
        let pending = || json!({"runId": params.run.as_str(), "status": "timeout"}).to_string();
        let Some(run) = run else { return Ok(pending()) };
        match tokio::time::timeout(patience, run.over()).await {
            Ok(ended) => Ok(wire::outcome(run.id.as_str(), &ended, &run.log()).to_string()),
            Err(_) => Ok(pending()),
        }
    }))
}

/// `agent.identity.get {agentId?, sessionKey?}`
pub fn identity_get(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let params: params::Scope = read(call)?;
    let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
    let key = params.session.as_deref();
    let key = key.map(|key| params::session_key(call, key, params.agent.as_ref())).transpose()?;
    let id = key.as_ref().map(SessionKey::agent).or(params.agent.as_ref());
    let agent = agents.get(id.unwrap_or(agents.default_id()));
    let agent = agent.map_err(|refusal| of_call(&refusal))?;
    let mut identity = json!({
        "agentId": agent.id.as_str(),
        "name": agent.name.as_deref().unwrap_or(agent.id.as_str()),
        "nameSource": if agent.name.is_some() { "config" } else { "default" },
    });
    if let Some(emoji) = &agent.emoji {
        identity["emoji"] = emoji.clone().into();
    }
    out.push_str(&identity.to_string());
    Ok(())
}

/// The parameters of `agent`.
struct Agent {
    /// The session's key as it came.
    session: Option<String>,
    /// The agent.
    agent: Option<AgentId>,
    /// The transcript that is meant.
    expect: Option<SessionId>,
    /// What is said.
    parts: Vec<Part>,
    /// A model for this turn.
    model: Option<String>,
    /// Instructions for this turn.
    instructions: Option<String>,
    /// In seconds.
    timeout: Option<u64>,
    /// Names the run.
    run: RunId,
    /// The same, as it came.
    key: String,
}

impl Params for Agent {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let message = fields.text("message")?;
        let agent = params::agent(&mut fields)?;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let session = owned(fields.optional_short("sessionKey", limits::SESSION_KEY_CHARS_MAX)?);
        let expect = params::transcript(fields.optional_text("sessionId")?);
        let expected = params::transcript(fields.optional_text("expectedExistingSessionId")?);
        let provider = owned(fields.optional_text("provider")?);
        let model = owned(fields.optional_text("model")?);
        let instructions = owned(fields.optional_any_text("extraSystemPrompt")?);
        let timeout = fields.optional_integer("timeout", 0)?;
        let pictures = params::pictures(&mut fields)?;
        let key = fields.text("idempotencyKey")?.to_owned();
        let run = params::run(&fields, "idempotencyKey", &key)?;
        fields.ignore(AGENT_UNUSED);
        fields.end()?;
        let parts = chat::said(message, pictures).ok_or(Misread::Said("message required"))?;
        let model = match (provider, model) {
            (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
            (_, model) => model,
        };
        let expect = expect.or(expected);
        Ok(Self { session, agent, expect, parts, model, instructions, timeout, run, key })
    }
}

const AGENT_UNUSED: &[&str] = &[
    "accountId",
    "bestEffortDeliver",
    "bootstrapContextMode",
    "bootstrapContextRunKind",
    "channel",
    "cleanupBundleMcpOnRunEnd",
    "deliver",
    "disableMessageTool",
    "groupChannel",
    "groupId",
    "groupSpace",
    "inputProvenance",
    "label",
    "lane",
    "promptMode",
    "replyAccountId",
    "replyChannel",
    "replyTo",
    "sessionEffects",
    "sourceReplyDeliveryMode",
    "thinking",
    "threadId",
    "to",
];

/// The parameters of `agent.wait`.
struct Wait {
    /// The run.
    run: RunId,
    /// How long to wait.
    timeout_ms: Option<u64>,
}

impl Params for Wait {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let id = fields.text("runId")?;
        let timeout_ms = fields.optional_integer("timeoutMs", 0)?;
        let run = params::run(&fields, "runId", id)?;
        fields.end()?;
        Ok(Self { run, timeout_ms })
    }
}
