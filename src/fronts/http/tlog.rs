//! `GET /doorward/tlog/<path>`: the published ledger (C2SP `tlog-tiles`), for those who may read the
//! ledger. Give a reader of such logs this prefix and a bearer credential.
//!
//! Caches of others keep nothing of it: what one caller may read, the next may not.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
};

use super::{auth, error};
use crate::service::Service;

/// What every path begins with.
pub const UNDER: &str = "/doorward/tlog/";

/// Answers.
pub async fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let session = match auth::enter(request, service).await {
        Ok(session) => session,
        Err(no) => return no,
    };
    let path = request.path().strip_prefix(UNDER).unwrap_or_default();
    let file = match service.published(&session.standing, path).await {
        Ok(Some(file)) => file,
        Ok(None) => return error::not_found("Not Found"),
        Err(refusal) => return error::refused(&refusal),
    };
    let (kind, keep) = match file.changes {
        true => ("text/plain; charset=utf-8", "private, no-cache"),
        false => ("application/octet-stream", "private, max-age=31536000, immutable"),
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, kind)).insert_header((CACHE_CONTROL, keep));
    answer.body(file.bytes)
}
