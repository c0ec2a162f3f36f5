//! Where the story's records are put, under a key that is the same everywhere.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use doorward::{
    ledger::{
        LedgerHandle, Record,
        recover::{self, OpenOptions, Opened},
    },
    support::{keys::GatewayKey, private_file},
};

/// The key of RFC 8032's first test vector: public knowledge.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";

/// The gateway's key.
pub fn key() -> GatewayKey {
    let dir = tempfile::tempdir().unwrap();
    key_in(dir.path())
}

fn key_in(dir: &Path) -> GatewayKey {
    let path = dir.join("gateway.key");
    private_file::write_new(&path, KEY.as_bytes()).unwrap();
    GatewayKey::load(&path).unwrap()
}

/// Writes a ledger with these records into an empty state directory.
pub fn write(state_dir: &Path, records: Vec<Record>) {
    let key = key_in(state_dir);
    let ledger = LedgerHandle::spawn(open(state_dir, &key), Arc::new(key)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        ledger.append(0, records).await.unwrap();
        ledger.close().await.unwrap();
    });
}

/// Opens the ledger of a state directory.
pub fn open(state_dir: &Path, key: &GatewayKey) -> Opened {
    let options = OpenOptions {
        dir: state_dir.join("ledger"),
        outside_checkpoint: state_dir.join("checkpoint"),
    };
    recover::open(&options, key, &mut |_| ControlFlow::Continue(())).unwrap()
}
