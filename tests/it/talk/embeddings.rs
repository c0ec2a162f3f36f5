//! `POST /v1/embeddings`: both forms of a vector, what is passed on, and what is refused.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use serde_json::{Value, json};

use super::post_to;
use crate::{
    house::{Gateway, TOKEN},
    http::client::{bearer, begin},
};

fn post(gateway: &Gateway, body: &Value, headers: &[&str]) -> (u16, Value) {
    let (status, body) = post_to(gateway, "/v1/embeddings", body, headers);
    (status, serde_json::from_str(&body).unwrap())
}

/// A provider that gives one vector to each of two callers; gives where it is, and its callers' bodies.
fn provider() -> (String, std::thread::JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let answered = std::thread::spawn(move || (0..2).map(|_| answer(&listener)).collect());
    (url, answered)
}

fn answer(listener: &TcpListener) -> Value {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let asked = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        if let Ok(asked) = serde_json::from_str(body) {
            break asked;
        }
        assert!(read > 0, "{text}");
    };
    let body = r#"{"data":[{"index":0,"embedding":[1,-2.5]}],"usage":{"prompt_tokens":3}}"#;
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    asked
}

#[test]
fn vectors_come_as_numbers_or_in_base64() {
    let (url, answered) = provider();
    let gateway = Gateway::start(&format!(
        "{{agents: {{defaults: {{model: 'box/chat'}}}}, \
          models: {{providers: {{box: {{baseUrl: '{url}', models: []}}}}}}}}"
    ));
    let bytes: Vec<u8> = [1.0_f32, -2.5].iter().flat_map(|n| n.to_le_bytes()).collect();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    for (body, headers, expected) in [
        (json!({"model": "openclaw", "input": "a"}), &[][..], json!([1.0, -2.5])),
        (
            json!({"model": "openclaw", "input": ["a"], "encoding_format": "base64", "dimensions": 2}),
            &["X-OpenClaw-Model: box/embed"],
            json!(base64),
        ),
    ] {
        let (status, answer) = post(&gateway, &body, headers);
        let row = json!({"object": "embedding", "index": 0, "embedding": expected});
        let usage = json!({"prompt_tokens": 3, "total_tokens": 3});
        let list = json!({"object": "list", "data": [row], "model": "openclaw", "usage": usage});
        assert_eq!((status, answer), (200, list), "{body}");
    }
    let asked = answered.join().unwrap();
    assert_eq!((&asked[0]["model"], &asked[0]["input"]), (&json!("chat"), &json!(["a"])));
    assert_eq!((&asked[1]["model"], &asked[1]["dimensions"]), (&json!("embed"), &json!(2)));
}

#[test]
fn what_is_refused() {
    let gateway = Gateway::start("{}");
    let reads = "X-OpenClaw-Scopes: operator.read";
    let input = "`input` must be";
    for (body, headers, status, says) in [
        (json!({"input": "a"}), &[][..], 400, "this agent cannot do that"),
        (json!({"input": "a"}), &[reads], 403, "missing scope: operator.write"),
        (json!({"input": "a", "model": "openclaw/nope"}), &[], 400, "Unknown agent."),
        (json!({"input": "a", "model": "text-embedding-3"}), &[], 400, "Invalid `model`."),
        (json!({"input": ""}), &[], 400, input),
        (json!({"input": []}), &[], 400, input),
        (json!({"input": ["a", ""]}), &[], 400, input),
        (json!({"input": [1, 2]}), &[], 400, "Invalid JSON body"),
        (json!({"input": vec!["a"; 2049]}), &[], 400, "Too many texts: at most 2048."),
        (json!({"input": "a", "dimensions": 0}), &[], 400, "`dimensions`"),
        (json!({"input": "a", "encoding_format": "int8"}), &[], 400, "`encoding_format`"),
    ] {
        let (got, answer) = post(&gateway, &body, headers);
        let said = answer["error"]["message"].as_str().unwrap();
        assert_eq!(got, status, "{body:.100}: {said}");
        assert!(said.starts_with(says), "{body:.100}: {said}");
    }
    let unsupported = post(&gateway, &json!({"input": "a"}), &[]).1;
    assert_eq!(unsupported["error"]["code"], "AGENT_UNSUPPORTED");
    assert_eq!(unsupported["error"]["remedy"], "use an agent whose runtime can");
}

/// Nobody is there to take the vectors, and a provider may count every text.
#[test]
fn a_request_whose_client_is_gone_is_hung_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut piece = [0; 4096];
        assert!(stream.read(&mut piece).unwrap() > 0);
        tell.send("asked").unwrap();
        while stream.read(&mut piece).is_ok_and(|read| read > 0) {}
        tell.send("hung up").unwrap();
    });
    let gateway = Gateway::start(&format!(
        "{{agents: {{defaults: {{model: 'box/chat'}}}}, \
          models: {{providers: {{box: {{baseUrl: '{url}', models: []}}}}}}}}"
    ));
    let body = json!({"model": "openclaw", "input": "a"}).to_string();
    let (length, token) = (format!("Content-Length: {}", body.len()), bearer(TOKEN));
    let address = ([127, 0, 0, 1], gateway.port).into();
    let mut client = begin(address, "POST /v1/embeddings", &[length.as_str(), &token]);
    client.write_all(body.as_bytes()).unwrap();
    let patience = std::time::Duration::from_secs(20);
    assert_eq!(told.recv_timeout(patience), Ok("asked"));
    drop(client);
    assert_eq!(told.recv_timeout(patience), Ok("hung up"));
}
