//! `POST /v1/chat/completions`: who may is asked before the body is read, and the body is read
//! before anyone is asked to answer it.
//!
//! There is nobody to answer yet, so a good request ends in `NO_AGENT`. Which agent it names is not
//! judged: that begins to mean something when there are agents.

use std::convert::Infallible;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::CONTENT_LENGTH,
    web::{self, Bytes},
};
use serde::Deserialize;

use super::{
    auth, error,
    limits::{BODY_DEADLINE, COMPLETION_BYTES_MAX, ECHO_CHARS_MAX},
};
use crate::service::Service;

/// What of a completion is looked at.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A text, or something else to look at.
#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

/// Answers.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> HttpResponse {
    match run(request, payload, service).await {
        Ok(never) => match never {},
        Err(no) => no,
    }
}

async fn run(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<Infallible, HttpResponse> {
    let session = auth::enter(request, service).await?;
    let refused = |refusal| error::refused(&refusal);
    service.may_complete(&session.standing).map_err(refused)?;
    check(&body(request, payload).await?).map_err(|fault| error::invalid(&fault))?;
    // A body may take a while, and the grant may have changed meanwhile.
    let standing = service.reassess(&session).map_err(refused)?;
    service.complete(&standing).map_err(refused)
}

async fn body(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, HttpResponse> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > COMPLETION_BYTES_MAX) {
        return Err(error::too_large(COMPLETION_BYTES_MAX));
    }
    let arriving = payload.to_bytes_limited(COMPLETION_BYTES_MAX);
    match tokio::time::timeout(BODY_DEADLINE, arriving).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(error::invalid("the body ended before its end")),
        Ok(Err(_)) => Err(error::too_large(COMPLETION_BYTES_MAX)),
        Err(_) => Err(error::too_slow()),
    }
}

/// Whether there is something to answer; what is wrong, if not.
fn check(body: &[u8]) -> Result<(), String> {
    let completion: Completion = serde_json::from_slice(body).map_err(|fault| {
        let said: String = fault.to_string().chars().take(ECHO_CHARS_MAX).collect();
        format!("Invalid JSON body: {said}")
    })?;
    match completion.messages.iter().any(Message::asks) {
        true => Ok(()),
        false => Err("Missing user message in `messages`.".into()),
    }
}

impl Message {
    /// Whether it wants an answer: someone speaks, or hands in a tool's result, which may be empty.
    fn asks(&self) -> bool {
        match (self.role.as_str(), &self.content) {
            ("tool" | "function", _) => true,
            ("user", Some(Content::Text(text))) => !text.trim().is_empty(),
            ("user", Some(Content::Parts(parts))) => parts.iter().any(Part::says_something),
            _ => false,
        }
    }
}

impl Part {
    fn says_something(&self) -> bool {
        self.text.as_ref().is_none_or(|text| !text.trim().is_empty())
    }
}
