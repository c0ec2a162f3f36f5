//! `GET /metrics`: the gateway's figures for Prometheus; and the count of this front's own calls.
//!
//! On the gateway's port it asks for a credential like everything else; a listener of its own, which
//! the configuration opens, answers whoever reaches it and serves nothing else.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web,
};

use super::{auth, error};
use crate::{
    service::Service,
    telemetry::metrics::{self, Outcome},
};

/// Its path.
pub const PATH: &str = "/metrics";

/// Answers whoever may know.
pub async fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let session = match auth::enter(request, service).await {
        Ok(session) => session,
        Err(no) => return no,
    };
    match service.metrics(&session.standing) {
        Ok(text) => page(text),
        Err(refusal) => error::refused(&refusal),
    }
}

/// Opens the listener without credentials.
///
/// # Errors
/// If the system does not take it.
pub fn open(listener: TcpListener, service: &Service) -> io::Result<Server> {
    let service = web::Data::new(service.clone());
    let server = HttpServer::new(move || {
        let page =
            |service: web::Data<Service>| async move { page(service.metrics_for_a_listener()) };
        let nothing = || async { error::not_found("Not Found") };
        App::new()
            .app_data(service.clone())
            .route(PATH, web::get().to(page))
            .default_service(web::to(nothing))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

fn page(text: String) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE));
    answer.insert_header((CACHE_CONTROL, "no-store")).body(text)
}

/// Counts a call by its answer.
pub(super) fn count(answer: &HttpResponse) {
    let status = answer.status();
    metrics::called(
        "http",
        match () {
            () if status.is_server_error() => Outcome::ServerError,
            () if status.is_client_error() => Outcome::ClientError,
            () => Outcome::Ok,
        },
    );
}
