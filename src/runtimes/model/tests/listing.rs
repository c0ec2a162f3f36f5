//! Which models a provider has, and what is made of a server that has no list.

use super::{
    super::list,
    server::{Server, Step, refusal},
    *,
};
use crate::runtimes::limits::LISTING_BYTES;

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);

fn ok(body: &str) -> Vec<Step> {
    refusal("200 OK", "content-type: application/json\r\n", body)
}

/// What one server with this reply is found to have.
async fn asked(reply: Vec<Step>, patience: Duration) -> Result<Vec<String>, Failure> {
    let server = Server::start(vec![reply]).await;
    list(&[provider("box", &server.url, Api::OpenAi)], patience).await.remove(0)
}

#[tokio::test]
async fn lists_as_servers_write_them() {
    let long = format!(r#"{{"data": [{{"id": "{}"}}]}}"#, "x".repeat(201));
    for (body, expected) in [
        (
            r#"{"object": "list", "data": [{"id": "b:latest", "object": "model"}, {"id": "a"}]}"#,
            &["b:latest", "a"][..],
        ),
        (r#"{"object": "list", "data": null}"#, &[]),
        (r#"{"data": []}"#, &[]),
        (
            r#"{"data": [{"id": ""}, {"id": 7}, {}, "x", {"id": "a\u001b[2J"}, {"id": "c"}]}"#,
            &["c"],
        ),
        (&long, &[]),
    ] {
        let names = asked(ok(body), LONG).await.unwrap();
        assert_eq!(names, expected, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_list_is_told() {
    let no_list = Failure::Broken("what it says is no list of models".into());
    let elsewhere = "location: http://127.0.0.1:1/\r\n";
    let huge = " ".repeat(LISTING_BYTES + 1);
    let secret = format!("no {KEY}");
    let rejected = |status| Failure::Rejected { status: Some(status), said: String::new() };
    for (reply, expected) in [
        (ok("<html>"), no_list.clone()),
        (ok("[]"), no_list.clone()),
        (ok(r#"{"models": []}"#), no_list),
        (ok(&huge), Failure::TooLong { limit: LISTING_BYTES }),
        (refusal("404 Not Found", "", ""), rejected(404)),
        (refusal("302 Found", elsewhere, ""), rejected(302)),
        (refusal("401 Unauthorized", "", &secret), Failure::Credentials("no …".into())),
    ] {
        assert_eq!(asked(reply, LONG).await, Err(expected));
    }
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    // The one that drips would be complete, in the end.
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{";
    let drip = std::iter::repeat_n(Step::Wait(SHORT / 2), 20);
    let drip = drip.flat_map(|wait| [wait, Step::Send(" ".into())]).chain([Step::Hang]);
    let drip = std::iter::once(Step::Send(head.into())).chain(drip).collect();
    for reply in [vec![Step::Hang], vec![Step::Send(head.into()), Step::Hang], drip] {
        assert_eq!(asked(reply, SHORT).await, Err(Failure::TimedOut { after_ms: 200 }));
    }
}

#[tokio::test]
async fn each_is_asked_with_its_own_key_and_answers_in_its_place() {
    let first = Server::start(vec![ok(r#"{"data": [{"id": "a"}]}"#)]).await;
    let second = Server::start(vec![ok(r#"{"data": [{"id": "b"}]}"#)]).await;
    let nobody = Server::start(vec![]).await;
    let keyless = Provider { key: None, ..provider("keyless", &second.url, Api::OpenAi) };
    let all = [
        provider("first", &first.url, Api::Anthropic),
        provider("nobody", &nobody.url, Api::OpenAi),
        keyless,
    ];
    let answers = list(&all, LONG).await;
    assert_eq!(answers[0], Ok(vec!["a".to_owned()]));
    assert!(matches!(answers[1], Err(Failure::Unreachable(_))), "{answers:?}");
    assert_eq!(answers[2], Ok(vec!["b".to_owned()]));
    let head = &first.asked()[0].head;
    assert!(head.starts_with("get /v1/models http/1.1"), "{head}");
    assert!(head.contains(&format!("x-api-key: {KEY}")), "{head}");
    assert!(!second.asked()[0].head.contains("authorization"));
}
