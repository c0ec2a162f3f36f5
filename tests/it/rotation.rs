//! Rotation that strands nobody (N4): whatever ends the gateway, a device that was told of a token can
//! come back with it.

use std::{sync::Arc, time::Duration};

use doorward::{
    fronts::cli::client::{self, ConnectError, ConnectOptions},
    support::device_key::DeviceKey,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::house::{Gateway, block_on, shared, with_device_token};

const CLIENTS: usize = 20;
const KILLS: u64 = 50;

/// A paired device with the last token that the gateway told it of.
struct Paired {
    options: ConnectOptions,
    id: String,
    token: String,
    rotations: u32,
}

impl Paired {
    async fn new(gateway: &Gateway) -> Self {
        let device = Arc::new(DeviceKey::generate());
        let options = shared(&["operator.read"]).with_device(Arc::clone(&device));
        let session = gateway.connect(&options).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        Self { options, id: device.id().to_owned(), token, rotations: 0 }
    }

    /// Comes in with its token and rotates it, again and again, until nobody answers any more.
    async fn rotate_until_it_dies(&mut self, url: &str) -> Result<(), String> {
        loop {
            let mut session =
                match client::connect(url, &with_device_token(&self.options, &self.token)).await {
                    Ok(session) => session,
                    Err(ConnectError::Refused { refusal, .. }) => return Err(refusal.to_string()),
                    Err(_) => return Ok(()),
                };
            if let Some(token) = session.hello["auth"]["deviceToken"].as_str() {
                self.token = token.to_owned();
            }
            for _ in 0..3 {
                let params = json!({"deviceId": self.id, "role": "operator"});
                match session.request("device.token.rotate", params).await {
                    Ok(answer) => self.token = answer["token"].as_str().unwrap().to_owned(),
                    Err(error) if error.refusal().is_some() => return Err(error.to_string()),
                    Err(_) => return Ok(()),
                }
                self.rotations += 1;
            }
        }
    }
}

/// A4.1: 20 paired clients, 50 `kill -9` while all of them rotate their tokens: no mismatch, ever.
#[test]
fn n4_a4_1_no_kill_costs_a_client_its_token() {
    let mut gateway = Gateway::start("{}");
    let mut clients = block_on(async {
        let pairing = (0..CLIENTS).map(|_| Paired::new(&gateway));
        join_all(pairing).await
    });
    for kill in 0..KILLS {
        let url = gateway.url();
        let rotating = std::thread::spawn(move || {
            let rotate = async {
                let rotating = clients.iter_mut().map(|client| client.rotate_until_it_dies(&url));
                join_all(rotating).await
            };
            (block_on(rotate), clients)
        });
        std::thread::sleep(Duration::from_millis(20 + kill % 10 * 7));
        gateway.kill();
        let (outcomes, back) = rotating.join().unwrap();
        clients = back;
        let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(refused, [""; 0], "before kill {kill}");
        gateway.run();
    }
    let rotations: u32 = clients.iter().map(|client| client.rotations).sum();
    assert!(rotations > 0, "there was no traffic at all");
    block_on(async {
        for client in &clients {
            let options = with_device_token(&client.options, &client.token);
            gateway.connect(&options).await.unwrap_or_else(|no| panic!("{}: {no}", client.id));
        }
    });
}
