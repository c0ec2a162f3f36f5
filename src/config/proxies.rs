//! The peers that may speak for others, and ranges of addresses in general.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::{
    findings::Report,
    layer::{Layer, checked},
    reader::{Given, Section},
    settings::first,
};

/// The widest range of proxies that is taken without a warning: one network at home.
const IPV4_PREFIX_MIN: u8 = 24;

/// The same for IPv6, where one network at home is a /64 (RFC 4291, section 2.5.1).
const IPV6_PREFIX_MIN: u8 = 64;

/// The proxies that are believed when they say for whom they speak.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they connect from. IPv4 ranges stand as such, whichever way they were written.
    pub trusted: Vec<IpNet>,
    /// Whether `X-Real-IP` counts where `X-Forwarded-For` is absent.
    pub allow_real_ip: bool,
}

impl Proxies {
    pub(super) fn resolve(layers: &[Layer], report: &mut Report) -> Self {
        let ranges = first(layers, |layer| layer.trusted_proxies.as_ref()).into_iter().flatten();
        let trusted: Vec<_> = ranges.map(|range| range.value).collect();
        let real_ip = first(layers, |layer| layer.real_ip.as_ref()).filter(|given| given.value);
        if let (Some(given), true) = (real_ip, trusted.is_empty()) {
            report.warn(&given.place, "not used: it needs gateway.trustedProxies");
        }
        Self { trusted, allow_real_ip: real_ip.is_some() }
    }
}

/// A list of addresses and ranges.
pub(super) fn networks(
    section: &mut Section,
    key: &'static str,
    report: &mut Report,
) -> Option<Vec<Given<IpNet>>> {
    let list = section.list(key, report)?.value;
    Some(
        list.into_iter()
            .filter_map(|given| checked(network(given.value), given.place, report))
            .collect(),
    )
}

/// Says which ranges hold more than one's own proxies, and refuses those that hold everyone.
pub(super) fn judge<'r>(
    proxies: impl Iterator<Item = &'r Given<IpNet>>,
    anyone: bool,
    report: &mut Report,
) {
    for Given { value, place } in proxies {
        let widest = if value.addr().is_ipv4() { IPV4_PREFIX_MIN } else { IPV6_PREFIX_MIN };
        if value.prefix_len() == 0 && !anyone {
            report.error(place, ANYONE);
        } else if value.prefix_len() < widest {
            report.warn(place, WIDE);
        }
    }
}

const ANYONE: &str = "would let everyone claim any address: name the proxies themselves \
                      (doorward.allowAnyProxy: true forces it)";

const WIDE: &str = "is wider than /24 (IPv6: /64), and everyone in it may claim any address: \
                    name the proxies themselves";

const SHAPE: &str = "must be an IP address or a range such as \"192.168.1.0/24\"";

/// An address or a range. `::ffff:10.0.0.0/104` is 10.0.0.0/8, as it is for OpenClaw.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let text = text.trim();
    let one = |_| text.parse::<IpAddr>().map(IpNet::from);
    let range = text.parse::<IpNet>().or_else(one).map_err(|_| SHAPE)?;
    let IpNet::V6(wide) = range else { return Ok(range.trunc()) };
    let Some(address) = wide.addr().to_ipv4_mapped() else { return Ok(range.trunc()) };
    let prefix =
        wide.prefix_len().checked_sub(96).ok_or("covers IPv4 and more: write two ranges")?;
    Ipv4Net::new(address, prefix).map(|range| IpNet::V4(range.trunc())).map_err(|_| SHAPE)
}
