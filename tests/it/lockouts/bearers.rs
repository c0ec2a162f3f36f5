//! Wrong bearers over HTTP and gRPC: the same lockouts, said as each of these doors says it.

use doorward::proto::v1::{StatusRequest, gateway_service_client::GatewayServiceClient};
use serde_json::{Value, json};
use tonic::{Code, transport::Endpoint};

use super::{HERE, MAX, on_the_lan, records};
use crate::{
    house::{Gateway, TOKEN, block_on, free_port, lan_address},
    http::client::{bearer, send_to as http},
};

/// The same over HTTP, where clients are told twice when to come back: in the header that they know
/// (RFC 9110, 10.2.3, in whole seconds) and in the body.
#[test]
fn n11_a11_3_a_bearer_over_http_is_locked_out_and_told_for_how_long() {
    let gateway = on_the_lan("lockoutMs: 90500");
    let lan = lan_address();
    let ask = |token: &str| http(lan, &gateway, "GET /v1/models", &[&bearer(token)], "");
    for attempt in 0..MAX {
        let answer = ask("not-the-token");
        assert_eq!((answer.status, answer.code()), (401, "AUTH_TOKEN_MISMATCH"), "{attempt}");
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = ask(TOKEN);
    assert_eq!((answer.status, answer.code()), (429, "AUTH_RATE_LIMITED"), "{answer:?}");
    let error = &answer.body["error"];
    assert_eq!(error["type"], "rate_limited");
    let wait = error["retryAfterMs"].as_u64().unwrap();
    assert!((1..=90_500).contains(&wait), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some(wait.div_ceil(1000).to_string().as_str()));
    // Nothing presented is nothing wrong, and whoami says the same in its own way.
    assert_eq!(http(lan, &gateway, "GET /v1/models", &[], "").status, 401);
    let whoami = http(lan, &gateway, "GET /doorward/whoami", &[&bearer(TOKEN)], "");
    assert_eq!(whoami.status, 429, "{whoami:?}");
    assert_eq!(whoami.body["refusal"]["code"], "AUTH_RATE_LIMITED");
    assert_eq!(locked_out_over(&gateway), json!("http"));
}

/// And over gRPC, as its clients know it: RESOURCE_EXHAUSTED, with the time in the metadata.
#[test]
fn n11_a11_3_a_bearer_over_grpc_is_locked_out_and_the_record_names_grpc() {
    block_on(async {
        let address = std::net::SocketAddr::new(HERE, free_port());
        let gateway = Gateway::start(&format!(
            "{{gateway: {{auth: {{rateLimit: {{windowMs: 3600000, exemptLoopback: false}}}}}},
               doorward: {{grpc: {{listen: '{address}'}}}}}}"
        ));
        let channel = Endpoint::new(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut client = GatewayServiceClient::new(channel);
        let mut refused = async |token: &str| {
            let mut request = tonic::Request::new(StatusRequest {});
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", bearer);
            client.status(request).await.unwrap_err()
        };
        for attempt in 0..MAX {
            assert_eq!(refused("not-the-token").await.code(), Code::Unauthenticated, "{attempt}");
        }
        let failure = refused(TOKEN).await;
        assert_eq!(failure.code(), Code::ResourceExhausted, "{failure:?}");
        let said = |key: &str| failure.metadata().get(key).unwrap().to_str().unwrap();
        assert_eq!(said("doorward-code"), "AUTH_RATE_LIMITED");
        let wait: u64 = said("doorward-retry-after-ms").parse().unwrap();
        assert!((1..=300_000).contains(&wait), "{failure:?}");
        assert_eq!(locked_out_over(&gateway), json!("grpc"));
    });
}

/// Over which door the only lockout was filled.
fn locked_out_over(gateway: &Gateway) -> Value {
    let records = records(gateway, "locked_out");
    let [record] = &records[..] else { panic!("{records:?}") };
    record["via"]["transport"].clone()
}
