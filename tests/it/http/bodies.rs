//! What a completion may look like, and that nobody's body is read who may not send one.

use std::{io::Write, net::Ipv4Addr};

use serde_json::json;

use super::{
    HELLO,
    client::{bearer, begin, read, send},
};
use crate::house::{Gateway, TOKEN};

const COMPLETIONS: &str = "POST /v1/chat/completions";

#[test]
fn bodies_row_by_row() {
    let gateway = Gateway::start("{}");
    let user = |content| json!({"messages": [{"role": "user", "content": content}]}).to_string();
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let tool = json!({"messages": [
        {"role": "assistant", "content": null, "tool_calls": []},
        {"role": "tool", "tool_call_id": "1", "content": ""},
    ]});
    let history = json!({"model": "openclaw", "user": "session", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello"},
    ]});
    let missing = "Missing user message in `messages`.";
    let invalid = "Invalid JSON body: ";
    for (body, status, message) in [
        (HELLO.to_owned(), 200, ""),
        (history.to_string(), 200, ""),
        (user(json!([{"type": "text", "text": "hello"}])), 200, ""),
        (user(json!([image])), 200, ""),
        (tool.to_string(), 200, ""),
        (user(json!(" \n")), 400, missing),
        (user(json!([{"type": "text", "text": ""}])), 400, missing),
        (user(json!([])), 400, missing),
        (user(json!(null)), 400, missing),
        ("{}".into(), 400, missing),
        (json!({"messages": [{"role": "system", "content": "x"}]}).to_string(), 400, missing),
        (String::new(), 400, invalid),
        ("{".into(), 400, invalid),
        ("[]".into(), 400, invalid),
        ("\u{1}".into(), 400, invalid),
        (user(json!(7)), 400, invalid),
        (json!({"messages": "hello"}).to_string(), 400, invalid),
        (json!({"messages": ["x".repeat(10_000)]}).to_string(), 400, invalid),
        ("[".repeat(100_000), 400, invalid),
    ] {
        let answer = send(&gateway, COMPLETIONS, &[&bearer(TOKEN)], &body);
        let error = &answer.body["error"];
        assert_eq!(answer.status, status, "{body:.200}: {answer:?}");
        if status == 200 {
            continue;
        }
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message) && said.len() < 300, "{body:.200}: {said}");
        assert_eq!(error["type"], "invalid_request_error", "{body:.200}");
    }
}

/// Neither an announced length nor one that was not announced gets past the limit.
#[test]
fn a_body_has_a_limit() {
    let gateway = Gateway::start("{}");
    let address = (Ipv4Addr::LOCALHOST, gateway.port).into();
    let token = bearer(TOKEN);
    let limit = 20 * 1024 * 1024;
    let announced = format!("Content-Length: {}", limit + 1);
    let mut stream = begin(address, COMPLETIONS, &[&token, &announced]);
    assert_eq!(read(&mut stream).status, 413, "before a byte of it was sent");

    let mut stream = begin(address, COMPLETIONS, &[&token, "Transfer-Encoding: chunked"]);
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..=limit / 0x10000 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    assert_eq!(read(&mut stream).status, 413);
}

/// Whoever may not is told so before the body is read: the whole of it may be announced and nothing
/// of it sent.
#[test]
fn authority_comes_before_the_body() {
    let gateway = Gateway::start("{}");
    let address = (Ipv4Addr::LOCALHOST, gateway.port).into();
    for (headers, status) in [
        (vec![], 401),
        (vec![bearer("something-else")], 401),
        (vec![bearer(TOKEN), "X-OpenClaw-Scopes: operator.read".into()], 403),
    ] {
        let headers: Vec<&str> =
            headers.iter().map(String::as_str).chain(["Content-Length: 1000"]).collect();
        let mut stream = begin(address, COMPLETIONS, &headers);
        assert_eq!(read(&mut stream).status, status, "{headers:?}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let gateway = Gateway::start("{}");
    let long = format!("GET /v1/models/{}", "x".repeat(5_000));
    for (line, status, allow) in [
        ("GET /v1/models/gpt-4", 404, None),
        ("GET /v1/models/", 404, None),
        (&long, 404, None),
        ("GET /v1/responses", 405, Some("POST")),
        ("POST /v1/models", 405, Some("GET, HEAD")),
        ("GET /v1/chat/completions", 405, Some("POST")),
        ("POST /healthz", 405, Some("GET, HEAD")),
    ] {
        let answer = send(&gateway, line, &[&bearer(TOKEN)], "");
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{line:.80}");
        let said = answer.body["error"]["message"].as_str().unwrap();
        assert!(said.len() < 200, "{line:.80}: {said}");
    }
    assert_eq!(send(&gateway, "GET /v1/models/openclaw", &[], "").status, 401);
}
