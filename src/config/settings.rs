//! The resolved values, and the rules that need more than one of them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;

use super::{
    agents::Agents,
    control_ui::ControlUi,
    endpoints::Endpoints,
    env::Env,
    export::{self, ExportSink},
    findings::{Place, Report},
    grpc_tls::GrpcTls,
    identity::{Identity, NO_HEADER, Written},
    layer::{BindWord, Layer, Mode, checked},
    proxies::Proxies,
    rate_limit::RateLimit,
    reader::Given,
    retention::Retention,
    shared_secret::Source,
};
use crate::support::{gateway_url::GatewayUrl, secret::Secret};

/// The port that clients of this protocol try first.
pub const DEFAULT_PORT: u16 = 18789;

/// What a client that proved the shared secret may do from anywhere, unless the file says.
const SHARED_SCOPES: &[&str] = &["operator.read", "operator.write"];

/// What the same client may do from this host, unless the file says: the full operator set.
const LOOPBACK_SCOPES: &[&str] = &[
    "operator.admin",
    "operator.read",
    "operator.write",
    "operator.approvals",
    "operator.pairing",
    "operator.questions",
    "operator.talk",
    "operator.talk.secrets",
];

/// Everything that the gateway needs to know to start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the gateway keeps its state.
    pub state_dir: PathBuf,
    /// The TCP port, 0 for any free one.
    pub port: u16,
    /// The address to listen on.
    pub bind: Bind,
    /// How clients prove themselves.
    pub auth: Auth,
    /// Scopes that the shared secret grants from anywhere: `operator.*` names, shape checked.
    pub shared_scopes: Vec<String>,
    /// Scopes that it grants over direct loopback; same form.
    pub loopback_scopes: Vec<String>,
    /// How many wrong credentials are borne, and what follows.
    pub rate_limit: RateLimit,
    /// Whether a device that connects over direct loopback is paired by policy.
    pub auto_approve_local: bool,
    /// The address by which clients reach this gateway from elsewhere.
    pub public_url: Option<GatewayUrl>,
    /// The address by which the host's own tools reach it, as a client's configuration names it.
    pub remote_url: Option<GatewayUrl>,
    /// From where fresh nodes without scopes are paired by policy.
    pub auto_approve_cidrs: Vec<IpNet>,
    /// Browser origins that may connect, in lower case.
    pub allowed_origins: Vec<String>,
    /// The page that is served to browsers.
    pub control_ui: Option<ControlUi>,
    /// Who may speak for others.
    pub proxies: Proxies,
    /// Where the admin API listens besides its socket.
    pub grpc_listen: Option<SocketAddr>,
    /// With which certificate it does, and who is known by which. None: without TLS.
    pub grpc_tls: Option<GrpcTls>,
    /// Where the figures are served without a credential, besides the gateway's port with one.
    pub metrics_listen: Option<SocketAddr>,
    /// Where every record goes besides the ledger.
    pub export: Vec<ExportSink>,
    /// Roles that can be put on a grant as a ceiling, with their scopes; shape checked.
    pub roles: Vec<(String, Vec<String>)>,
    /// Who answers, and with what.
    pub agents: Agents,
    /// Which parts of the HTTP API are served.
    pub endpoints: Endpoints,
    /// What becomes of sessions that nobody comes back to.
    pub retention: Retention,
    /// What to log: a level of tracing, or from `DOORWARD_LOG` a whole filter, unchecked.
    pub log_level: Option<String>,
}

/// The address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// 127.0.0.1.
    Loopback,
    /// 0.0.0.0, every IPv4 interface.
    Lan,
    /// This address.
    Address(IpAddr),
}

impl Bind {
    /// The address itself.
    pub fn address(&self) -> IpAddr {
        match *self {
            Self::Loopback => Ipv4Addr::LOCALHOST.into(),
            Self::Lan => Ipv4Addr::UNSPECIFIED.into(),
            Self::Address(address) => address,
        }
    }

    /// Whether only this host can connect. IPv4 addresses in IPv6 clothes count as IPv4.
    pub fn is_loopback(&self) -> bool {
        self.address().to_canonical().is_loopback()
    }
}

/// How clients prove themselves.
#[derive(Debug, Clone)]
pub enum Auth {
    /// With the shared token; `None`: the one in the state directory.
    Token(Option<(Secret<String>, Origin)>),
    /// With the shared password.
    Password((Secret<String>, Origin)),
    /// Not at all; only with a loopback [`Bind`] and no trusted proxy.
    None,
    /// A trusted proxy names the person.
    TrustedProxy(Identity),
}

/// Where a secret was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file that holds nothing else.
    File(PathBuf),
    /// At a place of the configuration or in an environment variable, in words.
    Place(String),
}

