//! What a completion asks for: wire to domain. The limits are those of the protocol's OpenAI page.

use actix_web::http::header::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    domain::talk::{
        AgentId, Author, Message, Part, RunId, Sampling, SessionKey, SessionKeyFault, Target, Tool,
        ToolChoice,
    },
    fronts::http::limits,
    service::{Question, Saying, Service},
    support::entropy,
};

/// The body. Fields that are not here are accepted and left alone: clients send many.
#[derive(Deserialize)]
pub struct Wire {
    model: Option<String>,
    #[serde(default)]
    messages: Vec<WireMessage>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<WireTool>>,
    tool_choice: Option<Value>,
    max_completion_tokens: Option<Value>,
    max_tokens: Option<Value>,
    temperature: Option<Value>,
    top_p: Option<Value>,
    frequency_penalty: Option<Value>,
    presence_penalty: Option<Value>,
    seed: Option<Value>,
    stop: Option<Value>,
    n: Option<u64>,
    user: Option<String>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct WireMessage {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Vec<WireCall>>,
    tool_call_id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<WirePart>),
}

#[derive(Deserialize)]
struct WirePart {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    image_url: Option<ImageUrl>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl {
    Plain(String),
    Object { url: String },
}

#[derive(Deserialize)]
struct WireCall {
    id: String,
    function: CalledFunction,
}

#[derive(Deserialize)]
struct CalledFunction {
    name: String,
    #[serde(default)]
    arguments: String,
}

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
}

/// What is asked for.
pub struct Completion {
    /// The `model`, as it came.
    pub model: String,
    /// Whether the answer comes as a stream.
    pub stream: bool,
    /// Whether the stream ends with what was used.
    pub with_usage: bool,
    /// In a session or not.
    pub kind: Kind,
}

/// The two kinds of completions.
pub enum Kind {
    /// Nothing of it is kept.
    Alone(Question),
    /// A turn of a session.
    InSession(Saying),
}

type Read<T> = Result<T, String>;

/// Reads it.
///
/// # Errors
/// What is wrong, for people.
pub fn read(wire: Wire, headers: &HeaderMap, service: &Service) -> Read<Completion> {
    if wire.n.is_some_and(|n| n != 1) {
        return Err("`n` must be 1.".into());
    }
    let model = wire.model.clone().unwrap_or_else(|| "openclaw".into());
    let named = header(headers, "x-openclaw-agent-id")?;
    let channel = header(headers, "x-openclaw-message-channel")?;
    let target = match named {
        Some(id) => {
            Target::Agent(AgentId::parse(&id).ok_or_else(|| format!("Unknown agent '{id}'."))?)
        }
        None => Target::parse(&model)
            .map_err(|_| "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.".to_owned())?,
    };
    let bound = channel.and_then(|channel| service.routed(&channel));
    let target = match (target, bound) {
        (Target::Default, Some(agent)) => Target::Agent(agent),
        (target, _) => target,
    };
    let sampling = sampling(&wire)?;
    let tools = tools(wire.tools)?;
    let tool_choice = tool_choice(wire.tool_choice, &tools)?;
    let messages = messages(wire.messages)?;
    let own_model = header(headers, "x-openclaw-model")?;
    let kind = match session_key(headers, wire.user.as_deref(), &target, service)? {
        None => Kind::Alone(Question {
            target,
            messages,
            model: own_model,
            tools,
            tool_choice,
            sampling,
        }),
        Some(session) => {
            let run = RunId::parse(&entropy::uuid().to_string()).ok_or("no run")?;
            let (instructions, said) = turn(messages);
            let saying = Saying {
                said,
                instructions,
                tools,
                tool_choice,
                sampling,
                ..Saying::plain(session, run, vec![])
            };
            Kind::InSession(Saying { model: own_model, ..saying })
        }
    };
    let with_usage = wire.stream_options.is_some_and(|options| options.include_usage);
    Ok(Completion { model, stream: wire.stream.unwrap_or(false), with_usage, kind })
}

