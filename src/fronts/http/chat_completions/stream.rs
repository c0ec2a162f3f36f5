//! The answer as server-sent events, as it comes.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Bytes,
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Named,
    whole::{tool_call, usage},
};
use crate::{
    domain::registry::session::Session,
    fronts::http::{
        error,
        hearing::{Hearing, Said},
    },
    service::{Asked, Ended, Heard, Service},
};

/// How long the status waits for the first word: what fails at once is told as an error and not as
/// a stream that holds one.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// The end of every stream.
const DONE: &str = "data: [DONE]\n\n";

/// A comment, which clients pass over.
const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// A stream on its way.
struct Events {
    hearing: Hearing,
    named: Named,
    with_usage: bool,
    calls: usize,
    /// What was heard while the status was being decided.
    first: Option<Said>,
    over: bool,
}

/// Answers with a stream, or with what failed before there was one.
pub async fn answer(
    asked: Asked,
    session: Session,
    service: Service,
    named: Named,
    with_usage: bool,
) -> HttpResponse {
    let mut hearing = Hearing::new(asked, session, service);
    let first = timeout(STATUS_PATIENCE, hearing.next()).await.ok();
    match first {
        Some(Said::Heard(Heard::Ended(Ended::Failed(failure), _))) => error::failed(&failure),
        Some(Said::Refused(refusal)) => error::refused(&refusal),
        first => {
            let events = Events { hearing, named, with_usage, calls: 0, first, over: false };
            let head = events.chunk(&json!({"role": "assistant", "content": ""}), Value::Null);
            let head = stream::iter([Ok::<_, Infallible>(Bytes::from(head))]);
            let rest = stream::unfold(events, |mut events| async {
                let text = events.next().await?;
                Some((Ok(Bytes::from(text)), events))
            });
            HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
                .insert_header((CACHE_CONTROL, "no-cache"))
                .streaming(futures_util::StreamExt::chain(head, rest))
        }
    }
}

impl Events {
    /// The next piece of text to send; `None` after the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.over {
                return None;
            }
            let said = match self.first.take() {
                Some(said) => said,
                None => self.hearing.next().await,
            };
            let text = match said {
                Said::Heard(heard) => self.heard(heard),
                Said::Quiet => KEEP_ALIVE.into(),
                Said::Refused(refusal) => self.end(&error::refused_midway(&refusal)),
            };
            if !text.is_empty() {
                return Some(text);
            }
        }
    }

    fn heard(&mut self, heard: Heard) -> String {
        match heard {
            Heard::Model(_) => String::new(),
            Heard::Text(text) => self.chunk(&json!({"content": text}), Value::Null),
            Heard::Reasoning(text) => self.chunk(&json!({"reasoning_content": text}), Value::Null),
            Heard::ToolCall { id, name, arguments } => {
                let mut call = tool_call(&id, &name, &arguments);
                call["index"] = self.calls.into();
                self.calls += 1;
                self.chunk(&json!({"tool_calls": [call]}), Value::Null)
            }
            Heard::Ended(Ended::Failed(failure), _) => self.end(&error::failed_midway(&failure)),
            Heard::Ended(Ended::Stopped(stop), used) => {
                self.over = true;
                let mut text = self.chunk(&json!({}), stop.finish_reason().into());
                if self.with_usage {
                    let mut last = self.object();
                    last["choices"] = json!([]);
                    last["usage"] = usage(used);
                    text.push_str(&event(&last));
                }
                text + DONE
            }
        }
    }

    fn end(&mut self, error: &Value) -> String {
        self.over = true;
        event(error) + DONE
    }

    fn chunk(&self, delta: &Value, finish_reason: Value) -> String {
        let mut chunk = self.object();
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
        event(&chunk)
    }

    fn object(&self) -> Value {
        json!({
            "id": self.named.id,
            "object": "chat.completion.chunk",
            "created": self.named.created,
            "model": self.named.model,
        })
    }
}

/// One event (WHATWG HTML, section 9.2). JSON has no line breaks of its own.
fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
