//! The address of a gateway, as clients are given it.
//!
//! Official clients take a setup code only if its address is spelt as they would spell it themselves
//! (the WHATWG form, without a lone `/` as its path), so there is one spelling here, and it is theirs.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use url::{Host, Url};

/// `ws://` or `wss://`, a host, a port unless it is the scheme's own, and a path if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayUrl(Url);

impl GatewayUrl {
    /// Reads an address. `http` and `https` are read as the WebSocket schemes beside them.
    ///
    /// # Errors
    /// What it must be instead.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let shape = "must be an address such as \"wss://gateway.example\" or \"ws://host:18789\"";
        let mut url = Url::parse(text.trim()).map_err(|_| shape)?;
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(shape),
        };
        url.set_scheme(scheme).map_err(|()| shape)?;
        if url.host().is_none() {
            return Err(shape);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must have no user and no password in it");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must have no query and no fragment");
        }
        Ok(Self(url))
    }

    /// The address of a socket, without TLS. `None` for one that cannot be written as an address.
    pub fn of_socket(socket: SocketAddr) -> Option<Self> {
        Self::parse(&format!("ws://{socket}")).ok()
    }

    /// Whether nobody on the way can read along: TLS, or a way that does not leave this machine.
    pub fn is_private(&self) -> bool {
        self.is_tls() || self.is_loopback()
    }

    /// Whether a credential may be sent there at all: without TLS only within a home's own network.
    /// The rule of the official clients.
    pub fn may_carry_credentials(&self) -> bool {
        self.is_private() || is_at_home(&self.0)
    }

    /// Where this gateway answers `path` (without a leading `/`) over HTTP. `None` without TLS, unless
    /// the way does not leave this machine: that is as far as official clients go.
    pub fn http(&self, path: &str) -> Option<String> {
        let scheme = if self.is_tls() { "https" } else { "http" };
        let base = self.to_string();
        let (_, rest) = base.split_once("://")?;
        self.is_private().then(|| format!("{scheme}://{}/{path}", rest.trim_end_matches('/')))
    }

    fn is_tls(&self) -> bool {
        self.0.scheme() == "wss"
    }

    fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => plain(name) == "localhost",
            host => address(host).is_some_and(|address| address.is_loopback()),
        }
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.0
                .as_str()
                .strip_suffix('/')
                .filter(|_| self.0.path() == "/")
                .unwrap_or(self.0.as_str()),
        )
    }
}

/// Private, link-local and `.local`: what a home's own network is made of.
fn is_at_home(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => plain(name).ends_with(".local"),
        host => match address(host) {
            Some(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
            Some(IpAddr::V6(address)) => {
                address.is_unique_local() || address.is_unicast_link_local()
            }
            None => false,
        },
    }
}

/// IPv4 addresses in IPv6 clothes count as IPv4.
fn address(host: Option<Host<&str>>) -> Option<IpAddr> {
    match host? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.to_canonical()),
        Host::Domain(_) => None,
    }
}

/// A name without the dot that makes it absolute.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_and_what_may_be_sent_there() {
        // Given, spelt, may carry credentials, where a path is over HTTP.
        for (given, spelt, may, http) in [
            (
                "ws://127.0.0.1:18789",
                "ws://127.0.0.1:18789",
                true,
                Some("http://127.0.0.1:18789/j/x"),
            ),
            ("http://LocalHost./", "ws://localhost.", true, Some("http://localhost./j/x")),
            ("ws://[::1]:1/", "ws://[::1]:1", true, Some("http://[::1]:1/j/x")),
            (
                "https://Gate.Example:443/",
                "wss://gate.example",
                true,
                Some("https://gate.example/j/x"),
            ),
            (
                "wss://gate.example/base/",
                "wss://gate.example/base/",
                true,
                Some("https://gate.example/base/j/x"),
            ),
            ("ws://192.168.1.4:18789", "ws://192.168.1.4:18789", true, None),
            ("ws://[fd00::1]:80", "ws://[fd00::1]", true, None),
            ("ws://[::ffff:10.0.0.1]", "ws://[::ffff:a00:1]", true, None),
            ("ws://nas.local:18789", "ws://nas.local:18789", true, None),
            ("ws://169.254.1.1", "ws://169.254.1.1", true, None),
            ("ws://gate.example", "ws://gate.example", false, None),
            ("ws://100.64.1.1:18789", "ws://100.64.1.1:18789", false, None),
            ("ws://8.8.8.8", "ws://8.8.8.8", false, None),
        ] {
            let url = GatewayUrl::parse(given).unwrap_or_else(|no| panic!("{given}: {no}"));
            assert_eq!(url.to_string(), spelt, "{given}");
            assert_eq!(url.may_carry_credentials(), may, "{given}");
            assert_eq!(url.http("j/x").as_deref(), http, "{given}");
            assert_eq!(GatewayUrl::parse(spelt).as_ref(), Ok(&url), "{spelt} is read as itself");
        }
    }

    #[test]
    fn what_is_no_address_of_a_gateway() {
        for given in [
            "",
            "gateway.example",
            "gateway.example:18789",
            "ftp://host",
            "ws://",
            "wss:host?x",
            "ws://me@host",
            "ws://:secret@host",
            "wss://host/?token=x",
            "wss://host/#token",
        ] {
            assert!(GatewayUrl::parse(given).is_err(), "{given}");
        }
    }
}
