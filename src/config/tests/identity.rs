//! People behind a trusted proxy: what is accepted, warned about and refused.

use super::{errors, load_text, shown};
use crate::config::{Auth, Identity};

/// A file in which `gateway.auth` is the third line and what follows the mode the fourth.
fn file(auth: &str) -> String {
    format!(
        "{{gateway: {{\ntrustedProxies: ['10.0.0.1'],\nauth: {{mode: 'trusted-proxy',\n{auth}}}}}}}"
    )
}

fn identity(auth: &str) -> Identity {
    let loaded = load_text(&file(auth)).unwrap_or_else(|error| panic!("{auth}: {error}"));
    assert_eq!(loaded.warnings, [], "{auth}");
    let Auth::TrustedProxy(identity) = loaded.settings.auth else { panic!("{auth}") };
    identity
}

#[test]
fn the_whole_section_is_read() {
    let found = identity(
        "identityScopes: {'Ann@x.org': ['operator.admin'], bob: []},
         trustedProxy: {userHeader: 'X-Forwarded-User', requiredHeaders: ['X-Proof', 'via'],
                        allowUsers: [' ann@X.org ', 'bob', 'eve'], allowLoopback: true}",
    );
    assert_eq!(found.user_header, "x-forwarded-user");
    assert_eq!(found.required_headers, ["x-proof", "via"]);
    assert_eq!(found.allow_users, ["ann@X.org", "bob", "eve"]);
    assert!(found.allow_loopback);
    let scopes: Vec<_> = found.scopes.iter().collect();
    let admin = vec!["operator.admin".to_owned()];
    assert_eq!(scopes, [(&"Ann@x.org".to_owned(), &admin), (&"bob".to_owned(), &vec![])]);
}

#[test]
fn what_is_not_given_trusts_least() {
    let found = identity("trustedProxy: {userHeader: 'x'}");
    assert_eq!(found.required_headers, [""; 0]);
    assert_eq!(found.allow_users, [""; 0]);
    assert!(!found.allow_loopback && found.scopes.is_empty());
}

#[test]
fn what_is_refused() {
    let many: String = (0..129).map(|n| format!("'user{n}',")).collect();
    let scopes: String = (0..129).map(|n| format!("user{n}: [],")).collect();
    for (auth, expected) in [
        ("", "3: gateway.auth.mode: mode \"trusted-proxy\" needs userHeader"),
        (
            "trustedProxy: {}",
            "4: gateway.auth.trustedProxy: mode \"trusted-proxy\" needs userHeader",
        ),
        (
            "trustedProxy: {userHeader: ''}",
            "4: gateway.auth.trustedProxy.userHeader: must be the name",
        ),
        ("trustedProxy: {userHeader: 'x y'}", "4: gateway.auth.trustedProxy.userHeader: must be"),
        (
            "trustedProxy: {userHeader: 'x', requiredHeaders: ['a:']}",
            "4: gateway.auth.trustedProxy.requiredHeaders[0]: must be the name of a header",
        ),
        (
            "trustedProxy: {userHeader: 'x', allowUsers: ['  ']}",
            "4: gateway.auth.trustedProxy.allowUsers[0]: must be a person's name",
        ),
        (
            &format!("trustedProxy: {{userHeader: 'x', allowUsers: ['{}']}}", "x".repeat(257)),
            "4: gateway.auth.trustedProxy.allowUsers[0]: must be a person's name",
        ),
        (
            &format!("trustedProxy: {{userHeader: 'x', allowUsers: [{many}]}}"),
            "4: gateway.auth.trustedProxy: names more than 128 people",
        ),
        (
            &format!("trustedProxy: {{userHeader: 'x'}}, identityScopes: {{{scopes}}}"),
            "4: gateway.auth.identityScopes: names more than 128 people",
        ),
        (
            "trustedProxy: {userHeader: 'x', allowLoopback: 'yes'}",
            "4: gateway.auth.trustedProxy.allowLoopback: must be true or false",
        ),
        (
            "trustedProxy: {userHeader: 'x'}, identityScopes: {ann: ['root']}",
            "4: gateway.auth.identityScopes.ann[0]: must be an operator scope",
        ),
        (
            "trustedProxy: {userHeader: 'x'}, identityScopes: {ann: 'operator.read'}",
            "4: gateway.auth.identityScopes.ann: must be a list of strings",
        ),
        (
            "trustedProxy: {userHeader: 'x'},\nidentityScopes: {'a@x': [],\n'A@x': []}",
            "5: gateway.auth.identityScopes[\"a@x\"]: names one person twice",
        ),
    ] {
        let found = errors(load_text(&file(auth)));
        let told = found.iter().any(|line| line.starts_with(&format!("doorward.json:{expected}")));
        assert!(told, "{auth}: {found:?}");
    }
}

#[test]
fn the_mode_needs_a_proxy_and_says_everything_at_once() {
    let found = errors(load_text("{gateway: {auth: {mode: 'trusted-proxy'}}}"));
    assert_eq!(found.len(), 2, "{found:?}");
    for wanted in ["needs the address of the proxy in gateway.trustedProxies", "needs userHeader"] {
        assert!(found.iter().any(|line| line.contains(wanted)), "{found:?}");
    }
}

#[test]
fn what_has_no_effect_is_warned_about() {
    let stranger = "trustedProxy: {userHeader: 'x', allowUsers: ['ANN@x']},
        identityScopes: {'ann@X': [],
        bob: []}";
    let loaded = load_text(&file(stranger)).unwrap();
    let expected = "doorward.json:6: gateway.auth.identityScopes.bob: not used: allowUsers does not name this \
         person";
    assert_eq!(shown(&loaded.warnings), [expected]);
    let other = "{gateway: {auth: {trustedProxy: {userHeader: 'x', deviceAutoApprove: {}},\n\
                 identityScopes: {}}}}";
    let unused = "not used: the auth mode is \"token\"";
    assert_eq!(
        shown(&load_text(other).unwrap().warnings),
        [
            "doorward.json:1: gateway.auth.trustedProxy.deviceAutoApprove: accepted, not used by \
             this version"
                .to_owned(),
            format!("doorward.json:1: gateway.auth.trustedProxy: {unused}"),
            format!("doorward.json:2: gateway.auth.identityScopes: {unused}"),
        ]
    );
    let secret = "trustedProxy: {userHeader: 'x'}, token: 'correct-horse-battery'";
    let warned = shown(&load_text(&file(secret)).unwrap().warnings);
    assert_eq!(
        warned,
        ["doorward.json:4: gateway.auth.token: not used: the auth mode is \"trusted-proxy\""]
    );
}

#[test]
fn ranges_for_fresh_nodes() {
    let cidrs = "{gateway: {nodes: {pairing: {autoApproveCidrs: ['192.168.1.0/24', '::1']}}}}";
    let found = load_text(cidrs).unwrap();
    assert_eq!(found.warnings, []);
    let shown: Vec<_> = found.settings.auto_approve_cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["192.168.1.0/24", "::1/128"]);
    let bad = errors(load_text("{gateway: {nodes: {pairing: {autoApproveCidrs: ['home']}}}}"));
    let start = "doorward.json:1: gateway.nodes.pairing.autoApproveCidrs[0]: must be an IP address";
    assert!(bad.len() == 1 && bad[0].starts_with(start), "{bad:?}");
}
