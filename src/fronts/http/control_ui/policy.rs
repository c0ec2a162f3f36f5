//! What a browser may do with the page: its Content-Security-Policy, and who may frame it.
//!
//! Nothing from elsewhere: the page talks to the gateway that served it, and to nobody else. The
//! real gateway also admits fonts, pictures and WebSockets of others (docs/PROTOCOL.md (j)).

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, X_FRAME_OPTIONS},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::secret::digest;

const SAME_ORIGIN_ONLY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The policy of a file.
pub(super) fn plain() -> String {
    with_scripts("")
}

/// The policy of a page with these scripts in its text, and no others (CSP3, section 6.7.3.3).
pub(super) fn of_page(html: &str) -> String {
    let hash = |script: &str| format!(" 'sha256-{}'", STANDARD.encode(digest(script.as_bytes())));
    with_scripts(&inline_scripts(html).map(hash).collect::<String>())
}

fn with_scripts(hashes: &str) -> String {
    format!(
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
         form-action 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; media-src 'self' data: blob:; connect-src 'self' data:"
    )
}

/// The text of each script that has no source of its own.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|after| {
        let (attributes, text) = after.split_once('>')?;
        let (script, _) = text.split_once("</script>")?;
        let has_source = attributes.split_ascii_whitespace().any(|one| one.starts_with("src="));
        (!has_source && !script.is_empty()).then_some(script)
    })
}

/// Puts the policy on an answer.
pub(super) fn protect<'a>(
    answer: &'a mut HttpResponseBuilder,
    policy: &str,
) -> &'a mut HttpResponseBuilder {
    for (name, value) in standing(policy) {
        answer.insert_header((name, value));
    }
    answer
}

/// As [`protect`], for the answer with a file.
pub(super) fn protect_answer(mut answer: HttpResponse) -> HttpResponse {
    let headers: &mut HeaderMap = answer.headers_mut();
    for (name, value) in standing(&plain()) {
        headers.insert(name, value);
    }
    answer
}

fn standing(policy: &str) -> [(HeaderName, HeaderValue); 3] {
    let policy = HeaderValue::from_str(policy);
    [
        (CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static("default-src 'none'"))),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (SAME_ORIGIN_ONLY, HeaderValue::from_static("same-origin")),
    ]
}
