//! Shapes of the talk: sessions, messages, steps of a run. docs/PROTOCOL.md (e), and the recordings
//! of the real gateway where the published schema leaves a shape open.

use serde_json::{Value, json};

use crate::{
    domain::talk::{Author, Failure, Message, Part, SessionId, Stop, Usage},
    service::{Ended, Log, Piece, RunNews, RunState, RunStep, TalkEntry, TalkSession},
};

/// Names an entry: its transcript and its place. Clients take it as it is.
pub fn message_id(id: SessionId, seq: u64) -> String {
    format!("{id}-{seq}")
}

/// Reads [`message_id`].
pub fn read_message_id(text: &str) -> Option<(SessionId, u64)> {
    let (id, seq) = text.rsplit_once('-')?;
    Some((SessionId::parse(id)?, seq.parse().ok()?))
}

/// `SessionRow` of the schema.
pub fn session(session: &TalkSession) -> Value {
    let mut row = json!({
        "key": session.key.as_str(),
        "sessionId": session.id.to_string(),
        "agentId": session.key.agent().as_str(),
        "kind": "direct",
        "chatType": "direct",
        "isMain": session.key.is_main(),
        "isBackground": false,
        "visibility": "shared",
        "createdVia": "run",
        "createdAt": session.created_at.0,
        "updatedAt": session.updated_at.0,
        "lastInteractionAt": session.updated_at.0,
        "lastActivityAt": session.updated_at.0,
        "archived": session.archived_at.is_some(),
        "pinned": session.pinned_at.is_some(),
        "unread": session.unread,
        "inputTokens": session.usage.input,
        "outputTokens": session.usage.output,
        "totalTokens": session.usage.total(),
        "totalTokensFresh": true,
    });
    let optional = [
        ("label", session.label.clone().map(Value::from)),
        ("displayName", session.label.clone().map(Value::from)),
        ("derivedTitle", session.title.clone().map(Value::from)),
        ("lastMessagePreview", session.preview.clone().map(Value::from)),
        ("archivedAt", session.archived_at.map(|at| at.0.into())),
        ("pinnedAt", session.pinned_at.map(|at| at.0.into())),
        ("previousSessionId", session.previous.last().map(|id| id.to_string().into())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            row[name] = value;
        }
    }
    if session.key.is_main() {
        row["classification"] = "main".into();
    }
    put_model(&mut row, session);
    put_run(&mut row, session);
    row
}

fn put_model(row: &mut Value, session: &TalkSession) {
    let answered = session.last_run.as_ref().and_then(|run| run.model.as_ref());
    match (&session.model, answered) {
        (Some(model), _) => {
            let (provider, name) = model.split_once('/').unwrap_or(("", model));
            row["model"] = name.into();
            if !provider.is_empty() {
                row["modelProvider"] = provider.into();
            }
            row["modelOverrideSource"] = "user".into();
        }
        (None, Some(model)) => {
            row["model"] = model.name.clone().into();
            row["modelProvider"] = model.provider.clone().into();
        }
        (None, None) => {}
    }
}

fn put_run(row: &mut Value, session: &TalkSession) {
    row["hasActiveRun"] = (!session.open.is_empty()).into();
    let open: Vec<_> = session.open.iter().map(|run| run.as_str()).collect();
    row["activeRunIds"] = json!(open);
    let Some(run) = &session.last_run else { return };
    let (status, error) = match &run.state {
        RunState::Running => ("running", None),
        RunState::Done => ("done", None),
        RunState::Aborted => ("killed", None),
        RunState::Failed { message, .. } => ("failed", Some(message)),
    };
    row["status"] = status.into();
    row["abortedLastRun"] = (run.state == RunState::Aborted).into();
    row["lastRunId"] = run.id.as_str().into();
    row["startedAt"] = run.started_at.0.into();
    if let Some(ended_at) = run.ended_at {
        row["endedAt"] = ended_at.0.into();
        row["runtimeMs"] = ended_at.0.saturating_sub(run.started_at.0).into();
    }
    if let Some(error) = error {
        row["lastRunError"] = error.clone().into();
    }
}

