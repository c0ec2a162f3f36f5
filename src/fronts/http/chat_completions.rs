//! `POST /v1/chat/completions`: who may is asked before the body is read, and the body is read
//! before anyone is asked to answer it.
//!
//! There is nobody to answer yet, so a good request ends in `NO_AGENT`. Which agent it names is not
//! judged: that begins to mean something when there are agents.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{self, BodyStream},
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    web::{self, Bytes},
};
use futures_util::Stream;
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
    let refused =
        |refusal| auth::denied(request, service, &session, "/v1/chat/completions", &refusal);
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
    arriving(payload, BODY_DEADLINE).await
}

/// The whole of a body, if it is there in time.
async fn arriving(
    pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    deadline: Duration,
) -> Result<Bytes, HttpResponse> {
    let whole = body::to_bytes_limited(BodyStream::new(pieces), COMPLETION_BYTES_MAX);
    match tokio::time::timeout(deadline, whole).await {
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

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use futures_util::stream::{self, StreamExt as _};

    use super::*;

    /// What a body that comes in these pieces comes to.
    fn comes_to(
        pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
        deadline: Duration,
    ) -> Result<Bytes, StatusCode> {
        let limit = Duration::from_secs(20);
        let outcome = actix_rt::System::new()
            .block_on(async { tokio::time::timeout(limit, arriving(pieces, deadline)).await });
        outcome.expect("it hangs").map_err(|answer| answer.status())
    }

    /// One byte now and then is as slow as none at all: the deadline is for the whole.
    #[test]
    fn a_body_has_a_deadline() {
        let hello =
            || stream::iter([Ok(Bytes::from_static(b"hel")), Ok(Bytes::from_static(b"lo"))]);
        let drops = stream::repeat_with(|| Ok(Bytes::from_static(b" "))).then(async |drop| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop
        });
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
        let late = Err(StatusCode::REQUEST_TIMEOUT);
        assert_eq!(comes_to(hello(), long), Ok(Bytes::from_static(b"hello")));
        assert_eq!(comes_to(hello().chain(stream::pending()), short), late);
        assert_eq!(comes_to(stream::pending(), short), late);
        assert_eq!(comes_to(Box::pin(drops), short), late);
        let broken = stream::iter([Err(PayloadError::Incomplete(None))]);
        assert_eq!(comes_to(broken, long), Err(StatusCode::BAD_REQUEST));
    }
}
