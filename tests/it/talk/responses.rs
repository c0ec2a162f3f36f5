//! `POST /v1/responses`: the answer, its stream event by event, and what is refused.

use serde_json::{Value, json};

use super::{PREFACE, events, post_to};
use crate::house::Gateway;

const PATH: &str = "/v1/responses";

fn post(gateway: &Gateway, body: &Value, headers: &[&str]) -> (u16, Value) {
    let (status, body) = post_to(gateway, PATH, body, headers);
    (status, serde_json::from_str(&body).unwrap())
}

/// The one message of a response, without its id.
fn message(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    json!({"type": "message", "role": "assistant", "status": "completed", "content": [part]})
}

fn without_id(mut item: Value) -> Value {
    let id = item.as_object_mut().unwrap().remove("id").unwrap();
    assert!(id.as_str().unwrap().starts_with("msg_"));
    item
}

#[test]
fn a_question_is_answered_in_one_piece() {
    let gateway = Gateway::start("{}");
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
    let body = json!({
        "model": "openclaw/main", "input": "hi", "instructions": "be brief", "tools": [tool],
        "temperature": 1, "metadata": {"a": "b"},
    });
    let (status, mut answer) = post(&gateway, &body, &[]);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["id"].as_str().unwrap().starts_with("resp_"));
    assert!(answer["created_at"].as_u64().unwrap() > 1_700_000_000);
    let output: Vec<_> =
        answer["output"].as_array().unwrap().iter().cloned().map(without_id).collect();
    assert_eq!(output, [message(&format!("{PREFACE}hi"))]);
    let usage = answer["usage"].take();
    // The echo counts words: its instructions are two of them.
    assert_eq!(usage["input_tokens"], 3);
    let total = usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], total);
    for (field, expected) in [
        ("object", json!("response")),
        ("status", json!("completed")),
        ("model", json!("openclaw/main")),
        ("instructions", json!("be brief")),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("temperature", json!(1)),
        ("metadata", json!({"a": "b"})),
        ("tool_choice", json!("auto")),
    ] {
        assert_eq!(answer[field], expected, "{field}");
    }
    assert_eq!(answer["tools"][0]["parameters"], json!({"type": "object"}));
}

/// Event by event: what each is called, how they are numbered, and that they add up.
#[test]
fn a_stream_is_what_openai_clients_read() {
    let gateway = Gateway::start("{}");
    let body = json!({"model": "openclaw", "stream": true, "input": "a b"});
    let (status, text) = post_to(&gateway, PATH, &body, &[]);
    assert_eq!(status, 200);
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let mut data = events(&text);
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    let told: Vec<Value> = data.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert!(told.iter().map(|event| event["type"].as_str().unwrap()).eq(names.iter().copied()));
    let numbers = told.iter().map(|event| event["sequence_number"].as_u64().unwrap());
    assert!(numbers.eq(0..told.len() as u64));
    let mut kinds = names.clone();
    kinds.dedup();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds, expected.map(|kind| format!("response.{kind}")));
    let of = |kind: &'static str| told.iter().filter(move |event| event["type"] == kind);
    let words: String =
        of("response.output_text.delta").map(|event| event["delta"].as_str().unwrap()).collect();
    let said = format!("{PREFACE}a b");
    assert_eq!(words, said);
    assert_eq!(of("response.output_text.done").next().unwrap()["text"], said);
    let done = &of("response.output_item.done").next().unwrap()["item"];
    assert_eq!(without_id(done.clone()), message(&said));
    let of_the_item = told.iter().filter(|event| event.get("item_id").is_some());
    assert!(of_the_item.clone().count() > 3);
    assert!(of_the_item.into_iter().all(|event| event["item_id"] == done["id"]));
    let begun = &told[0]["response"];
    let ended = &told.last().unwrap()["response"];
    assert_eq!((&begun["status"], &begun["output"]), (&json!("in_progress"), &json!([])));
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!([done])));
    assert_eq!(begun["id"], ended["id"]);
    assert!(ended["usage"]["output_tokens"].as_u64().unwrap() > 2);
}

