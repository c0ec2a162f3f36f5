//! What a start finds in the state directory, or makes there: the key, the secret, the ledger, and
//! the port that it binds before anything runs.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use anyhow::Context as _;

use super::BACKLOG;
use crate::{
    config::{self, Auth, Origin, Settings},
    fronts::{grpc::Tls, http},
    ledger::error::unread_key,
    service::{ControlUi, Endpoints, SecretPlace, Service, SharedSecret},
    support::{entropy, keys::GatewayKey, private_file, secret::Secret},
};

/// The gateway's key. One is made for a new ledger only: an old one opens with no key but its own,
/// and a key that was made in its place would only hide that the right one is missing.
pub(super) fn gateway_key(state: &Path) -> anyhow::Result<GatewayKey> {
    let (path, ledger) = (state.join("gateway.key"), state.join("ledger"));
    let begun = ledger.try_exists().with_context(|| ledger.display().to_string())?;
    let key = match begun {
        true => GatewayKey::load(&path).map_err(unread_key),
        false => GatewayKey::load_or_create(&path),
    };
    key.with_context(|| path.display().to_string())
}

/// Binds the port, with a message that says who might have it.
pub(super) fn listen(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(wanted),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&wanted.into()).with_context(|| {
        format!("cannot listen on {wanted}; is another gateway running there? (doorward status)")
    })?;
    socket.listen(BACKLOG as i32)?;
    Ok(socket.into())
}

/// Which parts of the HTTP API are served.
pub(super) fn endpoints(settings: &Settings) -> Endpoints {
    let config::Endpoints { chat_completions, responses } = settings.endpoints;
    Endpoints { chat_completions, responses }
}

/// The page that is served to browsers.
pub(super) fn control_ui(settings: &Settings) -> Option<ControlUi> {
    let config::ControlUi { root, base_path } = settings.control_ui.clone()?;
    Some(ControlUi { root, base_path })
}

/// Opens the listener of the figures, if there is to be one. It ends with the process.
pub(super) fn open_metrics(settings: &Settings, service: &Service) -> anyhow::Result<()> {
    let Some(wanted) = settings.metrics_listen else { return Ok(()) };
    let server = http::open_metrics(listen(wanted)?, service)?;
    actix_rt::spawn(server);
    Ok(())
}

/// The certificates of the admin API, if there are any.
pub(super) fn tls(settings: &Settings) -> anyhow::Result<Option<Tls>> {
    let Some(tls) = &settings.grpc_tls else { return Ok(None) };
    let text =
        |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let key = Secret::new(text(&tls.key)?);
    let client_ca = tls.client_ca.as_deref().map(text).transpose()?;
    Tls::new(&text(&tls.cert)?, &key, client_ca.as_deref(), tls.clients.clone())
        .context("doorward.grpc.tls: these are no certificate with its key")
        .map(Some)
}

/// The secret of the configuration, or one of our own in a file that only its owner may read, and
/// where it lies.
pub(super) fn shared_secret(settings: &Settings) -> anyhow::Result<(SharedSecret, SecretPlace)> {
    let elsewhere = |from: &Origin| match from {
        Origin::File(path) => SecretPlace::File(path.clone()),
        Origin::Place(place) => SecretPlace::Elsewhere(place.clone()),
    };
    Ok(match &settings.auth {
        Auth::Token(Some((token, from))) => (SharedSecret::Token(token.clone()), elsewhere(from)),
        Auth::Token(None) => {
            let path = settings.state_dir.join("shared-token");
            (SharedSecret::Token(kept_token(&path)?), SecretPlace::File(path))
        }
        Auth::Password((password, from)) => {
            (SharedSecret::Password(password.clone()), elsewhere(from))
        }
        Auth::None => (SharedSecret::None, SecretPlace::Elsewhere("gateway.auth.mode".into())),
        Auth::TrustedProxy(_) => {
            (SharedSecret::TrustedProxy, SecretPlace::Elsewhere("gateway.auth.mode".into()))
        }
    })
}

fn kept_token(path: &Path) -> anyhow::Result<Secret<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            anyhow::bail!("{} is empty; remove it to have a new token made", path.display())
        }
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let token = entropy::token();
            private_file::write_new(path, format!("{}\n", token.expose()).as_bytes())?;
            Ok(token)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Every connection is a file; the soft limit of a shell is often 1,024.
pub(super) fn allow_many_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}
