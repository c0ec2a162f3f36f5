//! Making, changing and deleting sessions, and talking in them.

use serde_json::json;

use crate::{
    domain::{
        refusal::Refusal,
        talk::{AgentId, Part, RunId},
    },
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, invalid, of_call},
        limits,
        methods::{chat, read, talk_params as params},
        wire::{Fields, Misread, Params, talk as wire},
    },
    service::{Patch, Saying, Sent},
    support::entropy,
};

/// `sessions.create {key?, agentId?, label?, model?, message?, idempotencyKey?}`
pub fn create(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: Create = read(call)?;
    let key = match &params.key {
        Some(key) => params::session_key(call, key, params.agent.as_ref())?,
        None => {
            let rest = format!("session:{}", entropy::uuid());
            params::session_key(call, &rest, params.agent.as_ref())?
        }
    };
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let fault = |refusal: Refusal| of_call(&refusal);
        let mut session =
            service.create_session(&standing, key.clone(), params.patch).await.map_err(fault)?;
        let mut answer = json!({"ok": true, "key": key.as_str(), "runStarted": false});
        if let Some(message) = params.message {
            let run = params.run.or_else(|| RunId::parse(&entropy::uuid().to_string()));
            let run = run.ok_or_else(|| invalid("invalid idempotencyKey"))?;
            let parts = chat::said(&message, Vec::new()).unwrap_or_default();
            let saying = Saying::plain(key, run.clone(), parts);
            let sent = service.send(&standing, saying).await.map_err(fault)?;
            let (Sent::Begun { session: after, .. } | Sent::Known(_, after)) = sent;
            session = after;
            answer["runStarted"] = true.into();
            answer["runId"] = run.as_str().into();
            answer["messageSeq"] = session.entries.into();
        }
        answer["sessionId"] = session.id.to_string().into();
        answer["entry"] = wire::session(&session);
        Ok(answer.to_string())
    }))
}

struct Create {
    key: Option<String>,
    agent: Option<AgentId>,
    patch: Patch,
    message: Option<String>,
    run: Option<RunId>,
}

impl Params for Create {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let key = fields.optional_short("key", limits::SESSION_KEY_CHARS_MAX)?.map(str::to_owned);
        let agent = params::agent(&mut fields)?;
        let patch = params::patch(&mut fields)?;
        let task = fields.optional_any_text("task")?;
        let message = fields.optional_any_text("message")?.or(task);
        let message = message.filter(|text| !text.trim().is_empty()).map(str::to_owned);
        let run = fields.optional_text("idempotencyKey")?.and_then(RunId::parse);
        fields.ignore(&[
            "category",
            "displayName",
            "emitCommandHooks",
            "fastMode",
            "succeedsParent",
            "thinkingLevel",
            "visibility",
        ]);
        fields.end()?;
        Ok(Self { key, agent, patch, message, run })
    }
}

/// `sessions.send {key, message, idempotencyKey?, attachments?}`
pub fn send(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: SendTo = read(call)?;
    let key = params::session_key(call, &params.key, params.agent.as_ref())?;
    let saying = Saying::plain(key, params.run.clone(), params.parts);
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let sent = service.send(&standing, saying).await.map_err(|refusal| of_call(&refusal))?;
        let (status, session) = match &sent {
            Sent::Begun { session, .. } => ("started", session),
            Sent::Known(_, session) => ("ok", session),
        };
        Ok(json!({
            "runId": params.run.as_str(),
            "status": status,
            "sessionKey": session.key.as_str(),
            "messageSeq": session.entries,
        })
        .to_string())
    }))
}

struct SendTo {
    key: String,
    agent: Option<AgentId>,
    parts: Vec<Part>,
    run: RunId,
}

impl Params for SendTo {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let key = fields.text("key")?.to_owned();
        let agent = params::agent(&mut fields)?;
        let message = fields.any_text("message")?;
        let pictures = params::pictures(&mut fields)?;
        let given = fields.optional_text("idempotencyKey")?.map(str::to_owned);
        let given = given.unwrap_or_else(|| entropy::uuid().to_string());
        fields.ignore(&["thinking", "timeoutMs"]);
        let Some(run) = RunId::parse(&given) else {
            return Ok(fields.refuse("idempotencyKey", "must not have more than 256 characters")?);
        };
        fields.end()?;
        let parts =
            chat::said(message, pictures).ok_or(Misread::Said("message or attachment required"))?;
        Ok(Self { key, agent, parts, run })
    }
}

/// `sessions.patch {key, label?, model?, archived?, pinned?, unread?}`
pub fn patch(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: Change = read(call)?;
    let key = params::session_key(call, &params.key, params.agent.as_ref())?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let session = service.patch_session(&standing, key, params.patch).await;
        let session = session.map_err(|refusal| of_call(&refusal))?;
        let row = wire::session(&session);
        Ok(json!({"ok": true, "key": session.key.as_str(), "entry": row}).to_string())
    }))
}

struct Change {
    key: String,
    agent: Option<AgentId>,
    patch: Patch,
}

impl Params for Change {
    fn read(mut fields: Fields<'_>) -> Result<Self, Misread> {
        let key = fields.text("key")?.to_owned();
        let agent = params::agent(&mut fields)?;
        let patch = params::patch(&mut fields)?;
        fields.ignore(&["expectedMarkedUnreadAt", "thinkingLevel", "verboseLevel", "fastMode"]);
        fields.end()?;
        Ok(Self { key, agent, patch })
    }
}

/// `sessions.reset {key}`
pub fn reset(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: params::OfSession = read(call)?;
    let key = params::session_key(call, &params.key, params.agent.as_ref())?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let session = service.reset_session(&standing, via, key).await;
        let session = session.map_err(|refusal| of_call(&refusal))?;
        let row = wire::session(&session);
        Ok(json!({"ok": true, "key": session.key.as_str(), "entry": row}).to_string())
    }))
}

/// `sessions.delete {key, expectedSessionId?}`: with its transcripts.
pub fn delete(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: params::OfSession = read(call)?;
    let key = params::session_key(call, &params.key, params.agent.as_ref())?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let deleted = service.delete_session(&standing, via, key.clone(), params.expect).await;
        let deleted = match deleted {
            Ok(_) => true,
            Err(Refusal::UnknownSession) => false,
            Err(refusal) => return Err(of_call(&refusal)),
        };
        let key = key.as_str();
        Ok(json!({"ok": true, "key": key, "deleted": deleted, "archived": []}).to_string())
    }))
}
