//! Reads the headers in which proxies name the client: one entry for each hop, the nearest last.
//!
//! An entry is `None` where it is no address (`unknown`, a name, a typing error). Whether that
//! matters depends on how far to the left it stands, so it is not decided here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The hops of `X-Forwarded-For`: a list of addresses, over one line or several.
pub(super) fn forwarded_for(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    let entries = lines.iter().flat_map(|line| line.split(|&byte| byte == b','));
    entries.map(|entry| address(std::str::from_utf8(entry).ok()?)).collect()
}

/// `X-Real-IP`: one address. Of several lines, nobody knows which one the proxy wrote.
pub(super) fn real_ip(lines: &[&[u8]]) -> Vec<Option<IpAddr>> {
    let one = if let [line] = lines { std::str::from_utf8(line).ok() } else { None };
    vec![one.and_then(address)]
}

/// The hops of `Forwarded` (RFC 7239, section 4); `None` if a line is not of its grammar, because
/// then a quotation mark of the client's could hide what the proxy appended.
pub(super) fn forwarded(lines: &[&[u8]]) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for line in lines {
        read_elements(std::str::from_utf8(line).ok()?, &mut hops)?;
    }
    Some(hops)
}

/// An address, with or without a port, an IPv6 address with or without brackets. Addresses that
/// no client can have are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = plain.or_else(with_port).or_else(|| bracketed().map(IpAddr::V6))?.to_canonical();
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

/// The elements of one line: pairs with `;` between them, elements with `,` between them.
fn read_elements(line: &str, hops: &mut Vec<Option<IpAddr>>) -> Option<()> {
    let mut rest = line;
    let mut node = None;
    loop {
        rest = rest.trim_start();
        if !rest.is_empty() && !rest.starts_with([';', ',']) {
            let (name, value, after) = read_pair(rest)?;
            rest = after.trim_start();
            if name.eq_ignore_ascii_case("for") && node.replace(address(&value)).is_some() {
                return None;
            }
        }
        let end = rest.chars().next();
        match end {
            Some(';') => {}
            Some(',') | None => hops.push(node.take().flatten()),
            Some(_) => return None,
        }
        rest = match end {
            Some(_) => &rest[1..],
            None => return Some(()),
        };
    }
}

/// `name=value` or `name="value"`, and what follows.
fn read_pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.chars().all(is_token) {
        return None;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = unquote(quoted)?;
        return Some((name, value, rest));
    }
    let (value, rest) = rest.split_at(rest.find(|c| !is_token(c)).unwrap_or(rest.len()));
    (!value.is_empty()).then(|| (name, value.to_owned(), rest))
}

/// The text up to the closing mark, and what follows (RFC 9110, section 5.6.4).
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
