//! The parameters of the talk's methods. What the published schema knows and this gateway has no use
//! for is accepted and left alone: official clients send it.

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use serde_json::Value;

use super::chat::said;
use crate::{
    domain::{
        refusal::Refusal,
        talk::{AgentId, Part, RunId, SessionId, SessionKey, SessionKeyFault},
    },
    fronts::ws::{
        dispatch::Call,
        error::{Fault, invalid},
        limits,
        wire::{Fields, Misread, Params, talk},
    },
    service::{Cursor, Patch},
};

type Read<T> = Result<T, Misread>;

/// Reads a session key for a call.
pub fn session_key(
    call: &Call<'_>,
    text: &str,
    agent: Option<&AgentId>,
) -> Result<SessionKey, Fault> {
    call.service.session_key(text, agent).map_err(|fault| match fault {
        SessionKeyFault::Malformed => invalid("invalid sessionKey"),
        SessionKeyFault::Reserved => {
            invalid("the session key lies in a reserved internal namespace")
        }
    })
}

/// Writes where to go on, as clients are given it.
pub fn write_cursor(Cursor { id, seq }: Cursor) -> String {
    URL_SAFE_NO_PAD.encode([id.0.as_slice(), &seq.to_be_bytes()].concat())
}

/// A cursor that is none is one of a transcript that is not there any more.
fn read_cursor(text: &str) -> Cursor {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let parts = bytes.split_at_checked(16);
    let parts = parts.and_then(|(id, seq)| Some((id.try_into().ok()?, seq.try_into().ok()?)));
    let (id, seq) = parts.unwrap_or(([0; 16], [0; 8]));
    Cursor { id: SessionId(id), seq: u64::from_be_bytes(seq) }
}

/// An agent, if one is named.
pub fn agent(fields: &mut Fields<'_>) -> Read<Option<AgentId>> {
    match fields.optional_text("agentId")? {
        Some(id) => AgentId::parse(id).map(Some).ok_or(Misread::Refused(Refusal::UnknownAgent)),
        None => Ok(None),
    }
}

/// A run's id.
pub fn run(fields: &Fields<'_>, name: &'static str, text: &str) -> Read<RunId> {
    // The published schema's limit for the ids of runs.
    match RunId::parse(text) {
        Some(run) => Ok(run),
        None => Ok(fields.refuse(name, "must not have more than 256 characters")?),
    }
}

/// A transcript that is meant.
pub fn transcript(text: Option<&str>) -> Option<SessionId> {
    // One that is no id is none of ours, and never matches.
    text.map(|text| SessionId::parse(text).unwrap_or(SessionId([0xff; 16])))
}

/// Pictures among what was attached. Other files would go to nobody, so they are refused.
pub fn pictures(fields: &mut Fields<'_>) -> Read<Vec<Part>> {
    let Some(list) = fields.optional_list("attachments")? else { return Ok(Vec::new()) };
    if list.len() > limits::ATTACHMENTS_MAX {
        return Err(Misread::Said("too many attachments"));
    }
    list.iter().map(picture).collect()
}

fn picture(attachment: &Value) -> Read<Part> {
    let text = |name: &str| attachment.get(name).and_then(Value::as_str);
    let data = text("content").or_else(|| text("data")).unwrap_or_default();
    let (mime, base64) =
        match data.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((mime, base64)) => (mime, base64),
            None => (text("mimeType").unwrap_or_default(), data),
        };
    if !mime.starts_with("image/") {
        return Err(Misread::Said("only pictures can be attached"));
    }
    match STANDARD.decode(base64) {
        Ok(bytes) if !bytes.is_empty() => {
            Ok(Part::Image { mime: mime.to_owned(), base64: base64.to_owned() })
        }
        Ok(_) | Err(_) => Err(Misread::Said("an attachment's content must be base64")),
    }
}

/// `chat.send`
pub struct ChatSend {
    /// The session's key as it came.
    pub session: String,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// The transcript that is meant.
    pub expect: Option<SessionId>,
    /// What is said.
    pub parts: Vec<Part>,
    /// Names the run.
    pub run: RunId,
    /// The same, as it came.
    pub key: String,
    /// How long it may take; 0 for as long as the agent may.
    pub timeout_ms: Option<u64>,
}

impl Params for ChatSend {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let session = fields.short("sessionKey", limits::SESSION_KEY_CHARS_MAX)?.to_owned();
        let agent = agent(&mut fields)?;
        let expect = transcript(fields.optional_text("sessionId")?);
        let message = fields.any_text("message")?;
        let pictures = pictures(&mut fields)?;
        let timeout_ms = fields.optional_integer("timeoutMs", 0)?;
        let key = fields.text("idempotencyKey")?.to_owned();
        let run = run(&fields, "idempotencyKey", &key)?;
        fields.ignore(&[
            "deliver",
            "expectedLeafEntryId",
            "expectedPermissionMode",
            "expectedSessionRoutingContract",
            "expectedToolOverrides",
            "fastAutoOnSeconds",
            "fastMode",
            "intent",
            "originatingAccountId",
            "originatingChannel",
            "originatingThreadId",
            "originatingTo",
            "queueMode",
            "replyToId",
            "suppressCommandInterpretation",
            "systemInputProvenance",
            "systemProvenanceReceipt",
            "thinking",
            "toolBindings",
        ]);
        fields.end()?;
        let parts =
            said(message, pictures).ok_or(Misread::Said("message or attachment required"))?;
        Ok(Self { session, agent, expect, parts, run, key, timeout_ms })
    }
}

/// `{agentId?, sessionKey?}`
pub struct Scope {
    /// The agent.
    pub agent: Option<AgentId>,
    /// The session's key as it came.
    pub session: Option<String>,
}

