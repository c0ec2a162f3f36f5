//! The rules by which a connection is attributed, in words that its owner can act on.

use std::net::IpAddr;

/// What decided where a connection comes from. The first eight let it in, the others refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// From loopback, without any forwarding header.
    DirectLoopback,
    /// From anywhere else, without any forwarding header.
    DirectElsewhere,
    /// Over the admin socket.
    AdminSocket,
    /// The socket shows no address.
    NoAddress,
    /// From loopback, where a trusted proxy is, without any forwarding header.
    SilentLoopback,
    /// A trusted proxy names the client in `X-Forwarded-For`.
    ForwardedFor,
    /// A trusted proxy names the client in `Forwarded` alone.
    Forwarded,
    /// A trusted proxy names the client in `X-Real-IP` alone, and that counts here.
    RealIp,
    /// A forwarding header from a peer that is no trusted proxy.
    UntrustedProxy,
    /// A trusted proxy names nobody.
    Unnamed,
    /// A trusted proxy names somebody in a way that cannot be read.
    Unreadable,
    /// A trusted proxy names only trusted proxies, or its own loopback.
    OnlyProxies,
    /// A trusted proxy names two clients.
    Disagreement,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DirectLoopback,
        Self::DirectElsewhere,
        Self::AdminSocket,
        Self::NoAddress,
        Self::SilentLoopback,
        Self::ForwardedFor,
        Self::Forwarded,
        Self::RealIp,
        Self::UntrustedProxy,
        Self::Unnamed,
        Self::Unreadable,
        Self::OnlyProxies,
        Self::Disagreement,
    ];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectLoopback => "direct-loopback",
            Self::DirectElsewhere => "direct-elsewhere",
            Self::AdminSocket => "admin-socket",
            Self::NoAddress => "no-address",
            Self::SilentLoopback => "silent-loopback",
            Self::ForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::RealIp => "x-real-ip",
            Self::UntrustedProxy => "untrusted-proxy",
            Self::Unnamed => "proxy-names-nobody",
            Self::Unreadable => "proxy-unreadable",
            Self::OnlyProxies => "proxy-names-proxies",
            Self::Disagreement => "proxy-disagrees",
        }
    }

    /// What it says.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::DirectLoopback => "it comes from loopback and carries no forwarding header",
            Self::DirectElsewhere => "it comes from elsewhere and carries no forwarding header",
            Self::AdminSocket => "it comes over the admin socket, where the kernel says who it is",
            Self::NoAddress => "its socket shows no address",
            Self::SilentLoopback => {
                "a trusted proxy is on loopback, and this comes from there without a forwarding \
                 header: it may be that proxy, so it is not taken for local"
            }
            Self::ForwardedFor => "a trusted proxy names the client in X-Forwarded-For",
            Self::Forwarded => "a trusted proxy names the client in Forwarded",
            Self::RealIp => "a trusted proxy names the client in X-Real-IP",
            Self::UntrustedProxy => "it carries a forwarding header, and its peer is not trusted",
            Self::Unnamed => "it comes from a trusted proxy that does not name the client",
            Self::Unreadable => "a trusted proxy names the client in a way that cannot be read",
            Self::OnlyProxies => "a trusted proxy names nobody but trusted proxies or loopback",
            Self::Disagreement => "a trusted proxy names two clients, in two headers",
        }
    }

    /// What to change if that is not what was meant: the configuration, or the proxy.
    pub fn remedy(self, peer: Option<IpAddr>) -> String {
        let peer = peer.map_or_else(|| "the proxy".to_owned(), |peer| peer.to_string());
        match self {
            Self::DirectLoopback | Self::DirectElsewhere => {
                format!("if this is a proxy, set gateway.trustedProxies: [\"{peer}\"]")
            }
            Self::AdminSocket => "nothing: no proxy reaches this socket".to_owned(),
            Self::NoAddress => "give the client an address: connect over TCP".to_owned(),
            Self::SilentLoopback => format!(
                "make the proxy send X-Forwarded-For, or take {peer} out of gateway.trustedProxies"
            ),
            Self::ForwardedFor | Self::Forwarded => {
                format!("if {peer} is no proxy of yours, take it out of gateway.trustedProxies")
            }
            Self::RealIp => {
                "if the proxy does not set it itself, set gateway.allowRealIpFallback: false"
                    .to_owned()
            }
            Self::UntrustedProxy => format!(
                "if {peer} is your proxy, set gateway.trustedProxies: [\"{peer}\"]; if not, connect \
                 directly and without forwarding headers"
            ),
            Self::Unnamed => format!(
                "make the proxy at {peer} send X-Forwarded-For; if it sets X-Real-IP itself, \
                 gateway.allowRealIpFallback: true will do"
            ),
            Self::Unreadable | Self::Disagreement => format!(
                "make the proxy at {peer} overwrite X-Forwarded-For with the client's address and \
                 drop Forwarded"
            ),
            Self::OnlyProxies => {
                "name only the proxies in gateway.trustedProxies, not where clients are".to_owned()
            }
        }
    }
}
