//! `doorward.export`: where every record goes besides the ledger (N19 A19.3).

use std::{net::IpAddr, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use url::Url;

use super::{
    env::Env,
    findings::{Place, Report},
    grpc_tls::readable,
    layer::{Layer, checked},
    reader::{Given, Section, wrong_kind},
    settings::first,
    shared_secret::Source,
};
use crate::support::secret::Secret;

/// How many sinks there may be; each has a task, a batch in memory and a series of each metric.
const SINKS_MAX: usize = 16;

/// The longest name of a sink, which is a file's name and a label of metrics.
const NAME_CHARS_MAX: usize = 32;

/// A sink of the export.
#[derive(Debug, Clone)]
pub struct ExportSink {
    /// What it is called: lowercase letters, digits and `-`.
    pub name: String,
    /// The first record that it gets.
    pub from: u64,
    /// Where the records go.
    pub to: ExportTo,
}

/// Where records go.
#[derive(Debug, Clone)]
pub enum ExportTo {
    /// A file, a JSON document per line.
    Jsonl(PathBuf),
    /// RFC 5424 in datagrams to `host:port`.
    SyslogUdp(String),
    /// RFC 5424 with RFC 6587 octet counting to `host:port`.
    SyslogTcp(String),
    /// RFC 5424 in datagrams to a socket of this machine.
    SyslogUnix(PathBuf),
    /// HTTP requests signed by the scheme of Standard Webhooks with this key.
    Webhook(HttpTo, Secret<Vec<u8>>),
    /// OTLP logs over HTTP.
    Otlp(HttpTo),
}

/// Where HTTP requests go.
#[derive(Debug, Clone)]
pub struct HttpTo {
    /// `http` or `https`, without a user or password in it.
    pub url: Url,
    /// What the header `Authorization` says, if there is to be one.
    pub authorization: Option<Secret<String>>,
    /// The authorities that the server's certificate is judged by, PEM. None: those of the system.
    pub ca: Option<PathBuf>,
}

/// A sink as it is written: its secrets are still to be looked up.
#[derive(Debug)]
pub(super) struct Written {
    name: String,
    from: u64,
    to: WrittenTo,
    authorization: Option<Given<Source>>,
    secret: Option<Given<Source>>,
}

#[derive(Debug)]
enum WrittenTo {
    Done(ExportTo),
    Webhook(Place, Url, Option<PathBuf>),
    Otlp(Url, Option<PathBuf>),
}

/// Reads the list, if it is there.
pub(super) fn read(own: &mut Section, report: &mut Report) -> Vec<Written> {
    let Some(sections) = own.sections("export", report) else { return Vec::new() };
    if sections.value.len() > SINKS_MAX {
        report.error(&sections.place, format!("has more than {SINKS_MAX} sinks"));
    }
    let mut sinks: Vec<Written> = Vec::new();
    for (place, section) in sections.value {
        let Some(sink) = sink(&place, section, report) else { continue };
        if sinks.iter().any(|other| other.name == sink.name) {
            report.error(&place, format!("is the second sink with the name {:?}", sink.name));
        }
        sinks.push(sink);
    }
    sinks
}

fn sink(place: &Place, mut section: Section, report: &mut Report) -> Option<Written> {
    let given = needed(&mut section, place, "name", report);
    let name = given.and_then(|given| checked(name(given.value), given.place, report));
    let from = match section.value("from") {
        None => Some(0),
        Some(given) => given.value.as_u64().or_else(|| wrong_kind("a seq", &given, report)),
    };
    let kind = needed(&mut section, place, "kind", report);
    let (mut authorization, mut secret) = (None, None);
    let to = kind.and_then(|kind| match kind.value {
        "jsonl" => {
            let path = needed(&mut section, place, "path", report)?;
            let path = checked(absolute(path.value), path.place, report)?.value;
            Some(WrittenTo::Done(ExportTo::Jsonl(path)))
        }
        "syslog" => {
            let to = needed(&mut section, place, "to", report)?;
            Some(WrittenTo::Done(checked(syslog(to.value), to.place, report)?.value))
        }
        "webhook" => {
            secret = Source::parse(&mut section, "secret", report);
            authorization = Source::parse(&mut section, "authorization", report);
            let (url, ca) = http(&mut section, place, report)?;
            Some(WrittenTo::Webhook(place.clone(), url, ca))
        }
        "otlp" => {
            authorization = Source::parse(&mut section, "authorization", report);
            let (url, ca) = http(&mut section, place, report)?;
            Some(WrittenTo::Otlp(url, ca))
        }
        _ => {
            let kinds = "must be \"jsonl\", \"syslog\", \"webhook\" or \"otlp\"";
            report.error(&kind.place, kinds);
            None
        }
    });
    section.leave(&[], report);
    Some(Written { name: name?.value, from: from?, to: to?, authorization, secret })
}

fn needed<'d>(
    section: &mut Section<'d>,
    place: &Place,
    key: &'static str,
    report: &mut Report,
) -> Option<Given<&'d str>> {
    if section.value(key).is_none() {
        report.error(place, format!("needs {key}"));
    }
    section.text(key, report)
}

