//! Which calls there are: what can be switched off, tools, and models by their encoded names.

use serde_json::json;

use super::{
    HELLO,
    client::{bearer, send},
};
use crate::house::{Gateway, TOKEN};

/// A call that is off is not there: no credential makes a difference, and nothing says what it was.
#[test]
fn what_is_switched_off_is_not_there() {
    let chat = "POST /v1/chat/completions";
    let tools = "POST /tools/invoke";
    for (config, line, status) in [
        ("{chatCompletions: {enabled: false}}", chat, 404),
        ("{chatCompletions: {enabled: false}}", "GET /v1/models", 200),
        ("{chatCompletions: {enabled: false}}", tools, 404),
        ("{responses: {enabled: false}}", chat, 200),
        ("{responses: {enabled: false}}", "GET /v1/models/openclaw", 200),
        ("{chatCompletions: {enabled: false}, responses: {enabled: false}}", "GET /v1/models", 404),
        (
            "{chatCompletions: {enabled: false}, responses: {enabled: false}}",
            "GET /v1/models/openclaw",
            404,
        ),
    ] {
        let gateway = Gateway::start(&format!("{{gateway: {{http: {{endpoints: {config}}}}}}}"));
        let body = if line == tools { r#"{"name": "x"}"# } else { HELLO };
        let answer = send(&gateway, line, &[&bearer(TOKEN)], body);
        assert_eq!(answer.status, status, "{config} {line}: {answer:?}");
        if status == 404 && line != tools {
            let gone = json!({"ok": false, "error": {"message": "Not Found", "type": "not_found"}});
            assert_eq!(answer.body, gone, "{config} {line}");
            assert_eq!(send(&gateway, line, &[], body).body, gone, "{config} {line}");
        }
    }
}

#[test]
fn tools_row_by_row() {
    let gateway = Gateway::start("{}");
    let token = bearer(TOKEN);
    let reads = [token.as_str(), "X-OpenClaw-Scopes: operator.read"];
    let (line, all) = ("POST /tools/invoke", &[token.as_str()][..]);
    let missing = "tools.invoke requires name";
    let long = json!({"tool": "x".repeat(1000)}).to_string();
    let large = json!({"tool": "x", "args": {"y": "x".repeat(2 * 1024 * 1024)}}).to_string();
    for (headers, body, status, kind, message) in [
        (all, r#"{"tool": "exec"}"#, 404, "not_found", "Tool not available: exec"),
        (all, r#"{"name": "a", "tool": "b"}"#, 404, "not_found", "Tool not available: a"),
        (all, &long, 404, "not_found", "Tool not available: xxx"),
        (all, "{}", 400, "invalid_request_error", missing),
        (all, r#"{"tool": " "}"#, 400, "invalid_request_error", missing),
        (all, r#"{"tool": 7}"#, 400, "invalid_request_error", "Invalid JSON body"),
        (all, r#"{"tool": "a", "args": []}"#, 400, "invalid_request_error", "Invalid JSON body"),
        (all, "{", 400, "invalid_request_error", "Invalid JSON body"),
        (all, &large, 413, "invalid_request_error", "Payload too large: at most 2097152 bytes"),
        (&[], "{}", 401, "unauthorized", "Unauthorized"),
        (&reads, r#"{"tool": "exec"}"#, 403, "forbidden", "missing scope: operator.write"),
    ] {
        let answer = send(&gateway, line, headers, body);
        let error = &answer.body["error"];
        let said = error["message"].as_str().unwrap();
        assert_eq!((answer.status, error["type"].as_str()), (status, Some(kind)), "{body:.80}");
        assert!(said.starts_with(message) && said.len() < 300, "{body:.80}: {said}");
        // Where the clients of this call look first, whatever it was that failed.
        assert_eq!(answer.body["ok"], false, "{body:.80}");
    }
    let get = send(&gateway, "GET /tools/invoke", all, "");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

/// Clients put a model's id into the path as one segment, so its slash comes encoded.
#[test]
fn a_model_is_found_by_its_encoded_name() {
    let gateway = Gateway::start("{}");
    for (path, found) in [
        ("openclaw", Some("openclaw")),
        ("openclaw/main", Some("openclaw/main")),
        ("openclaw%2Fdefault", Some("openclaw/default")),
        ("openclaw%2fmain", Some("openclaw/main")),
        ("openclaw%2Fnobody", None),
        ("openclaw%252Fmain", None),
    ] {
        let answer = send(&gateway, &format!("GET /v1/models/{path}"), &[&bearer(TOKEN)], "");
        assert_eq!(answer.body["id"].as_str(), found, "{path}");
        assert_eq!(answer.status, if found.is_some() { 200 } else { 404 }, "{path}");
    }
}
