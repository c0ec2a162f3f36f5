//! `GET <anything>/j/<22 characters>`: a setup code for a machine to fetch, once. docs/PROTOCOL.md (g).
//!
//! Whatever is not that very request is a 404 that leaves the code where it is, so that a link
//! preview which only asks whether there is something (HEAD) does not use it up.

use actix_web::{HttpRequest, HttpResponse, http::Method};

use crate::{fronts::proxy, service::Service};

/// 16 random bytes in base64url.
const CODE_CHARS: usize = 22;

/// The code in a path, if it may be one.
pub fn code_in(path: &str) -> Option<&str> {
    let (_, code) = path.rsplit_once("/j/")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (code.len() == CODE_CHARS && code.bytes().all(plain)).then_some(code)
}

/// Answers with what waits under the code.
pub fn fetch(request: &HttpRequest, service: &Service, code: &str) -> HttpResponse {
    if let Err(fault) = proxy::arrive(request, service) {
        return proxy::not_attributable(&fault);
    }
    let is_fetch = request.method() == Method::GET && request.query_string().is_empty();
    let payload = is_fetch.then(|| service.join(code)).flatten();
    let (mut answer, body) = match payload {
        Some(payload) => (HttpResponse::Ok(), payload.expose().clone()),
        None => (HttpResponse::NotFound(), String::from(r#"{"error":"not_found"}"#)),
    };
    answer
        .insert_header(("Cache-Control", "no-store"))
        .content_type("application/json; charset=utf-8")
        .body(body)
}
