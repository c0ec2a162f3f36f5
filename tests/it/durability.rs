//! What was acknowledged survives, whatever ends the process.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use doorward::{
    domain::ids::DeviceId,
    fronts::cli::client,
    service::{Moment, offline},
    support::device_key::DeviceKey,
};
use serde_json::json;

use crate::house::{Gateway, block_on, files_under, shared, with_device_token};

const ROUNDS: u64 = 30;

/// 30 rounds of `kill -9` while devices are being paired: every device that was told so is paired.
#[test]
fn kill_nine_loses_no_acknowledged_record() {
    let mut gateway = Gateway::start("{}");
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let url = gateway.url();
        let (first, paired_one) = std::sync::mpsc::channel();
        let pairing = std::thread::spawn(move || block_on(pair_until_it_dies(url, first)));
        paired_one.recv().unwrap();
        std::thread::sleep(Duration::from_millis(round * 7));
        gateway.kill();
        let paired = pairing.join().unwrap();
        acknowledged.extend(paired);
        let ledger =
            offline(gateway.state.path()).unwrap_or_else(|no| panic!("round {round}: {no}"));
        assert_eq!(ledger.verify().unwrap().broken, None, "round {round}");
        let state = ledger.history().as_of(Moment::Now).unwrap().unwrap().state;
        for id in &acknowledged {
            assert!(state.device(*id).is_some(), "round {round} lost {id}");
        }
        drop(ledger);
        gateway.run();
    }
}

/// Sixteen clients pair fresh devices until the gateway is gone; gives who was let in.
async fn pair_until_it_dies(url: String, first: Sender<()>) -> BTreeSet<DeviceId> {
    let clients = (0..16).map(|_| {
        let (url, first) = (url.clone(), first.clone());
        async move {
            let mut paired = Vec::new();
            loop {
                let device = Arc::new(DeviceKey::generate());
                let options = shared(&["operator.read"]).with_device(device.clone());
                match client::connect(&url, &options).await {
                    Ok(_) => {
                        paired.push(DeviceId::parse(device.id()).unwrap());
                        let _ = first.send(());
                    }
                    Err(_) => return paired,
                }
            }
        }
    });
    futures_util::future::join_all(clients).await.into_iter().flatten().collect()
}

/// On SIGTERM: clients are told, a checkpoint is signed, and the exit code says that all is well.
#[test]
fn a_drain_tells_clients_signs_a_checkpoint_and_exits_zero() {
    let mut gateway = Gateway::start("{}");
    let url = gateway.url();
    let (entered, wait) = std::sync::mpsc::channel();
    let listening = std::thread::spawn(move || {
        block_on(async {
            let mut session = client::connect(&url, &shared(&["operator.read"])).await.unwrap();
            entered.send(()).unwrap();
            let farewell = session.event("shutdown").await.unwrap();
            let end = loop {
                if let Err(closed) = session.next_frame().await {
                    break closed;
                }
            };
            (farewell["payload"].clone(), end.code, end.reason)
        })
    });
    wait.recv().unwrap();
    let status = gateway.terminate();
    assert_eq!(status.code(), Some(0), "{}", gateway.log());
    let (farewell, code, reason) = listening.join().unwrap();
    assert_eq!(farewell, json!({"reason": "gateway stopping"}));
    assert_eq!((code, reason.as_str()), (1012, "service restart"));
    let note = std::fs::read_to_string(gateway.state.path().join("checkpoint")).unwrap();
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    let ledger = offline(gateway.state.path()).unwrap();
    assert_eq!(ledger.verify().unwrap().size, size, "the checkpoint covers everything");
}

/// A token works after a restart, and the ledger goes on where it was.
#[test]
fn a_restart_changes_nothing_for_a_paired_device() {
    block_on(async {
        let mut gateway = Gateway::start("{}");
        let device = Arc::new(DeviceKey::generate());
        let options = shared(&["operator.read"]).with_device(device);
        let session = gateway.connect(&options).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let size = |gateway: &Gateway| gateway.json(&["status"])["ledgerSize"].as_u64().unwrap();
        let before = size(&gateway);
        drop(session);
        assert_eq!(gateway.terminate().code(), Some(0));
        gateway.run();
        gateway.connect(&with_device_token(&options, &token)).await.unwrap();
        assert_eq!(size(&gateway), before, "nothing new was written");
    });
}

/// N5 A5.6: no secret in any record, checkpoint or log line.
#[test]
fn n5_a5_6_no_secret_reaches_the_disk() {
    block_on(async {
        let mut gateway = Gateway::start("{}");
        let options = shared(&["operator.read"]).with_device(Arc::new(DeviceKey::generate()));
        let session = gateway.connect(&options).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let wrong = with_device_token(&options, "a-wrong-token-that-was-tried");
        assert!(gateway.connect(&wrong).await.is_err());
        drop(session);
        gateway.terminate();
        let secrets = [token.as_str(), crate::house::TOKEN, "a-wrong-token-that-was-tried"];
        let files = files_under(gateway.state.path());
        assert!(files.len() >= 4, "{files:?}");
        for (path, bytes) in files {
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret}", path.display());
            }
        }
    });
}
