//! What an agent says, as the items of a response and the events that tell of them.
//!
//! An item is announced, grows, and is done; the words between two calls of tools are one message.
//! What a model thinks is no part of a response.

use serde_json::{Value, json};

use crate::{
    domain::talk::{Stop, Usage},
    fronts::http::error,
    service::{Ended, Heard},
    support::entropy,
};

/// A response on its way.
pub struct Output {
    /// The response as it is: `output` holds what is done.
    response: Value,
    /// The message that is being said: its id and its words.
    open: Option<(String, String)>,
    events: Vec<Value>,
    /// How many events there were.
    sequence: u64,
    over: bool,
}

impl Output {
    /// Nothing yet. `response` is what it says of itself from the first event on.
    pub fn new(mut response: Value) -> Self {
        response["status"] = "in_progress".into();
        response["output"] = json!([]);
        response["error"] = Value::Null;
        response["incomplete_details"] = Value::Null;
        response["usage"] = Value::Null;
        Self { response, open: None, events: Vec::new(), sequence: 0, over: false }
    }

    /// The first events.
    pub fn begin(&mut self) -> Vec<Value> {
        let response = self.response.clone();
        self.tell("response.created", json!({"response": response}));
        self.tell("response.in_progress", json!({"response": response}));
        std::mem::take(&mut self.events)
    }

    /// The whole of it, after its end.
    pub fn over(&self) -> Option<&Value> {
        self.over.then_some(&self.response)
    }

    /// Takes in what was heard; gives the events that tell of it.
    pub fn heard(&mut self, heard: Heard) -> Vec<Value> {
        match heard {
            Heard::Model(_) | Heard::Reasoning(_) => {}
            Heard::Text(text) => self.says(&text),
            Heard::ToolCall { id, name, arguments } => {
                self.close("completed");
                self.calls(&id, &name, &arguments);
            }
            Heard::Ended(Ended::Failed(failure), _) => {
                return self.failed(error::failed_midway(&failure)["error"].take());
            }
            Heard::Ended(Ended::Stopped(stop), used) => self.end(stop, used),
        }
        std::mem::take(&mut self.events)
    }

    /// Ends it with an error; gives the events that tell of it.
    pub fn failed(&mut self, error: Value) -> Vec<Value> {
        self.close("incomplete");
        self.response["error"] = error;
        self.finish("failed");
        std::mem::take(&mut self.events)
    }

    fn says(&mut self, delta: &str) {
        let index = self.index();
        if self.open.is_none() {
            let id = format!("msg_{}", entropy::uuid());
            let item = message(&id, "in_progress", &[]);
            let at = json!({"item_id": id, "output_index": index, "content_index": 0});
            self.tell("response.output_item.added", json!({"output_index": index, "item": item}));
            self.tell("response.content_part.added", with(&at, "part", part("")));
            self.open = Some((id, String::new()));
        }
        let Some((id, words)) = &mut self.open else { return };
        words.push_str(delta);
        let at = json!({"item_id": id, "output_index": index, "content_index": 0, "logprobs": []});
        self.tell("response.output_text.delta", with(&at, "delta", delta.into()));
    }

    /// Ends the message that is being said, if there is one.
    fn close(&mut self, status: &str) {
        let Some((id, words)) = self.open.take() else { return };
        let index = self.index();
        let at = json!({"item_id": id, "output_index": index, "content_index": 0});
        let text = with(&at, "logprobs", json!([]));
        self.tell("response.output_text.done", with(&text, "text", words.as_str().into()));
        self.tell("response.content_part.done", with(&at, "part", part(&words)));
        self.add(message(&id, status, &[part(&words)]));
    }

    fn calls(&mut self, call: &str, name: &str, arguments: &str) {
        let (id, index) = (format!("fc_{}", entropy::uuid()), self.index());
        let item = |status: &str, arguments: &str| {
            json!({
                "type": "function_call",
                "id": id,
                "call_id": call,
                "name": name,
                "arguments": arguments,
                "status": status,
            })
        };
        let begun = json!({"output_index": index, "item": item("in_progress", "")});
        self.tell("response.output_item.added", begun);
        let at = json!({"item_id": id, "output_index": index});
        let delta = with(&at, "delta", arguments.into());
        self.tell("response.function_call_arguments.delta", delta);
        let done = with(&with(&at, "name", name.into()), "arguments", arguments.into());
        self.tell("response.function_call_arguments.done", done);
        self.add(item("completed", arguments));
    }

    fn end(&mut self, stop: Stop, used: Usage) {
        let reason = match stop {
            Stop::Done | Stop::ToolCalls => None,
            Stop::Length => Some("max_output_tokens"),
            Stop::Filtered => Some("content_filter"),
            Stop::Aborted => Some("aborted"),
        };
        let status = if reason.is_some() { "incomplete" } else { "completed" };
        self.close(status);
        if let Some(reason) = reason {
            self.response["incomplete_details"] = json!({"reason": reason});
        }
        self.response["usage"] = usage(used);
        self.finish(status);
    }

