//! What the file says: one function for each of its sections that this version uses.

use std::net::{IpAddr, SocketAddr};

use super::{
    agents,
    control_ui::ControlUi,
    endpoints::Endpoints,
    export,
    findings::Report,
    grpc_tls, identity, known,
    layer::{BAD_PORT, BindWord, Layer, Mode, checked},
    proxies,
    rate_limit::RateLimit,
    reader::{Document, Given, Section},
    retention::Retention,
    roles,
    shared_secret::Source,
};
use crate::support::gateway_url::GatewayUrl;

/// The most scopes in one list. There are eight operator scopes; twice that leaves room for
/// later ones, and a longer list is a mistake.
const MAX_SCOPES: usize = 16;

impl Layer {
    /// Reads a parsed file, and warns about what in it is not read.
    pub fn from_document(document: &Document, report: &mut Report) -> Self {
        let mut root = Section::root(document, report);
        let gateway = root.section("gateway", report);
        let logging = root.section("logging", report);
        let mut own = root.section("doorward", report);
        let any_proxy = own.switch("allowAnyProxy", report).is_some_and(|given| given.value);
        let grpc = own.section("grpc", report);
        let metrics = own.section("metrics", report);
        let (grpc_listen, grpc_tls) = grpc_tls::read(grpc, report);
        let roles = roles::read(&mut own, report);
        let export = export::read(&mut own, report);
        let retention = own.section("sessions", report);
        let session = root.section("session", report);
        let retention = Retention::read(session, retention, report);
        own.leave(&[], report);
        let agents = agents::Written::read(&mut root, report);
        root.leave(known::SECTIONS, report);
        let mut layer = Self {
            log_level: log_level(logging, report),
            grpc_listen,
            grpc_tls,
            metrics_listen: listen(metrics, "127.0.0.1:9464", report),
            roles,
            export: Some(export),
            agents: Some(agents),
            retention: Some(retention),
            ..Self::default()
        };
        layer.read_gateway(gateway, report);
        proxies::judge(layer.trusted_proxies.iter().flatten(), any_proxy, report);
        layer
    }

    fn read_gateway(&mut self, mut gateway: Section, report: &mut Report) {
        self.port = port(&mut gateway, report);
        self.bind = gateway
            .text("bind", report)
            .and_then(|given| checked(BindWord::parse(given.value), given.place, report));
        self.custom_host = gateway.text("customBindHost", report).and_then(|given| {
            let host = given.value.parse::<IpAddr>().map_err(|_| "must be an IP address");
            checked(host, given.place, report)
        });
        self.public_url = public_url(&mut gateway, report);
        self.trusted_proxies = proxies::networks(&mut gateway, "trustedProxies", report);
        self.real_ip = gateway.switch("allowRealIpFallback", report);
        check_mode(&mut gateway, report);
        let mut remote = gateway.section("remote", report);
        self.remote_url = remote_url(&mut remote, report);
        remote.leave(known::REMOTE, report);
        let auth = gateway.section("auth", report);
        let mut nodes = gateway.section("nodes", report);
        let mut control_ui = gateway.section("controlUi", report);
        self.endpoints = Some(Endpoints::read(gateway.section("http", report), report));
        gateway.leave(known::GATEWAY, report);

        self.read_auth(auth, report);
        let mut pairing = nodes.section("pairing", report);
        nodes.leave(known::NODES, report);
        self.auto_approve_local =
            pairing.switch("autoApproveLocal", report).map(|given| given.value);
        self.auto_approve_cidrs = proxies::networks(&mut pairing, "autoApproveCidrs", report);
        pairing.leave(known::PAIRING, report);
        self.allowed_origins = origins(&mut control_ui, report);
        self.control_ui = ControlUi::read(control_ui, report);
    }

    fn read_auth(&mut self, mut auth: Section, report: &mut Report) {
        self.auth_mode = auth
            .text("mode", report)
            .and_then(|given| checked(Mode::parse(given.value), given.place, report));
        self.token = Source::parse(&mut auth, "token", report);
        self.password = Source::parse(&mut auth, "password", report);
        self.trusted_proxy = identity::Written::parse(&mut auth, report);
        self.identity_scopes = identity::scopes(&mut auth, report);
        let mut shared = auth.section("sharedSecret", report);
        let rate_limit = auth.section("rateLimit", report);
        auth.leave(known::AUTH, report);
        self.shared_scopes = scopes(&mut shared, "scopes", report);
        self.loopback_scopes = scopes(&mut shared, "loopbackScopes", report);
        shared.leave(&[], report);
        self.rate_limit = Some(RateLimit::read(rate_limit, report));
    }
}

