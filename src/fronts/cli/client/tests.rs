//! The client against the fake gateway, and its frames against recorded ones.

use std::sync::{Arc, atomic::Ordering};

use serde_json::json;

use super::*;
use crate::{
    fronts::cli::fake_gateway::{FakeGateway, TOKEN},
    support::{device_key::DeviceKey, secret::Secret},
};

fn token(text: &str) -> Option<Secret<String>> {
    Some(Secret::new(text.to_owned()))
}

fn operator() -> ConnectOptions {
    ConnectOptions::operator(token(TOKEN), &["operator.read", "operator.write"])
}

#[tokio::test]
async fn a_device_is_paired_and_comes_back_with_its_own_token() {
    let gateway = FakeGateway::start(true).await;
    let device = Arc::new(DeviceKey::generate());
    let options = ConnectOptions {
        device_family: Some("Linux".into()),
        ..operator().with_device(Arc::clone(&device))
    };
    let first = connect(&gateway.url(), &options).await.unwrap();
    assert_eq!(first.hello["auth"]["scopes"], json!(["operator.read", "operator.write"]));
    let given = first.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    first.close().await;

    let again = ConnectOptions { auth: Auth::device_token(Secret::new(given)), ..options };
    connect(&gateway.url(), &again).await.unwrap();
    assert_eq!(gateway.counts.with_device_token.load(Ordering::Relaxed), 1);
    assert_eq!(gateway.counts.paired.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_refusal_carries_codes_details_and_the_close() {
    let gateway = FakeGateway::start(false).await;
    let options = operator().with_device(Arc::new(DeviceKey::generate()));
    let error = connect(&gateway.url(), &options).await.err().unwrap();
    assert_eq!(error.code(), Some("INVALID_REQUEST"));
    assert_eq!(error.details_code(), Some("PAIRING_REQUIRED"));
    assert!(error.refusal().unwrap().details["requestId"].is_string());
    let close = Closed { code: 1008, reason: "refused: PAIRING_REQUIRED".into() };
    assert_eq!(error.close(), Some(&close));
}

#[tokio::test]
async fn nobody_at_the_address_is_not_a_refusal() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = connect(&format!("ws://{free}/"), &operator()).await.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    let error = connect("wss://127.0.0.1/", &operator()).await.err().unwrap();
    assert!(matches!(error, ConnectError::Url(_)), "{error}");
}

#[tokio::test]
async fn answers_find_their_request_in_any_order() {
    let gateway = FakeGateway::start(true).await;
    let mut session = connect(&gateway.url(), &operator()).await.unwrap();
    let health = session.send_request("health", json!({})).await.unwrap();
    let presence = session.send_request("system-presence", json!({})).await.unwrap();
    let unknown = session.send_request("nope", json!({})).await.unwrap();
    let error = session.response(&unknown).await.unwrap_err();
    assert_eq!(error.code(), Some("INVALID_REQUEST"));
    assert_eq!(session.response(&presence).await.unwrap(), json!([]));
    assert_eq!(session.response(&health).await.unwrap(), json!({"ok": true, "ts": 1}));
    for _ in 0..10 {
        session.request("health", json!({})).await.unwrap();
    }
    let event = session.event("health").await.unwrap();
    assert_eq!(event["payload"], json!({"ok": true}));
}

#[test]
fn the_connect_frame_has_the_recorded_shape_and_an_empty_proof_is_left_out() {
    let challenge = Challenge::parse(
        r#"{"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1795205553246,"capabilities":["model-catalog-snapshot"]}}"#,
    )
    .unwrap();
    let mut options = ConnectOptions {
        client_version: "2026.9.6".into(),
        platform: "linux".into(),
        device_family: Some("Linux".into()),
        ..ConnectOptions::operator(token(TOKEN), &["operator.read"])
    };
    options.extra.insert("caps".into(), json!([]));
    let sent: Value = serde_json::from_str(&options.connect_frame("1", &challenge)).unwrap();
    assert_eq!(
        sent,
        json!({"type":"req","id":"1","method":"connect","params":{"minProtocol":4,"maxProtocol":4,
            "client":{"id":"cli","version":"2026.9.6","platform":"linux","deviceFamily":"Linux","mode":"cli"},
            "caps":[],"auth":{"token":TOKEN},"role":"operator","scopes":["operator.read"]}})
    );
    let silent = ConnectOptions::default().connect_frame("1", &challenge);
    let silent: Value = serde_json::from_str(&silent).unwrap();
    assert!(silent["params"].get("auth").is_none());
    assert!(silent["params"].get("device").is_none());
}

#[test]
fn only_the_challenge_is_a_challenge() {
    let other = r#"{"type":"event","event":"tick","payload":{"nonce":"n","ts":1}}"#;
    assert_eq!(Challenge::parse(other), None);
    assert_eq!(Challenge::parse("{"), None);
}
