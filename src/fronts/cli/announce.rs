//! What `doorward run` prints once it is ready: where it is, where the secret lies, what to try.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::{Output, exit::Trouble, table};
use crate::domain::registry::AuthMode;

/// A gateway that is ready.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its state directory.
    pub state_dir: PathBuf,
    /// The admin socket.
    pub admin_socket: PathBuf,
    /// The file that holds the shared token, if the gateway made one.
    pub shared_secret_file: Option<PathBuf>,
    /// Which proof it asks for.
    pub auth_mode: AuthMode,
    /// Records in the ledger.
    pub ledger_size: u64,
    /// How many of them came with a snapshot and are verified behind, if it was used.
    pub from_snapshot: Option<u64>,
    /// Milliseconds from start to ready.
    pub ready_ms: u64,
    /// What the operator should know about the ledger.
    pub notes: Vec<String>,
}

/// Prints it.
///
/// # Errors
/// If nobody reads it any more.
pub fn announce(out: &mut Output, ready: &Ready) -> Result<(), Trouble> {
    ready.notes.iter().for_each(|note| out.note(note));
    out.result(|| text(ready), || document(ready))?;
    out.flush()
}

fn text(ready: &Ready) -> String {
    let secret = match (&ready.shared_secret_file, ready.auth_mode) {
        (Some(file), _) => file.display().to_string(),
        (None, AuthMode::None) => "none is asked for".into(),
        (None, AuthMode::Token | AuthMode::Password) => "in the configuration".into(),
        (None, AuthMode::TrustedProxy) => "a proxy vouches for people".into(),
    };
    let ledger = match ready.from_snapshot {
        Some(size) => {
            format!("{} records, {size} from a snapshot, verified behind", ready.ledger_size)
        }
        None => format!("{} records", ready.ledger_size),
    };
    let facts = table::facts(&[
        ("gateway", format!("ready in {} ms", ready.ready_ms)),
        ("address", format!("ws://{}", ready.address)),
        ("secret", secret),
        ("state", ready.state_dir.display().to_string()),
        ("ledger", ledger),
    ]);
    format!("{facts}\n{}", next(ready))
}

/// The commands to try, ready to be copied.
fn next(ready: &Ready) -> String {
    let state = format!("--state-dir {}", ready.state_dir.display());
    let token = ready.shared_secret_file.as_ref().map_or_else(String::new, |file| {
        let (url, file) = (format!("ws://{}", reachable(ready.address)), file.display());
        format!("  openclaw gateway probe --url {url} --token \"$(cat {file})\"\n")
    });
    format!(
        "Try, in another terminal:\n{token}  doorward devices list {state}\n  doorward audit log {state}\n"
    )
}

/// An address that a client here can connect to: "every interface" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

fn document(ready: &Ready) -> Value {
    json!({
        "ready": true,
        "address": ready.address.to_string(),
        "url": format!("ws://{}", ready.address),
        "stateDir": ready.state_dir,
        "adminSocket": ready.admin_socket,
        "sharedSecretFile": ready.shared_secret_file,
        "authMode": ready.auth_mode.name(),
        "ledgerSize": ready.ledger_size,
        "fromSnapshot": ready.from_snapshot,
        "readyMs": ready.ready_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_an_address_that_can_be_reached() {
        for (listening, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("192.168.1.5:1", "192.168.1.5:1"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), expected);
        }
    }
}
