//! Who is calling: the one place where a request's credential is read.
//!
//! The credential is `Authorization: Bearer` (RFC 6750, section 2.1): the shared secret, or a
//! service token. What the request's header says besides, the service reads as the request arrives.

use actix_web::{HttpRequest, HttpResponse, http::header::AUTHORIZATION};

use super::error;
use crate::{
    domain::registry::session::Session,
    fronts::proxy,
    service::{Bearer, Service},
    support::secret::Secret,
};

/// What the caller stands on.
///
/// # Errors
/// The answer, if nobody can tell where the request comes from, or its credential is no good.
pub async fn enter(request: &HttpRequest, service: &Service) -> Result<Session, HttpResponse> {
    let arrival =
        proxy::arrive(request, service).map_err(|fault| proxy::not_attributable(&fault))?;
    let bearer = Bearer::new(arrival, secret(request));
    service.bearer(bearer).await.map_err(|refusal| error::refused(&refusal))
}

/// The credential, if there is one. Another scheme is none.
pub fn secret(request: &HttpRequest) -> Option<Secret<String>> {
    let text = String::from_utf8_lossy(request.headers().get(AUTHORIZATION)?.as_bytes());
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
        .then(|| Secret::new(token.to_owned()))
}
