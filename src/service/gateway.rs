//! What the gateway says about itself.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use super::{Service, Sink, TrustedProxies, Vouching};
use crate::{
    actors::news::PresenceBoard,
    domain::{
        operation::Operation, permit, principal::Standing, refusal::Refusal, registry::AuthMode,
        time::UnixMillis,
    },
    support::{clock::Stopwatch, gateway_url::GatewayUrl},
};

/// What does not change while the gateway runs.
#[derive(Debug, Clone)]
pub struct Info {
    /// The gateway's version.
    pub version: &'static str,
    /// Names this run.
    pub boot_id: String,
    /// When it started.
    pub started_at: UnixMillis,
    /// Since the start.
    pub uptime: Stopwatch,
    /// Where its state lies.
    pub state_dir: PathBuf,
    /// Where its configuration is read from.
    pub config_path: PathBuf,
    /// Whether that file exists.
    pub config_exists: bool,
    /// The configuration without its secrets.
    pub config: Arc<serde_json::Value>,
    /// SHA-256 of the configuration file, in hex.
    pub config_hash: String,
    /// How much of the configuration was warned about.
    pub config_warnings: usize,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its admin API listens besides its socket.
    pub grpc_address: Option<SocketAddr>,
    /// The operation behind a method of the gateway protocol, if it is served.
    pub operation_of: fn(&str) -> Option<Operation>,
    /// Pages that may connect from elsewhere.
    pub allowed_origins: Vec<String>,
    /// The address by which clients reach it from elsewhere.
    pub public_url: Option<GatewayUrl>,
    /// The address by which the host's own tools reach it.
    pub remote_url: Option<GatewayUrl>,
    /// Peers that may speak for others.
    pub proxies: TrustedProxies,
    /// How those of them name people; `None` where the gateway does not ask for that.
    pub vouching: Option<Vouching>,
    /// Where the shared token lies, if the gateway made it.
    pub shared_secret_file: Option<PathBuf>,
    /// The gateway's public key.
    pub public_key: [u8; 32],
    /// The host's name.
    pub host: String,
    /// The sinks of the export.
    pub sinks: Vec<Sink>,
    /// Which parts of the HTTP API are served.
    pub endpoints: Endpoints,
    /// The page that is served to browsers.
    pub control_ui: Option<ControlUi>,
}

/// A page for browsers: static files, the same for everyone.
#[derive(Debug, Clone)]
pub struct ControlUi {
    /// The directory with its `index.html`.
    pub root: PathBuf,
    /// What its paths begin with: empty, or `/` and a name.
    pub base_path: String,
}

/// The parts of the HTTP API that can be switched off.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    /// Chat completions.
    pub chat_completions: bool,
    /// Responses.
    pub responses: bool,
}

/// How the gateway does.
#[derive(Debug, Clone)]
pub struct Status {
    /// The gateway's version.
    pub version: &'static str,
    /// Names this run.
    pub boot_id: String,
    /// When it started.
    pub started_at: UnixMillis,
    /// Milliseconds since then.
    pub uptime_ms: u64,
    /// Where its state lies.
    pub state_dir: PathBuf,
    /// Where its configuration is read from.
    pub config_path: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its admin API listens besides its socket.
    pub grpc_address: Option<SocketAddr>,
    /// Where the shared token lies, if the gateway made it.
    pub shared_secret_file: Option<PathBuf>,
    /// Which proof it asks for.
    pub auth_mode: AuthMode,
    /// Connections that said who they are.
    pub connections: usize,
    /// Paired devices.
    pub devices: usize,
    /// Requests that wait.
    pub pending: usize,
    /// What is held for review.
    pub held: usize,
    /// Records in the ledger.
    pub ledger_size: u64,
    /// How many records the published checkpoint covers, if there is one.
    pub published_size: Option<u64>,
    /// How many records the verification behind a start has still to look at.
    pub unverified_records: u64,
    /// Sinks of the export.
    pub sinks: usize,
    /// How many of them took nothing at the last attempt.
    pub sinks_in_trouble: usize,
    /// Whether the ledger takes records.
    pub ledger_writable: bool,
}

impl Service {
    /// What does not change while the gateway runs. Not secret, but not for strangers either.
    pub fn info(&self) -> &Info {
        &self.0.info
    }

    /// Which proof the gateway asks for.
    pub fn auth_mode(&self) -> AuthMode {
        self.0.secrets.current().mode()
    }

    /// Whether the ledger takes records: without it, nothing about authority can change.
    pub fn is_ready(&self) -> bool {
        self.0.ledger.fatal_now().is_none()
    }

    /// Returns once the ledger takes no more records; never while all is well, nor after an orderly
    /// close.
    pub async fn broken(&self) {
        self.0.ledger.fatal().await;
    }

    /// Who is connected, for a client that was just let in.
    pub fn board(&self) -> arc_swap::Guard<Arc<PresenceBoard>> {
        self.0.hub.board()
    }

    /// How the gateway does.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn status(&self, who: &Standing) -> Result<Status, Refusal> {
        permit::check(who, Operation::ReadStatus)?;
        let state = self.0.registry.peek();
        let info = &self.0.info;
        Ok(Status {
            version: info.version,
            boot_id: info.boot_id.clone(),
            started_at: info.started_at,
            uptime_ms: info.uptime.elapsed_millis(),
            state_dir: info.state_dir.clone(),
            config_path: info.config_path.clone(),
            address: info.address,
            grpc_address: info.grpc_address,
            shared_secret_file: info.shared_secret_file.clone(),
            auth_mode: self.auth_mode(),
            connections: self.0.hub.connections(),
            devices: state.device_count(),
            pending: state.pending_count(),
            held: state.all_held().count(),
            ledger_size: self.0.ledger.size(),
            published_size: self.published_size(),
            unverified_records: self.0.ledger.unverified(),
            sinks: info.sinks.len(),
            sinks_in_trouble: info.sinks.iter().filter(|sink| sink.is_in_trouble()).count(),
            ledger_writable: self.is_ready(),
        })
    }

    /// The configuration, its secrets redacted.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn config(&self, who: &Standing) -> Result<&Info, Refusal> {
        permit::check(who, Operation::ReadConfig).map(|()| &self.0.info)
    }

    /// Who is connected.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn presence(&self, who: &Standing) -> Result<Arc<PresenceBoard>, Refusal> {
        permit::check(who, Operation::ReadPresence)?;
        Ok(Arc::clone(&self.board()))
    }

    /// The gateway's public key.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn identity(&self, who: &Standing) -> Result<[u8; 32], Refusal> {
        permit::check(who, Operation::ReadIdentity).map(|()| self.0.info.public_key)
    }

    /// Gate 1 for the health of the gateway, which every front renders in its own way.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn health(&self, who: &Standing) -> Result<(), Refusal> {
        permit::check(who, Operation::ReadHealth)
    }
}
