//! `POST /v1/chat/completions`: OpenAI's chat API in front of the agents. docs/PROTOCOL.md (h).
//!
//! How a call begins is the same as for [`responses`](super::responses) and stands in
//! [`asking`]. Nothing of the API is decided here: this room reads its words and
//! writes its answers.
//!
//! Start with [`request`], what can be asked; [`stream`] and [`whole`] are the two ways to answer.

mod request;
mod stream;
mod whole;

use actix_web::{HttpRequest, HttpResponse, web};

use super::asking;
use crate::{
    service::Service,
    support::{clock, entropy},
};

/// The path.
pub const PATH: &str = "/v1/chat/completions";

/// What an answer says of itself.
struct Named {
    id: String,
    model: String,
    created: u64,
}

/// Answers.
///
/// # Errors
/// The answer, if it is a no before anybody began.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<HttpResponse, HttpResponse> {
    let read = |wire, _: &_| request::read(wire);
    let (hearing, options) = asking::begin(request, payload, service, PATH, read).await?;
    let named = Named {
        id: format!("chatcmpl_{}", entropy::uuid()),
        model: options.model,
        created: clock::unix_millis() / 1000,
    };
    Ok(match options.stream {
        true => stream::answer(hearing, named, options.with_usage).await,
        false => whole::answer(hearing, named).await,
    })
}
