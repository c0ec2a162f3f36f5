//! The table of N7 A7.1, row by row, and what must hold whatever is sent.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{Rule::*, *};

/// A proxy, and a client behind it.
const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.9";

/// The client in the header that most proxies send.
const NAMED: &str = "x-forwarded-for: 203.0.113.9";
const NOTHING: &str = "";

fn proxies(ranges: &str, real_ip: bool) -> TrustedProxies {
    let range = |text: &str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let ranges = ranges.split_whitespace().map(|text| range(text).unwrap()).collect();
    TrustedProxies::new(ranges, real_ip)
}

/// The lines of a header: `name: value` each.
fn lines(header: &str) -> impl Iterator<Item = (&str, &[u8])> {
    let pairs = header.lines().map(|line| line.split_once(": ").unwrap());
    pairs.map(|(name, value)| (name, value.as_bytes()))
}

/// Peer, trusted proxies, header; then the rule and the client. Locality is part of the rule: only
/// `DirectLoopback` is local.
type Row = (&'static str, &'static str, &'static str, Expected);

/// The rule and the client, or the rule that refuses.
type Expected = Result<(Rule, &'static str), Rule>;

const PEERS: &[Row] = &[
    // Nobody is trusted: loopback, LAN, the bridge of a container runtime, a forwarded port
    // (which shows the bridge, whoever is behind it), a shared namespace (which is loopback).
    ("127.0.0.1", "", NOTHING, Ok((DirectLoopback, "127.0.0.1"))),
    ("127.9.9.9", "", NOTHING, Ok((DirectLoopback, "127.9.9.9"))),
    ("::1", "", NOTHING, Ok((DirectLoopback, "::1"))),
    ("::ffff:127.0.0.1", "", NOTHING, Ok((DirectLoopback, "127.0.0.1"))),
    ("192.168.1.5", "", NOTHING, Ok((DirectElsewhere, "192.168.1.5"))),
    ("::ffff:192.168.1.5", "", NOTHING, Ok((DirectElsewhere, "192.168.1.5"))),
    ("fd00::5", "", NOTHING, Ok((DirectElsewhere, "fd00::5"))),
    ("172.17.0.1", "", NOTHING, Ok((DirectElsewhere, "172.17.0.1"))),
    ("127.0.0.1", "", "host: localhost\nx-request-id: 7", Ok((DirectLoopback, "127.0.0.1"))),
    // Nobody is trusted, and somebody speaks for someone else.
    ("127.0.0.1", "", NAMED, Err(UntrustedProxy)),
    ("127.0.0.1", "", "x-forwarded-for: ", Err(UntrustedProxy)),
    ("127.0.0.1", "", "x-forwarded-proto: https", Err(UntrustedProxy)),
    ("127.0.0.1", "", "x-forwarded-anything: x", Err(UntrustedProxy)),
    ("127.0.0.1", "", "x-real-ip: 127.0.0.1", Err(UntrustedProxy)),
    ("127.0.0.1", "", "via: 1.1 proxy", Err(UntrustedProxy)),
    ("127.0.0.1", "", "cf-connecting-ip: 203.0.113.9", Err(UntrustedProxy)),
    ("127.0.0.1", "", "tailscale-user-login: a@b", Err(UntrustedProxy)),
    ("::1", "", "forwarded: for=203.0.113.9", Err(UntrustedProxy)),
    ("192.168.1.5", "", NAMED, Err(UntrustedProxy)),
    ("172.17.0.1", "", NAMED, Err(UntrustedProxy)),
    // A proxy is trusted, and someone else claims to be one.
    ("192.168.1.5", "192.168.1.2", NAMED, Err(UntrustedProxy)),
    ("127.0.0.1", "192.168.1.2", NAMED, Err(UntrustedProxy)),
    ("192.168.1.5", "192.168.1.2", NOTHING, Ok((DirectElsewhere, "192.168.1.5"))),
    ("127.0.0.1", "192.168.1.2", NOTHING, Ok((DirectLoopback, "127.0.0.1"))),
    // A trusted proxy on the LAN, on the bridge, on loopback, in the same namespace.
    ("192.168.1.2", "192.168.1.2", NAMED, Ok((ForwardedFor, CLIENT))),
    ("::ffff:192.168.1.2", "192.168.1.2", NAMED, Ok((ForwardedFor, CLIENT))),
    ("172.17.0.4", "172.17.0.0/24", NAMED, Ok((ForwardedFor, CLIENT))),
    ("127.0.0.1", "127.0.0.1", NAMED, Ok((ForwardedFor, CLIENT))),
    ("::1", "::1", NAMED, Ok((ForwardedFor, CLIENT))),
    ("fd00::2", "fd00::/64", NAMED, Ok((ForwardedFor, CLIENT))),
    ("127.0.0.1", "127.0.0.1", NOTHING, Ok((SilentLoopback, ""))),
    ("127.0.0.2", "127.0.0.1", NOTHING, Ok((DirectLoopback, "127.0.0.2"))),
    // A trusted proxy that names nobody.
    ("192.168.1.2", "192.168.1.2", NOTHING, Err(Unnamed)),
    ("192.168.1.2", "192.168.1.2", "x-forwarded-proto: https", Err(Unnamed)),
    ("127.0.0.1", "127.0.0.1", "via: 1.1 proxy", Err(Unnamed)),
    ("192.168.1.2", "192.168.1.2", "x-real-ip: 203.0.113.9", Err(Unnamed)),
];

/// What trusted proxies say.
const CHAINS: &[Row] = &[
    // Proxies that append: what the client sent stands left of what the proxy saw.
    (PROXY, PROXY, "x-forwarded-for: 127.0.0.1, 203.0.113.9", Ok((ForwardedFor, CLIENT))),
    (PROXY, PROXY, "x-forwarded-for: 10.0.0.1, 203.0.113.9", Ok((ForwardedFor, CLIENT))),
    (PROXY, PROXY, "x-forwarded-for: <script>,, 203.0.113.9", Ok((ForwardedFor, CLIENT))),
    (
        PROXY,
        PROXY,
        "x-forwarded-for: 127.0.0.1\nx-forwarded-for: 203.0.113.9",
        Ok((ForwardedFor, CLIENT)),
    ),
    (
        PROXY,
        "10.0.0.0/30",
        "x-forwarded-for: 8.8.8.8, 203.0.113.9, 10.0.0.2, 10.0.0.3",
        Ok((ForwardedFor, CLIENT)),
    ),
    // Proxies that overwrite, in the forms that they use.
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9:4711", Ok((ForwardedFor, CLIENT))),
    (PROXY, PROXY, "x-forwarded-for: 2001:db8::9", Ok((ForwardedFor, "2001:db8::9"))),
    (PROXY, PROXY, "x-forwarded-for: [2001:db8::9]", Ok((ForwardedFor, "2001:db8::9"))),
    (PROXY, PROXY, "x-forwarded-for: [2001:db8::9]:4711", Ok((ForwardedFor, "2001:db8::9"))),
    (PROXY, PROXY, "x-forwarded-for: ::ffff:203.0.113.9", Ok((ForwardedFor, CLIENT))),
    (PROXY, PROXY, "x-forwarded-for: 192.168.1.77", Ok((ForwardedFor, "192.168.1.77"))),
    // Nobody is at the end of the chain, or nobody who could be.
    (PROXY, "10.0.0.0/30", "x-forwarded-for: 10.0.0.2", Err(OnlyProxies)),
    (PROXY, "10.0.0.0/30", "x-forwarded-for: ::ffff:10.0.0.2", Err(OnlyProxies)),
    (PROXY, PROXY, "x-forwarded-for: 127.0.0.1", Err(OnlyProxies)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9, 127.0.0.1", Err(OnlyProxies)),
    (
        "127.0.0.1",
        "127.0.0.1",
        "x-forwarded-for: 203.0.113.9, 127.0.0.1",
        Ok((ForwardedFor, CLIENT)),
    ),
    ("127.0.0.1", "127.0.0.1", "x-forwarded-for: ::1", Err(OnlyProxies)),
    (PROXY, PROXY, "x-forwarded-for: ", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9, unknown", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9,", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.999", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: 0.0.0.0", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: 224.0.0.1", Err(Unreadable)),
    (PROXY, PROXY, "x-forwarded-for: home.example", Err(Unreadable)),
    // RFC 7239.
    (PROXY, PROXY, "forwarded: for=203.0.113.9", Ok((Forwarded, CLIENT))),
    (
        PROXY,
        PROXY,
        "forwarded: For=\"[2001:db8::9]:4711\";proto=https;by=10.0.0.1",
        Ok((Forwarded, "2001:db8::9")),
    ),
    (
        PROXY,
        "10.0.0.0/30",
        "forwarded: for=8.8.8.8, for=203.0.113.9;proto=http , for=\"10.0.0.2:80\"",
        Ok((Forwarded, CLIENT)),
    ),
    (PROXY, PROXY, "forwarded: for=127.0.0.1\nforwarded: for=203.0.113.9", Ok((Forwarded, CLIENT))),
    (PROXY, PROXY, "forwarded: for=\"\\2\\03.0.113.9\"", Ok((Forwarded, CLIENT))),
    (PROXY, PROXY, "forwarded: for=unknown", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: for=_hidden", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: proto=https", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: for=203.0.113.9;for=203.0.113.9", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: for=8.8.8.8;x=\", for=203.0.113.9", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: for=8.8.8.8;x=\", for=\"203.0.113.9\"", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: for=\"8.8.8.8\"junk, for=203.0.113.9", Err(Unreadable)),
    (PROXY, PROXY, "forwarded: =x, for=203.0.113.9", Err(Unreadable)),
    // Two headers.
    (
        PROXY,
        PROXY,
        "x-forwarded-for: 203.0.113.9\nforwarded: for=203.0.113.9",
        Ok((ForwardedFor, CLIENT)),
    ),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9\nforwarded: for=8.8.8.8", Err(Disagreement)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9\nforwarded: for=10.0.0.1", Err(OnlyProxies)),
    (PROXY, PROXY, "x-forwarded-for: 203.0.113.9\nx-real-ip: 8.8.8.8", Ok((ForwardedFor, CLIENT))),
];

#[test]
fn attribution_row_by_row() {
    for (peer, trusted, header, expected) in PEERS.iter().chain(CHAINS) {
        check(&proxies(trusted, false), peer, header, *expected);
    }
}

#[test]
fn x_real_ip_row_by_row() {
    let rows: &[(&str, Expected)] = &[
        ("x-real-ip: 203.0.113.9", Ok((RealIp, CLIENT))),
        ("x-real-ip: 203.0.113.9\nx-forwarded-for: 8.8.8.8", Ok((ForwardedFor, "8.8.8.8"))),
        ("x-real-ip: 203.0.113.9\nx-forwarded-for: 10.0.0.1", Err(OnlyProxies)),
        ("x-real-ip: 203.0.113.9\nx-forwarded-for: junk", Err(Unreadable)),
        ("x-real-ip: 203.0.113.9\nforwarded: for=203.0.113.9", Ok((Forwarded, CLIENT))),
        ("x-real-ip: 203.0.113.9\nforwarded: for=8.8.8.8", Err(Disagreement)),
        ("x-real-ip: 203.0.113.9\nx-real-ip: 203.0.113.9", Err(Unreadable)),
        ("x-real-ip: 203.0.113.9, 8.8.8.8", Err(Unreadable)),
        ("x-real-ip: 10.0.0.1", Err(OnlyProxies)),
        ("x-real-ip: 127.0.0.1", Err(OnlyProxies)),
        (NOTHING, Err(Unnamed)),
    ];
    for (header, expected) in rows {
        check(&proxies(PROXY, true), PROXY, header, *expected);
        let untrusted =
            if header.is_empty() { Ok((DirectElsewhere, "10.0.0.2")) } else { Err(UntrustedProxy) };
        check(&proxies(PROXY, true), "10.0.0.2", header, untrusted);
    }
}

#[track_caller]
fn check(proxies: &TrustedProxies, peer: &str, header: &str, expected: Expected) {
    let peer: IpAddr = peer.parse().unwrap();
    let found = proxies.attribute(Some(peer), lines(header));
    let shown = format!("{peer} {:?} {header:?}", proxies.ranges);
    match (found, expected) {
        (Ok(found), Ok((rule, address))) => {
            assert_eq!((found.rule, found.address), (rule, address.parse().ok()), "{shown}");
            assert_eq!(
                found.locality == Locality::DirectLoopback,
                rule == DirectLoopback,
                "{shown}"
            );
            assert_eq!(found.peer, Some(peer.to_canonical()), "{shown}");
        }
        (Err(fault), Err(rule)) => {
            assert_eq!((fault.rule, fault.peer), (rule, Some(peer.to_canonical())), "{shown}");
            assert_eq!(fault.header.is_some(), !header.is_empty(), "{shown}");
        }
        (found, _) => panic!("{shown}: {found:?} is not {expected:?}"),
    }
}

#[test]
fn a_socket_without_an_address_is_nobody_and_speaks_for_nobody() {
    let everyone = proxies("0.0.0.0/0 ::/0", true);
    let found = everyone.attribute(None, lines(NOTHING)).unwrap();
    assert_eq!((found.rule, found.address, found.locality), (NoAddress, None, Locality::Elsewhere));
    assert_eq!(everyone.attribute(None, lines(NAMED)).unwrap_err().rule, UntrustedProxy);
}

#[test]
fn every_rule_has_a_name_and_words_of_its_own() {
    let peer = Some([172, 17, 0, 1].into());
    let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(!rule.sentence().is_empty() && !rule.sentence().ends_with('.'), "{rule:?}");
        assert!(!rule.remedy(peer).ends_with('.'), "{rule:?}");
    }
    assert!(UntrustedProxy.remedy(peer).contains("gateway.trustedProxies: [\"172.17.0.1\"]"));
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let near = prop::sample::select(vec!["127.0.0.1", "::1", "10.0.0.1", "10.0.0.2", "172.17.0.1"]);
    prop_oneof![
        near.prop_map(|text| text.parse().unwrap()),
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

fn any_value() -> impl Strategy<Value = String> {
    let hop = prop_oneof![
        any_address().prop_map(|address| address.to_string()),
        any_address().prop_map(|address| format!("for=\"[{address}]\";proto=http")),
        any_address().prop_map(|address| format!("for={address}")),
        "[ -~]{0,12}",
    ];
    prop::collection::vec(hop, 0..4).prop_map(|hops| hops.join(","))
}

fn any_line() -> impl Strategy<Value = (&'static str, String)> {
    let names = ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto", "host"];
    (prop::sample::select(names.to_vec()), any_value())
}

proptest! {
    #[test]
    fn whatever_is_sent(
        peer in any_address(),
        ranges in prop::collection::vec((any_address(), 0..=32u8), 0..3),
        real_ip: bool,
        header in prop::collection::vec(any_line(), 0..4),
    ) {
        let ranges = ranges.iter().map(|(base, prefix)| IpNet::new(*base, *prefix).unwrap()).collect();
        let proxies = TrustedProxies::new(ranges, real_ip);
        let said = header.iter().map(|(name, value)| (*name, value.as_bytes()));
        let speaks = header.iter().any(|(name, _)| *name != "host");
        let Ok(found) = proxies.attribute(Some(peer), said) else { return Ok(()) };
        let through = proxies.trust(peer);
        prop_assert!(through || !speaks, "an untrusted peer spoke for someone: {found:?}");
        prop_assert!(!found.address.is_some_and(|client| proxies.trust(client)), "{found:?}");
        let local = found.locality == Locality::DirectLoopback;
        prop_assert_eq!(local, !through && !speaks && peer.to_canonical().is_loopback());
        prop_assert!(local || !found.address.is_some_and(|client| client.is_loopback()), "{found:?}");
    }
}
