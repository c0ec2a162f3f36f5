//! Where a connection comes from, and what that is worth.
//!
//! Being local is a fact about the connection, not a credential: it only widens what a proven
//! secret may hold, and a forwarding header takes it away, because then the peer is a proxy and the
//! client could be anywhere.

use std::net::IpAddr;

/// Whether the client is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locality {
    /// The peer address is loopback and no header says that it speaks for someone else.
    DirectLoopback,
    /// Anything else.
    Elsewhere,
}

/// What a browser said about the page that opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOrigin<'a> {
    /// No `Origin` header: not a browser page.
    Absent,
    /// The header's value.
    Page(&'a str),
}

/// Why an origin was refused; the words are those of the protocol's `details.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginFault {
    /// A browser client without a usable `Origin`.
    MissingOrInvalid,
    /// An `Origin` that is neither this gateway nor on the allow list.
    NotAllowed,
}

/// Whether a page may open a connection.
///
/// A page may if it was served by this gateway under an address (same as the request's `Host`, which
/// is an IP address or `localhost`), if it is a loopback page and the client is local, or if its
/// origin is on the allow list. Any other name could be made to point here by whoever owns it (DNS
/// rebinding), so it has to be on the list. Clients that are not pages send no origin and pass,
/// unless they claim to be the browser console.
///
/// # Errors
/// The fault, in the protocol's words.
pub fn check_page(
    page: PageOrigin<'_>,
    host: Option<&str>,
    locality: Locality,
    claims_console: bool,
    allowed: &[String],
) -> Result<(), OriginFault> {
    let origin = match page {
        PageOrigin::Absent if claims_console => return Err(OriginFault::MissingOrInvalid),
        PageOrigin::Absent => return Ok(()),
        PageOrigin::Page(origin) => origin,
    };
    let Some(authority) = authority(origin) else {
        return Err(OriginFault::MissingOrInvalid);
    };
    let same_host = host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        && (is_loopback_name(authority) || host_name(authority).parse::<IpAddr>().is_ok());
    let local_page = locality == Locality::DirectLoopback && is_loopback_name(authority);
    let listed = allowed.iter().any(|entry| entry.eq_ignore_ascii_case(origin));
    if same_host || local_page || listed { Ok(()) } else { Err(OriginFault::NotAllowed) }
}

/// `host[:port]` of an http(s) origin; `None` for `null`, other schemes and anything with a path.
fn authority(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    (!rest.is_empty() && !rest.contains(['/', '@', '?', '#', ' '])).then_some(rest)
}

/// The host of `host[:port]`, without the brackets of an IPv6 address.
fn host_name(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback_name(authority: &str) -> bool {
    let host = host_name(authority);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_row_by_row() {
        use Locality::*;
        let allowed = vec![String::from("https://console.example")];
        let host = Some("127.0.0.1:18789");
        let refused = Err(OriginFault::NotAllowed);
        let missing = Err(OriginFault::MissingOrInvalid);
        for (origin, host, locality, console, expected) in [
            (None, host, DirectLoopback, false, Ok(())),
            (None, host, DirectLoopback, true, missing),
            (Some("http://127.0.0.1:18789"), host, Elsewhere, true, Ok(())),
            (Some("http://192.168.1.5:1"), Some("192.168.1.5:1"), Elsewhere, true, Ok(())),
            (Some("http://[fd00::5]:1"), Some("[fd00::5]:1"), Elsewhere, true, Ok(())),
            // A name that its owner makes to point here.
            (Some("http://evil.example:1"), Some("evil.example:1"), DirectLoopback, false, refused),
            (Some("http://\u{fffd}"), host, DirectLoopback, false, refused),
            (Some("http://localhost:5173"), host, DirectLoopback, false, Ok(())),
            (Some("http://localhost:5173"), host, Elsewhere, false, refused),
            (Some("http://localhost.evil.example"), host, DirectLoopback, false, refused),
            (Some("http://[::1]:5173"), host, DirectLoopback, false, Ok(())),
            (Some("https://console.example"), host, Elsewhere, true, Ok(())),
            (Some("https://evil.example"), host, DirectLoopback, false, refused),
            (Some("null"), host, DirectLoopback, false, missing),
            (Some("http://a/b"), host, DirectLoopback, false, missing),
        ] {
            let page = origin.map_or(PageOrigin::Absent, PageOrigin::Page);
            assert_eq!(check_page(page, host, locality, console, &allowed), expected, "{origin:?}");
        }
    }
}
