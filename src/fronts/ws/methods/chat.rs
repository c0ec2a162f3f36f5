//! `chat.*`: talking in a session and reading what was said. The shapes are the recordings' (`tui`,
//! `ui-chat`); `chat.startup` is a history with what a client needs to draw its first page.

use std::time::Duration;

use serde_json::{Value, json};

use super::{read, talk_params as params};
use crate::{
    domain::talk::Part,
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, invalid, of_call},
        limits,
        methods::catalogs,
        wire::talk as wire,
    },
    service::{
        Cursor, Ended, HistoryRange, Page, Run, RunState, Saying, Sent, Service, TalkSession,
    },
};

/// `chat.send {sessionKey, message, idempotencyKey, sessionId?, attachments?, timeoutMs?}`: what is
/// said is kept when this answers, and the agent is at it.
pub fn send(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: params::ChatSend = read(call)?;
    let session = params::session_key(call, &params.session, params.agent.as_ref())?;
    let mut saying = Saying::plain(session, params.run, params.parts);
    saying.expect = params.expect;
    saying.deadline = params.timeout_ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let sent = service.send(&standing, saying).await.map_err(|refusal| of_call(&refusal))?;
        Ok(match sent {
            Sent::Begun { run, session } => json!({
                "runId": run.id.as_str(),
                "status": "started",
                "messageSeq": session.entries,
                "sessionKey": session.key.as_str(),
                "sessionId": session.id.to_string(),
            }),
            Sent::Known(run, session) => known(run.as_deref(), &session, &params.key),
        }
        .to_string())
    }))
}

/// A message that had been sent before: how its run stands, as far as that is known. A run that ended
/// long ago is `ok` in that the message was said; the history tells the rest.
pub(super) fn known(run: Option<&Run>, session: &TalkSession, key: &str) -> Value {
    let of_session = session.last_run.as_ref().filter(|last| last.id.as_str() == key);
    let (status, failed) = match (run.map(|run| run.ended()), of_session.map(|last| &last.state)) {
        (Some(None), _) => ("in_flight", None),
        (Some(Some(Ended::Failed(failure))), _) => ("error", Some(failure.message())),
        (_, Some(RunState::Failed { message, .. })) => ("error", Some(message.clone())),
        _ => ("ok", None),
    };
    let mut answer = json!({"runId": key, "status": status, "sessionKey": session.key.as_str()});
    if let Some(failed) = failed {
        answer["error"] = failed.into();
    }
    answer
}

/// `chat.abort {sessionKey, runId?}`: ends one run of the session, or all.
pub fn abort(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let params: params::Abort = read(call)?;
    let key = params.session.as_deref();
    let key = key.map(|key| params::session_key(call, key, params.agent.as_ref())).transpose()?;
    if key.is_none() && params.run.is_none() {
        return Err(invalid("sessionKey or runId required"));
    }
    let aborted = call.service.abort(call.standing, key.as_ref(), params.run.as_ref());
    let aborted = aborted.map_err(|refusal| of_call(&refusal))?;
    let ids: Vec<_> = aborted.iter().map(|run| run.id.as_str()).collect();
    out.push_str(&json!({"ok": true, "aborted": !ids.is_empty(), "runIds": ids}).to_string());
    Ok(())
}

/// `chat.history {sessionKey, limit?, offset?, cursor?, messageId?, maxChars?, maxBytes?}`
pub fn history(call: &Call<'_>) -> Result<Answer, Fault> {
    page(call, false)
}

/// `chat.startup {sessionKey, limit?, ...}`
pub fn startup(call: &Call<'_>) -> Result<Answer, Fault> {
    page(call, true)
}

fn page(call: &Call<'_>, startup: bool) -> Result<Answer, Fault> {
    let params: params::History = read(call)?;
    let key = params::session_key(call, &params.session, params.agent.as_ref())?;
    let range = match (params.cursor, params.message) {
        (Some(cursor), _) => HistoryRange::After(cursor),
        (None, Some((_, seq))) => HistoryRange::At(seq),
        (None, None) => HistoryRange::Newest { offset: params.offset },
    };
    let delta = params.cursor.is_some();
    let limit = params.limit.min(limits::HISTORY_ENTRIES_MAX);
    let (bytes, chars) = (params.max_bytes, params.max_chars);
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let fault = |refusal| of_call(&refusal);
        let page = service.transcript(&standing, &key, range, limit).await.map_err(fault)?;
        let mut answer = match page {
            Some(page) if page.was_reset => json!({"kind": "reset"}),
            Some(page) => shown(&page, delta, bytes, chars),
            None if delta => json!({"kind": "reset"}),
            None => json!({
                "sessionKey": key.as_str(),
                "messages": [],
                "hasMore": false,
                "totalMessages": 0,
                "pendingInputs": {"items": [], "total": 0},
            }),
        };
        if !delta {
            put_run(&mut answer, &service, &standing, &key).map_err(fault)?;
        }
        if startup {
            let agents = service.agents(&standing).map_err(fault)?;
            answer["agentsList"] = catalogs::agents(agents);
            if let Ok(agent) = agents.get(key.agent()) {
                answer["defaults"] = catalogs::defaults(agent);
            }
            answer["metadata"] = catalogs::metadata(&service, &standing).map_err(fault)?;
        }
        Ok(answer.to_string())
    }))
}