/// One message of a history.
pub fn message(id: SessionId, entry: &TalkEntry) -> Value {
    let draft = &entry.draft;
    let mut internal = json!({
        "id": message_id(id, entry.seq),
        "seq": entry.seq,
        "recordTimestampMs": entry.at.0,
    });
    let mut message = json!({
        "role": if draft.message.author == Author::Tool { "toolResult" } else { draft.message.author.role() },
        "content": content(&draft.message),
        "timestamp": entry.at.0,
    });
    if let Some(run) = &draft.run {
        internal["runId"] = run.as_str().into();
        if draft.message.author == Author::User {
            message["idempotencyKey"] = format!("{run}:user").into();
        }
    }
    if let Some(by) = &draft.by {
        internal["senderId"] = by.clone().into();
    }
    if let Some(label) = &draft.label {
        message["label"] = label.clone().into();
    }
    if let Some(model) = &draft.model {
        message["provider"] = model.provider.clone().into();
        message["model"] = model.name.clone().into();
    }
    if let Some(used) = draft.usage {
        message["usage"] = usage(used);
    }
    match (draft.stop, &draft.failure) {
        (_, Some((code, words))) => {
            message["stopReason"] = "error".into();
            message["errorMessage"] = words.clone().into();
            message["errorCode"] = code.clone().into();
        }
        (Some(stop), None) => message["stopReason"] = stop.name().into(),
        (None, None) => {}
    }
    message["__openclaw"] = internal;
    message
}

/// What a user said alone is a text; everything else is a list of parts. Pictures are named and not
/// sent again: a history is a page, and a picture can be megabytes.
fn content(message: &Message) -> Value {
    match (message.author, &message.parts[..]) {
        (Author::User, [Part::Text(text)]) => text.clone().into(),
        (_, parts) => parts.iter().map(part).collect(),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image { mime, base64 } => {
            json!({"type": "image", "mimeType": mime, "omitted": true, "bytes": base64.len() / 4 * 3})
        }
        Part::ToolCall { id, name, arguments } => {
            let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
            json!({"type": "toolCall", "id": id, "name": name, "arguments": arguments})
        }
        Part::ToolResult { call, content } => {
            json!({"type": "toolResult", "toolCallId": call, "text": content})
        }
    }
}

/// Tokens. What they cost is not known here, so nothing is said of it.
pub fn usage(used: Usage) -> Value {
    json!({"input": used.input, "output": used.output, "totalTokens": used.total()})
}

/// The event `chat` for a step.
pub fn chat(step: &RunStep) -> Value {
    let mut event = json!({
        "runId": step.run.as_str(),
        "sessionKey": step.session.as_str(),
        "agentId": step.agent.as_str(),
        "seq": step.seq,
    });
    match &step.what {
        RunNews::Text(text) => {
            event["state"] = "delta".into();
            event["deltaText"] = text.clone().into();
        }
        RunNews::Ended { at, ended, log, .. } => {
            let said = json!({
                "role": "assistant",
                "content": [{"type": "text", "text": log.text()}],
                "timestamp": at.0,
            });
            match ended {
                Ended::Stopped(Stop::Aborted) => {
                    event["state"] = "aborted".into();
                    event["stopReason"] = Stop::Aborted.name().into();
                    event["message"] = said;
                }
                Ended::Stopped(stop) => {
                    event["state"] = "final".into();
                    event["stopReason"] = stop.name().into();
                    event["message"] = said;
                    event["usage"] = usage(log.usage);
                }
                Ended::Failed(failure) => {
                    event["state"] = "error".into();
                    event["errorMessage"] = error_message(failure).into();
                    event["errorKind"] = error_kind(failure).into();
                }
            }
        }
        RunNews::Started { .. } | RunNews::Model(_) | RunNews::ToolCall { .. } => {
            event["state"] = "status".into();
            event["phase"] = "starting_model".into();
        }
    }
    event
}

