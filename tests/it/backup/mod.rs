//! Backups of real gateways, and what becomes of them elsewhere (N18 A18.1 to A18.3).

mod refusals;
mod restoring;
mod reviewing;

use std::{
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
};

use doorward::{
    fronts::cli::client::{ConnectError, ConnectOptions},
    support::{device_key::DeviceKey, secret::Secret},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::house::{Gateway, with_device_token};

/// A gateway with a configuration and a token of its own making, as a house has it.
fn gateway() -> Gateway {
    Gateway::start_without_token()
}

/// Makes a backup of a gateway in a directory of its own.
fn back_up(gateway: &Gateway, dir: &Path) -> PathBuf {
    let file = dir.join(format!("{}.tar", gateway.port));
    let _ = std::fs::remove_file(&file);
    let told = gateway.json(&["backup", "create", "--to", file.to_str().unwrap()]);
    assert_eq!(told["file"], file.to_str().unwrap());
    file
}

/// Restores a backup, and gives what was said.
fn restore(gateway: &Gateway, file: &Path, more: &[&str]) -> Output {
    let words = ["backup", "restore", file.to_str().unwrap(), "--json"];
    gateway.doorward(&[&words, more].concat())
}

/// As [`restore`], and it must succeed.
fn restored(gateway: &Gateway, file: &Path, more: &[&str]) -> Value {
    let output = restore(gateway, file, &[more, &["--yes"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error that a command ended with.
fn error(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let told: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no error: {text}"));
    (output.status.code(), told["error"]["what"].as_str().unwrap().to_owned())
}

/// A gateway that is not running, in a state directory that holds nothing.
fn elsewhere() -> Gateway {
    Gateway::not_started(TempDir::new().unwrap())
}

/// Pairs a fresh device at a gateway on this machine; gives how it comes back without a secret.
async fn pair(gateway: &Gateway) -> (Arc<DeviceKey>, ConnectOptions) {
    let token = std::fs::read_to_string(gateway.state.path().join("shared-token")).unwrap();
    let device = Arc::new(DeviceKey::generate());
    let token = Secret::new(token.trim().to_owned());
    let options = ConnectOptions::operator(Some(token), &["operator.read"]);
    let options = options.with_device(Arc::clone(&device));
    let session = gateway.connect(&options).await.unwrap();
    let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
    let back = with_device_token(&options, &token);
    // The first use of a token is what makes it the one that counts.
    gateway.connect(&back).await.unwrap();
    (device, back)
}

/// The code with which a client is turned away.
async fn refused(gateway: &Gateway, options: &ConnectOptions) -> String {
    let outcome = gateway.connect(options).await;
    let Err(ConnectError::Refused { refusal, .. }) = outcome else {
        panic!("not refused: {:?}", outcome.err())
    };
    refusal.details_code().unwrap().to_owned()
}
