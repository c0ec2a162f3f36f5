//! The HTTP front: the same port as the WebSocket; liveness, readiness and join URLs for now.
//!
//! Shapes and headers are those of the real gateway. Everything that is not a WebSocket upgrade
//! comes here; what is not known is a 404 in JSON, so that a client never has to parse a page.
//! Start with [`health`].

mod health;
mod join;

use actix_web::{HttpRequest, HttpResponse, http::Method};

use crate::service::Service;

/// Answers one request that is not a WebSocket upgrade.
pub fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let answer = match request.path() {
        "/health" | "/healthz" => health::live as fn(&HttpRequest, &Service) -> HttpResponse,
        "/ready" | "/readyz" => health::ready,
        "/startupz" => health::started,
        path => match join::code_in(path) {
            Some(code) => return join::fetch(request, service, code),
            None => return health::not_found(),
        },
    };
    match *request.method() {
        Method::GET | Method::HEAD => answer(request, service),
        _ => HttpResponse::MethodNotAllowed()
            .insert_header(("Allow", "GET, HEAD"))
            .json(serde_json::json!({"error": {"message": "Method Not Allowed", "type": "method_not_allowed"}})),
    }
}
