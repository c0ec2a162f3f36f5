//! The answer as server-sent events, as it comes.

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Named,
    whole::{tool_call, usage},
};
use crate::{
    fronts::http::{
        error,
        hearing::{Hearing, Said},
        sse::{self, DONE, KEEP_ALIVE},
    },
    service::{Ended, Heard},
};

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
pub async fn answer(mut hearing: Hearing, named: Named, with_usage: bool) -> HttpResponse {
    let first = match hearing.first().await {
        Ok(first) => first,
        Err(no) => return no,
    };
    let events = Events { hearing, named, with_usage, calls: 0, first, over: false };
    let head = events.chunk(json!({"role": "assistant", "content": ""}), None);
    sse::answer(head, events, async |events| events.next().await)
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
            Heard::Text(text) => {
                self.chunk(Words { content: Some(&text), ..Words::default() }, None)
            }
            Heard::Reasoning(text) => {
                self.chunk(Words { reasoning_content: Some(&text), ..Words::default() }, None)
            }
            Heard::ToolCall { id, name, arguments } => {
                let mut call = tool_call(&id, &name, &arguments);
                call["index"] = self.calls.into();
                self.calls += 1;
                self.chunk(json!({"tool_calls": [call]}), None)
            }
            Heard::Ended(Ended::Failed(failure), _) => self.end(&error::failed_midway(&failure)),
            Heard::Ended(Ended::Stopped(stop), used) => {
                self.over = true;
                let mut text = self.chunk(Words::default(), Some(stop.finish_reason()));
                if self.with_usage {
                    let none: [(); 0] = [];
                    text.push_str(&sse::event(&self.object(none, Some(usage(used)))));
                }
                text + DONE
            }
        }
    }

    fn end(&mut self, error: &Value) -> String {
        self.over = true;
        sse::event(error) + DONE
    }

    fn chunk(&self, delta: impl Serialize, finish_reason: Option<&'static str>) -> String {
        sse::event(&self.object([Choice { index: 0, delta, finish_reason }], None))
    }

    fn object<T>(&self, choices: T, usage: Option<Value>) -> Chunk<'_, T> {
        Chunk {
            id: &self.named.id,
            object: "chat.completion.chunk",
            created: self.named.created,
            model: &self.named.model,
            choices,
            usage,
        }
    }
}

/// One event's data. Written for every word of every answer, so without a tree of values between.
#[derive(Serialize)]
struct Chunk<'a, T> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Choice<T> {
    index: u8,
    delta: T,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Words<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
}
