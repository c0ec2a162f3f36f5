//! The stored shape, version 1: JSON, so that what people said can be read without doorward.
//!
//! A field is only ever added, with a default; a stored name never changes its meaning. The shapes
//! are converted by hand, so that a change in the values above cannot rewrite what was stored.

use serde::{Deserialize, Serialize};

use super::{
    TranscriptError,
    session::{Draft, Entry, Held, LastRun, RunState, Session},
};
use crate::domain::{
    registry::digest::SessionAct,
    talk::{Author, Message, Model, Part, RunId, SessionId, SessionKey, Stop, Usage},
    time::UnixMillis,
};

#[derive(Serialize, Deserialize)]
struct StoredSession {
    v: u8,
    key: String,
    id: String,
    created_at: u64,
    updated_at: u64,
    entries: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned_at: Option<u64>,
    #[serde(default)]
    unread: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preview: Option<String>,
    #[serde(default)]
    usage: (u64, u64),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_run: Option<StoredRun>,
    #[serde(default)]
    recent: Vec<String>,
    #[serde(default)]
    open: Vec<String>,
    #[serde(default)]
    previous: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredRun {
    id: String,
    started_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<u64>,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct StoredEntry {
    v: u8,
    at: u64,
    author: String,
    parts: Vec<StoredPart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredPart {
    Text(String),
    Image { mime: String, base64: String },
    ToolCall { id: String, name: String, arguments: String },
    ToolResult { call: String, content: String },
}

/// The version of both shapes.
const VERSION: u8 = 1;

pub(super) fn write_session(session: &Session) -> Result<Vec<u8>, TranscriptError> {
    let Session {
        key,
        id,
        created_at,
        updated_at,
        entries,
        label,
        model,
        archived_at,
        pinned_at,
        unread,
        title,
        preview,
        usage,
        last_run,
        recent,
        open,
        previous,
        held,
    } = session;
    let names = |runs: &[RunId]| runs.iter().map(ToString::to_string).collect();
    json(&StoredSession {
        v: VERSION,
        key: key.to_string(),
        id: id.to_string(),
        created_at: created_at.0,
        updated_at: updated_at.0,
        entries: *entries,
        label: label.clone(),
        model: model.clone(),
        archived_at: archived_at.map(|at| at.0),
        pinned_at: pinned_at.map(|at| at.0),
        unread: *unread,
        title: title.clone(),
        preview: preview.clone(),
        usage: (usage.input, usage.output),
        last_run: last_run.as_ref().map(write_run),
        recent: names(recent),
        open: names(open),
        previous: previous.iter().map(ToString::to_string).collect(),
        held: held.map(|Held { act, since }| (act_name(act).into(), since)),
    })
}

fn write_run(LastRun { id, started_at, ended_at, state, model }: &LastRun) -> StoredRun {
    let (state, failure) = match state {
        RunState::Running => ("running", None),
        RunState::Done => ("done", None),
        RunState::Aborted => ("aborted", None),
        RunState::Failed { code, message } => ("failed", Some((code.clone(), message.clone()))),
    };
    StoredRun {
        id: id.to_string(),
        started_at: started_at.0,
        ended_at: ended_at.map(|at| at.0),
        state: state.into(),
        failure,
        model: model.as_ref().map(pair),
    }
}

fn pair(Model { provider, name }: &Model) -> (String, String) {
    (provider.clone(), name.clone())
}

fn model((provider, name): (String, String)) -> Model {
    Model { provider, name }
}

pub(super) fn read_session(bytes: &[u8]) -> Result<Session, TranscriptError> {
    let stored: StoredSession = unjson(bytes, "session")?;
    let bad = |what: &str| TranscriptError::Store(format!("a stored session has no good {what}"));
    let runs = |names: Vec<String>| -> Option<Vec<RunId>> {
        names.iter().map(|name| RunId::parse(name)).collect()
    };
    let ids = |names: Vec<String>| -> Option<Vec<SessionId>> {
        names.iter().map(|name| SessionId::parse(name)).collect()
    };
    Ok(Session {
        key: SessionKey::stored(&stored.key).ok_or_else(|| bad("key"))?,
        id: SessionId::parse(&stored.id).ok_or_else(|| bad("id"))?,
        created_at: UnixMillis(stored.created_at),
        updated_at: UnixMillis(stored.updated_at),
        entries: stored.entries,
        label: stored.label,
        model: stored.model,
        archived_at: stored.archived_at.map(UnixMillis),
        pinned_at: stored.pinned_at.map(UnixMillis),
        unread: stored.unread,
        title: stored.title,
        preview: stored.preview,
        usage: Usage { input: stored.usage.0, output: stored.usage.1 },
        last_run: match stored.last_run {
            Some(run) => Some(read_run(run).ok_or_else(|| bad("run"))?),
            None => None,
        },
        recent: runs(stored.recent).ok_or_else(|| bad("run"))?,
        open: runs(stored.open).ok_or_else(|| bad("run"))?,
        previous: ids(stored.previous).ok_or_else(|| bad("transcript"))?,
        held: match stored.held {
            Some((name, since)) => {
                let acts = [SessionAct::Delete, SessionAct::Reset];
                let act = acts.into_iter().find(|act| act_name(*act) == name);
                Some(Held { act: act.ok_or_else(|| bad("end"))?, since })
            }
            None => None,
        },
    })
}

fn act_name(act: SessionAct) -> &'static str {
    match act {
        SessionAct::Delete => "delete",
        SessionAct::Reset => "reset",
    }
}

fn read_run(stored: StoredRun) -> Option<LastRun> {
    let state = match (stored.state.as_str(), stored.failure) {
        ("running", None) => RunState::Running,
        ("done", None) => RunState::Done,
        ("aborted", None) => RunState::Aborted,
        ("failed", Some((code, message))) => RunState::Failed { code, message },
        _ => return None,
    };
    Some(LastRun {
        id: RunId::parse(&stored.id)?,
        started_at: UnixMillis(stored.started_at),
        ended_at: stored.ended_at.map(UnixMillis),
        state,
        model: stored.model.map(model),
    })
}

pub(super) fn write_entry(at: UnixMillis, draft: &Draft) -> Result<Vec<u8>, TranscriptError> {
    let Draft { message, run, by, label, model, usage, stop, failure } = draft;
    let Message { author, parts } = message;
    let parts = parts.iter().cloned().map(|part| match part {
        Part::Text(text) => StoredPart::Text(text),
        Part::Image { mime, base64 } => StoredPart::Image { mime, base64 },
        Part::ToolCall { id, name, arguments } => StoredPart::ToolCall { id, name, arguments },
        Part::ToolResult { call, content } => StoredPart::ToolResult { call, content },
    });
    json(&StoredEntry {
        v: VERSION,
        at: at.0,
        author: author.role().into(),
        parts: parts.collect(),
        run: run.as_ref().map(ToString::to_string),
        by: by.clone(),
        label: label.clone(),
        model: model.as_ref().map(pair),
        usage: usage.map(|Usage { input, output }| (input, output)),
        stop: stop.map(|stop| stop.name().into()),
        failure: failure.clone(),
    })
}

pub(super) fn read_entry(seq: u64, bytes: &[u8]) -> Result<Entry, TranscriptError> {
    let stored: StoredEntry = unjson(bytes, "entry")?;
    let bad = |what: &str| TranscriptError::Store(format!("entry {seq} has no good {what}"));
    let parts = stored.parts.into_iter().map(|part| match part {
        StoredPart::Text(text) => Part::Text(text),
        StoredPart::Image { mime, base64 } => Part::Image { mime, base64 },
        StoredPart::ToolCall { id, name, arguments } => Part::ToolCall { id, name, arguments },
        StoredPart::ToolResult { call, content } => Part::ToolResult { call, content },
    });
    let author = Author::parse(&stored.author).ok_or_else(|| bad("author"))?;
    let message = Message { author, parts: parts.collect() };
    let run = stored.run.map(|run| RunId::parse(&run).ok_or_else(|| bad("run"))).transpose()?;
    let stop = stored.stop.map(|stop| Stop::parse(&stop).ok_or_else(|| bad("end"))).transpose()?;
    let draft = Draft {
        message,
        run,
        by: stored.by,
        label: stored.label,
        model: stored.model.map(model),
        usage: stored.usage.map(|(input, output)| Usage { input, output }),
        stop,
        failure: stored.failure,
    };
    Ok(Entry { seq, at: UnixMillis(stored.at), draft })
}

fn json(shape: &impl Serialize) -> Result<Vec<u8>, TranscriptError> {
    serde_json::to_vec(shape).map_err(|error| TranscriptError::Store(error.to_string()))
}

/// Reads a shape of this version. A newer one is not guessed at.
fn unjson<T: for<'a> Deserialize<'a>>(bytes: &[u8], what: &str) -> Result<T, TranscriptError> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u8,
    }
    let bad = |why: String| TranscriptError::Store(format!("a stored {what} is damaged: {why}"));
    let Versioned { v } = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    if v != VERSION {
        return Err(bad(format!("version {v} is not known here; was a newer doorward at work?")));
    }
    serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))
}
