//! `GET /v1/models`: which agents can be talked to, by the names that a completion takes.
//!
//! The list is what there is: `openclaw` and `openclaw/default`, which both mean the default agent, as
//! the real gateway has it, and every agent by its own name.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::{auth, error, limits};
use crate::service::Service;

/// What the path of one model begins with.
pub const ONE: &str = "/v1/models/";

/// `GET /v1/models`
pub async fn list(request: &HttpRequest, service: &Service) -> HttpResponse {
    names(request, service)
        .await
        .map_or_else(|no| no, |names| HttpResponse::Ok().json(listed(&names)))
}

/// `GET /v1/models/<id>`
pub async fn one(request: &HttpRequest, service: &Service) -> HttpResponse {
    let id = request.path().strip_prefix(ONE).unwrap_or_default();
    // Clients encode the id as one segment; no name has another sign that they would encode.
    let id = &id.replace("%2F", "/").replace("%2f", "/");
    let known = |names: Vec<String>| names.into_iter().find(|name| name == id);
    match names(request, service).await.map(known) {
        Ok(Some(name)) => HttpResponse::Ok().json(model(&name)),
        Ok(None) => {
            let echo: String = id.chars().take(limits::ECHO_CHARS_MAX).collect();
            error::not_found(&format!("Model '{echo}' not found."))
        }
        Err(no) => no,
    }
}

async fn names(request: &HttpRequest, service: &Service) -> Result<Vec<String>, HttpResponse> {
    let session = auth::enter(request, service).await?;
    let denied = |refusal| auth::denied(request, service, &session, "/v1/models", &refusal);
    service.models(&session.standing).map_err(denied)
}

fn listed(names: &[String]) -> Value {
    let models: Vec<_> = names.iter().map(|name| model(name)).collect();
    json!({"object": "list", "data": models})
}

fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 0, "owned_by": "openclaw", "permission": []})
}