fn port(gateway: &mut Section, report: &mut Report) -> Option<Given<u16>> {
    let given = gateway.value("port")?;
    let number = given.value.as_u64().and_then(|number| u16::try_from(number).ok());
    checked(number.ok_or(BAD_PORT), given.place, report)
}

/// The address for clients. A setup code holds a credential and goes there, so it may not be sent
/// in the clear.
fn public_url(gateway: &mut Section, report: &mut Report) -> Option<GatewayUrl> {
    let given = gateway.text("publicUrl", report)?;
    let url = GatewayUrl::parse(given.value).and_then(|url| match url.may_carry_credentials() {
        true => Ok(url),
        false => {
            Err("must be a wss:// address: without TLS, setup codes only stay private at home")
        }
    });
    checked(url, given.place, report).map(|given| given.value)
}

/// OpenClaw's own key for its clients on this host, so what is wrong with it does not stop a gateway.
fn remote_url(remote: &mut Section, report: &mut Report) -> Option<GatewayUrl> {
    let given = remote.text("url", report)?;
    match GatewayUrl::parse(given.value) {
        Ok(url) => Some(url),
        Err(why) => {
            report.warn(&given.place, format!("not put into setup codes: {why}"));
            None
        }
    }
}

/// `gateway.mode` has one value that makes sense here; the others are explained.
fn check_mode(gateway: &mut Section, report: &mut Report) {
    let Some(given) = gateway.text("mode", report) else { return };
    match given.value {
        "local" => {}
        "remote" => report.error(
            &given.place,
            "\"remote\" is for a client of a gateway elsewhere; doorward is the gateway itself: \
             use \"local\"",
        ),
        _ => report.error(&given.place, "must be \"local\""),
    }
}

/// The level by its OpenClaw name, as the name that tracing has for it.
fn log_level(mut logging: Section, report: &mut Report) -> Option<String> {
    let level = logging.text("level", report);
    logging.leave(known::LOGGING, report);
    let level = level?;
    let name = match level.value {
        "silent" => Ok("off"),
        "fatal" | "error" => Ok("error"),
        name @ ("warn" | "info" | "debug" | "trace") => Ok(name),
        _ => Err("must be \"silent\", \"fatal\", \"error\", \"warn\", \"info\", \"debug\" or \
                  \"trace\""),
    };
    Some(checked(name, level.place, report)?.value.to_owned())
}

/// Where something of doorward's own listens.
fn listen(mut section: Section, such_as: &str, report: &mut Report) -> Option<Given<SocketAddr>> {
    let listen = section.text("listen", report);
    section.leave(&[], report);
    let given = listen?;
    let address = given.value.parse::<SocketAddr>();
    let address =
        address.map_err(|_| format!("must be an address with a port, such as \"{such_as}\""));
    checked(address, given.place, report)
}

/// A list of scope names without repeats. Whether each is a scope that exists, the domain says.
fn scopes(section: &mut Section, key: &'static str, report: &mut Report) -> Option<Vec<String>> {
    let list = section.list(key, report)?;
    Some(scopes_of(list, report))
}

pub(super) fn scopes_of(list: Given<Vec<Given<&str>>>, report: &mut Report) -> Vec<String> {
    if list.value.len() > MAX_SCOPES {
        report.error(&list.place, format!("has more than {MAX_SCOPES} scopes"));
    }
    distinct(list.value, scope, report)
}

fn scope(text: &str) -> Result<String, &'static str> {
    let name = text.strip_prefix("operator.").unwrap_or_default();
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    if name.split('.').all(part) {
        Ok(text.to_owned())
    } else {
        Err("must be an operator scope, such as \"operator.read\"")
    }
}

fn origins(control_ui: &mut Section, report: &mut Report) -> Option<Vec<String>> {
    let list = control_ui.list("allowedOrigins", report)?;
    Some(distinct(list.value, origin, report))
}

/// An origin as browsers send it: `scheme://host[:port]`, in lower case (RFC 6454, section 6.2).
fn origin(text: &str) -> Result<String, &'static str> {
    if text == "*" {
        return Err("\"*\" would let every web page use this gateway: list the origins");
    }
    let shape = Err("must be an origin such as \"https://host.example\" or \"http://host:8080\", \
                     without a path");
    let Some((scheme, host)) = text.split_once("://") else { return shape };
    let scheme_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let host_char =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let is = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    if is(scheme, scheme_char) && is(host, host_char) {
        Ok(text.to_ascii_lowercase())
    } else {
        shape
    }
}

/// The elements that pass a check, each once and in the order of the file.
fn distinct(
    list: Vec<Given<&str>>,
    check: fn(&str) -> Result<String, &'static str>,
    report: &mut Report,
) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for given in list {
        let Some(element) = checked(check(given.value), given.place, report) else { continue };
        if !kept.contains(&element.value) {
            kept.push(element.value);
        }
    }
    kept
}
