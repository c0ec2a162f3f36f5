//! Server-sent events (WHATWG HTML, section 9.2), as OpenAI's streams use them.

use std::convert::Infallible;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Bytes,
};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::Value;

/// The end of every stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// A comment, which clients pass over.
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// One event. JSON has no line breaks of its own.
pub fn event(data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("what has text for keys always serialises");
    format!("data: {data}\n\n")
}

/// One event with its type for clients that listen by it.
pub fn typed(data: &Value) -> String {
    format!("event: {}\n{}", data["type"].as_str().unwrap_or_default(), event(data))
}

/// A stream that begins with `head`; `next` gives what follows, until there is nothing.
pub fn answer<T: 'static>(
    head: String,
    state: T,
    next: impl AsyncFn(&mut T) -> Option<String> + Copy + 'static,
) -> HttpResponse {
    let head = stream::iter([Ok::<_, Infallible>(Bytes::from(head))]);
    let rest = stream::unfold(state, move |mut state| async move {
        let text = next(&mut state).await?;
        Some((Ok(Bytes::from(text)), state))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .streaming(head.chain(rest))
}
