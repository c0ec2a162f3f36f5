//! openclaw #27494, "Operator scopes cleared for API clients authenticating via shared token (no
//! device identity)".
//!
//! Someone builds a hub that imports agents over the WebSocket API. It has the gateway's token, asks
//! for `operator.read` and `operator.write`, and has no device key. It is let in; then `chat.send`
//! and `chat.history` fail with `missing scope`, because the scopes were cleared behind its back.

use doorward::fronts::cli::client::{self, ConnectOptions};
use serde_json::json;

use super::{LATER, held, reads, refusal, set};
use crate::{
    house::{Gateway, TOKEN, block_on, lan_address, shared},
    http::{HELLO, client::bearer, client::send_to},
};

fn hub() -> ConnectOptions {
    ConnectOptions {
        client_id: "gateway-client".into(),
        mode: "backend".into(),
        ..shared(&["operator.read", "operator.write"])
    }
}

/// The hub may run on the gateway's machine or on another one.
#[test]
fn a_hub_with_the_right_token_holds_what_it_is_told() {
    block_on(async {
        let gateway = Gateway::start("{ gateway: { bind: 'lan' } }");
        for address in ["127.0.0.1".parse().unwrap(), lan_address()] {
            let mut session = client::connect(&gateway.url_at(address), &hub()).await.unwrap();
            assert_eq!(held(&session), set("read write"), "{address}");
            reads(&mut session, "the hub").await;
            for method in LATER {
                let refused = refusal(&mut session, method).await;
                assert_eq!(refused.message, format!("unknown method: {method}"), "{address}");
            }
            let sent = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": address});
            let sent = session.request("chat.send", sent).await.unwrap();
            assert_eq!(sent["status"], "started", "{address}");
            let history = json!({"sessionKey": "main"});
            let history = session.request("chat.history", history).await.unwrap();
            assert_eq!(history["messages"][0]["content"], "hi", "{address}");
            let line = "POST /v1/chat/completions";
            let answer = send_to(address, &gateway, line, &[&bearer(TOKEN)], HELLO);
            assert_eq!((answer.status, answer.code()), (200, ""), "{address}");
        }
    });
}

/// What was done to scopes silently is done aloud: a hub that asks for more than the token holds from
/// there is told so before its first call, and the call says the same.
#[test]
fn what_a_hub_does_not_get_it_is_not_told_to_have() {
    block_on(async {
        let gateway = Gateway::start("{ gateway: { bind: 'lan' } }");
        let greedy = ConnectOptions {
            scopes: vec!["operator.read".into(), "operator.pairing".into()],
            ..hub()
        };
        let url = gateway.url_at(lan_address());
        let mut session = client::connect(&url, &greedy).await.unwrap();
        assert_eq!(held(&session), set("read"));
        reads(&mut session, "the hub").await;
        let refused = refusal(&mut session, "device.pair.list").await;
        assert_eq!(refused.message, "missing scope: operator.pairing");
        assert_eq!(
            refused.details,
            json!({
                "code": "MISSING_SCOPE",
                "missingScope": "operator.pairing",
                "requiredScopes": ["operator.pairing"],
            })
        );
    });
}
