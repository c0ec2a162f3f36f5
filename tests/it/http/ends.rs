//! Service tokens over HTTP, and that a credential which has ended ends at once (N3, N10).

use std::{io::Write, net::Ipv4Addr, time::Duration};

use doorward::{
    proto::v1::{
        CreateTokenRequest, CreateTokenResponse, RevokeServiceTokenRequest, RotateSecretRequest,
        RotateServiceTokenRequest, Scopes, secret_service_client::SecretServiceClient,
        token_service_client::TokenServiceClient,
    },
    support::clock::{self, Stopwatch},
};
use tonic::transport::Channel;

use super::{
    CALLS, HELLO,
    client::{bearer, begin, read, send},
    credentials::come_to,
};
use crate::house::{Gateway, TOKEN, block_on};

async fn tokens(gateway: &Gateway) -> TokenServiceClient<Channel> {
    TokenServiceClient::new(gateway.admin().await)
}

async fn create(gateway: &Gateway, name: &str, scopes: &[&str]) -> CreateTokenResponse {
    let names = scopes.iter().map(|&scope| scope.to_owned()).collect();
    ordered(
        gateway,
        CreateTokenRequest {
            name: name.into(),
            scopes: Some(Scopes { names }),
            ..CreateTokenRequest::default()
        },
    )
    .await
}

async fn ordered(gateway: &Gateway, order: CreateTokenRequest) -> CreateTokenResponse {
    tokens(gateway).await.create_token(order).await.unwrap().into_inner()
}

/// What both calls come to with this bearer and nothing else.
fn with(gateway: &Gateway, secret: &str) -> [String; 2] {
    come_to(gateway, &[&bearer(secret)])
}

#[test]
fn n3_a3_2_a_service_token_holds_exactly_its_scopes() {
    block_on(async {
        // So many wrong ones in a row would be answered slowly.
        let gateway = Gateway::start("{ gateway: { auth: { rateLimit: { maxAttempts: 100 } } } }");
        let no = "403 MISSING_SCOPE";
        for (name, scopes, expected) in [
            ("grafana", &["operator.read"][..], ["ok", no]),
            ("bot", &["operator.write"], ["ok", "ok"]),
            ("both", &["operator.read", "operator.write"], ["ok", "ok"]),
            ("doorman", &["operator.pairing"], [no, no]),
            ("auditor", &["operator.audit"], [no, no]),
        ] {
            let token = create(&gateway, name, scopes).await;
            assert!(token.secret.starts_with("dwst_"), "{name}");
            assert_eq!(with(&gateway, &token.secret), expected, "{name}");
            // Names and ids are no secrets.
            let mismatch = "401 AUTH_TOKEN_MISMATCH";
            for public in [name, &token.token_id] {
                assert_eq!(with(&gateway, public), [mismatch, mismatch], "{name}");
            }
            let invalid = "401 SERVICE_TOKEN_INVALID";
            let changed = format!("{}x", token.secret);
            assert_eq!(with(&gateway, &changed), [invalid, invalid], "{name}");
        }
    });
}

#[test]
fn a_service_token_holds_nothing_from_elsewhere_or_after_its_end() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let order = |name: &str| CreateTokenRequest {
            name: name.into(),
            scopes: Some(Scopes { names: vec!["operator.write".into()] }),
            ..CreateTokenRequest::default()
        };
        let address = "401 SERVICE_TOKEN_ADDRESS";
        for (range, expected) in [("127.0.0.0/8", "ok"), ("192.0.2.0/24", address)] {
            let order = CreateTokenRequest { ranges: vec![range.into()], ..order(range) };
            let token = ordered(&gateway, order).await;
            assert_eq!(with(&gateway, &token.secret), [expected, expected], "{range}");
        }

        let until_ms = Some(clock::unix_millis() + 1_000);
        let order = CreateTokenRequest { until_ms, ..order("until") };
        let token = ordered(&gateway, order).await;
        let waiting = Stopwatch::start();
        while with(&gateway, &token.secret) == ["ok", "ok"] {
            assert!(waiting.elapsed() < Duration::from_secs(20), "it does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Over, and a moment later swept away.
        let [models, completion] = with(&gateway, &token.secret);
        for told in [models, completion] {
            assert!(told.starts_with("401 SERVICE_TOKEN_"), "{told}");
        }
    });
}

