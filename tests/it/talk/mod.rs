//! Talking to the embedded agent: over HTTP as OpenAI's clients do, and over the WebSocket.

mod acts;
mod completions;
mod embeddings;
mod responses;
mod sessions;

use std::io::Read as _;

use serde_json::{Value, json};

use crate::{
    house::{Gateway, TOKEN},
    http::client::{bearer, begin},
};

/// What the echo says of itself, before what it was told.
const PREFACE: &str = "No agent is configured, so this is only an echo \
                       (set agents.defaults in the configuration): ";

/// Posts a completion and reads the answer to its end, as text after the head.
fn post(gateway: &Gateway, body: &Value, headers: &[&str]) -> (u16, String) {
    post_to(gateway, "/v1/chat/completions", body, headers)
}

/// Posts to another path.
fn post_to(gateway: &Gateway, path: &str, body: &Value, headers: &[&str]) -> (u16, String) {
    let body = body.to_string();
    let length = format!("Content-Length: {}", body.len());
    let token = bearer(TOKEN);
    let headers: Vec<_> = headers.iter().copied().chain([length.as_str(), &token]).collect();
    let address = ([127, 0, 0, 1], gateway.port).into();
    let mut stream = begin(address, &format!("POST {path}"), &headers);
    std::io::Write::write_all(&mut stream, body.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n").unwrap();
    (head.split_whitespace().nth(1).unwrap().parse().unwrap(), rest.to_owned())
}

/// One message of a user.
fn says(words: &str) -> Value {
    json!({"role": "user", "content": words})
}

/// The data of each event of a stream that came in chunks.
fn events(chunked: &str) -> Vec<String> {
    let lines = chunked.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}
