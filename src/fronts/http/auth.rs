//! Who is calling: the one place where a request's credential is read.
//!
//! The credential is `Authorization: Bearer` (RFC 6750, section 2.1): the shared secret, or a
//! service token. What the request's header says besides, the service reads as the request arrives.

use actix_web::{HttpRequest, HttpResponse, http::header::AUTHORIZATION};

use super::error;
use crate::{
    domain::{refusal::Refusal, registry::session::Session},
    fronts::proxy,
    service::{Attribution, Bearer, Service, Transport, Via},
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

/// The answer to a caller that has no right to `what`, which is counted.
pub fn denied(
    request: &HttpRequest,
    service: &Service,
    session: &Session,
    what: &str,
    refusal: &Refusal,
) -> HttpResponse {
    if let (true, Ok(arrival)) = (refusal.is_denial(), proxy::arrive(request, service)) {
        let Attribution { address, locality, .. } = arrival.attribution;
        let via = Via {
            transport: Transport::Http,
            address: address.map(|address| address.to_string()),
            locality,
            connection: None,
            request: None,
        };
        service.note_denied(&session.standing, what, refusal.code(), &via);
    }
    error::refused(refusal)
}
