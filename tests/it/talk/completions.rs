//! `POST /v1/chat/completions`: what comes back, what is kept of it, and what is refused.

use serde_json::{Value, json};

use super::{PREFACE, events, post, says};
use crate::house::{Gateway, block_on, shared};

#[test]
fn a_question_is_answered_in_one_piece() {
    let gateway = Gateway::start("{}");
    let (status, body) =
        post(&gateway, &json!({"model": "openclaw", "messages": [says("hi")]}), &[]);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let message = json!({"role": "assistant", "content": format!("{PREFACE}hi")});
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    assert_eq!((&answer["object"], &answer["choices"]), (&json!("chat.completion"), &choices));
    assert_eq!(answer["model"], "openclaw");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl_"));
    let usage = &answer["usage"];
    assert_eq!(usage["prompt_tokens"], 1);
    let total =
        usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], total);
}

#[test]
fn a_stream_is_what_openai_clients_read() {
    let gateway = Gateway::start("{}");
    let ask = |more: Value| {
        let mut body = json!({"model": "doorward", "stream": true, "messages": [says("a b c")]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        events(&post(&gateway, &body, &[]).1)
    };
    for (more, with_usage) in
        [(json!({}), false), (json!({"stream_options": {"include_usage": true}}), true)]
    {
        let mut events = ask(more);
        assert_eq!(events.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<Value> =
            events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
        assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let words = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str());
        assert_eq!(words.collect::<String>(), format!("{PREFACE}a b c"));
        let finished = chunks.iter().filter(|c| c["choices"][0]["finish_reason"] == "stop").count();
        assert_eq!(finished, 1);
        let last = chunks.last().unwrap();
        assert_eq!(last["usage"].is_object(), with_usage, "{last}");
        assert_eq!(last["choices"] == json!([]), with_usage);
    }
}

/// The sessions there are, with their entries.
fn kept(gateway: &Gateway) -> Vec<(String, Vec<String>)> {
    use doorward::fronts::cli::client;
    block_on(async {
        let mut session =
            client::connect(&gateway.url(), &shared(&["operator.read"])).await.unwrap();
        let listed = session.request("sessions.list", json!({})).await.unwrap();
        let mut kept = Vec::new();
        for row in listed["sessions"].as_array().unwrap() {
            let page = session.request("chat.history", json!({"sessionKey": row["key"]})).await;
            let said = page.unwrap()["messages"].as_array().unwrap().iter().map(words).collect();
            kept.push((row["key"].as_str().unwrap().to_owned(), said));
        }
        kept
    })
}

fn words(message: &Value) -> String {
    let content = &message["content"];
    content.as_str().or(content[0]["text"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_question_alone_is_not_kept_and_a_conversation_is() {
    let gateway = Gateway::start("{}");
    let alone = json!({"model": "openclaw", "messages": [says("secret")]});
    assert_eq!(post(&gateway, &alone, &[]).0, 200);
    assert_eq!(kept(&gateway), []);
    let echo = |text| format!("{PREFACE}{text}");
    // Clients send the whole conversation again with each turn; it is kept once.
    let mut messages = vec![json!({"role": "system", "content": "be brief"}), says("one")];
    for text in ["one", "two", "three"] {
        let body = json!({"model": "openclaw", "user": "me", "messages": messages});
        let (status, body) = post(&gateway, &body, &[]);
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &answer["choices"][0]["message"]["content"]),
            (200, &json!(echo(text)))
        );
        messages.push(answer["choices"][0]["message"].clone());
        messages.push(says(if text == "one" { "two" } else { "three" }));
    }
    let said: Vec<_> =
        ["one", "two", "three"].iter().flat_map(|t| [(*t).into(), echo(t)]).collect();
    assert_eq!(kept(&gateway), [("agent:main:openai-user:me".to_owned(), said)]);
    let key = "X-OpenClaw-Session-Key: app:7";
    assert_eq!(post(&gateway, &alone, &[key]).0, 200);
    assert_eq!(kept(&gateway)[0].0, "agent:main:app:7");
}

#[test]
fn what_is_asked_for_has_limits() {
    let gateway = Gateway::start("{}");
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let named = |name| json!({"type": "function", "function": {"name": name}});
    let image = |url: &str| json!([{"type": "image_url", "image_url": {"url": url}}]);
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    for (more, status, says_so) in [
        (
            json!({"temperature": 2, "top_p": 1, "seed": -3, "max_tokens": 1, "stop": ["a"]}),
            200,
            "",
        ),
        (json!({"temperature": null, "stop": null, "tool_choice": null, "seed": null}), 200, ""),
        (json!({"tools": [tool], "tool_choice": named("f")}), 200, ""),
        (json!({"tools": [tool], "tool_choice": "required"}), 200, ""),
        (json!({"model": "agent:main", "logit_bias": {}, "anything": 1}), 200, ""),
        (json!({"temperature": 2.1}), 400, "`temperature` must be a number from 0 to 2."),
        (json!({"temperature": "hot"}), 400, "`temperature`"),
        (json!({"top_p": -0.1}), 400, "`top_p`"),
        (json!({"frequency_penalty": 3}), 400, "`frequency_penalty`"),
        (json!({"presence_penalty": -3}), 400, "`presence_penalty`"),
        (json!({"seed": 1.5}), 400, "`seed`"),
        (json!({"max_tokens": 0}), 400, "`max_tokens`"),
        (json!({"max_completion_tokens": -1}), 400, "`max_completion_tokens`"),
        (json!({"max_completion_tokens": 5, "max_tokens": "x"}), 400, "`max_tokens`"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), 400, "`stop`"),
        (json!({"stop": [""]}), 400, "`stop`"),
        (json!({"stop": 7}), 400, "`stop`"),
        (json!({"n": 2}), 400, "`n` must be 1."),
        (json!({"tools": [{"type": "custom"}]}), 400, "`tools`"),
        (json!({"tools": vec![tool.clone(); 129]}), 400, "Too many tools"),
        (json!({"tools": [tool], "tool_choice": named("g")}), 400, "not in `tools`"),
        (json!({"tool_choice": "required"}), 400, "Invalid `tool_choice`"),
        (json!({"tool_choice": "allowed_tools"}), 400, "Invalid `tool_choice`"),
        (
            json!({"model": "gpt-4"}),
            400,
            "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.",
        ),
        (json!({"model": "openclaw/nope"}), 400, "Unknown agent"),
        (
            json!({"messages": [{"role": "user", "content": image("http://x/y.png")}]}),
            400,
            "data: URL",
        ),
        (
            json!({"messages": [{"role": "user", "content": image("data:text/plain;base64,AAAA")}]}),
            400,
            "data: URL",
        ),
        (
            json!({"messages": [{"role": "user", "content": image("data:image/png;base64,A")}]}),
            400,
            "not base64",
        ),
        (json!({"messages": [{"role": "user", "content": vec![picture.clone(); 8]}]}), 200, ""),
        (
            json!({"messages": [{"role": "user", "content": vec![picture.clone(); 9]}]}),
            400,
            "Too many images",
        ),
        (json!({"messages": [{"role": "king", "content": "x"}]}), 400, "Invalid role 'king'."),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
            400,
            "'input_audio'",
        ),
    ] {
        let mut body = json!({"model": "openclaw", "messages": [says("hi")]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (got, answer) = post(&gateway, &body, &[]);
        assert_eq!(got, status, "{more}: {answer}");
        assert!(answer.contains(says_so), "{more}: {answer}");
        assert!(status == 200 || answer.contains(r#""type":"invalid_request_error""#), "{answer}");
    }
    for (header, says_so) in [
        ("X-OpenClaw-Session-Key: cron:1", "reserved internal session namespaces"),
        ("X-OpenClaw-Session-Key: agent:main:subagent:1", "reserved internal session namespaces"),
        ("X-OpenClaw-Session-Key: agent:main", "Invalid session key."),
        ("X-OpenClaw-Agent-Id: nope", "Unknown agent"),
        ("X-OpenClaw-Agent-Id: -", "Unknown agent '-'"),
    ] {
        let (status, answer) = post(&gateway, &json!({"messages": [says("hi")]}), &[header]);
        assert_eq!(status, 400, "{header}: {answer}");
        assert!(answer.contains(says_so), "{header}: {answer}");
    }
}
