//! Against whom a wrong credential counts.

use std::net::{IpAddr, Ipv6Addr};

use crate::domain::{ids::DeviceId, origin::Locality};

/// Against whom a wrong credential counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// A paired device that proved its key. What others behind its address do is not its fault, and
    /// what it does is not theirs (N11 A11.1): it counts by itself and for itself.
    Device(DeviceId),
    /// A program on this machine, if loopback is exempt. It is never locked out, because whoever
    /// may guess here could lock out the owner's tools; its wrong answers come slowly instead.
    Local,
    /// Anyone else, by address; IPv6 by its /64, which is what one subscriber has at least
    /// (RFC 6177).
    Address(IpAddr),
    /// Nobody in particular: all addresses together, and clients whose address is not known, such
    /// as those of a trusted proxy that does not say for whom it speaks (N11 A11.5).
    Anywhere,
}

/// What is known about a client before its credential is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Its device, if that is paired and has proved its key.
    pub paired: Option<DeviceId>,
    /// Its address; `None` if only that of a trusted proxy is known.
    pub address: Option<IpAddr>,
    /// Where it is.
    pub locality: Locality,
    /// Whether it is a page in a browser: those may be anyone's, wherever the browser is.
    pub is_page: bool,
}

impl Caller {
    /// Against whom this client's wrong credentials count.
    pub fn of(client: Client, exempt_loopback: bool) -> Self {
        let is_local = client.locality == Locality::DirectLoopback && !client.is_page;
        match client.paired {
            Some(device) => Self::Device(device),
            None if is_local && exempt_loopback => Self::Local,
            None => Self::at(client.address),
        }
    }

    /// The caller of an address.
    pub fn at(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Anywhere, |address| Self::Address(network(address)))
    }

    /// The address, if it is one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Device(_) | Self::Local | Self::Anywhere => None,
        }
    }

    /// The addresses of every lockout that holds for it.
    pub fn lockable(self) -> impl Iterator<Item = Option<IpAddr>> {
        let may_be = matches!(self, Self::Address(_) | Self::Anywhere);
        self.counted().filter(move |_| may_be).map(Self::address)
    }

    /// Every bucket that its failures go into.
    pub fn counted(self) -> impl Iterator<Item = Self> {
        let everywhere = matches!(self, Self::Address(_)).then_some(Self::Anywhere);
        std::iter::once(self).chain(everywhere)
    }
}

/// What stands for an address: IPv4 in IPv6 clothes as IPv4, other IPv6 by its /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
