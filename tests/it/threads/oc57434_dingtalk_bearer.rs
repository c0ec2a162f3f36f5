//! openclaw #57434, "DingTalk connector gets 403 'missing scope: operator.write' when calling gateway
//! API".
//!
//! A chat connector runs beside the gateway and has its token, as `gatewayToken` in its section of
//! the same configuration file. A message comes in, the connector posts it to
//! `/v1/chat/completions` with the token as bearer, and the gateway, which has let the token in,
//! answers 403. Its log tells the status and the whole body, so the body has to be worth reading.

use serde_json::json;

use crate::{
    house::Gateway,
    http::client::{Answer, bearer, send},
};

/// The file of that thread, with another token: the connector's sections are not read here.
const CONFIG: &str = r#"{
  "gateway": {
    "port": 18789,
    "mode": "local",
    "bind": "loopback",
    "auth": { "mode": "token", "token": "TOKEN" }
  },
  "channels": {
    "dingtalk-connector": {
      "enabled": true,
      "clientId": "ding0000000000000000",
      "clientSecret": "the-secret-of-the-bot",
      "gatewayToken": "TOKEN"
    }
  },
  "bindings": [
    { "type": "route", "agentId": "qa-engineer", "match": { "channel": "dingtalk-connector" } }
  ]
}"#;

const GATEWAY_TOKEN: &str = "9c64b1f2d03a4f5e8d7c6b5a49382716";

/// The connector's request, down to its headers.
fn post(gateway: &Gateway, token: &str) -> Answer {
    let body = json!({
        "model": "main",
        "messages": [
            {"role": "system", "content": "You answer in DingTalk cards."},
            {"role": "user", "content": "Is the build green?"},
        ],
        "stream": true,
        "user": "dingtalk-connector:user:0001",
    });
    let headers = [
        "Content-Type: application/json",
        &bearer(token),
        "X-OpenClaw-Agent-Id: qa-engineer",
        "X-OpenClaw-Memory-User: MDAwMQ==",
    ];
    send(gateway, "POST /v1/chat/completions", &headers, &body.to_string())
}

#[test]
fn the_connectors_call_is_not_refused() {
    let gateway = Gateway::start_with(&CONFIG.replace("TOKEN", GATEWAY_TOKEN), None);
    let answer = post(&gateway, GATEWAY_TOKEN);
    // The thread's file names an agent that it does not define; what is missing is said.
    assert_eq!((answer.status, answer.code()), (400, "UNKNOWN_AGENT"), "{answer:?}");
    assert!(answer.body["error"]["remedy"].as_str().unwrap().contains("agents.entries"));
    let models = send(&gateway, "GET /v1/models", &[&bearer(GATEWAY_TOKEN)], "");
    assert_eq!(models.status, 200, "{models:?}");
}

/// A connector whose `gatewayToken` was left behind by a new `gateway.auth.token`: another status, and
/// its log says what to do.
#[test]
fn a_connector_with_an_old_token_learns_what_is_wrong() {
    let gateway = Gateway::start_with(&CONFIG.replace("TOKEN", GATEWAY_TOKEN), None);
    let answer = post(&gateway, "e3b0c44298fc1c149afbf4c8996fb924");
    assert_eq!((answer.status, answer.code()), (401, "AUTH_TOKEN_MISMATCH"));
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("the gateway's shared token"), "{message}");
    assert!(message.contains("run: doorward status"), "{message}");
}
