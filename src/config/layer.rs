//! What one source says: the command line, the environment (two prefixes) or the file.
//!
//! A layer holds checked values with their places and knows nothing of the other layers.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::{
    Overrides, agents,
    control_ui::ControlUi,
    endpoints::Endpoints,
    env::Env,
    export,
    findings::{Place, Report},
    grpc_tls::GrpcTls,
    identity::{Written, WrittenScopes},
    rate_limit::RateLimit,
    reader::Given,
    retention::Retention,
    roles::Roles,
    shared_secret::Source,
};
use crate::support::{gateway_url::GatewayUrl, secret::Secret};

/// The values of one source; `None` where it is silent.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub port: Option<Given<u16>>,
    pub bind: Option<Given<BindWord>>,
    pub custom_host: Option<Given<IpAddr>>,
    pub public_url: Option<GatewayUrl>,
    pub remote_url: Option<GatewayUrl>,
    pub auth_mode: Option<Given<Mode>>,
    pub token: Option<Given<Source>>,
    pub password: Option<Given<Source>>,
    pub shared_scopes: Option<Vec<String>>,
    pub loopback_scopes: Option<Vec<String>>,
    pub rate_limit: Option<RateLimit>,
    pub auto_approve_local: Option<bool>,
    pub allowed_origins: Option<Vec<String>>,
    pub control_ui: Option<ControlUi>,
    pub trusted_proxies: Option<Vec<Given<IpNet>>>,
    pub real_ip: Option<Given<bool>>,
    pub trusted_proxy: Option<Given<Written>>,
    pub identity_scopes: Option<Given<WrittenScopes>>,
    pub auto_approve_cidrs: Option<Vec<Given<IpNet>>>,
    pub roles: Option<Roles>,
    pub agents: Option<agents::Written>,
    pub endpoints: Option<Endpoints>,
    pub retention: Option<Retention>,
    pub log_level: Option<String>,
    pub grpc_listen: Option<Given<SocketAddr>>,
    pub metrics_listen: Option<Given<SocketAddr>>,
    pub grpc_tls: Option<Given<GrpcTls>>,
    pub export: Option<Vec<export::Written>>,
}

/// What `gateway.bind` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindWord {
    Loopback,
    Lan,
    Auto,
    Custom,
    Address(IpAddr),
}

impl BindWord {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "lan" => Ok(Self::Lan),
            "auto" => Ok(Self::Auto),
            "custom" => Ok(Self::Custom),
            "tailnet" => Err("\"tailnet\" is not supported by this version: \
                              give the tailnet address of this host instead"),
            _ => text.parse().map(Self::Address).map_err(
                |_| "must be \"loopback\", \"lan\", \"auto\", \"custom\" or an IP address",
            ),
        }
    }
}

/// What `gateway.auth.mode` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Token,
    Password,
    None,
    TrustedProxy,
}

impl Mode {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "token" => Ok(Self::Token),
            "password" => Ok(Self::Password),
            "none" => Ok(Self::None),
            "trusted-proxy" => Ok(Self::TrustedProxy),
            _ => Err("must be \"token\", \"password\", \"none\" or \"trusted-proxy\""),
        }
    }

    /// As the file spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::None => "none",
            Self::TrustedProxy => "trusted-proxy",
        }
    }
}

impl Layer {
    /// What the command line says. A secret that is given there says which mode is meant.
    pub fn from_overrides(overrides: &Overrides, report: &mut Report) -> Self {
        let Overrides { port, bind, auth, token, password_file, config: _, state_dir: _ } =
            overrides;
        let outside = |flag, path| Place::outside(flag, path);
        let port = port.map(|value| Given { value, place: outside("--port", "gateway.port") });
        let bind = bind.as_deref().and_then(|text| {
            checked(BindWord::parse(text), outside("--bind", "gateway.bind"), report)
        });
        let token = token.clone().map(|secret| Given {
            value: Source::Inline(secret),
            place: outside("--token", "gateway.auth.token"),
        });
        let password = password_file.clone().map(|path| Given {
            value: Source::File(path),
            place: outside("--password-file", "gateway.auth.password"),
        });
        let meant = token
            .as_ref()
            .map(|given| given.with(Mode::Token))
            .or_else(|| password.as_ref().map(|given| given.with(Mode::Password)));
        let auth_mode = match auth.as_deref() {
            Some(text) => {
                checked(Mode::parse(text), outside("--auth", "gateway.auth.mode"), report)
            }
            None => meant,
        };
        Self { port, bind, auth_mode, token, password, ..Self::default() }
    }

    /// What the variables with this prefix say: `_TOKEN`, `_PASSWORD` and `_PORT`, and for
    /// doorward's own also `_BIND` and `_LOG`.
    pub fn from_env(env: &Env, prefix: &str, report: &mut Report) -> Self {
        let mut text = |suffix: &str, path: &str| -> Option<Given<String>> {
            let name = format!("{prefix}_{suffix}");
            let place = Place::outside(&name, path);
            checked(env.get(&name)?.to_str().ok_or("is not valid UTF-8"), place, report)
                .map(|given| given.with(given.value.to_owned()))
        };
        let port = text("PORT", "gateway.port");
        let token = text("TOKEN", "gateway.auth.token");
        let password = text("PASSWORD", "gateway.auth.password");
        let (bind, log_level) = if prefix == "DOORWARD" {
            (text("BIND", "gateway.bind"), text("LOG", "logging.level"))
        } else {
            (None, None)
        };
        let inline = |given: Given<String>| {
            let place = given.place;
            Given { value: Source::Inline(Secret::new(given.value)), place }
        };
        Self {
            port: port.and_then(|port| {
                let number = port.value.parse().map_err(|_| BAD_PORT);
                checked(number, port.place, report)
            }),
            bind: bind.and_then(|bind| checked(BindWord::parse(&bind.value), bind.place, report)),
            token: token.map(inline),
            password: password.map(inline),
            log_level: log_level.map(|level| level.value),
            ..Self::default()
        }
    }
}

/// What is wrong with a port that is not one.
pub(super) const BAD_PORT: &str = "must be a whole number from 1 to 65535, or 0 for any free port";

/// The value with its place, or the error in the report.
pub(super) fn checked<T>(
    result: Result<T, impl Into<String>>,
    place: Place,
    report: &mut Report,
) -> Option<Given<T>> {
    match result {
        Ok(value) => Some(Given { value, place }),
        Err(message) => {
            report.error(&place, message);
            None
        }
    }
}