    /// An item is done.
    fn add(&mut self, item: Value) {
        let index = self.index();
        if let Some(output) = self.response["output"].as_array_mut() {
            output.push(item.clone());
        }
        self.tell("response.output_item.done", json!({"output_index": index, "item": item}));
    }

    fn finish(&mut self, status: &str) {
        self.response["status"] = status.into();
        self.over = true;
        let response = self.response.clone();
        self.tell(&format!("response.{status}"), json!({"response": response}));
    }

    /// The place of the next item.
    fn index(&self) -> usize {
        self.response["output"].as_array().map_or(0, Vec::len)
    }

    fn tell(&mut self, kind: &str, mut event: Value) {
        event["type"] = kind.into();
        event["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        self.events.push(event);
    }
}

fn with(event: &Value, key: &str, value: Value) -> Value {
    let mut event = event.clone();
    event[key] = value;
    event
}

fn message(id: &str, status: &str, content: &[Value]) -> Value {
    json!({
        "type": "message",
        "id": id,
        "role": "assistant",
        "status": status,
        "content": content,
    })
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// Tokens as OpenAI counts them here. Clients read the details without a look whether they are
/// there; nothing is counted apart.
fn usage(used: Usage) -> Value {
    json!({
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.total(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::talk::Failure;

    fn text(words: &str) -> Heard {
        Heard::Text(words.into())
    }

    fn call() -> Heard {
        Heard::ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{\"a\":1}".into() }
    }

    fn ended(stop: Stop) -> Heard {
        Heard::Ended(Ended::Stopped(stop), Usage { input: 2, output: 3 })
    }

    /// Events without `response.`, with the place of their item.
    fn told(output: &mut Output, heard: Heard) -> Vec<String> {
        let short = |event: &Value| {
            let kind = event["type"].as_str().unwrap().trim_start_matches("response.").to_owned();
            event["output_index"].as_u64().map_or(kind.clone(), |at| format!("{at} {kind}"))
        };
        output.heard(heard).iter().map(short).collect()
    }

    #[test]
    fn items_are_announced_and_done_one_after_another() {
        let mut output = Output::new(json!({}));
        let begun = ["0 output_item.added", "0 content_part.added", "0 output_text.delta"];
        assert_eq!(told(&mut output, text("a")), begun);
        assert_eq!(told(&mut output, text("b")), ["0 output_text.delta"]);
        assert_eq!(told(&mut output, Heard::Reasoning("hm".into())), [""; 0]);
        let expected = [
            "0 output_text.done",
            "0 content_part.done",
            "0 output_item.done",
            "1 output_item.added",
            "1 function_call_arguments.delta",
            "1 function_call_arguments.done",
            "1 output_item.done",
        ];
        assert_eq!(told(&mut output, call()), expected);
        assert!(output.over().is_none());
        assert_eq!(told(&mut output, ended(Stop::ToolCalls)), ["completed"]);
        let response = output.over().unwrap();
        assert_eq!(response["output"][0]["content"][0]["text"], "ab");
        let call = &response["output"][1];
        let said = ["type", "call_id", "name", "arguments", "status"].map(|key| &call[key]);
        assert_eq!(said, ["function_call", "call_1", "f", "{\"a\":1}", "completed"]);
        assert_eq!(response["usage"]["total_tokens"], 5);
    }

    #[test]
    fn an_end_that_is_none_says_why() {
        for (stop, reason) in [
            (Stop::Length, "max_output_tokens"),
            (Stop::Filtered, "content_filter"),
            (Stop::Aborted, "aborted"),
        ] {
            let mut output = Output::new(json!({}));
            output.heard(text("a"));
            assert_eq!(told(&mut output, ended(stop)).last().unwrap(), "incomplete");
            let response = output.over().unwrap();
            assert_eq!(response["status"], "incomplete");
            assert_eq!(response["incomplete_details"], json!({"reason": reason}));
            assert_eq!(response["output"][0]["status"], "incomplete");
        }
    }

    #[test]
    fn what_fails_midway_keeps_what_was_said() {
        let mut output = Output::new(json!({}));
        output.heard(text("a"));
        let failed = Heard::Ended(Ended::Failed(Failure::Broken("cut".into())), Usage::default());
        assert_eq!(told(&mut output, failed).last().unwrap(), "failed");
        let response = output.over().unwrap();
        assert_eq!(response["status"], "failed");
        assert_eq!(response["error"]["code"], "AGENT_BROKEN_ANSWER");
        assert_eq!(response["output"][0]["content"][0]["text"], "a");
    }
}
