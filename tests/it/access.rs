//! Who came, who was turned away, who called what they may not: counted, and kept (N5 A5.7).

use doorward::{
    fronts::cli::client::ConnectOptions,
    proto::v1::{ListTokensRequest, token_service_client::TokenServiceClient},
    support::secret::Secret,
};
use serde_json::{Value, json};
use tonic::{Code, Request};

use crate::house::{Gateway, block_on, shared};

/// The rows as (kind, code, who, call, door, count), in an order of their own.
fn rows(gateway: &Gateway, line: &[&str]) -> Vec<String> {
    let told = gateway.json(&[&["audit", "access"], line].concat());
    let row = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let who = text("who").split(':').next().unwrap().to_owned();
        let (kind, code, call, door) = (text("kind"), text("code"), text("call"), text("door"));
        format!("{kind} {code} {who} {call} {door} {}", row["count"])
    };
    let mut rows: Vec<_> = told["rows"].as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

fn deny_over_grpc(gateway: &Gateway) {
    let made = gateway.json(&["tokens", "create", "--name", "t", "--scope", "operator.read"]);
    block_on(async {
        let mut client = TokenServiceClient::new(gateway.admin().await);
        let mut request = Request::new(ListTokensRequest::default());
        let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        assert_eq!(client.list_tokens(request).await.unwrap_err().code(), Code::PermissionDenied);
    });
}

#[test]
fn n5_a5_7_every_door_is_counted_and_a_restart_forgets_nothing() {
    let mut gateway = Gateway::start("{}");
    for _ in 0..3 {
        assert_eq!(gateway.ask("/v1/models", "").0, 401);
    }
    block_on(async {
        for _ in 0..2 {
            let wrong = Some(Secret::new("not-the-token".to_owned()));
            let options = ConnectOptions::operator(wrong, &["operator.read"]);
            assert!(gateway.connect(&options).await.is_err());
        }
        let mut reader = gateway.connect(&shared(&["operator.read"])).await.unwrap();
        for _ in 0..2 {
            assert!(reader.request("device.pair.list", json!({})).await.is_err());
        }
    });
    deny_over_grpc(&gateway);
    let expected = [
        "denied MISSING_SCOPE shared-secret device.pair.list websocket 2",
        "denied MISSING_SCOPE token doorward.admin.v1.TokenService/ListTokens admin-socket 1",
        "entered - shared-secret - websocket 1",
        "entered - token - admin-socket 1",
        "refused AUTH_TOKEN_MISMATCH - - websocket 2",
        "refused AUTH_TOKEN_MISSING - - http 3",
    ];
    assert_eq!(rows(&gateway, &[]), expected);
    assert_eq!(rows(&gateway, &["--kind", "refused"]), expected[4..]);
    assert_eq!(rows(&gateway, &["--since", "2100-01-01"]), [""; 0]);
    gateway.terminate();
    assert_eq!(rows(&gateway, &[]), expected, "of the files alone");
    gateway.run();
    assert_eq!(gateway.ask("/v1/models", "").0, 401);
    assert_eq!(rows(&gateway, &["--kind", "refused"])[1], "refused AUTH_TOKEN_MISSING - - http 4");
}
