//! The HTTP front: the same port as the WebSocket; health, join URLs, and the OpenAI-shaped API.
//!
//! Shapes and headers are those of the real gateway. Everything that is not a WebSocket upgrade
//! comes here; what is not known is a 404 in JSON, so that a client never has to parse a page.
//! Health is open to everyone, a join URL is its own secret, and [`whoami`] tells everyone what was
//! seen; whatever else there is asks [`auth`] first who is calling. Every "no" is said by [`error`].
//!
//! Start with [`models`], the smallest call that needs a credential.

mod asking;
mod auth;
mod body;
mod chat_completions;
mod control_ui;
mod embeddings;
mod error;
mod health;
mod hearing;
mod join;
mod limits;
mod metrics;
mod models;
mod responses;
mod sse;
mod tlog;
mod tools;
mod whoami;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};

use crate::service::{Endpoints, Service};

pub use metrics::open as open_metrics;

/// Answers one request that is not a WebSocket upgrade.
pub async fn serve(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> HttpResponse {
    let answer = answer(request, payload, service).await;
    metrics::count(&answer);
    answer
}

async fn answer(request: &HttpRequest, payload: web::Payload, service: &Service) -> HttpResponse {
    match request.path() {
        path if !is_open(path, service.info().endpoints) => error::not_found("Not Found"),
        path if !POSTED.contains(&path) => get(request, service).await,
        _ if request.method() != Method::POST => error::method_not_allowed("POST"),
        path => {
            let answer = match path {
                chat_completions::PATH => chat_completions::answer(request, payload, service).await,
                responses::PATH => responses::answer(request, payload, service).await,
                embeddings::PATH => embeddings::answer(request, payload, service).await,
                _ => tools::answer(request, payload, service).await,
            };
            answer.unwrap_or_else(|no| no)
        }
    }
}

/// What takes a body.
const POSTED: [&str; 4] = [chat_completions::PATH, responses::PATH, embeddings::PATH, tools::PATH];

async fn get(request: &HttpRequest, service: &Service) -> HttpResponse {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.path();
    match join::code_in(path) {
        Some(code) => join::fetch(request, service, code),
        None if reads => read(request, service).await,
        None if is_known(path) || control_ui::is_at(service, path) => {
            error::method_not_allowed("GET, HEAD")
        }
        None => error::not_found("Not Found"),
    }
}

/// Whether the configuration has not switched it off. Models are for those who can talk to them.
fn is_open(path: &str, on: Endpoints) -> bool {
    match path {
        chat_completions::PATH => on.chat_completions,
        responses::PATH => on.responses,
        path if path.starts_with("/v1/") => on.chat_completions || on.responses,
        _ => true,
    }
}

fn is_known(path: &str) -> bool {
    const FIXED: [&str; 8] = [
        "/health",
        "/healthz",
        "/ready",
        "/readyz",
        "/startupz",
        "/v1/models",
        metrics::PATH,
        whoami::PATH,
    ];
    FIXED.contains(&path) || [models::ONE, tlog::UNDER].iter().any(|under| path.starts_with(under))
}

async fn read(request: &HttpRequest, service: &Service) -> HttpResponse {
    match request.path() {
        "/health" | "/healthz" => health::live(request, service),
        "/ready" | "/readyz" => health::ready(request, service),
        "/startupz" => health::started(request, service),
        "/v1/models" => models::list(request, service).await,
        metrics::PATH => metrics::serve(request, service).await,
        whoami::PATH => whoami::serve(request, service).await,
        path if path.starts_with(models::ONE) => models::one(request, service).await,
        path if path.starts_with(tlog::UNDER) => tlog::serve(request, service).await,
        _ => control_ui::serve(request, service).await,
    }
}
