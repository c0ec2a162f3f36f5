//! What the gateway says while it runs: log lines on stderr, and [`metrics`].
//!
//! Lines are for the operator's eyes and for a log collector; what happened to authority is in the
//! ledger, not here. No secret may reach a line: secrets are `Secret<T>`, whose `Debug` shows
//! nothing. Used from any room except the domain, which has nothing to say. Start with [`init`].

pub mod metrics;

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// What is logged if nobody says otherwise: our own news, and only complaints of the libraries.
const DEFAULT_FILTER: &str = "info,actix_server=warn,sled=warn";

/// Starts logging. `filter` is a level (`debug`) or a whole filter (`info,doorward=trace`); one that
/// cannot be read is named in the first line, and the default is used.
///
/// On a terminal, lines are short and coloured unless `no_color`; elsewhere they are JSON.
pub fn init(filter: Option<&str>, no_color: bool) {
    let default = || EnvFilter::new(DEFAULT_FILTER);
    let (filter, unreadable) = match filter.map(EnvFilter::try_new) {
        None => (default(), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default(), Some(error)),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    if std::io::stderr().is_terminal() {
        registry.with(lines.with_ansi(!no_color).compact()).init();
    } else {
        registry.with(lines.json()).init();
    }
    if let Some(error) = unreadable {
        tracing::warn!(%error, "the log filter cannot be read; using {DEFAULT_FILTER}");
    }
}
