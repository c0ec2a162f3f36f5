//! Single fields of a request and their limits, which are those of the protocol's OpenAI page.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, value::RawValue};

use super::Read;
use crate::{
    domain::talk::{Author, Message, Part, Tool, ToolChoice},
    fronts::http::limits,
};

/// A value that is there and not `null`.
pub fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

/// A number of tokens.
///
/// # Errors
/// If it is none.
pub fn tokens(value: Option<&Value>, name: &str) -> Read<Option<u64>> {
    let bad = || format!("`{name}` must be a positive integer.");
    let Some(value) = given(value) else { return Ok(None) };
    value.as_u64().filter(|n| *n > 0).map(Some).ok_or_else(bad)
}

/// A number within its limits.
///
/// # Errors
/// If it is none, or beyond them.
pub fn number(value: Option<&Value>, name: &str, min: f64, max: f64) -> Read<Option<f64>> {
    let bad = || format!("`{name}` must be a number from {min} to {max}.");
    let Some(value) = given(value) else { return Ok(None) };
    value.as_f64().filter(|n| (min..=max).contains(n)).map(Some).ok_or_else(bad)
}

/// A text as a part of a message; none if there is nothing in it.
pub fn spoken(text: String) -> Vec<Part> {
    if text.trim().is_empty() { Vec::new() } else { vec![Part::Text(text)] }
}

/// A picture that is a data URL.
///
/// # Errors
/// If it is none, or too large.
pub fn picture(url: &str) -> Read<Part> {
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
        Ok(_) => Ok(Part::Image { mime: mime.to_owned(), base64: base64.to_owned() }),
        Err(_) => Err("`image_url` is not base64.".into()),
    }
}

/// Somebody's role, content or the like that is not known, fit for an error.
pub fn echo(text: &str) -> String {
    text.chars().take(limits::ECHO_CHARS_MAX).collect()
}

/// A whole conversation, if it asks for anything and does not hold too much.
///
/// # Errors
/// If not; `field` is where it should be.
pub fn conversation(messages: Vec<Message>, field: &str) -> Read<Vec<Message>> {
    let newest = messages.iter().rev().find(|message| message.author == Author::User);
    let pictures = newest.iter().flat_map(|message| &message.parts);
    let pictures = pictures.filter(|part| matches!(part, Part::Image { .. })).count();
    if pictures > limits::IMAGES_MAX {
        return Err(format!("Too many images: at most {}.", limits::IMAGES_MAX));
    }
    match messages.iter().any(asks) {
        true => Ok(messages),
        false => Err(format!("Missing user message in `{field}`.")),
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

/// A function of the client: its name, what it is for, and the schema of what it takes.
pub type Function = (String, Option<String>, Option<Box<RawValue>>);

/// The client's tools; `None` stands for one that is no function.
///
/// # Errors
/// If one is not, has no name, or there are too many.
pub fn tools(functions: Vec<Option<Function>>) -> Read<Vec<Tool>> {
    if functions.len() > limits::TOOLS_MAX {
        return Err(format!("Too many tools: at most {}.", limits::TOOLS_MAX));
    }
    let read = |function: Option<Function>| match function {
        Some((name, description, parameters)) if !name.is_empty() => {
            let parameters = parameters.map(|raw| raw.get().to_owned());
            Ok(Tool { name, description, parameters })
        }
        _ => Err("`tools` must hold functions with a name.".to_owned()),
    };
    functions.into_iter().map(read).collect()
}

/// Which tool is to be called. `name` is where a choice of type `function` has its
/// name: a JSON pointer.
///
/// # Errors
/// If it is nothing that is known, or a tool that is not there.
pub fn tool_choice(choice: Option<&Value>, tools: &[Tool], name: &str) -> Read<ToolChoice> {
    let Some(choice) = given(choice) else { return Ok(ToolChoice::Auto) };
    let named = || (choice["type"] == "function").then(|| choice.pointer(name)?.as_str())?;
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
