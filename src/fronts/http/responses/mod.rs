//! `POST /v1/responses`: OpenAI's newer API in front of the agents. docs/PROTOCOL.md (h).
//!
//! How a call begins is the same as for [`chat_completions`](super::chat_completions) and stands in
//! [`asking`]. An answer in one piece is the last of what a stream says, so
//! [`output`] writes both.
//!
//! Start with [`request`], what can be asked.

mod output;
mod request;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{
    asking, error,
    hearing::{Hearing, Said},
    sse,
};
use crate::service::{Ended, Heard, Service};
use output::Output;

/// The path.
pub const PATH: &str = "/v1/responses";

/// Answers.
///
/// # Errors
/// The answer, if it is a no before anybody began.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<HttpResponse, HttpResponse> {
    let read = |wire, headers: &_| request::read(wire, headers);
    let (hearing, options) = asking::begin(request, payload, service, PATH, read).await?;
    let output = Output::new(options.said);
    if options.stream { stream(hearing, output).await } else { whole(hearing, output).await }
}

/// Waits for the end and answers.
async fn whole(mut hearing: Hearing, mut output: Output) -> Result<HttpResponse, HttpResponse> {
    loop {
        match hearing.next().await {
            Said::Heard(Heard::Ended(Ended::Failed(failure), _)) => {
                return Err(error::failed(&failure));
            }
            Said::Refused(refusal) => return Err(error::refused(&refusal)),
            Said::Quiet => {}
            Said::Heard(heard) => {
                output.heard(heard);
                if let Some(response) = output.over() {
                    return Ok(HttpResponse::Ok().json(response));
                }
            }
        }
    }
}

/// A stream on its way.
struct Events {
    hearing: Hearing,
    output: Output,
    /// What was heard while the status was being decided.
    first: Option<Said>,
}

/// Answers with a stream, or with what failed before there was one.
async fn stream(mut hearing: Hearing, mut output: Output) -> Result<HttpResponse, HttpResponse> {
    let first = hearing.first().await?;
    let head = output.begin().iter().map(sse::typed).collect();
    let events = Events { hearing, output, first };
    Ok(sse::answer(head, events, async |events| events.next().await))
}

impl Events {
    /// The next piece of text to send; `None` after the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.output.over().is_some() {
                return None;
            }
            let said = match self.first.take() {
                Some(said) => said,
                None => self.hearing.next().await,
            };
            let events = match said {
                Said::Quiet => return Some(sse::KEEP_ALIVE.into()),
                Said::Refused(refusal) => {
                    self.output.failed(error::refused_midway(&refusal)["error"].take())
                }
                Said::Heard(heard) => self.output.heard(heard),
            };
            let mut text: String = events.iter().map(sse::typed).collect();
            if self.output.over().is_some() {
                text.push_str(sse::DONE);
            }
            if !text.is_empty() {
                return Some(text);
            }
        }
    }
}