fn header(headers: &HeaderMap, name: &str) -> Read<Option<String>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| format!("`{name}` is not text."))?.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The session that is meant: by its key, or by the `user`, which stands for a conversation.
fn session_key(
    headers: &HeaderMap,
    user: Option<&str>,
    target: &Target,
    service: &Service,
) -> Read<Option<SessionKey>> {
    let agent = match target {
        Target::Agent(id) => Some(id),
        Target::Default => None,
    };
    let key = match (header(headers, "x-openclaw-session-key")?, user.map(str::trim)) {
        (Some(key), _) => key,
        (None, Some(user)) if !user.is_empty() => format!("openai-user:{user}"),
        (None, _) => return Ok(None),
    };
    service.session_key(&key, agent).map(Some).map_err(|fault| match fault {
        SessionKeyFault::Malformed => "Invalid session key.".into(),
        SessionKeyFault::Reserved => {
            "`x-openclaw-session-key` cannot use reserved internal session namespaces.".into()
        }
    })
}

/// The new part of a conversation: what follows the last answer. What came before it is in the
/// session already. Instructions go with the turn.
fn turn(messages: Vec<Message>) -> (Option<String>, Vec<Message>) {
    let (system, spoken): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.author == Author::System);
    let words: Vec<_> =
        system.iter().map(Message::words).filter(|words| !words.is_empty()).collect();
    let last = spoken.iter().rposition(|message| message.author == Author::Assistant);
    // A result belongs to the call before it, which a client's own tool loop brings along.
    let keeps_call = last.is_some_and(|at| {
        let calls = spoken[at].parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        calls && spoken.get(at + 1).is_some_and(|next| next.author == Author::Tool)
    });
    let from = last.map_or(0, |at| if keeps_call { at } else { at + 1 });
    let instructions = (!words.is_empty()).then(|| words.join("\n\n"));
    // A call that is in the session's transcript is not said again.
    let from = if keeps_call { from + 1 } else { from };
    (instructions, spoken[from..].to_vec())
}

fn messages(wire: Vec<WireMessage>) -> Read<Vec<Message>> {
    let messages: Vec<_> = wire.into_iter().map(message).collect::<Read<_>>()?;
    let newest = messages.iter().rev().find(|message| message.author == Author::User);
    let pictures = newest.iter().flat_map(|message| &message.parts);
    let pictures = pictures.filter(|part| matches!(part, Part::Image { .. })).count();
    if pictures > limits::IMAGES_MAX {
        return Err(format!("Too many images: at most {}.", limits::IMAGES_MAX));
    }
    match messages.iter().any(asks) {
        true => Ok(messages),
        false => Err("Missing user message in `messages`.".into()),
    }
}

/// Whether it wants an answer: someone speaks, or hands in a tool's result, which may be empty.
fn asks(message: &Message) -> bool {
    match message.author {
        Author::Tool => true,
        Author::User => !message.parts.is_empty(),
        Author::System | Author::Assistant => false,
    }
}

fn message(wire: WireMessage) -> Read<Message> {
    let author = Author::parse(&wire.role).ok_or_else(|| {
        let role: String = wire.role.chars().take(limits::ECHO_CHARS_MAX).collect();
        format!("Invalid role '{role}'.")
    })?;
    let mut parts = match wire.content {
        None => Vec::new(),
        Some(Content::Text(text)) => spoken(text),
        Some(Content::Parts(parts)) => {
            parts.into_iter().map(part).collect::<Read<Vec<_>>>()?.concat()
        }
    };
    if author == Author::Tool {
        let call = wire.tool_call_id.or(wire.name).unwrap_or_default();
        let content = Message { author, parts }.words();
        return Ok(Message { author, parts: vec![Part::ToolResult { call, content }] });
    }
    let calls = wire.tool_calls.unwrap_or_default().into_iter();
    parts.extend(calls.map(|WireCall { id, function: CalledFunction { name, arguments } }| {
        Part::ToolCall { id, name, arguments }
    }));
    Ok(Message { author, parts })
}

fn spoken(text: String) -> Vec<Part> {
    if text.trim().is_empty() { Vec::new() } else { vec![Part::Text(text)] }
}