/// N10 A10.1: the next request, whatever came before on its connection.
#[test]
fn a_revoked_or_rotated_service_token_is_refused_at_the_next_request() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let scopes = &["operator.write"];
        let (ours, other) =
            (create(&gateway, "a", scopes).await, create(&gateway, "b", scopes).await);
        let invalid = ["401 SERVICE_TOKEN_INVALID"; 2];
        assert_eq!(with(&gateway, &ours.secret), ["ok", "ok"]);

        let rotate = RotateServiceTokenRequest { token_id: ours.token_id.clone() };
        let mut tokens = tokens(&gateway).await;
        let rotated = tokens.rotate_service_token(rotate).await.unwrap().into_inner();
        assert_eq!(with(&gateway, &ours.secret), invalid);
        assert_eq!(with(&gateway, &rotated.secret), ["ok", "ok"]);

        let revoke = RevokeServiceTokenRequest { token_id: ours.token_id, force_reason: None };
        tokens.revoke_service_token(revoke).await.unwrap();
        assert_eq!(with(&gateway, &rotated.secret), invalid);
        // Nobody else's.
        assert_eq!(with(&gateway, &other.secret), ["ok", "ok"]);
        assert_eq!(with(&gateway, TOKEN), ["ok", "ok"]);
    });
}

/// A call that is under way when its credential ends is not carried out.
#[test]
fn a_body_that_was_on_its_way_does_not_outlive_its_token() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let token = create(&gateway, "a", &["operator.write"]).await;
        let address = (Ipv4Addr::LOCALHOST, gateway.port).into();
        let length = format!("Content-Length: {}", HELLO.len());
        let (line, _) = CALLS[1];
        let mut stream = begin(address, line, &[&bearer(&token.secret), &length]);
        let (first, rest) = HELLO.split_at(HELLO.len() / 2);
        stream.write_all(first.as_bytes()).unwrap();
        // Long enough for the head to be judged; if it is not, it is refused all the same.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let revoke = RevokeServiceTokenRequest { token_id: token.token_id, force_reason: None };
        tokens(&gateway).await.revoke_service_token(revoke).await.unwrap();
        stream.write_all(rest.as_bytes()).unwrap();
        assert_eq!(read(&mut stream).status, 401);
    });
}

/// N3 A3.3, N10 A10.2: rotating the shared secret ends the shared secret, and nothing else.
#[test]
fn a_rotated_shared_secret_is_refused_at_the_next_request() {
    block_on(async {
        let mut gateway = Gateway::start_without_token();
        let file = gateway.state.path().join("shared-token");
        let current = || std::fs::read_to_string(&file).unwrap().trim().to_owned();
        let token = create(&gateway, "grafana", &["operator.write"]).await;
        let old = current();
        assert_eq!(with(&gateway, &old), ["ok", "ok"]);

        let mut secrets = SecretServiceClient::new(gateway.admin().await);
        secrets.rotate_secret(RotateSecretRequest::default()).await.unwrap();
        let new = current();
        assert_ne!(old, new);
        let mismatch = ["401 AUTH_TOKEN_MISMATCH"; 2];
        for restarted in [false, true] {
            assert_eq!(with(&gateway, &old), mismatch, "restarted: {restarted}");
            assert_eq!(with(&gateway, &new), ["ok", "ok"], "restarted: {restarted}");
            assert_eq!(with(&gateway, &token.secret), ["ok", "ok"], "restarted: {restarted}");
            if !restarted {
                assert!(gateway.terminate().success());
                gateway.run();
            }
        }
        assert_eq!(send(&gateway, "GET /v1/models", &[], "").status, 401);
    });
}
