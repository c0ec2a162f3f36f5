//! What a response is asked for: wire to domain. The limits are those of the protocol's OpenAI page.

use actix_web::http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::{
    domain::talk::{Author, Message, Part, Sampling},
    fronts::http::asking::{
        self, Asking, Read,
        fields::{self, echo, number, picture, spoken, tokens},
    },
    support::{clock, entropy},
};

/// The body. Fields that are not here are accepted and left alone: clients send many.
#[derive(Deserialize)]
pub struct Wire {
    model: Option<String>,
    input: Input,
    instructions: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    tools: Option<Vec<WireTool>>,
    tool_choice: Option<Value>,
    max_output_tokens: Option<Value>,
    temperature: Option<Value>,
    top_p: Option<Value>,
    user: Option<String>,
    previous_response_id: Option<String>,
    metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

/// An item of any type: `message` needs no type, as the shorter form of OpenAI's clients has none.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
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
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    image_url: Option<String>,
    source: Option<Source>,
}

/// A picture as the OpenResponses API has it.
#[derive(Deserialize)]
struct Source {
    media_type: Option<String>,
    data: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct WireTool {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Box<RawValue>>,
    strict: Option<bool>,
}

/// How it is to be answered.
pub struct Options {
    /// Whether the answer comes as a stream.
    pub stream: bool,
    /// What the response says of itself; the API repeats what was asked for.
    pub said: Value,
}

/// Reads it.
///
/// # Errors
/// What is wrong, for people.
pub fn read(wire: Wire, headers: &HeaderMap) -> Read<(Asking, Options)> {
    let said = said(&wire);
    let sampling = Sampling {
        max_tokens: tokens(wire.max_output_tokens.as_ref(), "max_output_tokens")?,
        temperature: number(wire.temperature.as_ref(), "temperature", 0.0, 2.0)?,
        top_p: number(wire.top_p.as_ref(), "top_p", 0.0, 1.0)?,
        ..Sampling::default()
    };
    let is_alone = wire.user.as_deref().is_none_or(|user| user.trim().is_empty())
        && asking::header(headers, "x-openclaw-session-key")?.is_none();
    if wire.previous_response_id.is_some() && is_alone {
        // Answering without what the client means to go on from would be worse.
        return Err("`previous_response_id` needs `user` or `x-openclaw-session-key`: without a \
                    session, nothing of a response is kept."
            .into());
    }
    let tools = fields::tools(wire.tools.unwrap_or_default().into_iter().map(function).collect())?;
    let tool_choice = fields::tool_choice(wire.tool_choice.as_ref(), &tools, "/name")?;
    let instructions = wire.instructions.into_iter().filter(|words| !words.trim().is_empty());
    let mut messages: Vec<_> =
        instructions.map(|words| Message::text(Author::System, words)).collect();
    match wire.input {
        Input::Text(text) => {
            messages.push(Message { author: Author::User, parts: spoken(text) });
        }
        Input::Items(items) => {
            for item in items {
                add(&mut messages, item)?;
            }
        }
    }
    let messages = fields::conversation(messages, "input")?;
    let (model, user) = (wire.model, wire.user);
    let asking = Asking { model, user, messages, tools, tool_choice, sampling };
    Ok((asking, Options { stream: wire.stream.unwrap_or(false), said }))
}

fn said(wire: &Wire) -> Value {
    json!({
        "id": format!("resp_{}", entropy::uuid()),
        "object": "response",
        "created_at": clock::unix_millis() / 1000,
        "model": wire.model.as_deref().unwrap_or("openclaw"),
        "instructions": wire.instructions,
        "max_output_tokens": wire.max_output_tokens,
        "metadata": wire.metadata,
        "parallel_tool_calls": true,
        "previous_response_id": wire.previous_response_id,
        "temperature": wire.temperature,
        "tool_choice": fields::given(wire.tool_choice.as_ref()).unwrap_or(&json!("auto")),
        "tools": wire.tools.as_deref().unwrap_or_default(),
        "top_p": wire.top_p,
        "user": wire.user,
    })
}

fn function(tool: WireTool) -> Option<fields::Function> {
    let WireTool { kind, name, description, parameters, strict: _ } = tool;
    (kind == "function").then_some((name?, description, parameters))
}

/// Adds what an item says to the conversation.
fn add(messages: &mut Vec<Message>, item: Item) -> Read<()> {
    let Item { kind, role, content, call_id, name, arguments, output } = item;
    let call_id = call_id.unwrap_or_default();
    match kind.as_deref().unwrap_or("message") {
        "message" => {
            let role = role.unwrap_or_default();
            let author = Author::parse(&role).filter(|author| *author != Author::Tool);
            let author = author.ok_or_else(|| format!("Invalid role '{}'.", echo(&role)))?;
            messages.push(Message { author, parts: parts(content)? });
        }
        "function_call" => {
            let (name, arguments) = (name.unwrap_or_default(), arguments.unwrap_or_default());
            let call = Part::ToolCall { id: call_id, name, arguments };
            // Calls of one answer are one message, with the words before them.
            match messages.last_mut().filter(|last| last.author == Author::Assistant) {
                Some(answer) => answer.parts.push(call),
                None => messages.push(Message { author: Author::Assistant, parts: vec![call] }),
            }
        }
        "function_call_output" => {
            let content = Message { author: Author::Tool, parts: parts(output)? }.words();
            let parts = vec![Part::ToolResult { call: call_id, content }];
            messages.push(Message { author: Author::Tool, parts });
        }
        // What a model thought is not told again, and a reference has nothing to refer to.
        "reasoning" | "item_reference" => {}
        other => return Err(format!("Unsupported item '{}' in `input`.", echo(other))),
    }
    Ok(())
}

fn parts(content: Option<Content>) -> Read<Vec<Part>> {
    match content {
        None => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(spoken(text)),
        Some(Content::Parts(parts)) => {
            Ok(parts.into_iter().map(part).collect::<Read<Vec<_>>>()?.concat())
        }
    }
}

fn part(part: WirePart) -> Read<Vec<Part>> {
    let WirePart { kind, text, refusal, image_url, source } = part;
    match (kind.as_str(), text.or(refusal), image_url, source) {
        ("input_text" | "output_text" | "text" | "refusal", Some(text), ..) => Ok(spoken(text)),
        ("input_image", _, Some(url), _) => Ok(vec![picture(&url)?]),
        ("input_image", _, None, Some(Source { media_type: Some(mime), data: Some(data) })) => {
            Ok(vec![picture(&format!("data:{mime};base64,{data}"))?])
        }
        ("input_image", ..) => Ok(vec![picture("")?]),
        _ => Err(format!("Unsupported content part '{}'.", echo(&kind))),
    }
}
