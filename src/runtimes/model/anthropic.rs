//! Anthropic's messages, API version 2023-06-01.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{super::limits::TOKENS, tally::Tally};
use crate::{
    domain::talk::{Author, Failure, Message, Part, Stop, Tool, ToolChoice},
    runtimes::Turn,
};

/// The body of a request. Penalties and a seed are not known there, and are left out.
///
/// # Errors
/// If a tool's parameters are no JSON, or the arguments of a call in the history.
pub fn request(model: &str, turn: &Turn) -> Result<Value, Failure> {
    let mut messages: Vec<Value> = Vec::new();
    for message in turn.messages.iter().filter(|message| message.author != Author::System) {
        let role = if message.author == Author::Assistant { "assistant" } else { "user" };
        let mut parts = parts(message)?;
        match messages.last_mut().filter(|last| last["role"] == role) {
            // Two messages of one side in a row are one message there.
            Some(last) => {
                if let Some(content) = last["content"].as_array_mut() {
                    content.append(&mut parts);
                }
            }
            None => messages.push(json!({"role": role, "content": parts})),
        }
    }
    let system = turn.messages.iter().filter(|message| message.author == Author::System);
    let system: Vec<_> = system.map(Message::words).collect();
    let sampling = &turn.sampling;
    let mut body = json!({
        "model": model,
        "stream": true,
        "max_tokens": sampling.max_tokens.unwrap_or(TOKENS),
        "messages": messages,
    });
    let fields = [
        ("system", (!system.is_empty()).then(|| system.join("\n\n").into())),
        ("temperature", sampling.temperature.map(|heat| heat.min(1.0).into())),
        ("top_p", sampling.top_p.map(Value::from)),
        ("stop_sequences", (!sampling.stop.is_empty()).then(|| json!(sampling.stop))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if !turn.tools.is_empty() {
        body["tools"] = turn.tools.iter().map(tool).collect::<Result<_, _>>()?;
        body["tool_choice"] = match &turn.tool_choice {
            ToolChoice::Auto => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
        };
    }
    Ok(body)
}

fn tool(tool: &Tool) -> Result<Value, Failure> {
    let schema = match &tool.parameters {
        Some(parameters) => super::schema(&tool.name, parameters)?,
        None => json!({"type": "object"}),
    };
    let mut all = json!({"name": tool.name, "input_schema": schema});
    if let Some(description) = &tool.description {
        all["description"] = json!(description);
    }
    Ok(all)
}

fn parts(message: &Message) -> Result<Vec<Value>, Failure> {
    let part = |part: &Part| {
        Ok(match part {
            // An empty text is refused there.
            Part::Text(text) if text.is_empty() => None,
            Part::Text(text) => Some(json!({"type": "text", "text": text})),
            Part::Image { mime, base64 } => {
                let source = json!({"type": "base64", "media_type": mime, "data": base64});
                Some(json!({"type": "image", "source": source}))
            }
            Part::ToolCall { id, name, arguments } => {
                let input = super::schema(name, arguments)?;
                Some(json!({"type": "tool_use", "id": id, "name": name, "input": input}))
            }
            Part::ToolResult { call, content } => {
                Some(json!({"type": "tool_result", "tool_use_id": call, "content": content}))
            }
        })
    };
    message.parts.iter().filter_map(|written| part(written).transpose()).collect()
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Started,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block,
    },
    ContentBlockDelta {
        index: u64,
        delta: Piece,
    },
    MessageDelta {
        delta: Ended,
        usage: Option<Tokens>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Started {
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    ToolUse {
        id: String,
        name: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Ended {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// Takes one event in; whether it was the last.
///
/// # Errors
/// If it cannot be understood, or tells of a failure.
pub fn event(data: &str, tally: &mut Tally) -> Result<bool, Failure> {
    match serde_json::from_str(data).map_err(|error| super::malformed(&error))? {
        Event::MessageStart { message } => count(message.usage, tally),
        Event::ContentBlockStart { index, content_block: Block::ToolUse { id, name } } => {
            tally.call(Some(index), Some(id), Some(name), "")?;
        }
        Event::ContentBlockDelta { index, delta } => match delta {
            Piece::TextDelta { text } => tally.text(text)?,
            Piece::ThinkingDelta { thinking } => tally.reasoning(thinking)?,
            Piece::InputJsonDelta { partial_json } => {
                tally.call(Some(index), None, None, &partial_json)?;
            }
            Piece::Other => {}
        },
        Event::MessageDelta { delta, usage } => {
            count(usage, tally);
            tally.stop = delta.stop_reason.as_deref().map(stop).or(tally.stop);
        }
        Event::MessageStop => return Ok(true),
        Event::Error { error } => return Err(Failure::Broken(super::said_in(&error))),
        Event::ContentBlockStart { .. } | Event::Other => {}
    }
    Ok(false)
}

fn stop(reason: &str) -> Stop {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "refusal" => Stop::Filtered,
        _ => Stop::Done,
    }
}

/// What is counted comes in two parts: what was read at first, what was written at last.
fn count(tokens: Option<Tokens>, tally: &mut Tally) {
    let Some(tokens) = tokens else { return };
    let usage = tally.usage.get_or_insert_default();
    let read =
        [tokens.input_tokens, tokens.cache_creation_input_tokens, tokens.cache_read_input_tokens];
    if tokens.input_tokens.is_some() {
        usage.input = read.into_iter().flatten().fold(0, u64::saturating_add);
    }
    usage.output = tokens.output_tokens.unwrap_or(usage.output);
}
