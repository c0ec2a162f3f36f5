//! The Control UI: a page for browsers and its files, out of the directory that
//! `gateway.controlUi.root` names.
//!
//! They are the same for everyone and need no credential; whatever the page then does goes through
//! the WebSocket like any other client. [`bootstrap`] alone tells something about this gateway and
//! asks who is calling. A path that names no file is a place within the page, if a browser asks for
//! it; of the API's own paths the page gets none, so that a client with a typing error is told so in
//! JSON. What may be opened is decided in [`files`], what a browser may do with it in [`policy`].

mod bootstrap;
mod files;
mod page;
mod policy;
#[cfg(test)]
mod tests;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, LOCATION},
};

use super::error;
use crate::{
    domain::refusal::Refusal,
    service::{ControlUi, Service},
};
use files::{Accepted, Found};

/// What is never a place within the page.
const RESERVED: [&str; 6] = ["__openclaw__", "api", "doorward", "j", "tools", "v1"];

/// Whether a path belongs to the page, if there is one.
pub fn is_at(service: &Service, path: &str) -> bool {
    let ui = service.info().control_ui.as_ref();
    ui.and_then(|ui| within(ui, path)).is_some_and(|rest| !is_reserved(rest))
}

/// Answers a GET or HEAD that nothing else answers.
pub async fn serve(request: &HttpRequest, service: &Service) -> HttpResponse {
    let path = request.path();
    let ui = service.info().control_ui.as_ref();
    let Some((ui, rest)) = ui.and_then(|ui| Some((ui, within(ui, path)?))) else {
        return error::not_found("Not Found");
    };
    if !ui.base_path.is_empty() && path == ui.base_path {
        return to_the_page(ui, request.query_string());
    }
    if bootstrap::PATHS.contains(&rest) {
        return bootstrap::serve(request, service, ui).await;
    }
    if is_reserved(rest) {
        return error::not_found("Not Found");
    }
    let (root, rest) = (ui.root.clone(), rest.to_owned());
    let asks = (Accepted::of(request), wants_page(request));
    let found = actix_web::web::block(move || files::find(&root, &rest, asks.0, asks.1)).await;
    match found {
        Ok(Ok(Some(Found::File(file)))) => file.answer(request),
        Ok(Ok(Some(Found::Page(html)))) => page::answer(request, &html, &ui.base_path),
        Ok(Ok(None)) => error::not_found("Not Found"),
        Ok(Err(error)) => unreadable(&error.to_string()),
        Err(error) => unreadable(&error.to_string()),
    }
}

/// The part of a path that is the page's own, without its leading slash.
fn within<'p>(ui: &ControlUi, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(&ui.base_path)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn is_reserved(rest: &str) -> bool {
    RESERVED.contains(&rest.split('/').next().unwrap_or_default())
}

/// A browser resolves what the page names against its address, so that has to end with a slash.
fn to_the_page(ui: &ControlUi, query: &str) -> HttpResponse {
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let mut answer = HttpResponse::Found();
    answer.insert_header((LOCATION, format!("{}/{query}", ui.base_path)));
    policy::protect(&mut answer, &policy::plain()).finish()
}

/// Whether a path that names no file may be answered with the page: browsers ask so for what they
/// show, and programs do not.
fn wants_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT);
    accept.is_some_and(|accept| accept.as_bytes().windows(9).any(|part| part == b"text/html"))
}

/// The directory was fine at the start; the operator has to see why it is not any more.
fn unreadable(error: &str) -> HttpResponse {
    tracing::error!(error, "gateway.controlUi.root cannot be read");
    let reason = "the page cannot be read; the gateway's log says why";
    error::refused(&Refusal::Unavailable { reason, retry_after_ms: 5000 })
}
