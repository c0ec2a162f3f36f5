//! openclaw #77138, "GatewayClientRequestError: missing scope: operator.read".
//!
//! A gateway runs in a container. A client outside asks to be paired as an operator, with
//! `operator.read` and no more, and is told the id of its request. `docker exec ... openclaw devices
//! approve <id>` fails with `missing scope: operator.read`: the command would need the scope that it
//! is to grant, and nobody has it yet.

use std::sync::Arc;

use doorward::{
    fronts::cli::client::{self, Auth, ConnectError, ConnectOptions, Refusal},
    support::{clock, device_key::DeviceKey, secret::Secret},
};
use serde_json::{Value, json};

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

/// A new client outside that has a setup code and nothing else, and asks for whatever that gives.
fn with_code(code: &str) -> ConnectOptions {
    let bootstrap_token = Some(Secret::new(code.to_owned()));
    let auth = Auth { bootstrap_token, ..Auth::default() };
    ConnectOptions { auth, scopes: vec![], ..outsider() }
}

/// N1 A1.1, in the same container: `docker exec ... doorward bootstrap`, and whoever brings the code
/// first is the owner. Nobody approves anything.
#[test]
fn n1_a1_1_the_owners_code_is_made_in_the_container_and_good_for_one_device() {
    block_on(async {
        let gateway = Gateway::start(IN_A_CONTAINER);
        let url = gateway.url_at(lan_address());
        let made = gateway.json(&["bootstrap"]);
        let code = made["bootstrapToken"].as_str().unwrap();
        let left = made["untilMs"].as_u64().unwrap().saturating_sub(clock::unix_millis());
        assert!((1..=600_000).contains(&left), "{made}");
        // As people see it: another code, its end, and what it gives.
        let shown = String::from_utf8(gateway.doorward(&["bootstrap", "--no-qr"]).stdout).unwrap();
        let line = shown.lines().next().unwrap();
        assert!(line.starts_with("A code for one device, good until 20"), "{shown}");
        assert!(line.contains(" first holds: operator.admin"), "{shown}");

        // The code alone, without a key that signs, is worth nothing and not used up.
        let unsigned = ConnectOptions { device: None, ..with_code(code) };
        assert_eq!(turned_away(&url, &unsigned).await.code, "NOT_PAIRED");
        let owner = with_code(code);
        let mut session = client::connect(&url, &owner).await.unwrap();
        assert!(held(&session).contains("operator.admin"), "{:?}", session.hello);
        session.request("device.pair.list", json!({})).await.unwrap();

        // A second device is refused with a code of its own, and so is the first.
        for again in [with_code(code), owner.clone()] {
            let refusal = turned_away(&url, &again).await;
            assert_eq!(refusal.details["code"], "AUTH_BOOTSTRAP_TOKEN_INVALID");
            assert_eq!(refusal.details["authReason"], "bootstrap_token_used");
        }

        let log = gateway.doorward(&["audit", "log", "--from", "0", "--limit", "1000", "--json"]);
        let log = String::from_utf8(log.stdout).unwrap();
        let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let redeemed: Vec<Value> =
            records.filter(|record| record["event"]["kind"] == "setup_code_redeemed").collect();
        let [record] = &redeemed[..] else { panic!("{redeemed:?}") };
        let details = &record["event"]["details"];
        assert_eq!(details["code_id"], made["codeId"]);
        assert_eq!(details["address"], lan_address().to_string());
        assert_eq!(record["event"]["deviceId"], owner.device.unwrap().id());
        assert!(!log.contains(code), "no secret in the ledger");
    });
}