impl Settings {
    /// Resolves the layers, strongest first; `None` if the report says why not.
    pub(super) fn resolve(
        layers: &[Layer],
        state_dir: PathBuf,
        env: &Env,
        report: &mut Report,
    ) -> Option<Self> {
        let bind = bind(layers, report);
        let proxies = Proxies::resolve(layers, report);
        let auth = auth(layers, bind, &proxies, env, report);
        let port = first(layers, |layer| layer.port.as_ref());
        let grpc_listen = grpc_listen(layers, auth.as_ref(), report);
        let export = export::resolve(layers, env, report);
        // The file's layer has them even if there is no file.
        let agents = first(layers, |layer| layer.agents.as_ref());
        let agents = agents.map(|written| written.resolve(env, report));
        let settings = Self {
            state_dir,
            port: port.map_or(DEFAULT_PORT, |port| port.value),
            bind,
            auth: auth?,
            shared_scopes: names(layers, |layer| layer.shared_scopes.as_ref(), SHARED_SCOPES),
            loopback_scopes: names(layers, |layer| layer.loopback_scopes.as_ref(), LOOPBACK_SCOPES),
            rate_limit: first(layers, |layer| layer.rate_limit.as_ref())
                .copied()
                .unwrap_or_default(),
            auto_approve_local: first(layers, |layer| layer.auto_approve_local.as_ref())
                .is_none_or(|&approve| approve),
            public_url: first(layers, |layer| layer.public_url.as_ref()).cloned(),
            remote_url: first(layers, |layer| layer.remote_url.as_ref()).cloned(),
            auto_approve_cidrs: first(layers, |layer| layer.auto_approve_cidrs.as_ref())
                .map(|ranges| ranges.iter().map(|range| range.value).collect())
                .unwrap_or_default(),
            allowed_origins: names(layers, |layer| layer.allowed_origins.as_ref(), &[]),
            control_ui: first(layers, |layer| layer.control_ui.as_ref()).cloned(),
            proxies,
            grpc_listen,
            export,
            metrics_listen: metrics_listen(layers, report),
            grpc_tls: first(layers, |layer| layer.grpc_tls.as_ref())
                .map(|given| given.value.clone()),
            roles: first(layers, |layer| layer.roles.as_ref()).cloned().unwrap_or_default(),
            agents: agents?,
            endpoints: first(layers, |layer| layer.endpoints.as_ref()).copied().unwrap_or_default(),
            retention: first(layers, |layer| layer.retention.as_ref()).copied().unwrap_or_default(),
            log_level: first(layers, |layer| layer.log_level.as_ref()).cloned(),
        };
        report.errors.is_empty().then_some(settings)
    }
}

/// A value from the strongest layer that has it.
pub(super) fn first<T>(layers: &[Layer], field: fn(&Layer) -> Option<&T>) -> Option<&T> {
    layers.iter().find_map(field)
}

fn names(
    layers: &[Layer],
    field: fn(&Layer) -> Option<&Vec<String>>,
    default: &[&str],
) -> Vec<String> {
    let given = first(layers, field).cloned();
    given.unwrap_or_else(|| default.iter().map(|&name| name.to_owned()).collect())
}

fn bind(layers: &[Layer], report: &mut Report) -> Bind {
    let word = first(layers, |layer| layer.bind.as_ref());
    let host = first(layers, |layer| layer.custom_host.as_ref());
    if let Some(host) = host
        && word.is_none_or(|word| word.value != BindWord::Custom)
    {
        report.warn(&host.place, "not used: it needs gateway.bind \"custom\"");
    }
    let Some(word) = word else { return Bind::Loopback };
    match word.value {
        BindWord::Loopback => Bind::Loopback,
        BindWord::Lan => Bind::Lan,
        BindWord::Address(address) => Bind::Address(address),
        BindWord::Auto => {
            report.warn(&word.place, "\"auto\" is read as \"loopback\"; say which you mean");
            Bind::Loopback
        }
        BindWord::Custom => match host {
            Some(host) => Bind::Address(host.value),
            None => {
                report
                    .error(&word.place, "\"custom\" needs an IP address in gateway.customBindHost");
                Bind::Loopback
            }
        },
    }
}

/// Where the admin API listens. In mode `none`, nobody from elsewhere may reach it either.
fn grpc_listen(layers: &[Layer], auth: Option<&Auth>, report: &mut Report) -> Option<SocketAddr> {
    let given = first(layers, |layer| layer.grpc_listen.as_ref())?;
    let wide = !given.value.ip().to_canonical().is_loopback();
    if wide && matches!(auth, Some(Auth::None)) {
        report.error(&given.place, "in auth mode \"none\" it must be a loopback address");
    }
    Some(given.value)
}

/// Where the figures are served to whoever comes: at an address that was meant, not at all of them.
fn metrics_listen(layers: &[Layer], report: &mut Report) -> Option<SocketAddr> {
    let given = first(layers, |layer| layer.metrics_listen.as_ref())?;
    if given.value.ip().to_canonical().is_unspecified() {
        report.error(&given.place, "must name one address: whoever reaches it needs no credential");
    }
    Some(given.value)
}

