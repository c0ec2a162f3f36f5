//! `doorward.grpc`: where the admin API listens over TCP, with which certificate, and which
//! certificates of clients stand for which service tokens.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    findings::Report,
    layer::checked,
    reader::{Given, Section},
};

/// How many certificates of clients may be mapped; a service token is needed for each.
const CLIENTS_MAX: usize = 256;

/// TLS of the admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcTls {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The authorities whose client certificates are read, PEM.
    pub client_ca: Option<PathBuf>,
    /// The SHA-256 of a client's certificate (DER), and the name of the service token that it stands
    /// for.
    pub clients: BTreeMap<[u8; 32], String>,
}

/// Reads the section.
pub(super) fn read(
    mut grpc: Section,
    report: &mut Report,
) -> (Option<Given<SocketAddr>>, Option<Given<GrpcTls>>) {
    let given = grpc.text("listen", report).and_then(|given| {
        let address = given.value.parse::<SocketAddr>();
        let address =
            address.map_err(|_| "must be an address with a port, such as \"127.0.0.1:18790\"");
        checked(address, given.place, report)
    });
    let written = grpc.value("tls");
    let section = grpc.section("tls", report);
    let tls = written.and_then(|written| Some(written.with(tls(&written, section, report)?)));
    if let (Some(tls), None) = (&tls, &given) {
        report.warn(&tls.place, "not used: it needs doorward.grpc.listen");
    }
    grpc.leave(&[], report);
    (given, tls)
}

fn tls(
    written: &Given<&serde_json::Value>,
    mut section: Section,
    report: &mut Report,
) -> Option<GrpcTls> {
    let mut path = |key, report: &mut Report| {
        let given = section.text(key, report)?;
        checked(readable(given.value), given.place, report)
    };
    let cert = path("cert", report);
    let key = path("key", report);
    let client_ca = path("clientCa", report);
    let mapped = section.value("clients");
    let clients = clients(section.section("clients", report), report);
    section.leave(&[], report);
    if let (Some(mapped), None) = (mapped, &client_ca) {
        report.error(&mapped.place, "needs clientCa: without it no client is asked for its own");
    }
    for key in ["cert", "key"] {
        if written.value.get(key).is_none_or(|value| value.is_null()) {
            report.error(&written.place, format!("needs the file {key}"));
        }
    }
    let client_ca = client_ca.map(|given| given.value);
    Some(GrpcTls { cert: cert?.value, key: key?.value, client_ca, clients })
}

/// A file that can be opened now, so that `config check` says what a start would.
pub(super) fn readable(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err("must be an absolute path".into());
    }
    fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(path.into())
}

fn clients(section: Section, report: &mut Report) -> BTreeMap<[u8; 32], String> {
    let mut clients = BTreeMap::new();
    let written = section.texts(report);
    for (index, (key, name)) in written.into_iter().enumerate() {
        if index == CLIENTS_MAX {
            report.error(&name.place, format!("more than {CLIENTS_MAX} certificates"));
        }
        let Some(print) = checked(fingerprint(key), name.place.clone(), report) else { continue };
        if name.value.is_empty() {
            report.error(&name.place, "must be the name of a service token");
        }
        if clients.insert(print.value, name.value.to_owned()).is_some() {
            report.error(&name.place, "names this certificate a second time");
        }
    }
    clients
}

/// 64 hexadecimal digits; `openssl x509 -fingerprint -sha256` puts a colon after every second.
fn fingerprint(text: &str) -> Result<[u8; 32], &'static str> {
    let digits = || text.chars().filter(|&c| c != ':');
    let digits: Vec<u8> = digits()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()
        .unwrap_or_default();
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    match digits.len() {
        64 => bytes.try_into().map_err(|_| FINGERPRINT),
        _ => Err(FINGERPRINT),
    }
}

const FINGERPRINT: &str = "must be the SHA-256 fingerprint of a certificate: 64 hexadecimal digits";
