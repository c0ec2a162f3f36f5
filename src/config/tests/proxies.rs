//! Which proxies are trusted: what is accepted, warned about and refused (N7 A7.5).

use ipnet::IpNet;

use super::{errors, load_text, shown};
use crate::config::Proxies;

fn gateway(inner: &str) -> String {
    format!("{{gateway: {{\n{inner}\n}}}}")
}

#[test]
fn ranges_are_read_in_every_form() {
    for (written, read) in [
        ("10.0.0.1", "10.0.0.1/32"),
        (" 10.0.0.1 ", "10.0.0.1/32"),
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("10.0.0.77/24", "10.0.0.0/24"),
        ("::1", "::1/128"),
        ("fd00::5/64", "fd00::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:10.0.0.0/120", "10.0.0.0/24"),
    ] {
        let loaded = load_text(&gateway(&format!("trustedProxies: ['{written}']"))).unwrap();
        let read: IpNet = read.parse().unwrap();
        let expected = Proxies { trusted: vec![read], allow_real_ip: false };
        assert_eq!(loaded.settings.proxies, expected, "{written}");
        assert_eq!(loaded.warnings, [], "{written}");
    }
    let both = "trustedProxies: ['10.0.0.1', '::1'], allowRealIpFallback: true";
    let both = load_text(&gateway(both)).unwrap();
    assert_eq!(both.settings.proxies.trusted.len(), 2);
    assert!(both.settings.proxies.allow_real_ip);
    assert_eq!(both.warnings, []);
    assert_eq!(load_text("{}").unwrap().settings.proxies, Proxies::default());
}

#[test]
fn what_is_no_range_is_refused() {
    for (written, complaint) in [
        ("'proxy'", "gateway.trustedProxies[0]: must be an IP address or a range"),
        ("'10.0.0.0/33'", "gateway.trustedProxies[0]: must be an IP address or a range"),
        ("'10.0.0.1:80'", "gateway.trustedProxies[0]: must be an IP address or a range"),
        ("'*'", "gateway.trustedProxies[0]: must be an IP address or a range"),
        ("''", "gateway.trustedProxies[0]: must be an IP address or a range"),
        ("7", "gateway.trustedProxies[0]: must be a string, but is a number"),
        ("'::ffff:0:0/90'", "gateway.trustedProxies[0]: covers IPv4 and more"),
    ] {
        let errors = errors(load_text(&gateway(&format!("trustedProxies: [\n{written}]"))));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let start = format!("doorward.json:3: {complaint}");
        assert!(errors[0].starts_with(&start), "{written}: {errors:?}");
    }
}

/// A7.5: whoever is in a range may claim any address.
#[test]
fn wide_ranges_are_warned_about_with_their_line() {
    let list = "trustedProxies: [
        '10.0.0.0/24',
        '10.0.0.0/23',
        '::ffff:10.0.0.0/119',
        'fd00::/64',
        'fd00::/63',
        '127.0.0.0/8'
    ]";
    let loaded = load_text(&gateway(list)).unwrap();
    let wide = |line, index| {
        format!(
            "doorward.json:{line}: gateway.trustedProxies[{index}]: is wider than /24 (IPv6: \
             /64), and everyone in it may claim any address: name the proxies themselves"
        )
    };
    assert_eq!(shown(&loaded.warnings), [wide(4, 1), wide(5, 2), wide(7, 4), wide(8, 5)]);
}

#[test]
fn everyone_is_refused_unless_it_is_forced() {
    for everyone in ["0.0.0.0/0", "10.0.0.1/0", "::/0", "::ffff:0:0/96"] {
        let list = format!("{{\ngateway: {{trustedProxies: [\n'{everyone}']}}");
        let errors = errors(load_text(&format!("{list}}}")));
        let refused = "doorward.json:3: gateway.trustedProxies[0]: would let everyone claim";
        assert!(errors.len() == 1 && errors[0].starts_with(refused), "{everyone}: {errors:?}");
        assert!(errors[0].contains("doorward.allowAnyProxy"), "{errors:?}");
        let forced = format!("{list}, doorward: {{allowAnyProxy: true}}}}");
        let forced = load_text(&forced).unwrap();
        assert_eq!(forced.settings.proxies.trusted[0].prefix_len(), 0);
        let warned = shown(&forced.warnings);
        assert!(warned.len() == 1 && warned[0].contains("is wider than /24"), "{warned:?}");
    }
}

#[test]
fn switches_without_effect_are_warned_about_and_an_open_gateway_takes_no_proxy() {
    let alone = load_text(&gateway("allowRealIpFallback: true")).unwrap();
    let unused = "doorward.json:2: gateway.allowRealIpFallback: not used: it needs \
                  gateway.trustedProxies";
    assert_eq!(shown(&alone.warnings), [unused]);
    assert!(load_text(&gateway("allowRealIpFallback: false")).unwrap().warnings.is_empty());
    let open = errors(load_text(&gateway("trustedProxies: ['::1'],\nauth: {mode: 'none'}")));
    let start = "doorward.json:3: gateway.auth.mode: mode \"none\" would let everyone in whom a";
    assert!(open.len() == 1 && open[0].starts_with(start), "{open:?}");
}
