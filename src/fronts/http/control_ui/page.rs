//! The page itself: `index.html`, told where it is served.
//!
//! It names its files relative to itself, and is served at every place within it, so these names are
//! made absolute. The two attributes are those that the real gateway sets.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};

use super::policy;
use crate::support::secret::digest;

/// Answers with the page, or that the client has it already.
pub(super) fn answer(request: &HttpRequest, html: &str, base_path: &str) -> HttpResponse {
    let html = placed(html, base_path);
    let tag = tag(&html);
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    policy::protect(&mut answer, &policy::of_page(&html))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag));
    match is_known {
        true => answer.finish(),
        false => answer.insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html),
    }
}

/// The page at a place. The path holds nothing that HTML would have to escape; `config` sees to it.
pub(super) fn placed(html: &str, base_path: &str) -> String {
    let html = html
        .replace("src=\"./", &format!("src=\"{base_path}/"))
        .replace("href=\"./", &format!("href=\"{base_path}/"));
    let attributes = format!(
        "<html data-openclaw-control-ui-base-path=\"{base_path}\" \
         data-openclaw-terminal-enabled=\"false\""
    );
    html.replacen("<html", &attributes, 1)
}

/// An entity tag (RFC 9110, section 8.8.3) of what is sent.
fn tag(html: &str) -> String {
    let hex: String =
        digest(html.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
