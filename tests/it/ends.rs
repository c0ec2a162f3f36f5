//! Grants that end, against the real binary: who is warned of it, and how often.

use std::{sync::Arc, time::Duration};

use doorward::{
    fronts::cli::client::{self, Session},
    support::device_key::DeviceKey,
};
use serde_json::{Value, json};

use crate::house::{Gateway, block_on, lan_address, shared};

/// The lines of the log that warn of an end.
fn warnings(gateway: &Gateway) -> Vec<Value> {
    let log = gateway.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["fields"]["message"] == "a grant ends soon").collect()
}

/// The next event of this name; what comes before it is passed over.
async fn event(session: &mut Session, name: &str) -> Value {
    let event = tokio::time::timeout(Duration::from_secs(30), session.event(name)).await;
    event.unwrap_or_else(|_| panic!("no {name}")).unwrap()["payload"].clone()
}

/// N16 A16.2: what was given for a little longer than a day is warned of a little later, when its last
/// day begins: the owner who may pair is told, who may only read is not, and the log says it once.
#[test]
fn n16_a16_2_an_end_is_warned_of_once_to_those_who_can_do_something() {
    block_on(async {
        let gateway = Gateway::start("{ gateway: { bind: 'lan' } }");
        let mut owner = gateway.connect(&shared(&["operator.pairing"])).await.unwrap();
        let mut reader = gateway.connect(&shared(&["operator.read"])).await.unwrap();
        let key = Arc::new(DeviceKey::generate());
        let device = shared(&["operator.read"]).with_device(Arc::clone(&key));
        let url = gateway.url_at(lan_address());
        let refused = client::connect(&url, &device).await;
        let refused = refused.map(drop).unwrap_err();
        let id = refused.refusal().unwrap().details["requestId"].as_str().unwrap().to_owned();
        let given = gateway.json(&["devices", "approve", &id, "--until", "86405s"]);
        assert_eq!(warnings(&gateway), [Value::Null; 0], "not yet");

        let told = event(&mut owner, "doorward.grant.ending").await;
        let left = told["untilMs"].as_u64().unwrap() - told["ts"].as_u64().unwrap();
        assert!((86_000_000..=86_400_000).contains(&left), "{told}");
        assert_eq!(told["untilMs"], given["untilMs"]);
        assert_eq!(
            (&told["kind"], &told["deviceId"], &told["role"]),
            (&json!("device"), &json!(key.id()), &json!("operator"))
        );
        // Several sweeps later it was said once.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let lines = warnings(&gateway);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&line["level"], &line["fields"]["device"]), (&json!("WARN"), &json!(key.id())));
        assert_eq!(line["fields"]["until_ms"], told["untilMs"]);
        for session in [&mut owner, &mut reader] {
            let asked = session.send_request("health", json!({})).await.unwrap();
            loop {
                let frame = session.next_frame().await.unwrap();
                assert_ne!(frame["event"], "doorward.grant.ending", "{frame}");
                if frame["id"] == asked.as_str() {
                    break;
                }
            }
        }
    });
}