/// The answer that is on its way in this session, if there is one: what a client that comes late
/// would not hear of again.
fn put_run(
    answer: &mut Value,
    service: &Service,
    standing: &crate::domain::principal::Standing,
    key: &crate::domain::talk::SessionKey,
) -> Result<(), crate::domain::refusal::Refusal> {
    let runs = service.runs_of(standing, key)?;
    if let Some(run) = runs.first() {
        answer["inFlightRun"] = json!({"runId": run.id.as_str(), "text": run.log().text()});
    }
    Ok(())
}

fn shown(page: &Page, delta: bool, bytes: usize, chars: Option<usize>) -> Value {
    let id = page.session.id;
    let mut messages: Vec<_> = page.entries.iter().map(|entry| wire::message(id, entry)).collect();
    if let Some(chars) = chars {
        messages.iter_mut().for_each(|message| shorten(message, chars));
    }
    let (kept, cut) = within(messages, bytes, delta);
    let last = match delta {
        true => page.entries.get(kept.len().wrapping_sub(1)).map(|entry| entry.seq),
        false => None,
    };
    let cursor = last.map_or_else(|| page.cursor(), |seq| Cursor { id, seq });
    let row = wire::session(&page.session);
    let mut answer = json!({
        "messages": kept,
        "deltaCursor": params::write_cursor(cursor),
        "pendingInputs": {"items": [], "total": 0},
        "sessionInfo": row,
    });
    if delta {
        answer["kind"] = "delta".into();
        let messages = answer["messages"].as_array_mut().into_iter().flatten();
        for message in messages {
            let inner = message.take();
            *message = json!({
                "sessionKey": page.session.key.as_str(),
                "agentId": page.session.key.agent().as_str(),
                "messageId": inner["__openclaw"]["id"],
                "messageSeq": inner["__openclaw"]["seq"],
                "message": inner,
            });
        }
    } else {
        answer["sessionKey"] = page.session.key.as_str().into();
        answer["sessionId"] = id.to_string().into();
        answer["hasMore"] = (page.has_more || cut).into();
        answer["totalMessages"] = page.session.entries.into();
    }
    answer
}

/// As many messages as fit: the oldest of them when what is new is read on, else the newest. One
/// message always fits, or nobody could read on.
fn within(messages: Vec<Value>, bytes: usize, oldest: bool) -> (Vec<Value>, bool) {
    let mut room = bytes;
    let fits = |message: &Value, room: &mut usize, first: bool| {
        let size = message.to_string().len();
        let fits = first || size <= *room;
        *room = room.saturating_sub(size);
        fits
    };
    let total = messages.len();
    let mut kept = Vec::new();
    let in_order: Box<dyn Iterator<Item = Value>> = match oldest {
        true => Box::new(messages.into_iter()),
        false => Box::new(messages.into_iter().rev()),
    };
    for message in in_order {
        if !fits(&message, &mut room, kept.is_empty()) {
            break;
        }
        kept.push(message);
    }
    if !oldest {
        kept.reverse();
    }
    let cut = kept.len() < total;
    (kept, cut)
}

/// Cuts the texts of a message.
fn shorten(message: &mut Value, chars: usize) {
    let cut = |text: &mut Value| {
        let long = text.as_str().and_then(|said| Some((said, said.char_indices().nth(chars)?.0)));
        if let Some(short) = long.map(|(said, end)| said[..end].to_owned()) {
            *text = short.into();
        }
    };
    match &mut message["content"] {
        Value::Array(parts) => {
            parts.iter_mut().filter_map(|part| part.get_mut("text")).for_each(cut);
        }
        text => cut(text),
    }
}

/// `chat.message.get {sessionKey, messageId, maxChars?}`
pub fn message_get(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: params::MessageGet = read(call)?;
    let key = params::session_key(call, &params.session, params.agent.as_ref())?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let missing = || json!({"ok": false, "unavailableReason": "not_found"}).to_string();
        let Some((id, seq)) = params.message else { return Ok(missing()) };
        let page = service.transcript(&standing, &key, HistoryRange::At(seq), 1).await;
        let page = page.map_err(|refusal| of_call(&refusal))?;
        let found = page.filter(|page| page.session.id == id);
        let Some(message) =
            found.and_then(|page| page.entries.first().map(|entry| wire::message(id, entry)))
        else {
            return Ok(missing());
        };
        let most = params.max_chars.unwrap_or(limits::MESSAGE_CHARS_MAX);
        match message.to_string().chars().count() > most {
            true => Ok(json!({"ok": false, "unavailableReason": "oversized"}).to_string()),
            false => Ok(json!({"ok": true, "message": message}).to_string()),
        }
    }))
}

/// `chat.metadata {agentId?, sessionKey?}`
pub fn metadata(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let _: params::Scope = read(call)?;
    let metadata = catalogs::metadata(call.service, call.standing);
    out.push_str(&metadata.map_err(|refusal| of_call(&refusal))?.to_string());
    Ok(())
}

/// `chat.inject {sessionKey, message, label?}`
pub fn inject(call: &Call<'_>) -> Result<Answer, Fault> {
    let params: params::Inject = read(call)?;
    let key = params::session_key(call, &params.session, params.agent.as_ref())?;
    let (service, standing) = (call.service.clone(), call.standing.clone());
    Ok(Box::pin(async move {
        let session = service.inject(&standing, key, params.message, params.label).await;
        let session = session.map_err(|refusal| of_call(&refusal))?;
        let id = wire::message_id(session.id, session.entries);
        Ok(json!({"ok": true, "messageId": id, "messageSeq": session.entries}).to_string())
    }))
}

/// What is said, as parts; `None` if it is nothing.
pub(super) fn said(text: &str, mut pictures: Vec<Part>) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    if !text.trim().is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    parts.append(&mut pictures);
    (!parts.is_empty()).then_some(parts)
}
