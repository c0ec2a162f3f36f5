//! What is sent.

use serde_json::{Value, json};

use super::{
    Api, KEY, Secret, Server, answer, good, model, one, patience, provider, server::events, turn,
    words,
};
use crate::{
    domain::talk::{Author, Message, Part, Sampling, Tool, ToolChoice},
    runtimes::{Turn, model::Models},
};

/// A turn with everything in it.
fn full() -> Turn {
    let tool_call = |id: &str| Part::ToolCall {
        id: id.into(),
        name: "time".into(),
        arguments: "{\"zone\":\"CET\"}".into(),
    };
    let result = |id: &str| Part::ToolResult { call: id.into(), content: "noon".into() };
    let image = Part::Image { mime: "image/png".into(), base64: "AAAA".into() };
    let of = |author, parts| Message { author, parts };
    let parameters = Some("{\"type\":\"object\",\"properties\":{}}".to_owned());
    let description = Some("tells the time".to_owned());
    Turn {
        messages: vec![
            Message::text(Author::System, "Be brief."),
            Message::text(Author::User, "hi"),
            of(Author::Assistant, vec![Part::Text("well".into()), tool_call("a"), tool_call("b")]),
            of(Author::Tool, vec![result("a"), result("b")]),
            of(Author::User, vec![Part::Text("and this?".into()), image]),
        ],
        tools: vec![
            Tool { name: "time".into(), description, parameters },
            Tool { name: "bare".into(), description: None, parameters: None },
        ],
        tool_choice: ToolChoice::Named("time".into()),
        sampling: Sampling {
            max_tokens: Some(9),
            temperature: Some(1.5),
            top_p: Some(0.5),
            frequency_penalty: Some(-1.0),
            presence_penalty: Some(2.0),
            seed: Some(-7),
            stop: vec!["END".into()],
        },
        ..turn("")
    }
}

#[tokio::test]
async fn everything_is_passed_on_to_openai() {
    let server = Server::start(vec![words("a")]).await;
    answer(&one(&server, Api::OpenAi), full()).await;
    let asked = server.asked().remove(0);
    assert!(asked.head.starts_with("post /v1/chat/completions http/1.1"), "{}", asked.head);
    assert!(asked.head.contains(&format!("authorization: bearer {KEY}")), "{}", asked.head);
    let call = |id: &str| {
        let function = json!({"name": "time", "arguments": "{\"zone\":\"CET\"}"});
        json!({"id": id, "type": "function", "function": function})
    };
    let url = json!({"url": "data:image/png;base64,AAAA"});
    let time = json!({
        "name": "time", "description": "tells the time",
        "parameters": {"type": "object", "properties": {}},
    });
    let expected = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "well", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": "noon"},
            {"role": "tool", "tool_call_id": "b", "content": "noon"},
            {"role": "user", "content": [
                {"type": "text", "text": "and this?"}, {"type": "image_url", "image_url": url},
            ]},
        ],
        "tools": [
            {"type": "function", "function": time},
            {"type": "function", "function": {"name": "bare"}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "time"}},
        "max_tokens": 9, "temperature": 1.5, "top_p": 0.5, "frequency_penalty": -1.0,
        "presence_penalty": 2.0, "seed": -7, "stop": ["END"],
    });
    assert_eq!(asked.body, expected);
    let openai = super::super::openai::request("https://api.openai.com/v1", "m", &full()).unwrap();
    assert_eq!(
        (&openai["max_completion_tokens"], &openai["max_tokens"]),
        (&json!(9), &Value::Null)
    );
}

#[tokio::test]
async fn everything_they_know_is_passed_on_to_anthropic() {
    let server = Server::start(vec![events(&[r#"{"type":"message_stop"}"#])]).await;
    answer(&one(&server, Api::Anthropic), full()).await;
    let asked = server.asked().remove(0);
    assert!(asked.head.starts_with("post /v1/messages http/1.1"), "{}", asked.head);
    assert!(asked.head.contains(&format!("x-api-key: {KEY}")), "{}", asked.head);
    assert!(asked.head.contains("anthropic-version: 2023-06-01"), "{}", asked.head);
    let call =
        |id: &str| json!({"type": "tool_use", "id": id, "name": "time", "input": {"zone": "CET"}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "noon"});
    let image = json!({"type": "base64", "media_type": "image/png", "data": "AAAA"});
    let expected = json!({
        "model": "m", "stream": true, "max_tokens": 9, "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "well"}, call("a"), call("b")]},
            {"role": "user", "content": [
                result("a"), result("b"), {"type": "text", "text": "and this?"},
                {"type": "image", "source": image},
            ]},
        ],
        "tools": [
            {"name": "time", "description": "tells the time",
             "input_schema": {"type": "object", "properties": {}}},
            {"name": "bare", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "tool", "name": "time"},
        "temperature": 1.0, "top_p": 0.5, "stop_sequences": ["END"],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn what_is_not_said_is_not_sent() {
    let server = Server::start(vec![words("a")]).await;
    let mut own = provider("box", &server.url, Api::OpenAi);
    own.key = None;
    own.headers = vec![("x-tenant".into(), Secret::new("t1".into()))];
    let models = Models::new(vec![model("box", "m")], vec![own], patience());
    answer(&models, Turn { tool_choice: ToolChoice::Required, ..turn("hi") }).await;
    let asked = server.asked().remove(0);
    assert!(!asked.head.contains("authorization"), "{}", asked.head);
    assert!(asked.head.contains("x-tenant: t1"), "{}", asked.head);
    let expected = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hi"}],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn a_turn_may_name_its_model() {
    let a = Server::start((0..3).map(|_| words("a")).collect()).await;
    let b = Server::start((0..1).map(|_| words("b")).collect()).await;
    let providers = vec![provider("a", &a.url, Api::OpenAi), provider("b", &b.url, Api::OpenAi)];
    let models = Models::new(vec![model("a", "m-high"), model("b", "n")], providers, patience());
    for (named, server, expected) in [
        (None, &a, "m-high"),
        (Some("other"), &a, "other"),
        (Some("b/x/y"), &b, "x/y"),
        (Some("qwen/q:8b"), &a, "qwen/q:8b"),
    ] {
        good(&models, Turn { model: named.map(str::to_owned), ..turn("hi") }).await;
        let asked = server.asked();
        assert_eq!(asked.last().unwrap().body["model"], expected, "{named:?}");
    }
    assert_eq!((a.asked().len(), b.asked().len()), (3, 1));
}