impl Params for Scope {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let agent = agent(&mut fields)?;
        let session = fields.optional_text("sessionKey")?.map(str::to_owned);
        fields.ignore(&[
            "includeArgs",
            "includePlugins",
            "includeProviderCapabilities",
            "preparedOnly",
            "provider",
            "refresh",
            "scope",
            "view",
            "includeDetails",
        ]);
        fields.end()?;
        Ok(Self { agent, session })
    }
}

/// `chat.abort`, and `sessions.abort` with `key`.
pub struct Abort {
    /// The session's key as it came.
    pub session: Option<String>,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// The run.
    pub run: Option<RunId>,
}

impl Params for Abort {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let key = fields.optional_text("sessionKey")?.or(fields.optional_text("key")?);
        let session = key.map(str::to_owned);
        let agent = agent(&mut fields)?;
        let id = fields.optional_text("runId")?;
        let run = id.map(|id| run(&fields, "runId", id)).transpose()?;
        fields.ignore(&["preserveSideRuns", "clearQueued"]);
        fields.end()?;
        Ok(Self { session, agent, run })
    }
}

/// `chat.history`, `chat.startup`, `sessions.get`
pub struct History {
    /// The session's key as it came.
    pub session: String,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// After this.
    pub cursor: Option<Cursor>,
    /// This message alone.
    pub message: Option<(SessionId, u64)>,
    /// The newest so many are passed over.
    pub offset: u64,
    /// The most messages.
    pub limit: usize,
    /// The most bytes of messages.
    pub max_bytes: usize,
    /// The most characters of one text.
    pub max_chars: Option<usize>,
}

impl Params for History {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let key = fields.optional_text("sessionKey")?;
        let key = match key {
            Some(key) => key,
            None => fields.text("key")?,
        };
        let session = key.to_owned();
        let agent = agent(&mut fields)?;
        let cursor = fields.optional_any_text("cursor")?.map(read_cursor);
        let message = fields.optional_text("messageId")?;
        let message =
            message.map(|id| talk::read_message_id(id).unwrap_or((SessionId([0; 16]), 0)));
        let offset = fields.optional_integer("offset", 0)?.unwrap_or(0);
        let limit = fields.optional_integer("limit", 1)?;
        let max_bytes =
            fields.optional_integer("maxBytes", 1)?.and_then(|n| usize::try_from(n).ok());
        let max_chars =
            fields.optional_integer("maxChars", 1)?.and_then(|n| usize::try_from(n).ok());
        fields.ignore(&["sessionId", "pendingBefore", "inputRunIds"]);
        fields.end()?;
        let limit = limit.and_then(|n| usize::try_from(n).ok());
        Ok(Self {
            session,
            agent,
            cursor,
            message,
            offset,
            limit: limit.unwrap_or(limits::HISTORY_ENTRIES_DEFAULT),
            max_bytes: max_bytes.unwrap_or(usize::MAX).min(limits::HISTORY_BYTES_MAX),
            max_chars,
        })
    }
}

/// `chat.message.get`
pub struct MessageGet {
    /// The session's key as it came.
    pub session: String,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// Which; `None` if no message can have this id.
    pub message: Option<(SessionId, u64)>,
    /// The most characters.
    pub max_chars: Option<usize>,
}

impl Params for MessageGet {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let session = fields.text("sessionKey")?.to_owned();
        let agent = agent(&mut fields)?;
        let message = talk::read_message_id(fields.text("messageId")?);
        let max_chars =
            fields.optional_integer("maxChars", 1)?.and_then(|n| usize::try_from(n).ok());
        fields.end()?;
        Ok(Self { session, agent, message, max_chars })
    }
}

/// `chat.inject`
pub struct Inject {
    /// The session's key as it came.
    pub session: String,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// The words.
    pub message: String,
    /// Their label.
    pub label: Option<String>,
}

impl Params for Inject {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let session = fields.text("sessionKey")?.to_owned();
        let agent = agent(&mut fields)?;
        let message = fields.text("message")?.to_owned();
        let label = fields.optional_short("label", 100)?.map(str::to_owned);
        fields.end()?;
        Ok(Self { session, agent, message, label })
    }
}

/// `{key, agentId?}` and what goes with it.
pub struct OfSession {
    /// The key as it came.
    pub key: String,
    /// The agent, for a key that names none.
    pub agent: Option<AgentId>,
    /// The transcript that is meant.
    pub expect: Option<SessionId>,
}

impl Params for OfSession {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let key = fields.text("key")?.to_owned();
        let agent = agent(&mut fields)?;
        let expect = transcript(fields.optional_text("expectedSessionId")?);
        fields.ignore(&[
            "archivedOnly",
            "deleteTranscript",
            "emitLifecycleHooks",
            "expectedLifecycleRevision",
            "expectedSessionUpdatedAt",
            "includeApprovals",
            "includeDerivedTitles",
            "includeLastMessage",
            "reason",
        ]);
        fields.end()?;
        Ok(Self { key, agent, expect })
    }
}

/// What to change, from the fields that `sessions.patch` and `sessions.create` share.
pub fn patch(fields: &mut Fields<'_>) -> Read<Patch> {
    let mut nullable = |name| -> Read<Option<Option<String>>> {
        let text = fields.nullable_text(name)?;
        Ok(text.map(|text| text.map(str::to_owned)))
    };
    let (label, model) = (nullable("label")?, nullable("model")?);
    if label.iter().flatten().any(|label| label.chars().count() > limits::SESSION_LABEL_CHARS_MAX) {
        return Ok(fields.refuse("label", "must not have more than 512 characters")?);
    }
    Ok(Patch {
        label,
        model,
        archived: fields.optional_bool("archived")?,
        pinned: fields.optional_bool("pinned")?,
        unread: fields.optional_bool("unread")?,
    })
}
