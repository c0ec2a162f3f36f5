//! Where a connection comes from, computed in one place.
//!
//! A loopback peer that forwards for someone else is a proxy, and the client behind it could be
//! anywhere. No proxy is trusted in this version, so a forwarding header means that the client
//! cannot be attributed, and the connection is refused before anything is said (N7 A7.3).

use std::net::IpAddr;

use crate::domain::origin::Locality;

/// Headers by which proxies say for whom they speak.
const FORWARDING_HEADERS: [&str; 9] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
];

/// A peer, and what its address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The address that the socket shows.
    pub address: Option<IpAddr>,
    /// Whether it is this machine.
    pub locality: Locality,
}

/// The client behind this connection cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAttributable {
    /// The header that says so.
    pub header: &'static str,
}

/// Attributes a connection.
///
/// # Errors
/// If a forwarding header is present: the peer speaks for someone else.
pub fn attribute(
    peer: Option<IpAddr>,
    has_header: impl Fn(&str) -> bool,
) -> Result<Attribution, NotAttributable> {
    if let Some(header) = FORWARDING_HEADERS.into_iter().find(|name| has_header(name)) {
        return Err(NotAttributable { header });
    }
    let is_loopback = peer.is_some_and(|address| address.to_canonical().is_loopback());
    let locality = if is_loopback { Locality::DirectLoopback } else { Locality::Elsewhere };
    Ok(Attribution { address: peer.map(|address| address.to_canonical()), locality })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribution_row_by_row() {
        use Locality::*;
        for (peer, headers, expected) in [
            ("127.0.0.1", &[][..], Ok(DirectLoopback)),
            ("127.9.9.9", &[], Ok(DirectLoopback)),
            ("::1", &[], Ok(DirectLoopback)),
            ("::ffff:127.0.0.1", &[], Ok(DirectLoopback)),
            ("192.168.1.5", &[], Ok(Elsewhere)),
            ("127.0.0.1", &["x-forwarded-for"], Err("x-forwarded-for")),
            ("192.168.1.5", &["forwarded"], Err("forwarded")),
            ("127.0.0.1", &["x-real-ip"], Err("x-real-ip")),
        ] {
            let found = attribute(peer.parse().ok(), |name| headers.contains(&name));
            let found = found.map(|found| found.locality).map_err(|fault| fault.header);
            assert_eq!(found, expected, "{peer} {headers:?}");
        }
        assert_eq!(attribute(None, |_| false).unwrap().locality, Elsewhere);
    }
}
