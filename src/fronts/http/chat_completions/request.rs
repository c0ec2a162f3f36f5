//! What a completion asks for: wire to domain. The limits are those of the protocol's OpenAI page.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    domain::talk::{Author, Message, Part, Sampling},
    fronts::http::asking::{
        Asking, Read,
        fields::{self, echo, given, number, picture, spoken, tokens},
    },
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

/// How it is to be answered.
pub struct Options {
    /// The `model`, as it came.
    pub model: String,
    /// Whether the answer comes as a stream.
    pub stream: bool,
    /// Whether the stream ends with what was used.
    pub with_usage: bool,
}

/// Reads it.
///
/// # Errors
/// What is wrong, for people.
pub fn read(wire: Wire) -> Read<(Asking, Options)> {
    if wire.n.is_some_and(|n| n != 1) {
        return Err("`n` must be 1.".into());
    }
    let sampling = sampling(&wire)?;
    let tools = fields::tools(wire.tools.unwrap_or_default().into_iter().map(function).collect())?;
    let tool_choice = fields::tool_choice(wire.tool_choice.as_ref(), &tools, "/function/name")?;
    let messages = wire.messages.into_iter().map(message).collect::<Read<_>>()?;
    let messages = fields::conversation(messages, "messages")?;
    let with_usage = wire.stream_options.is_some_and(|options| options.include_usage);
    let options = Options {
        model: wire.model.clone().unwrap_or_else(|| "openclaw".into()),
        stream: wire.stream.unwrap_or(false),
        with_usage,
    };
    let (model, user) = (wire.model, wire.user);
    Ok((Asking { model, user, messages, tools, tool_choice, sampling }, options))
}

fn function(tool: WireTool) -> Option<fields::Function> {
    let function = tool.function.filter(|_| tool.kind == "function")?;
    Some((function.name, function.description, function.parameters))
}

fn message(wire: WireMessage) -> Read<Message> {
    let author =
        Author::parse(&wire.role).ok_or_else(|| format!("Invalid role '{}'.", echo(&wire.role)))?;
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

fn part(part: WirePart) -> Read<Vec<Part>> {
    let url = match part.image_url {
        Some(ImageUrl::Plain(url) | ImageUrl::Object { url }) => url,
        None => match (part.kind.as_deref(), part.text) {
            (_, Some(text)) => return Ok(spoken(text)),
            (kind, None) => {
                let kind = echo(kind.unwrap_or("?"));
                return Err(format!("Unsupported content part '{kind}'."));
            }
        },
    };
    Ok(vec![picture(&url)?])
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
