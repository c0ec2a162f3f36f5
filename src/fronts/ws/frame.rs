//! Frames: the envelope of everything that goes over the socket.
//!
//! The envelope is parsed borrowed and the parameters are left raw, so that a request costs one
//! pass over its bytes and no allocation before its method is known.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{limits, wire::Fields};

/// What a good request looks like; anything else is looked at again to say what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    traceparent: Option<Cow<'a, str>>,
}

/// A request.
#[derive(Debug, PartialEq)]
pub struct Request<'a> {
    /// Its id, as JSON text: it is echoed as it came.
    pub id: &'a str,
    /// Its method.
    pub method: Cow<'a, str>,
    /// Its parameters, unread. `None` if absent.
    pub params: Option<&'a str>,
}

impl Request<'_> {
    /// Its id as text, for the record of what it changes.
    pub fn id_text(&self) -> String {
        serde_json::from_str(self.id).unwrap_or_default()
    }
}

/// What a text message is.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// A request.
    Request(Request<'a>),
    /// JSON, but not a request.
    NotARequest,
    /// A request with something wrong: what to echo as its id, and what is wrong.
    Invalid {
        /// The id's JSON text.
        id: String,
        /// In the words of the schema's validator.
        fault: String,
    },
    /// Not JSON.
    Unreadable,
}

/// Reads a text message.
pub fn parse(text: &str) -> Frame<'_> {
    match serde_json::from_str::<Envelope<'_>>(text) {
        Ok(envelope) if is_good(&envelope) => Frame::Request(Request {
            id: envelope.id.get(),
            method: envelope.method,
            params: envelope.params.map(RawValue::get),
        }),
        Ok(_) | Err(_) => diagnose(text),
    }
}

fn is_good(envelope: &Envelope<'_>) -> bool {
    let id = envelope.id.get();
    let traced = |trace: &str| trace.chars().count() <= limits::TRACEPARENT_CHARS_MAX;
    envelope.kind == "req"
        && id.starts_with('"')
        && (3..=limits::REQUEST_ID_BYTES_MAX).contains(&id.len())
        && !envelope.method.is_empty()
        && envelope.traceparent.as_deref().is_none_or(traced)
}

/// Says what is wrong with a message that is no good request.
fn diagnose(text: &str) -> Frame<'static> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Frame::Unreadable };
    if value.get("type").and_then(Value::as_str) != Some("req") {
        return Frame::NotARequest;
    }
    let echo = value.get("id").map(Value::to_string);
    let echo = echo.filter(|id| id.len() <= limits::REQUEST_ID_BYTES_MAX);
    let id = echo.unwrap_or_else(|| String::from("\"invalid\""));
    let fault = fault_of(&value).err();
    Frame::Invalid { id, fault: fault.unwrap_or_else(|| String::from("is not a request")) }
}

fn fault_of(value: &Value) -> Result<(), String> {
    let mut frame = Fields::root(value)?;
    frame.ignore(&["type", "params"]);
    frame.short("id", limits::REQUEST_ID_BYTES_MAX - 2)?;
    frame.text("method")?;
    frame.optional_short("traceparent", limits::TRACEPARENT_CHARS_MAX)?;
    frame.end()
}

/// Opens an answer that holds a payload; [`close_answer`] ends it.
pub fn open_answer(out: &mut String, id: &str) {
    out.push_str(r#"{"type":"res","id":"#);
    out.push_str(id);
    out.push_str(r#","ok":true,"payload":"#);
}

/// Ends an answer.
pub fn close_answer(out: &mut String) {
    out.push('}');
}

/// A whole refusal.
pub fn refusal(id: &str, error: &impl serde::Serialize) -> String {
    let error = serde_json::to_string(error).unwrap_or_else(|_| String::from("{}"));
    format!(r#"{{"type":"res","id":{id},"ok":false,"error":{error}}}"#)
}
