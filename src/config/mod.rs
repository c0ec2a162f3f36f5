//! Configuration: a JSON5 file, the environment and the command line become one [`Settings`].
//!
//! The file has the shape of OpenClaw's `gateway.*` keys, so that an existing file loads as it is.
//! Every error is reported at once, with its key and its line; a key that nobody here reads is a
//! warning, once, and the gateway still serves.
//!
//! How it goes: each source is read into a `layer::Layer` of checked values, and `settings`
//! takes each value from the strongest layer that has it: command line, then `DOORWARD_*`, then
//! `OPENCLAW_*`, then the file, then the default.
//!
//! What may not happen here: no actor, ledger or front is named, nothing is started or written,
//! and no secret is printed, not even inside an error. Environment variables are read in [`mod@env`]
//! and nowhere else in the crate. Start reading at [`load`].

pub mod agents;
mod control_ui;
mod endpoints;
pub mod env;
mod export;
mod file;
mod file_layer;
mod findings;
mod grpc_tls;
mod identity;
mod known;
mod layer;
mod lines;
mod proxies;
mod rate_limit;
mod reader;
mod redact;
mod retention;
mod roles;
mod settings;
mod shared_secret;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::support::secret::Secret;
pub use control_ui::ControlUi;
pub use endpoints::Endpoints;
pub use env::Env;
pub use export::{ExportSink, ExportTo, HttpTo};
pub use file::ConfigFile;
pub use findings::{ConfigError, ConfigErrors, Finding, Warning};
use findings::{Place, Report};
pub use grpc_tls::GrpcTls;
pub use identity::Identity;
use layer::Layer;
pub use proxies::Proxies;
pub use rate_limit::RateLimit;
pub use retention::Retention;
pub use settings::{Auth, Bind, DEFAULT_PORT, Origin, Settings};

/// What the command line says; `None` where it says nothing.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--port`: the TCP port, 0 for any free one.
    pub port: Option<u16>,
    /// `--bind`: `loopback`, `lan` or an address.
    pub bind: Option<String>,
    /// `--auth`: `token`, `password` or `none`.
    pub auth: Option<String>,
    /// `--token`: the shared token itself.
    pub token: Option<Secret<String>>,
    /// `--password-file`: a file that holds the shared password.
    pub password_file: Option<PathBuf>,
    /// `--config`: the configuration file, which must then exist.
    pub config: Option<PathBuf>,
    /// `--state-dir`: where the gateway keeps its state.
    pub state_dir: Option<PathBuf>,
}

/// A configuration that holds, and what is worth saying about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The resolved values.
    pub settings: Settings,
    /// What was accepted but should be looked at, in the order of the file.
    pub warnings: Vec<Warning>,
    /// The file as it was read, without its secrets.
    pub file: ConfigFile,
}

/// Reads every source and resolves it. A missing default file is fine: the defaults serve.
///
/// # Errors
/// Everything that is wrong, at once. Where the file cannot be read or parsed, what stands in it
/// is unknown, and only the other sources are checked beside it.
pub fn load(env: &Env, overrides: &Overrides) -> Result<Loaded, ConfigErrors> {
    let mut report = Report::default();
    let state_dir = state_dir(env, overrides).map_err(|error| report.errors.push(error)).ok();
    let flags = Layer::from_overrides(overrides, &mut report);
    let doorward = Layer::from_env(env, "DOORWARD", &mut report);
    let openclaw = Layer::from_env(env, "OPENCLAW_GATEWAY", &mut report);
    let read = file::locate(env, overrides, state_dir.as_deref())
        .and_then(|location| file::read(&location, &mut report));
    let (Some(state_dir), Some((file, document))) = (state_dir, read) else {
        return Err(report.into_errors());
    };
    let written = Layer::from_document(&document, &mut report);
    let layers = [flags, doorward, openclaw, written];
    match Settings::resolve(&layers, state_dir, env, &mut report) {
        Some(settings) => Ok(Loaded { settings, warnings: report.into_warnings(), file }),
        None => Err(report.into_errors()),
    }
}

/// Where the gateway keeps its state: `--state-dir`, `DOORWARD_STATE_DIR` or `$HOME/.doorward`.
///
/// Commands that only need the admin socket ask for this alone, so that a broken configuration
/// file does not lock its operator out.
///
/// # Errors
/// If none of the three is given.
pub fn state_dir(env: &Env, overrides: &Overrides) -> Result<PathBuf, ConfigError> {
    overrides
        .state_dir
        .clone()
        .or_else(|| env.path("DOORWARD_STATE_DIR"))
        .or_else(|| env.path("HOME").map(|home| home.join(".doorward")))
        .ok_or_else(|| {
            Place::default().finding(
                "no state directory: HOME is not set; give --state-dir or DOORWARD_STATE_DIR",
            )
        })
}
