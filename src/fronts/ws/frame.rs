//! Frames: the envelope of everything that goes over the socket.
//!
//! The envelope is parsed borrowed and the parameters are left raw, so that a request costs one
//! pass over its bytes and no allocation before its method is known.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
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

/// What a text message is.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// A request.
    Request(Request<'a>),
    /// An object, but not a request.
    NotARequest,
    /// A request with something wrong: what to echo as its id, and what is wrong.
    Invalid {
        /// The id's JSON text.
        id: &'a str,
        /// In the words of the schema's validator.
        fault: String,
    },
    /// Not JSON, or not an object.
    Unreadable,
}

/// Reads a text message.
pub fn parse(text: &str) -> Frame<'_> {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return Frame::Unreadable;
    };
    if envelope.kind.as_deref() != Some("req") {
        return Frame::NotARequest;
    }
    let echo = envelope.id.map_or("\"invalid\"", RawValue::get);
    let invalid = |fault: &str| Frame::Invalid { id: echo, fault: fault.to_owned() };
    let Some(id) = envelope.id.map(RawValue::get) else {
        return invalid("must have required property 'id'");
    };
    if !id.starts_with('"') {
        return invalid("at /id: must be string");
    }
    if id.len() <= 2 {
        return invalid("at /id: must not have fewer than 1 characters");
    }
    if id.len() > limits::REQUEST_ID_BYTES_MAX {
        return Frame::Invalid { id: "\"invalid\"", fault: "at /id: is too long".to_owned() };
    }
    let Some(method) = envelope.method else {
        return invalid("must have required property 'method'");
    };
    let Ok(method) = serde_json::from_str::<Text<'_>>(method.get()) else {
        return invalid("at /method: must be string");
    };
    if method.0.is_empty() {
        return invalid("at /method: must not have fewer than 1 characters");
    }
    let long = |trace: &str| trace.chars().count() > limits::TRACEPARENT_CHARS_MAX;
    if envelope.traceparent.as_deref().is_some_and(long) {
        return invalid("at /traceparent: must not have more than 128 characters");
    }
    let params = envelope.params.map(RawValue::get);
    Frame::Request(Request { id, method: method.0, params })
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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
