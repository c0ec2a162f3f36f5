//! Those who try again and again what they may not: over real sockets.

use std::sync::Arc;

use doorward::{
    fronts::cli::client::{ConnectOptions, Refusal, RpcError, Session},
    support::device_key::DeviceKey,
};
use serde_json::{Value, json};

use crate::house::{Gateway, block_on, shared};

/// Calls a method until the connection ends: the refusals, and how it ended.
async fn insist(session: &mut Session, method: &str) -> (Vec<Refusal>, (u16, String)) {
    let mut refusals = Vec::new();
    loop {
        match session.request(method, json!({})).await {
            Err(RpcError::Refused(refusal)) => refusals.push(refusal),
            Err(RpcError::Closed(closed)) => return (refusals, (closed.code, closed.reason)),
            other => panic!("{method}: {other:?}"),
        }
        assert!(refusals.len() < 1000, "{method}: it goes on answering");
    }
}

/// N20 A20.2, for what the scopes of a session lack and for what its role has no part in.
#[test]
fn n20_a20_2_unauthorized_calls_are_answered_then_throttled_then_closed() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let node = ConnectOptions {
            client_id: "node-host".into(),
            mode: "node".into(),
            role: "node".into(),
            ..shared(&[]).with_device(Arc::new(DeviceKey::generate()))
        };
        for (options, method, code, allowed) in [
            (shared(&["operator.read"]), "device.pair.list", "MISSING_SCOPE", "status"),
            (node, "status", "WRONG_ROLE", "health"),
        ] {
            let mut bystander = gateway.connect(&options).await.unwrap();
            let mut session = gateway.connect(&options).await.unwrap();
            session.request(allowed, json!({})).await.expect("it may call this");
            let (refusals, closed) = insist(&mut session, method).await;
            assert_eq!(closed, (1008, String::from("repeated unauthorized calls")), "{method}");
            let first_wait = refusals.iter().position(|refusal| refusal.retryable);
            let first_wait = first_wait.expect("it is throttled before it is closed");
            assert!(first_wait >= 10, "{method}: throttled after {first_wait} answers");
            for refusal in &refusals[..first_wait] {
                assert_eq!(refusal.details_code(), Some(code), "{method}");
            }
            let wait = &refusals[first_wait];
            let said = (wait.code.as_str(), wait.details_code(), wait.message.as_str());
            let expected = ("UNAVAILABLE", Some("CALLS_THROTTLED"), "too many unauthorized calls");
            assert_eq!(said, expected, "{method}");
            assert!((1..=1000).contains(&wait.retry_after_ms.unwrap()), "{wait:?}");
            bystander.request(allowed, json!({})).await.expect("others go on");
            // A line at the 1st and the 10th call, and one at the end that counts them all.
            let log = gateway.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let lines = lines.filter(|line| line["fields"]["code"] == code);
            let counts: Vec<_> = lines.map(|line| line["fields"]["count"].clone()).collect();
            assert_eq!(counts, [json!(1), json!(10), json!(refusals.len())], "{log}");
        }
    });
}
