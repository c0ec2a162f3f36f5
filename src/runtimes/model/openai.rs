//! OpenAI's chat completions, as OpenAI, Ollama, llama.cpp, vLLM, LM Studio and most others speak
//! them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::tally::Tally;
use crate::{
    domain::talk::{Author, Failure, Message, Part, Stop, ToolChoice, Usage},
    runtimes::Turn,
};

/// The last event of a stream.
const DONE: &str = "[DONE]";

/// The only address whose newer models refuse `max_tokens`; the others do not all know its successor.
const OPENAI: &str = "https://api.openai.com/";

/// The body of a request.
///
/// # Errors
/// If a tool's parameters are no JSON.
pub fn request(base_url: &str, model: &str, turn: &Turn) -> Result<Value, Failure> {
    let mut body = json!({
        "model": model,
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": turn.messages.iter().flat_map(messages).collect::<Vec<_>>(),
    });
    let sampling = &turn.sampling;
    let limit = if base_url.starts_with(OPENAI) { "max_completion_tokens" } else { "max_tokens" };
    let fields = [
        (limit, sampling.max_tokens.map(Value::from)),
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
        ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
        ("stop", (!sampling.stop.is_empty()).then(|| json!(sampling.stop))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if !turn.tools.is_empty() {
        body["tools"] = tools(turn)?;
        body["tool_choice"] = match &turn.tool_choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        };
    }
    Ok(body)
}

fn tools(turn: &Turn) -> Result<Value, Failure> {
    let tool = |tool: &crate::domain::talk::Tool| {
        let mut function = Map::from_iter([("name".to_owned(), json!(tool.name))]);
        if let Some(description) = &tool.description {
            function.insert("description".into(), json!(description));
        }
        if let Some(parameters) = &tool.parameters {
            function.insert("parameters".into(), super::schema(&tool.name, parameters)?);
        }
        Ok(json!({"type": "function", "function": function}))
    };
    turn.tools.iter().map(tool).collect()
}

/// One message as theirs: the results of several tools are a message each.
fn messages(message: &Message) -> Vec<Value> {
    let result = |part: &Part| match part {
        Part::ToolResult { call, content } => {
            Some(json!({"role": "tool", "tool_call_id": call, "content": content}))
        }
        _ => None,
    };
    let mut all: Vec<Value> = message.parts.iter().filter_map(result).collect();
    let calls: Vec<Value> = message.parts.iter().filter_map(call).collect();
    let content = content(&message.parts);
    if message.author != Author::Tool && (content.is_some() || !calls.is_empty() || all.is_empty())
    {
        let mut own = json!({"role": message.author.role(), "content": content});
        if !calls.is_empty() {
            own["tool_calls"] = calls.into();
        }
        all.push(own);
    }
    all
}

fn call(part: &Part) -> Option<Value> {
    let Part::ToolCall { id, name, arguments } = part else { return None };
    let function = json!({"name": name, "arguments": arguments});
    Some(json!({"id": id, "type": "function", "function": function}))
}

/// One text, if there are only texts: not every server reads a list of parts.
fn content(parts: &[Part]) -> Option<Value> {
    let shown = |part: &Part| match part {
        Part::Text(text) => Some(json!({"type": "text", "text": text})),
        Part::Image { mime, base64 } => {
            let url = format!("data:{mime};base64,{base64}");
            Some(json!({"type": "image_url", "image_url": {"url": url}}))
        }
        Part::ToolCall { .. } | Part::ToolResult { .. } => None,
    };
    if parts.iter().any(|part| matches!(part, Part::Image { .. })) {
        return Some(parts.iter().filter_map(shown).collect());
    }
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let texts: Vec<_> = texts.collect();
    (!texts.is_empty()).then(|| texts.concat().into())
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Tokens>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    /// What DeepSeek, vLLM and llama.cpp call it.
    reasoning_content: Option<String>,
    /// What Ollama and OpenRouter call it.
    reasoning: Option<String>,
    tool_calls: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Takes one event in; whether it was the last.
///
/// # Errors
/// If it cannot be understood, or tells of a failure.
pub fn event(data: &str, tally: &mut Tally) -> Result<bool, Failure> {
    if data.trim() == DONE {
        return Ok(true);
    }
    let chunk: Chunk = serde_json::from_str(data).map_err(|error| super::malformed(&error))?;
    if let Some(error) = chunk.error {
        return Err(Failure::Broken(super::said_in(&error)));
    }
    if let Some(tokens) = chunk.usage {
        let (input, output) = (tokens.prompt_tokens, tokens.completion_tokens);
        let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
        tally.usage = Some(Usage { input, output });
    }
    // Only one choice was asked for.
    let Some(choice) = chunk.choices.and_then(|choices| choices.into_iter().next()) else {
        return Ok(false);
    };
    if let Some(said) = choice.delta {
        tally.reasoning(said.reasoning_content.or(said.reasoning).unwrap_or_default())?;
        tally.text(said.content.unwrap_or_default())?;
        for piece in said.tool_calls.into_iter().flatten() {
            let function = piece.function;
            let (name, arguments) =
                function.map_or((None, None), |function| (function.name, function.arguments));
            tally.call(piece.index, piece.id, name, arguments.as_deref().unwrap_or_default())?;
        }
    }
    if let Some(reason) = choice.finish_reason {
        tally.stop = Some(match reason.as_str() {
            "length" => Stop::Length,
            "tool_calls" | "function_call" => Stop::ToolCalls,
            "content_filter" => Stop::Filtered,
            _ => Stop::Done,
        });
    }
    Ok(false)
}