#[test]
fn input_row_by_row() {
    let gateway = Gateway::start("{}");
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let echo = |text: &str| Ok(format!("{PREFACE}{text}"));
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"});
    let source = json!({"type": "base64", "media_type": "image/png", "data": "AAAA"});
    let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"});
    let result = json!({"type": "function_call_output", "call_id": "1", "output": ""});
    let missing = || Err("Missing user message in `input`.");
    for (more, expected) in [
        (json!({"input": "x"}), echo("x")),
        (json!({"input": user(json!("x"))}), echo("x")),
        (json!({"input": user(json!([{"type": "input_text", "text": "x"}]))}), echo("x")),
        (json!({"input": user(json!([picture]))}), echo("")),
        (json!({"input": user(json!([{"type": "input_image", "source": source}]))}), echo("")),
        (json!({"input": [{"type": "reasoning", "id": "r", "summary": []}, result]}), echo("")),
        (json!({"input": [{"role": "user", "content": "x"}, call, result]}), echo("x")),
        (
            json!({"input": [{"role": "developer", "content": "y"}, {"role": "user", "content": "x"}]}),
            echo("x"),
        ),
        (json!({"input": "x", "previous_response_id": "r", "user": "me"}), echo("x")),
        (json!({"input": "x", "max_output_tokens": 9, "top_p": 0.5, "store": false}), echo("x")),
        (
            json!({"input": "x", "tools": [{"type": "function", "name": "f"}],
                   "tool_choice": {"type": "function", "name": "f"}}),
            echo("x"),
        ),
        (json!({"input": " "}), missing()),
        (json!({"input": []}), missing()),
        (json!({"input": [call]}), missing()),
        (json!({}), Err("Invalid JSON body: missing field `input`")),
        (json!({"input": 7}), Err("Invalid JSON body")),
        (json!({"input": [{"role": "tool", "content": "x"}]}), Err("Invalid role 'tool'.")),
        (
            json!({"input": [{"type": "web_search_call"}]}),
            Err("Unsupported item 'web_search_call'"),
        ),
        (
            json!({"input": user(json!([{"type": "input_file"}]))}),
            Err("Unsupported content part 'input_file'."),
        ),
        (
            json!({"input": user(json!([{"type": "input_image", "image_url": "https://x/y.png"}]))}),
            Err("`image_url` must be a data: URL"),
        ),
        (json!({"input": user(json!(vec![picture.clone(); 9]))}), Err("Too many images")),
        (json!({"input": "x", "previous_response_id": "r"}), Err("`previous_response_id` needs")),
        (json!({"input": "x", "temperature": 3}), Err("`temperature`")),
        (json!({"input": "x", "top_p": 2}), Err("`top_p`")),
        (json!({"input": "x", "max_output_tokens": 0}), Err("`max_output_tokens`")),
        (json!({"input": "x", "tools": [{"type": "web_search"}]}), Err("`tools` must hold")),
        (
            json!({"input": "x", "tool_choice": {"type": "function", "name": "g"}}),
            Err("`tool_choice` names a tool that is not in `tools`."),
        ),
        (json!({"input": "x", "model": "gpt-5"}), Err("Invalid `model`.")),
        (json!({"input": "x", "model": "openclaw/nope"}), Err("Unknown agent.")),
    ] {
        let (status, answer) = post(&gateway, &more, &[]);
        match expected {
            Ok(text) => {
                assert_eq!(status, 200, "{more:.200}: {answer}");
                assert_eq!(answer["output"][0]["content"][0]["text"], text, "{more:.200}");
            }
            Err(message) => {
                let said = answer["error"]["message"].as_str().unwrap();
                assert_eq!(answer["error"]["type"], "invalid_request_error", "{more:.200}");
                assert_eq!(status, 400, "{more:.200}: {said}");
                assert!(said.starts_with(message), "{more:.200}: {said}");
            }
        }
    }
}

/// It is a call like a completion: the same scope, switched off by itself.
#[test]
fn who_may_and_where_it_is_not() {
    let gateway = Gateway::start("{}");
    let hi = json!({"input": "hi"});
    let (status, answer) = post(&gateway, &hi, &["X-OpenClaw-Scopes: operator.read"]);
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("MISSING_SCOPE")));
    assert_eq!(post(&gateway, &hi, &["X-OpenClaw-Session-Key: cron:1"]).0, 400);
    let off = "{gateway: {http: {endpoints: {responses: {enabled: false}}}}}";
    let gateway = Gateway::start(off);
    let (status, answer) = post(&gateway, &hi, &[]);
    assert_eq!((status, &answer["error"]["type"]), (404, &json!("not_found")));
}
