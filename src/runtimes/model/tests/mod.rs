//! The runtime against a scripted server: what it asks, and what it makes of what comes.

mod asking;
mod embedding;
mod failing;
mod listing;
mod server;

use std::time::Duration;

use futures_util::StreamExt as _;

use super::{Api, Models, Patience, Provider};
use crate::{
    domain::talk::{
        AgentId, Author, Delta, Failure, Message, Model, RunId, Sampling, Stop, ToolChoice, Usage,
    },
    runtimes::{Runtime as _, Turn},
    support::secret::Secret,
};
use server::{Server, Step, events};

const KEY: &str = "sk-very-secret-key";

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

fn provider(id: &str, url: &str, api: Api) -> Provider {
    Provider {
        id: id.into(),
        base_url: url.into(),
        api,
        key: Some(Secret::new(KEY.into())),
        headers: vec![],
        silence: LONG,
    }
}

fn model(provider: &str, name: &str) -> Model {
    Model { provider: provider.into(), name: name.into() }
}

/// Waits as short as can be.
fn patience() -> Patience {
    let backoff = Duration::from_millis(1);
    Patience { tries: 3, backoff, backoff_most: backoff, retry_after_most: Duration::from_secs(5) }
}

/// One model of one server.
fn one(server: &Server, api: Api) -> Models {
    Models::new(vec![model("box", "m")], vec![provider("box", &server.url, api)], patience())
}

fn turn(text: &str) -> Turn {
    Turn {
        run: RunId::parse("r").unwrap(),
        agent: AgentId::main(),
        session: None,
        messages: vec![Message::text(Author::User, text)],
        model: None,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        sampling: Sampling::default(),
    }
}

/// The whole answer.
async fn answer(models: &Models, turn: Turn) -> Vec<Result<Delta, Failure>> {
    models.answer(turn).collect().await
}

/// An answer that does not fail.
async fn good(models: &Models, turn: Turn) -> Vec<Delta> {
    answer(models, turn).await.into_iter().map(Result::unwrap).collect()
}

fn text(text: &str) -> Delta {
    Delta::Text(text.into())
}

fn said(content: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{content}"}}}}]}}"#)
}

const END: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;

/// A reply that is these words and no more.
fn words(content: &str) -> Vec<Step> {
    events(&[&said(content), END, "[DONE]"])
}

#[tokio::test]
async fn a_stream_is_given_on() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
    let first = r#"{"choices":[{"delta":{"role":"assistant","content":null}}],"usage":null}"#;
    let thought = r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#;
    let said = [said("Hel"), said("lo 🦉")];
    let all = [first, thought, &said[0], &said[1], END, usage, "[DONE]"];
    let mut slow = events(&all);
    slow.insert(4, Step::Wait(Duration::from_millis(30)));
    let server = Server::start(vec![events(&all), slow]).await;
    let models = one(&server, Api::OpenAi);
    for pace in ["fast", "slow"] {
        let expected = [
            Delta::Model(model("box", "m")),
            Delta::Reasoning("hm".into()),
            text("Hel"),
            text("lo 🦉"),
            Delta::Usage(Usage { input: 7, output: 2 }),
            Delta::End(Stop::Done),
        ];
        assert_eq!(good(&models, turn("hi")).await, expected, "{pace}");
    }
    assert_eq!((models.kind(), models.model().as_deref()), ("model", Some("box/m")));
}

#[tokio::test]
async fn why_it_ended_is_told() {
    for (reason, stop) in [
        ("stop", Stop::Done),
        ("length", Stop::Length),
        ("tool_calls", Stop::ToolCalls),
        ("content_filter", Stop::Filtered),
        ("eos", Stop::Done),
    ] {
        let end = END.replace("stop", reason);
        let server = Server::start(vec![events(&[&said("a"), &end])]).await;
        let deltas = good(&one(&server, Api::OpenAi), turn("hi")).await;
        // A connection that is closed after the reason is an end too.
        assert_eq!(deltas[1..], [text("a"), Delta::End(stop)], "{reason}");
    }
}

#[tokio::test]
async fn an_end_without_a_farewell_is_waited_for_only_briefly() {
    let mut reply = events(&[&said("a"), END]);
    reply.push(Step::Hang);
    let server = Server::start(vec![reply]).await;
    let mut own = provider("box", &server.url, Api::OpenAi);
    own.silence = Duration::from_millis(300);
    let models = Models::new(vec![model("box", "m")], vec![own], patience());
    assert_eq!(good(&models, turn("hi")).await[1..], [text("a"), Delta::End(Stop::Done)]);
}

#[tokio::test]
async fn tool_calls_are_put_together_from_fragments() {
    let piece = |index: u64, id: &str, name: &str, arguments: &str| {
        let function = serde_json::json!({"name": name, "arguments": arguments});
        let call = serde_json::json!({"index": index, "id": id, "function": function});
        serde_json::json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string()
    };
    let pieces = [
        piece(0, "a", "weather", ""),
        piece(0, "", "", "{\"city\":"),
        piece(1, "b", "time", "{}"),
        piece(0, "", "", "\"Köln\"}"),
    ];
    let end = END.replace("stop", "tool_calls");
    let all: Vec<&str> =
        pieces.iter().map(String::as_str).chain([end.as_str(), "[DONE]"]).collect();
    let server = Server::start(vec![events(&all)]).await;
    let deltas = good(&one(&server, Api::OpenAi), turn("hi")).await;
    let call = |id: &str, name: &str, arguments: &str| Delta::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    };
    let expected = [
        call("a", "weather", "{\"city\":\"Köln\"}"),
        call("b", "time", "{}"),
        Delta::End(Stop::ToolCalls),
    ];
    assert_eq!(deltas[1..], expected);
}

#[tokio::test]
async fn anthropics_messages_are_understood() {
    let all = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"time","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let server = Server::start(vec![events(&all)]).await;
    let deltas = good(&one(&server, Api::Anthropic), turn("hi")).await;
    let expected = [
        Delta::Model(model("box", "m")),
        Delta::Reasoning("hm".into()),
        text("Hello"),
        Delta::ToolCall { id: "t".into(), name: "time".into(), arguments: "{\"a\":1}".into() },
        Delta::Usage(Usage { input: 8, output: 9 }),
        Delta::End(Stop::ToolCalls),
    ];
    assert_eq!(deltas, expected);
}

#[tokio::test]
async fn dropping_the_answer_hangs_up() {
    let mut reply = events(&[&said("a")]);
    reply.push(Step::Hang);
    let mut server = Server::start(vec![reply, vec![Step::Hang]]).await;
    let models = one(&server, Api::OpenAi);
    let mut answer = models.answer(turn("hi"));
    while answer.next().await.unwrap().unwrap() != text("a") {}
    drop(answer);
    tokio::time::timeout(LONG, server.hung_up()).await.unwrap();
    // And before there was an answer at all.
    let mut answer = models.answer(turn("hi"));
    assert!(futures_util::poll!(answer.next()).is_pending());
    while server.asked().len() < 2 {
        assert!(futures_util::poll!(answer.next()).is_pending());
        tokio::task::yield_now().await;
    }
    drop(answer);
    tokio::time::timeout(LONG, server.hung_up()).await.unwrap();
}