fn part(part: WirePart) -> Read<Vec<Part>> {
    let url = match part.image_url {
        Some(ImageUrl::Plain(url) | ImageUrl::Object { url }) => url,
        None => match (part.kind.as_deref(), part.text) {
            (_, Some(text)) => return Ok(spoken(text)),
            (kind, None) => {
                let kind: String =
                    kind.unwrap_or("?").chars().take(limits::ECHO_CHARS_MAX).collect();
                return Err(format!("Unsupported content part '{kind}'."));
            }
        },
    };
    let (mime, base64) = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        .filter(|(mime, _)| mime.starts_with("image/"))
        .ok_or("`image_url` must be a data: URL with an image in base64.")?;
    match STANDARD.decode(base64) {
        Ok(bytes) if bytes.is_empty() => Err("`image_url` holds no image.".into()),
        Ok(bytes) if bytes.len() > limits::IMAGE_BYTES_MAX => {
            Err(format!("An image is too large: at most {} bytes.", limits::IMAGE_BYTES_MAX))
        }
        Ok(_) => Ok(vec![Part::Image { mime: mime.to_owned(), base64: base64.to_owned() }]),
        Err(_) => Err("`image_url` is not base64.".into()),
    }
}

fn tools(wire: Option<Vec<WireTool>>) -> Read<Vec<Tool>> {
    let wire = wire.unwrap_or_default();
    if wire.len() > limits::TOOLS_MAX {
        return Err(format!("Too many tools: at most {}.", limits::TOOLS_MAX));
    }
    let read = |tool: WireTool| match tool.function {
        Some(function) if tool.kind == "function" && !function.name.is_empty() => Ok(Tool {
            name: function.name,
            description: function.description,
            parameters: function.parameters.map(|raw| raw.get().to_owned()),
        }),
        _ => Err("`tools` must hold functions with a name.".to_owned()),
    };
    wire.into_iter().map(read).collect()
}

fn tool_choice(wire: Option<Value>, tools: &[Tool]) -> Read<ToolChoice> {
    let Some(choice) = wire.filter(|choice| !choice.is_null()) else { return Ok(ToolChoice::Auto) };
    let named = || (choice["type"] == "function").then(|| choice["function"]["name"].as_str())?;
    match (choice.as_str(), named()) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) if !tools.is_empty() => Ok(ToolChoice::Required),
        (None, Some(name)) if tools.iter().any(|tool| tool.name == name) => {
            Ok(ToolChoice::Named(name.to_owned()))
        }
        (None, Some(_)) => Err("`tool_choice` names a tool that is not in `tools`.".into()),
        _ => Err("Invalid `tool_choice`.".into()),
    }
}

fn sampling(wire: &Wire) -> Read<Sampling> {
    let newer = tokens(wire.max_completion_tokens.as_ref(), "max_completion_tokens")?;
    let older = tokens(wire.max_tokens.as_ref(), "max_tokens")?;
    Ok(Sampling {
        max_tokens: newer.or(older),
        temperature: number(wire.temperature.as_ref(), "temperature", 0.0, 2.0)?,
        top_p: number(wire.top_p.as_ref(), "top_p", 0.0, 1.0)?,
        frequency_penalty: number(wire.frequency_penalty.as_ref(), "frequency_penalty", -2.0, 2.0)?,
        presence_penalty: number(wire.presence_penalty.as_ref(), "presence_penalty", -2.0, 2.0)?,
        seed: match given(wire.seed.as_ref()) {
            None => None,
            Some(seed) => Some(seed.as_i64().ok_or("`seed` must be an integer.")?),
        },
        stop: stop(wire.stop.as_ref())?,
    })
}

/// A value that is there and not `null`.
fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn tokens(value: Option<&Value>, name: &str) -> Read<Option<u64>> {
    let bad = || format!("`{name}` must be a positive integer.");
    let Some(value) = given(value) else { return Ok(None) };
    value.as_u64().filter(|n| *n > 0).map(Some).ok_or_else(bad)
}

fn number(value: Option<&Value>, name: &str, min: f64, max: f64) -> Read<Option<f64>> {
    let bad = || format!("`{name}` must be a number from {min} to {max}.");
    let Some(value) = given(value) else { return Ok(None) };
    value.as_f64().filter(|n| (min..=max).contains(n)).map(Some).ok_or_else(bad)
}

fn stop(value: Option<&Value>) -> Read<Vec<String>> {
    let bad = || "`stop` must be a text or up to four of them.".to_owned();
    let texts = match given(value) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) if list.len() <= 4 => {
            let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().ok_or_else(bad)?
        }
        Some(_) => return Err(bad()),
    };
    if texts.iter().any(String::is_empty) { Err(bad()) } else { Ok(texts) }
}
