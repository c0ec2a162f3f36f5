//! The HTTP front: the same port as the WebSocket.
//!
//! Shapes and headers are those of the real gateway. Everything that is not a WebSocket upgrade
//! comes here; what is not known is a 404 in JSON, so that a client never has to parse a page.
//! Start with [`health`]; [`join`] hands out setup codes, [`whoami`] tells a client who it is.

mod health;
mod join;
mod whoami;

use actix_web::{HttpRequest, HttpResponse, http::Method};

use crate::service::Service;

/// Answers one request that is not a WebSocket upgrade.
pub async fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && request.path() == whoami::PATH {
        return whoami::serve(request, service).await;
    }
    let answer = match request.path() {
        "/health" | "/healthz" => health::live as fn(&HttpRequest, &Service) -> HttpResponse,
        "/ready" | "/readyz" => health::ready,
        "/startupz" => health::started,
        whoami::PATH => return not_allowed(),
        path => match join::code_in(path) {
            Some(code) => return join::fetch(request, service, code),
            None => return health::not_found(),
        },
    };
    if reads { answer(request, service) } else { not_allowed() }
}

fn not_allowed() -> HttpResponse {
    let error = serde_json::json!({"message": "Method Not Allowed", "type": "method_not_allowed"});
    HttpResponse::MethodNotAllowed()
        .insert_header(("Allow", "GET, HEAD"))
        .json(serde_json::json!({"error": error}))
}