fn name(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("must be a name: lowercase letters, digits and \"-\", 32 at most"),
    }
}

fn absolute(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("must be an absolute path") }
}

fn syslog(text: &str) -> Result<ExportTo, &'static str> {
    const SHAPE: &str = "must be \"udp://host:port\", \"tcp://host:port\" or \"unix:///path\"";
    let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
    if scheme == "unix" {
        return absolute(rest).map(ExportTo::SyslogUnix).map_err(|_| SHAPE);
    }
    let (host, port) = rest.rsplit_once(':').ok_or(SHAPE)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = bare.parse::<IpAddr>().is_ok() || (!host.is_empty() && host.chars().all(named));
    if !is_host || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(SHAPE);
    }
    match scheme {
        "udp" => Ok(ExportTo::SyslogUdp(rest.to_owned())),
        "tcp" => Ok(ExportTo::SyslogTcp(rest.to_owned())),
        _ => Err(SHAPE),
    }
}

/// The address of an HTTP server, and its authorities.
fn http(
    section: &mut Section,
    place: &Place,
    report: &mut Report,
) -> Option<(Url, Option<PathBuf>)> {
    let ca = section.text("ca", report).and_then(|given| {
        let path = checked(readable(given.value), given.place, report)?;
        Some(path.value)
    });
    let given = needed(section, place, "url", report)?;
    let url = checked(web_address(given.value), given.place.clone(), report)?.value;
    if url.scheme() == "http" && !is_this_machine(&url) {
        report.warn(&given.place, "the records go over the network in the clear");
    }
    Some((url, ca))
}

fn web_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be a URL")?;
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err("must not hold a user or password: put them into authorization")
        }
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("must begin with https:// or http://"),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Looks up the secrets; a sink that lacks one is left out, and the report says why.
pub(super) fn resolve(layers: &[Layer], env: &Env, report: &mut Report) -> Vec<ExportSink> {
    let written = first(layers, |layer| layer.export.as_ref());
    let sinks = written.into_iter().flatten();
    sinks.filter_map(|written| with_secrets(written, env, report)).collect()
}

fn with_secrets(written: &Written, env: &Env, report: &mut Report) -> Option<ExportSink> {
    let look_up = |source: &Option<Given<Source>>, report: &mut Report| match source {
        None => Ok(None),
        Some(given) => checked(given.value.resolve(env), given.place.clone(), report)
            .map(|found| Some(given.with(found.value)))
            .ok_or(()),
    };
    let authorization = look_up(&written.authorization, report);
    let secret = look_up(&written.secret, report);
    let authorization = authorization.ok()?.map(|given| given.value);
    let to = match &written.to {
        WrittenTo::Done(to) => to.clone(),
        WrittenTo::Otlp(url, ca) => {
            ExportTo::Otlp(HttpTo { url: url.clone(), authorization, ca: ca.clone() })
        }
        WrittenTo::Webhook(place, url, ca) => {
            let Some(secret) = secret.ok()? else {
                report.error(place, "needs secret");
                return None;
            };
            let key = checked(webhook_key(&secret.value), secret.place, report)?.value;
            ExportTo::Webhook(HttpTo { url: url.clone(), authorization, ca: ca.clone() }, key)
        }
    };
    Some(ExportSink { name: written.name.clone(), from: written.from, to })
}

/// The key behind `whsec_`: 24 to 64 bytes in base64 (Standard Webhooks, "Signature scheme").
fn webhook_key(secret: &Secret<String>) -> Result<Secret<Vec<u8>>, &'static str> {
    let text = secret.expose().trim_start_matches("whsec_");
    let key = BASE64_STANDARD.decode(text).map_err(|_| WEBHOOK_KEY)?;
    if (24..=64).contains(&key.len()) { Ok(Secret::new(key)) } else { Err(WEBHOOK_KEY) }
}

const WEBHOOK_KEY: &str = "must be whsec_ and the base64 of 24 to 64 random bytes, as \
                           `echo whsec_$(openssl rand -base64 32)` makes it";
