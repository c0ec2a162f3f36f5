//! openclaw #46422: after the tokens were rotated and the device was paired again with every scope,
//! its calls still failed with `missing scope: operator.read`, although the listing showed them all.
//!
//! The device narrows itself by a rotation, is refused what it gave up, asks for everything again and
//! is approved on the host; what is listed, what hello says and what a call is measured by agree at
//! every step, and a session that was open all the while has followed.

use std::sync::Arc;

use doorward::{fronts::cli::client::ConnectOptions, support::device_key::DeviceKey};
use serde_json::json;

use super::{held, reads, refusal, set};
use crate::house::{Gateway, block_on, shared, with_device_token};

#[test]
fn rotated_and_paired_again_a_device_can_do_what_is_listed() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let key = Arc::new(DeviceKey::generate());
        let with =
            |scopes: &[&str]| -> ConnectOptions { shared(scopes).with_device(Arc::clone(&key)) };
        let all = ["operator.admin", "operator.read", "operator.write", "operator.pairing"];
        // Somebody else stays the owner; the last one could not give that up.
        let owner = shared(&all).with_device(Arc::new(DeviceKey::generate()));
        gateway.connect(&owner).await.unwrap();
        let mut first = gateway.connect(&with(&all)).await.unwrap();
        assert_eq!(held(&first), set("admin read write pairing"));
        reads(&mut first, "as paired").await;

        // Rotated to less: the session that asked for it has less from its next call on.
        let params = json!({
            "deviceId": key.id(), "role": "operator", "scopes": ["operator.write"],
        });
        let rotated = first.request("device.token.rotate", params).await.unwrap();
        assert_eq!(rotated["tokenDelivery"], "in-band");
        let token = rotated["token"].as_str().unwrap().to_owned();
        let refused = refusal(&mut first, "device.pair.list").await;
        assert_eq!(refused.message, "missing scope: operator.pairing");
        reads(&mut first, "write reads, too").await;

        // With its new token it enters with what it has, and is told so.
        let own = with_device_token(&with(&["operator.write"]), &token);
        let mut narrow = gateway.connect(&own).await.unwrap();
        assert_eq!(held(&narrow), set("write"));
        assert_eq!(refusal(&mut narrow, "device.pair.list").await.details["code"], "MISSING_SCOPE");

        // Paired again with everything, by the rule for local devices: listed, told, and enforced.
        let mut again = gateway.connect(&with(&all)).await.unwrap();
        assert_eq!(held(&again), set("admin read write pairing"));
        reads(&mut again, "as paired again").await;
        let listed = again.request("device.pair.list", json!({})).await.unwrap();
        let rows = listed["paired"].as_array().unwrap();
        let row = rows.iter().find(|row| row["deviceId"] == key.id()).unwrap();
        assert_eq!(super::names(&row["scopes"]), set("admin read write pairing"));
        // The session that asked for everything at first has it again, without connecting anew.
        first.request("device.pair.list", json!({})).await.unwrap();
    });
}
