//! openclaw #77138, "GatewayClientRequestError: missing scope: operator.read".
//!
//! A gateway runs in a container. A client outside asks to be paired as an operator, with
//! `operator.read` and no more, and is told the id of its request. `docker exec ... openclaw devices
//! approve <id>` fails with `missing scope: operator.read`: the command would need the scope that it
//! is to grant, and nobody has it yet.

use std::sync::Arc;

use doorward::{
    fronts::cli::client::{self, ConnectError, ConnectOptions, Refusal},
    support::device_key::DeviceKey,
};
use serde_json::json;

use super::{held, names, reads, set};
use crate::house::{Gateway, block_on, lan_address, shared};

/// As in a container: from outside, nobody is on this machine.
const IN_A_CONTAINER: &str = "{ gateway: { bind: 'lan' } }";

/// A new client outside, which asks with its key and the token that it was configured with.
fn outsider() -> ConnectOptions {
    shared(&["operator.read"]).with_device(Arc::new(DeviceKey::generate()))
}

async fn turned_away(url: &str, options: &ConnectOptions) -> Refusal {
    match client::connect(url, options).await {
        Err(ConnectError::Refused { refusal, .. }) => *refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in without an approval"),
    }
}

#[test]
fn the_first_device_is_approved_from_inside_the_container() {
    block_on(async {
        let gateway = Gateway::start(IN_A_CONTAINER);
        let url = gateway.url_at(lan_address());
        let client = outsider();

        let refusal = turned_away(&url, &client).await;
        let details = &refusal.details;
        assert_eq!(details["code"], "PAIRING_REQUIRED");
        assert_eq!(details["requestedScopes"], json!(["operator.read"]));
        let id = details["requestId"].as_str().unwrap();
        // The way out is in the error itself.
        let hint = details["remediationHint"].as_str().unwrap();
        assert!(hint.ends_with(&format!("doorward devices approve {id}")), "{hint}");

        // As `docker exec` would: no token, no scope, nothing but the user that the gateway runs as.
        let approved = gateway.json(&["devices", "approve", id]);
        assert_eq!(names(&approved["scopes"]), set("read"));

        let mut session = client::connect(&url, &client).await.unwrap();
        assert_eq!(held(&session), set("read"));
        reads(&mut session, "the first device").await;
    });
}

/// And on from there: the same client asks for more, until it can let others in by itself.
#[test]
fn read_only_is_not_a_dead_end() {
    block_on(async {
        let gateway = Gateway::start(IN_A_CONTAINER);
        let url = gateway.url_at(lan_address());
        let client = outsider();
        for (asked, reason) in [("read", "not-paired"), ("read pairing admin", "scope-upgrade")] {
            let scopes = set(asked).into_iter().collect();
            let client = ConnectOptions { scopes, ..client.clone() };
            let refusal = turned_away(&url, &client).await;
            assert_eq!(refusal.details["reason"], reason);
            let id = refusal.details["requestId"].as_str().unwrap().to_owned();
            gateway.json(&["devices", "approve", &id]);
            let session = client::connect(&url, &client).await.unwrap();
            assert_eq!(held(&session), set(asked), "the first connect after the approval");
        }

        let owner = ConnectOptions {
            scopes: set("read pairing admin").into_iter().collect(),
            ..client.clone()
        };
        let mut owner = client::connect(&url, &owner).await.unwrap();
        let next = outsider();
        let refusal = turned_away(&url, &next).await;
        let params = json!({"requestId": refusal.details["requestId"]});
        owner.request("device.pair.approve", params).await.unwrap();
        let mut next = client::connect(&url, &next).await.unwrap();
        reads(&mut next, "the second device").await;
    });
}
