//! What goes wrong, and what is tried then.

use std::time::Duration;

use super::{
    Api, KEY, Server, Step, answer, events, good, model, one, patience, provider, said,
    server::refusal, text, turn, words,
};
use crate::{
    domain::talk::{Delta, Failure, Stop, Tool, ToolChoice},
    runtimes::{Turn, limits::SAID_CHARS, model::Models},
};

/// The one failure of an answer that gives nothing.
async fn failure(models: &Models) -> Failure {
    let mut answer = answer(models, turn("hi")).await;
    assert_eq!(answer.len(), 1, "{answer:?}");
    answer.remove(0).unwrap_err()
}

#[tokio::test]
async fn refusals_are_understood_and_not_repeated() {
    let body = format!("{{\"error\":{{\"message\":\"no\\n {KEY} way\",\"type\":\"x\"}}}}");
    let said = || "no … way".to_owned();
    let rejected = |status| Failure::Rejected { status: Some(status), said: said() };
    for (status, expected) in [
        ("401 Unauthorized", Failure::Credentials(said())),
        ("403 Forbidden", Failure::Credentials(said())),
        ("400 Bad Request", rejected(400)),
        ("404 Not Found", rejected(404)),
        ("302 Found", rejected(302)),
    ] {
        let server = Server::start(vec![refusal(status, "location: /x\r\n", &body)]).await;
        assert_eq!(failure(&one(&server, Api::OpenAi)).await, expected, "{status}");
        assert_eq!(server.asked().len(), 1, "{status}");
    }
    for (body, expected) in [
        ("{\"error\":\"plain\"}", "plain"),
        ("{\"message\":\"whole\"}", "whole"),
        ("not json", "not json"),
        ("", ""),
    ] {
        let server = Server::start(vec![refusal("400 Bad Request", "", body)]).await;
        let expected = Failure::Rejected { status: Some(400), said: expected.into() };
        assert_eq!(failure(&one(&server, Api::OpenAi)).await, expected, "{body}");
    }
    // A key at the place of the cut does not leave a part of itself.
    let long = format!("{}{KEY}", "x".repeat(SAID_CHARS - 4));
    let server = Server::start(vec![refusal("400 Bad Request", "", &long)]).await;
    let told = failure(&one(&server, Api::OpenAi)).await.message();
    assert!(!told.contains("sk-") && told.ends_with('…'), "{told}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let busy = |headers: &str| refusal("429 Too Many Requests", headers, "{\"error\":\"busy\"}");
    let down = || refusal("503 Service Unavailable", "", "down");
    for first in [
        busy(""),
        busy("retry-after: 0\r\n"),
        busy("retry-after-ms: 20\r\n"),
        down(),
        events(&["{not json"]),
        events(&[r#"{"error":{"message":"overloaded"}}"#]),
        events(&[]),
        vec![],
    ] {
        let shown = format!("{first:?}");
        let server = Server::start(vec![first, down(), words("good")]).await;
        let deltas = good(&one(&server, Api::OpenAi), turn("hi")).await;
        let expected = [Delta::Model(model("box", "m")), text("good"), Delta::End(Stop::Done)];
        assert_eq!(deltas, expected, "{shown}");
        assert_eq!(server.asked().len(), 3, "{shown}");
    }
}

#[tokio::test]
async fn a_retry_after_is_waited_for_within_reason() {
    let busy = |seconds: &str| {
        refusal("429 Too Many Requests", &format!("retry-after: {seconds}\r\n"), "busy")
    };
    let server = Server::start(vec![busy("1"), words("good")]).await;
    let begun = crate::support::clock::Stopwatch::start();
    good(&one(&server, Api::OpenAi), turn("hi")).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let server = Server::start(vec![busy("3600")]).await;
    let expected = Failure::RateLimited { retry_after_ms: Some(3_600_000), said: "busy".into() };
    assert_eq!(failure(&one(&server, Api::OpenAi)).await, expected);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn the_next_model_takes_over() {
    let down = || refusal("500 Internal Server Error", "", "down");
    let busy = refusal("429 Too Many Requests", "retry-after: 3600\r\n", "busy");
    for (first, tries) in [(vec![down(), down(), down()], 3), (vec![busy], 1)] {
        let a = Server::start(first).await;
        let b = Server::start(vec![words("b")]).await;
        let providers =
            vec![provider("a", &a.url, Api::OpenAi), provider("b", &b.url, Api::OpenAi)];
        let models = Models::new(vec![model("a", "m"), model("b", "n")], providers, patience());
        let deltas = good(&models, turn("hi")).await;
        assert_eq!(deltas[..2], [Delta::Model(model("b", "n")), text("b")]);
        assert_eq!((a.asked().len(), b.asked().len()), (tries, 1));
    }
}

#[tokio::test]
async fn when_nobody_can_the_last_ones_failure_is_told() {
    let down = || refusal("500 Internal Server Error", "", "down");
    let server = Server::start(vec![down(), down(), down()]).await;
    // Nobody listens on a port that was free a moment ago.
    let gone = Server::start(vec![]).await;
    let providers =
        vec![provider("a", &gone.url, Api::OpenAi), provider("b", &server.url, Api::OpenAi)];
    let models = Models::new(vec![model("a", "m"), model("b", "n")], providers.clone(), patience());
    let expected = Failure::Rejected { status: Some(500), said: "down".into() };
    assert_eq!(failure(&models).await, expected);
    let models = Models::new(vec![model("a", "m")], providers, patience());
    let failure = failure(&models).await;
    assert!(matches!(&failure, Failure::Unreachable(said) if !said.is_empty()), "{failure:?}");
}

#[tokio::test]
async fn after_the_first_word_there_is_no_second_try() {
    let cut = events(&[&said("half")]);
    let mut chunked =
        vec![Step::Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned())];
    let piece = format!("data: {}\n\n", said("half"));
    chunked.push(Step::Send(format!("{:x}\r\n{piece}\r\n", piece.len())));
    let mut malformed = events(&[&said("half")]);
    malformed.push(Step::Wait(Duration::from_millis(50)));
    malformed.push(Step::Send("data: {\"choices\": 7}\n\n".into()));
    for (name, reply) in [("cut", cut), ("cut in a chunk", chunked), ("malformed", malformed)] {
        let server = Server::start(vec![reply, words("never")]).await;
        let deltas = answer(&one(&server, Api::OpenAi), turn("hi")).await;
        let [Ok(Delta::Model(_)), Ok(said), Err(Failure::Broken(_))] = &deltas[..] else {
            panic!("{name}: {deltas:?}")
        };
        assert_eq!(*said, text("half"), "{name}");
        assert_eq!(server.asked().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn silence_has_an_end() {
    let late = Failure::TimedOut { after_ms: 300 };
    let mut begun = events(&[&said("a")]);
    begun.push(Step::Hang);
    let mut empty = events(&[]);
    empty.push(Step::Hang);
    for (name, reply, given) in
        [("no head", vec![Step::Hang], 0), ("no event", empty, 0), ("no more", begun, 2)]
    {
        let server = Server::start(vec![reply, words("never")]).await;
        let mut own = provider("box", &server.url, Api::OpenAi);
        own.silence = Duration::from_millis(300);
        let models = Models::new(vec![model("box", "m")], vec![own], patience());
        let mut deltas = answer(&models, turn("hi")).await;
        assert_eq!(deltas.pop(), Some(Err(late.clone())), "{name}");
        assert_eq!(deltas.len(), given, "{name}: {deltas:?}");
        assert_eq!(server.asked().len(), 1, "{name}: it is not asked again");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_at_once() {
    let server = Server::start(vec![words("never")]).await;
    let models = one(&server, Api::OpenAi);
    let tool = Tool { name: "t".into(), description: None, parameters: Some("{".into()) };
    let bad = Turn { tools: vec![tool], ..turn("hi") };
    let nobody = Turn { model: Some("x".into()), ..turn("hi") };
    let none = Models::new(vec![], vec![], patience());
    for (models, turn, expected) in [(&models, bad, "not JSON"), (&none, nobody, "no provider")] {
        let deltas = answer(models, turn).await;
        let [Err(Failure::Rejected { status: None, said })] = &deltas[..] else {
            panic!("{deltas:?}")
        };
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_model_that_calls_no_tool_though_it_must_has_not_answered() {
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"t","arguments":"{}"}}]}}]}"#;
    let called = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#;
    let broken = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let cut = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    let named = || ToolChoice::Named("t".into());
    for (choice, reply, fails) in [
        (ToolChoice::Auto, words("no"), false),
        (ToolChoice::None, words("no"), false),
        (ToolChoice::Required, words("no"), true),
        (named(), words("no"), true),
        (ToolChoice::Required, events(&[call, called, "[DONE]"]), false),
        // Some servers say `stop` after a call.
        (named(), events(&[call, broken, "[DONE]"]), false),
        // It may have been about to call one.
        (ToolChoice::Required, events(&[&said("n"), cut, "[DONE]"]), false),
    ] {
        let server = Server::start(vec![reply]).await;
        let turn = Turn { tool_choice: choice.clone(), ..turn("hi") };
        let last = answer(&one(&server, Api::OpenAi), turn).await.pop().unwrap();
        match last {
            Err(Failure::Broken(said)) => assert!(fails && said.contains("no tool"), "{choice:?}"),
            other => assert!(!fails && other.is_ok(), "{choice:?}: {other:?}"),
        }
    }
}
