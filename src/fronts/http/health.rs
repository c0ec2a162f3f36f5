//! Is it alive, is it ready? Open to everyone and without a secret (N19 A19.1).

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde_json::{Value, json};

use crate::{fronts::proxy, service::Service};

/// `GET /healthz`: the process answers.
pub fn live(_: &HttpRequest, _: &Service) -> HttpResponse {
    answer(StatusCode::OK, &json!({"ok": true, "status": "live"}))
}

/// `GET /readyz`: changes of authority can be made durable. Says what is failing.
pub fn ready(request: &HttpRequest, service: &Service) -> HttpResponse {
    if let Err(fault) = proxy::arrive(request, service) {
        return proxy::not_attributable(&fault);
    }
    let uptime_ms = service.info().uptime.elapsed_millis();
    let (status, failing) = match service.is_ready() {
        true => (StatusCode::OK, json!([])),
        false => (StatusCode::SERVICE_UNAVAILABLE, json!(["ledger"])),
    };
    let ready = status == StatusCode::OK;
    answer(status, &json!({"ready": ready, "failing": failing, "uptimeMs": uptime_ms}))
}

/// `GET /startupz`: the gateway only listens once it has started.
pub fn started(_: &HttpRequest, service: &Service) -> HttpResponse {
    let info = service.info();
    let body = json!({
        "ok": true,
        "status": "started",
        "version": info.version,
        "uptimeMs": info.uptime.elapsed_millis(),
    });
    answer(StatusCode::OK, &body)
}

fn answer(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(body)
}