/// What went wrong, with what to do: clients show this line and nothing else.
pub fn error_message(failure: &Failure) -> String {
    format!("{} ({})", failure.message(), failure.remedy())
}

/// The schema's kinds of errors.
fn error_kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::TimedOut { .. } => "timeout",
        Failure::RateLimited { .. } => "rate_limit",
        _ => "unknown",
    }
}

/// The event `agent` for a step.
pub fn agent(step: &RunStep) -> Value {
    let (stream, data) = match &step.what {
        RunNews::Started { at } => ("lifecycle", json!({"phase": "start", "startedAt": at.0})),
        RunNews::Model(model) => (
            "lifecycle",
            json!({"phase": "model", "provider": model.provider, "model": model.name}),
        ),
        RunNews::Text(text) => ("assistant", json!({"delta": text})),
        RunNews::ToolCall { id, name, arguments } => {
            ("tool", json!({"phase": "start", "toolCallId": id, "name": name, "args": arguments}))
        }
        RunNews::Ended { started_at, at, ended, log } => {
            let mut data = json!({"startedAt": started_at.0, "endedAt": at.0});
            match ended {
                Ended::Stopped(stop) => {
                    data["phase"] = "end".into();
                    data["aborted"] = (*stop == Stop::Aborted).into();
                    data["stopReason"] = stop.name().into();
                    data["usage"] = usage(log.usage);
                }
                Ended::Failed(failure) => {
                    data["phase"] = "error".into();
                    data["error"] = error_message(failure).into();
                    data["code"] = failure.code().into();
                }
            }
            ("lifecycle", data)
        }
    };
    json!({
        "runId": step.run.as_str(),
        "sessionKey": step.session.as_str(),
        "sessionId": step.transcript.to_string(),
        "agentId": step.agent.as_str(),
        "stream": stream,
        "data": data,
        "seq": step.seq,
        "ts": step.at.0,
    })
}

/// The second answer of `agent`, and the answer of `agent.wait`: how a run ended.
pub fn outcome(run: &str, ended: &Ended, log: &Log) -> Value {
    let text = log.text();
    match ended {
        Ended::Stopped(stop) => json!({
            "runId": run,
            "status": if *stop == Stop::Aborted { "aborted" } else { "ok" },
            "summary": if *stop == Stop::Aborted { "aborted" } else { "completed" },
            "result": {
                "payloads": [{"text": text, "mediaUrl": null}],
                "meta": {
                    "aborted": *stop == Stop::Aborted,
                    "stopReason": stop.name(),
                    "agentMeta": {
                        "provider": log.model.as_ref().map(|model| &model.provider),
                        "model": log.model.as_ref().map(|model| &model.name),
                        "usage": usage(log.usage),
                    },
                    "toolCalls": tool_calls(log),
                },
            },
        }),
        Ended::Failed(failure) => json!({
            "runId": run,
            "status": "error",
            "summary": error_message(failure),
            "error": error_message(failure),
            "code": failure.code(),
        }),
    }
}

fn tool_calls(log: &Log) -> Vec<Value> {
    let calls = log.pieces.iter().filter_map(|piece| match piece {
        Piece::ToolCall { id, name, arguments } => {
            Some(json!({"id": id, "name": name, "arguments": arguments}))
        }
        Piece::Text(_) | Piece::Reasoning(_) => None,
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_read_back() {
        let id = SessionId([7; 16]);
        assert_eq!(read_message_id(&message_id(id, 12)), Some((id, 12)));
        for text in ["", "x", "x-1", "07070707-0707-0707-0707-070707070707"] {
            assert_eq!(read_message_id(text), None, "{text:?}");
        }
    }
}
