//! What lost records may have taken away is held until someone has looked at it (N18 A18.2).

use std::{fs, path::Path, sync::Arc};

use doorward::{
    fronts::cli::client::ConnectOptions,
    support::{device_key::DeviceKey, secret::Secret},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{back_up, elsewhere, error, gateway, pair, refused, restored};
use crate::house::{Gateway, block_on, copy_all};

/// One who was revoked in the records that are lost, and one who was not; and a service token.
struct House {
    revoked: (Arc<DeviceKey>, ConnectOptions),
    stays: (Arc<DeviceKey>, ConnectOptions),
    hub: String,
}

impl House {
    fn furnish(gateway: &Gateway) -> Self {
        let (revoked, stays) = block_on(async { (pair(gateway).await, pair(gateway).await) });
        let make = ["tokens", "create", "--name", "hub", "--scope", "operator.read"];
        let hub = gateway.json(&make)["secret"].as_str().unwrap().to_owned();
        Self { revoked, stays, hub }
    }

    fn hub_status(&self, gateway: &Gateway) -> u16 {
        gateway.ask("/v1/models", &format!("Authorization: Bearer {}\r\n", self.hub)).0
    }

    /// Nobody comes in before somebody looks, nor after a restart; then whoever was released does,
    /// with the token of old, and nobody else.
    fn is_reviewed(&self, gateway: &mut Gateway) {
        for _ in 0..2 {
            block_on(async {
                for (_, options) in [&self.revoked, &self.stays] {
                    assert_eq!(refused(gateway, options).await, "HELD_FOR_REVIEW");
                }
            });
            assert_eq!(self.hub_status(gateway), 403);
            assert_eq!(gateway.json(&["status"])["held"], 4);
            gateway.terminate();
            gateway.run();
        }
        let stays = self.stays.0.id();
        let (code, why) =
            error(&gateway.doorward(&["audit", "why", stays, "operator.read", "--json"]));
        assert_eq!(code, Some(3), "{why}");
        assert!(why.contains("HELD_FOR_REVIEW") && why.contains("are lost"), "{why}");
        let listed = gateway.json(&["devices", "list"]).to_string();
        assert!(listed.contains(stays) && listed.contains("operator.read"), "{listed}");
        self.no_rule_approves(gateway);

        let released = gateway.json(&["review", "release", stays]);
        assert_eq!(released["released"].as_array().unwrap().len(), 1, "{released}");
        gateway.json(&["review", "release", "hub"]);
        block_on(async {
            gateway.connect(&self.stays.1).await.unwrap();
            assert_eq!(refused(gateway, &self.revoked.1).await, "HELD_FOR_REVIEW");
        });
        assert_eq!(self.hub_status(gateway), 200);
        gateway.json(&["devices", "revoke", self.revoked.0.id()]);
        let left = gateway.json(&["review", "list"])["held"].clone();
        assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
        gateway.json(&["review", "release", "rules"]);
        block_on(async {
            assert_eq!(refused(gateway, &self.revoked.1).await, "AUTH_DEVICE_TOKEN_MISMATCH");
            pair(gateway).await;
        });
        let ended = gateway.doorward(&["audit", "log", "--kind", "review_ended", "--json"]);
        assert_eq!(String::from_utf8(ended.stdout).unwrap().lines().count(), 3);
        assert_eq!(gateway.json(&["audit", "verify"])["ok"], true);
    }

    /// Whom a person turned down in the lost records, a rule would let in again.
    fn no_rule_approves(&self, gateway: &Gateway) {
        let token = fs::read_to_string(gateway.state.path().join("shared-token")).unwrap();
        let token = Secret::new(token.trim().to_owned());
        let options = ConnectOptions::operator(Some(token), &["operator.read"]);
        let options = options.with_device(Arc::new(DeviceKey::generate()));
        assert_eq!(block_on(refused(gateway, &options)), "PAIRING_REQUIRED");
    }
}

/// What the one record says because of which everything is held.
fn begun(gateway: &Gateway) -> Value {
    gateway.json(&["audit", "log", "--kind", "review_begun"])["event"]["details"].clone()
}

fn size_of(checkpoint: &Path) -> String {
    fs::read_to_string(checkpoint).unwrap().lines().nth(1).unwrap().to_owned()
}

#[test]
fn n18_a18_2_a_restore_that_knows_of_lost_records_holds_everything() {
    let mut gateway = gateway();
    let house = House::furnish(&gateway);
    let dir = TempDir::new().unwrap();
    let file = back_up(&gateway, dir.path());
    gateway.json(&["devices", "revoke", house.revoked.0.id()]);
    gateway.terminate();
    let checkpoint = dir.path().join("kept-elsewhere");
    fs::copy(gateway.state.path().join("checkpoint"), &checkpoint).unwrap();
    drop(gateway);

    let mut moved = elsewhere();
    let flags = ["--checkpoint", checkpoint.to_str().unwrap(), "--accept-loss"];
    let told = restored(&moved, &file, &flags);
    assert_eq!(
        (&told["held"], &told["files"]),
        (&true.into(), &serde_json::json!(["gateway.key"]))
    );
    moved.run();
    let said = begun(&moved);
    assert_eq!(said["lost_from"], told["size"].to_string());
    assert_eq!(said["lost_until"], size_of(&checkpoint));
    assert_eq!(said["root"].as_str().unwrap().len(), 64);
    house.is_reviewed(&mut moved);
}

#[test]
fn n18_a18_2_a_recovery_that_knows_of_lost_records_holds_everything() {
    let mut gateway = gateway();
    let house = House::furnish(&gateway);
    gateway.terminate();
    let state = gateway.state.path().to_owned();
    let (tlog, kept) = (state.join("tlog"), state.join("tlog.then"));
    copy_all(&tlog, &kept);
    let published = size_of(&tlog.join("checkpoint"));
    gateway.run();
    gateway.json(&["devices", "revoke", house.revoked.0.id()]);
    gateway.terminate();
    fs::remove_dir_all(&tlog).unwrap();
    fs::rename(&kept, &tlog).unwrap();
    fs::remove_dir_all(state.join("ledger")).unwrap();
    let newest = size_of(&state.join("checkpoint"));

    let told = gateway.json(&["recover", "--from-tiles", "--yes"]);
    assert_eq!(told["held"], true, "{told}");
    gateway.run();
    let said = begun(&gateway);
    assert_eq!((&said["lost_from"], &said["lost_until"]), (&published.into(), &newest.into()));
    house.is_reviewed(&mut gateway);
}

/// Without a proof that anything is lost, nothing is held.
#[test]
fn n18_a18_2_without_proof_of_a_loss_nothing_is_held() {
    let gateway = gateway();
    let house = House::furnish(&gateway);
    let dir = TempDir::new().unwrap();
    let file = back_up(&gateway, dir.path());
    let mut moved = elsewhere();
    assert_eq!(restored(&moved, &file, &[])["held"], false);
    moved.run();
    block_on(async { moved.connect(&house.stays.1).await.unwrap() });
    assert_eq!(moved.json(&["status"])["held"], 0);
}
