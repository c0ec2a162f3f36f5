//! `GET /doorward/whoami`: who the client is here, and where it was seen to come from.
//!
//! It answers everyone, because it is for finding out why one is not let in: without a credential it
//! says what was seen and that nothing was proven; with a wrong one (401), or from behind a proxy
//! that is not trusted (403), it says the same with what is missing.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde_json::Value;

use super::auth;
use crate::{
    domain::refusal::Refusal,
    fronts::{proxy, whoami},
    service::{Bearer, Seen, Service},
};

/// Where.
pub const PATH: &str = "/doorward/whoami";

/// Answers.
pub async fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let arrival = match proxy::arrive(request, service) {
        Ok(arrival) => arrival,
        Err(fault) => {
            let document = whoami::seen(&Seen::from(&fault));
            return answer(StatusCode::FORBIDDEN, document);
        }
    };
    let seen = Seen::from(&arrival.attribution);
    let secret = auth::secret(request);
    let wrong = secret.is_some();
    let session = service.bearer(Bearer::new(arrival, secret)).await;
    match session.and_then(|session| service.whoami(&session.standing)) {
        Ok(whoami) => answer(StatusCode::OK, whoami::document(&seen, &whoami)),
        Err(refusal) => answer(status(&refusal, wrong), whoami::refused(&seen, &refusal)),
    }
}

/// Nothing presented, nothing wrong: that is an answer, too.
fn status(refusal: &Refusal, presented: bool) -> StatusCode {
    match refusal {
        Refusal::OriginNotAllowed(_) | Refusal::IdentityNotAllowed => StatusCode::FORBIDDEN,
        Refusal::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ if presented => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    }
}

fn answer(status: StatusCode, document: Value) -> HttpResponse {
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(document)
}
