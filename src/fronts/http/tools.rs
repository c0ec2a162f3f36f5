//! `POST /tools/invoke`: one tool by its name, without an agent. docs/PROTOCOL.md (h).
//!
//! This gateway has no tools of its own: agents bring theirs, and clients bring theirs to a
//! completion. So whoever may ask learns that the tool is not there, in the words of the real
//! gateway, and a client that tries one after another finds the next.
//!
//! The real gateway says no in two shapes here, `{"ok":false,"error":{…}}` and OpenAI's. Clients of
//! the one look at `ok`, those of the other at `error`; every error of this front has both.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{auth, body, error, limits};
use crate::service::Service;

/// The path.
pub const PATH: &str = "/tools/invoke";

/// The body; what else the real gateway reads is for tools that are there.
#[derive(Deserialize)]
struct Wire {
    name: Option<String>,
    tool: Option<String>,
    #[serde(rename = "action")]
    _action: Option<String>,
    #[serde(rename = "args")]
    _args: Option<Map<String, Value>>,
    #[serde(rename = "sessionKey")]
    _session_key: Option<String>,
}

/// Answers.
///
/// # Errors
/// The answer, which is always a no.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<HttpResponse, HttpResponse> {
    let session = auth::enter(request, service).await?;
    let refused = |refusal| auth::denied(request, service, &session, PATH, &refusal);
    service.may_complete(&session.standing).map_err(refused)?;
    let wire: Wire = body::json(request, payload, limits::TOOL_BYTES_MAX).await?;
    let name = wire.name.or(wire.tool).unwrap_or_default();
    let name: String = name.trim().chars().take(limits::ECHO_CHARS_MAX).collect();
    match name.is_empty() {
        true => Err(error::invalid("tools.invoke requires name")),
        false => Err(error::not_found(&format!("Tool not available: {name}"))),
    }
}