/// How a layer's secret of one kind is reached.
type SecretField = fn(&Layer) -> Option<&Given<Source>>;

const TOKEN: SecretField = |layer| layer.token.as_ref();
const PASSWORD: SecretField = |layer| layer.password.as_ref();

/// The mode, and the secret that it needs; `None` if the report says why not.
fn auth(
    layers: &[Layer],
    bind: Bind,
    proxies: &Proxies,
    env: &Env,
    report: &mut Report,
) -> Option<Auth> {
    let mode = auth_mode(layers);
    for (kind, field) in [(Mode::Token, TOKEN), (Mode::Password, PASSWORD)] {
        if kind != mode.value {
            warn_unused(layers, field, mode.value, report);
        }
    }
    if mode.value != Mode::TrustedProxy {
        let written = layers.iter().filter_map(|layer| Some(&layer.trusted_proxy.as_ref()?.place));
        let scopes = layers.iter().filter_map(|layer| Some(&layer.identity_scopes.as_ref()?.place));
        for place in written.chain(scopes) {
            report.warn(place, unused_in(mode.value));
        }
    }
    match mode.value {
        Mode::Token => match first(layers, TOKEN) {
            None => Some(Auth::Token(None)),
            Some(given) => Some(Auth::Token(Some(resolve_secret(given, env, report)?))),
        },
        Mode::Password => match first(layers, PASSWORD) {
            None => refuse(&mode.place, NO_PASSWORD, report),
            Some(given) => Some(Auth::Password(resolve_secret(given, env, report)?)),
        },
        Mode::None if !bind.is_loopback() => refuse(&mode.place, WIDE_OPEN, report),
        Mode::None if !proxies.trusted.is_empty() => refuse(&mode.place, PROXIED_OPEN, report),
        Mode::None => Some(Auth::None),
        Mode::TrustedProxy => {
            identity(layers, &mode.place, proxies, report).map(Auth::TrustedProxy)
        }
    }
}

/// Who may name people, and how; `None` if the report says what is missing.
fn identity(
    layers: &[Layer],
    mode: &Place,
    proxies: &Proxies,
    report: &mut Report,
) -> Option<Identity> {
    if proxies.trusted.is_empty() {
        report.error(mode, NO_PROXY);
    }
    let written = first(layers, |layer| layer.trusted_proxy.as_ref());
    let scopes = first(layers, |layer| layer.identity_scopes.as_ref());
    match written {
        None => refuse(mode, NO_HEADER, report),
        Some(written) => {
            let scopes = scopes.map(|given| &given.value[..]).unwrap_or_default();
            Written::resolve(written, scopes, report)
        }
    }
}

const NO_PROXY: &str = "mode \"trusted-proxy\" needs the address of the proxy in \
                        gateway.trustedProxies";

const NO_PASSWORD: &str = "mode \"password\" needs a password: set gateway.auth.password, \
                           DOORWARD_PASSWORD or --password-file";

const WIDE_OPEN: &str = "mode \"none\" would let everyone in who can reach this host: \
                         set gateway.bind to \"loopback\", or use mode \"token\" or \"password\"";

const PROXIED_OPEN: &str = "mode \"none\" would let everyone in whom a trusted proxy forwards: \
                            empty gateway.trustedProxies, or use mode \"token\" or \"password\"";

/// The mode that was named; else the kind of secret that was given, a token before a password.
fn auth_mode(layers: &[Layer]) -> Given<Mode> {
    let named = first(layers, |layer| layer.auth_mode.as_ref()).cloned();
    named.unwrap_or_else(|| {
        let has = |field: SecretField| first(layers, field).is_some();
        let value = if !has(TOKEN) && has(PASSWORD) { Mode::Password } else { Mode::Token };
        Given { value, place: Place::missing("gateway.auth.mode") }
    })
}

/// Says which secrets have no effect: an operator who set one believes that it protects.
fn warn_unused(layers: &[Layer], field: SecretField, mode: Mode, report: &mut Report) {
    for given in layers.iter().filter_map(field) {
        report.warn(&given.place, unused_in(mode));
    }
}

fn unused_in(mode: Mode) -> String {
    format!("not used: the auth mode is \"{}\"", mode.name())
}

fn resolve_secret(
    given: &Given<Source>,
    env: &Env,
    report: &mut Report,
) -> Option<(Secret<String>, Origin)> {
    let secret = checked(given.value.resolve(env), given.place.clone(), report)?.value;
    let origin = match &given.value {
        Source::File(path) => Origin::File(path.clone()),
        Source::Env(name) => Origin::Place(format!("the environment variable {name}")),
        Source::Inline(_) => Origin::Place(given.place.to_string()),
    };
    Some((secret, origin))
}

fn refuse<T>(place: &Place, message: &str, report: &mut Report) -> Option<T> {
    report.error(place, message);
    None
}
