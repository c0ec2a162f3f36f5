//! Where a connection comes from, computed in one place and explained (N7).
//!
//! A peer that is no trusted proxy is the client itself. If it carries a forwarding header, it
//! speaks for someone whom nobody can name, and is refused before anything is said. A trusted
//! proxy has to name its client, by headers that can be read and that agree; the client is then
//! the first address from the right that is no trusted proxy. It is never local, and never the
//! proxy itself. Every front gets the same answer here, with the [`Rule`] that decided.
//!
//! Start with [`TrustedProxies::attribute`]; the headers are read in [`chain`].

mod chain;
mod rule;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::domain::origin::Locality;
pub use rule::Rule;

/// Headers by which proxies say for whom they speak, besides all that begin with one of
/// [`FORWARDING_PREFIXES`]. Any of them means that the peer is not the client.
const FORWARDING_HEADERS: &[&str] =
    &[FORWARDED, REAL_IP, "via", "cf-connecting-ip", "true-client-ip"];

/// Beginnings of such names. Tailscale's proxy names the user that it speaks for.
const FORWARDING_PREFIXES: &[&str] = &["x-forwarded-", "tailscale-"];

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";
const REAL_IP: &str = "x-real-ip";

/// A client, and what its address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The other end of the socket: the client, or the proxy that it came through.
    pub peer: Option<IpAddr>,
    /// The client, if its address is known. IPv4 in IPv6 clothes stands as IPv4.
    pub address: Option<IpAddr>,
    /// Whether it is on this machine.
    pub locality: Locality,
    /// What decided.
    pub rule: Rule,
}

impl Attribution {
    /// Whether any process of this machine could have made the address up: it is the word of a proxy
    /// on loopback, and they all could pass for it.
    pub fn is_forgeable(&self) -> bool {
        self.address != self.peer && self.peer.is_some_and(|peer| peer.is_loopback())
    }
}

/// The client behind this connection cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAttributable {
    /// The other end of the socket.
    pub peer: Option<IpAddr>,
    /// What decided.
    pub rule: Rule,
    /// A forwarding header that is present, in lower case.
    pub header: Option<String>,
}

/// The proxies that are believed; none by default.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    ranges: Vec<IpNet>,
    real_ip: bool,
}

/// The lines of the headers that matter, in the order sent.
#[derive(Default)]
struct Said<'h> {
    forwarded_for: Vec<&'h [u8]>,
    forwarded: Vec<&'h [u8]>,
    real_ip: Vec<&'h [u8]>,
    /// The first of all forwarding headers, by name.
    any: Option<&'h str>,
}

impl TrustedProxies {
    /// Proxies in these ranges, and whether `X-Real-IP` counts where `X-Forwarded-For` is absent.
    pub fn new(ranges: Vec<IpNet>, real_ip: bool) -> Self {
        Self { ranges, real_ip }
    }

    /// Whether the proxy at this address is believed.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&address.to_canonical()))
    }

    /// Attributes a connection, from the address of its socket and the lines of its header: names in
    /// lower case, a name that comes several times in the order sent.
    ///
    /// # Errors
    /// If the peer speaks for someone whom nobody can name.
    pub fn attribute<'h>(
        &self,
        peer: Option<IpAddr>,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Attribution, NotAttributable> {
        let said = Said::hear(headers);
        let peer = peer.map(|peer| peer.to_canonical());
        let found = match peer {
            Some(peer) if self.trust(peer) => self.behind(peer, &said),
            _ => direct(peer, &said),
        };
        let header = said.any.map(str::to_owned);
        let (rule, address) = found.map_err(|rule| NotAttributable { peer, rule, header })?;
        let locality = match rule {
            Rule::DirectLoopback => Locality::DirectLoopback,
            _ => Locality::Elsewhere,
        };
        Ok(Attribution { peer, address, locality, rule })
    }

    /// The client behind a trusted proxy.
    fn behind(&self, proxy: IpAddr, said: &Said<'_>) -> Result<(Rule, Option<IpAddr>), Rule> {
        if said.any.is_none() && proxy.is_loopback() {
            return Ok((Rule::SilentLoopback, None));
        }
        let mut claims = Vec::new();
        if !said.forwarded_for.is_empty() {
            let chain = chain::forwarded_for(&said.forwarded_for);
            claims.push((Rule::ForwardedFor, self.client(&chain)));
        }
        if !said.forwarded.is_empty() {
            let chain = chain::forwarded(&said.forwarded).ok_or(Rule::Unreadable)?;
            claims.push((Rule::Forwarded, self.client(&chain)));
        }
        if self.real_ip && said.forwarded_for.is_empty() && !said.real_ip.is_empty() {
            claims.push((Rule::RealIp, self.client(&chain::real_ip(&said.real_ip))));
        }
        let mut claims = claims.into_iter();
        let (rule, client) = claims.next().ok_or(Rule::Unnamed)?;
        let client = client?;
        for (_, other) in claims {
            if other? != client {
                return Err(Rule::Disagreement);
            }
        }
        Ok((rule, Some(client)))
    }

    /// The first hop from the right that is no trusted proxy. What stands left of it was said by the
    /// client, and decides nothing.
    fn client(&self, chain: &[Option<IpAddr>]) -> Result<IpAddr, Rule> {
        for hop in chain.iter().rev() {
            match hop.ok_or(Rule::Unreadable)? {
                proxy if self.trust(proxy) => {}
                inside if inside.is_loopback() => return Err(Rule::OnlyProxies),
                client => return Ok(client),
            }
        }
        Err(Rule::OnlyProxies)
    }
}

/// A peer that is no trusted proxy.
fn direct(peer: Option<IpAddr>, said: &Said<'_>) -> Result<(Rule, Option<IpAddr>), Rule> {
    match peer {
        _ if said.any.is_some() => Err(Rule::UntrustedProxy),
        None => Ok((Rule::NoAddress, None)),
        Some(peer) if peer.is_loopback() => Ok((Rule::DirectLoopback, Some(peer))),
        Some(peer) => Ok((Rule::DirectElsewhere, Some(peer))),
    }
}

impl<'h> Said<'h> {
    fn hear(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            match name {
                FORWARDED_FOR => said.forwarded_for.push(value),
                FORWARDED => said.forwarded.push(value),
                REAL_IP => said.real_ip.push(value),
                _ => {}
            }
            if is_forwarding(name) {
                said.any = Some(said.any.map_or(name, |other| other.min(name)));
            }
        }
        said
    }
}

fn is_forwarding(name: &str) -> bool {
    FORWARDING_HEADERS.contains(&name)
        || FORWARDING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
