//! People whom a trusted proxy vouches for, over real sockets: who enters, with which scopes, and
//! what the others are told.

use std::sync::Arc;

use doorward::{
    fronts::cli::client::{self, ConnectError, ConnectOptions, RpcError, Session},
    support::device_key::DeviceKey,
};
use serde_json::{Value, json};

use crate::house::{Gateway, TOKEN, block_on, lan_address, shared};

const XFF: (&str, &str) = ("X-Forwarded-For", "203.0.113.9");
const PROOF: (&str, &str) = ("X-Proof", "yes");

fn gateway(more: &str) -> Gateway {
    Gateway::start(&format!(
        "{{gateway: {{bind: 'lan', trustedProxies: ['127.0.0.1', '{}'], auth: {{
            mode: 'trusted-proxy',
            identityScopes: {{'Ann@x.org': ['operator.admin'], bob: ['operator.read']}},
            trustedProxy: {{userHeader: 'X-User', requiredHeaders: ['x-proof'],
                            allowUsers: ['ann@x.org', 'bob', 'carl'], {more}}}}}}}}}",
        lan_address()
    ))
}

fn with(options: ConnectOptions, header: &[(&str, &str)]) -> ConnectOptions {
    let headers = header.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    ConnectOptions { headers, ..options }
}

/// A client without a credential of its own.
fn nobody(scopes: &[&str], header: &[(&str, &str)]) -> ConnectOptions {
    with(ConnectOptions::operator(None, scopes), header)
}

fn node(header: &[(&str, &str)]) -> ConnectOptions {
    let node = ConnectOptions {
        client_id: "node-host".into(),
        mode: "node".into(),
        role: "node".into(),
        ..ConnectOptions::default()
    };
    with(node.with_device(Arc::new(DeviceKey::generate())), header)
}

async fn enter(gateway: &Gateway, options: &ConnectOptions) -> Session {
    client::connect(&gateway.url(), options).await.unwrap_or_else(|no| panic!("{no}"))
}

/// The code and the reason of a refusal.
async fn refused(url: &str, options: &ConnectOptions) -> (String, String) {
    let entered = client::connect(url, options).await;
    let error = entered.err().unwrap_or_else(|| panic!("let in: {:?}", options.headers));
    let ConnectError::Refused { refusal, .. } = error else { panic!("{error}") };
    let text = |name: &str| refusal.details[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("authReason"))
}

#[test]
fn who_enters_and_with_what() {
    block_on(async {
        let gateway = gateway("allowLoopback: true");
        let user = |name| ("x-user", name);
        let cap = |scopes| ("x-openclaw-scopes", scopes);
        for (asked, header, expected) in [
            (&[][..], &[user("Ann@X.org")][..], &["operator.admin"][..]),
            (&["operator.read"], &[user("ann@x.org")], &["operator.read"]),
            (&[], &[user(" bob ")], &["operator.read"]),
            (&["operator.admin"], &[user("bob")], &["operator.read"]),
            (&[], &[user("carl")], &["operator.read", "operator.write"]),
            // A cap takes away and never adds.
            (&[], &[user("ann@x.org"), cap("operator.read")], &["operator.read"]),
            (&[], &[user("ann@x.org"), cap("")], &[]),
            (&[], &[user("bob"), cap("operator.admin, operator.read")], &["operator.read"]),
            (&["operator.write"], &[user("carl"), cap("operator.read")], &["operator.read"]),
        ] {
            let header = [&[XFF, PROOF], header].concat();
            let mut session = enter(&gateway, &nobody(asked, &header)).await;
            assert_eq!(session.hello["auth"]["scopes"], json!(expected), "{asked:?} {header:?}");
            let whoami = session.request("doorward.whoami", json!({})).await.unwrap();
            assert_eq!(whoami["scopes"], json!(expected));
            assert_eq!(whoami["principal"]["kind"], "person");
            assert_eq!(whoami["address"], "203.0.113.9");
            let denied = match session.request("device.pair.list", json!({})).await {
                Err(RpcError::Refused(refusal)) => refusal.details_code() == Some("MISSING_SCOPE"),
                _ => false,
            };
            assert_eq!(denied, expected != ["operator.admin"], "what is granted is enforced");
            session.close().await;
        }
    });
}

#[test]
fn who_is_refused_and_how() {
    block_on(async {
        let lan = lan_address();
        let gateway = gateway("allowLoopback: true");
        let (here, own) = (gateway.url(), gateway.url_at(lan));
        let (ann, eve) = (("x-user", "ann@x.org"), ("x-user", "eve"));
        const MISSING: &str = "AUTH_IDENTITY_HEADER_REQUIRED";
        for (url, header, code, reason) in [
            (
                &here,
                &[XFF, PROOF, eve][..],
                "AUTH_VERIFIED_USER_REQUIRED",
                "trusted_proxy_user_not_allowed",
            ),
            (&here, &[XFF, PROOF], MISSING, "trusted_proxy_user_missing"),
            (&here, &[XFF, PROOF, ("x-user", " ")], MISSING, "trusted_proxy_user_missing"),
            (&here, &[XFF, PROOF, ann, ann], MISSING, "trusted_proxy_user_missing"),
            (&here, &[XFF, ann], MISSING, "trusted_proxy_missing_header"),
            (&here, &[XFF, ("x-proof", ""), ann], MISSING, "trusted_proxy_missing_header"),
            (&here, &[PROOF, ann], MISSING, "trusted_proxy_untrusted_source"),
            (&here, &[], MISSING, "trusted_proxy_untrusted_source"),
            // An address of this host itself: every process here has it.
            (&own, &[XFF, PROOF, ann], MISSING, "trusted_proxy_local_interface_source"),
        ] {
            let found = refused(url, &nobody(&[], header)).await;
            assert_eq!(found, (code.to_owned(), reason.to_owned()), "{url} {header:?}");
        }
        // The shared token of another mode opens nothing.
        let token = refused(&here, &shared(&[])).await;
        assert_eq!(token.0, MISSING);
        // A page of somebody else's, in the browser of a person whom the proxy knows.
        let page = [XFF, PROOF, ann, ("Origin", "https://evil.example")];
        let page = refused(&here, &nobody(&[], &page)).await;
        assert_eq!(page.0, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
        let strict = self::gateway("");
        let near = refused(&strict.url(), &nobody(&[], &[XFF, PROOF, ann])).await;
        assert_eq!(near, (MISSING.to_owned(), "trusted_proxy_loopback_source".to_owned()));
    });
}

/// Over HTTP the same people, and no page of somebody else's.
#[test]
fn people_over_http() {
    let gateway = gateway("allowLoopback: true");
    let whoami = |header: &str| -> (u16, Value) {
        let header = format!("X-Forwarded-For: 203.0.113.9\r\nX-Proof: yes\r\n{header}");
        let (status, body) = gateway.ask("/doorward/whoami", &header);
        (status, serde_json::from_str(&body).unwrap())
    };
    for (header, status, name, scopes, code) in [
        ("X-User: Ann@x.org\r\n", 200, "ann@x.org", "operator.admin", ""),
        ("X-User: carl\r\nX-OpenClaw-Scopes: operator.read\r\n", 200, "carl", "operator.read", ""),
        ("X-User: eve\r\n", 403, "", "", "AUTH_VERIFIED_USER_REQUIRED"),
        ("", 200, "", "", "AUTH_IDENTITY_HEADER_REQUIRED"),
        ("Authorization: Bearer wrong-wrong\r\n", 401, "", "", "AUTH_IDENTITY_HEADER_REQUIRED"),
        (
            "X-User: ann@x.org\r\nOrigin: https://evil.example\r\n",
            403,
            "",
            "",
            "CONTROL_UI_ORIGIN_NOT_ALLOWED",
        ),
    ] {
        let (found, body) = whoami(header);
        assert_eq!(found, status, "{header} {body}");
        assert_eq!(body["principal"]["name"].as_str().unwrap_or_default(), name, "{header}");
        let held: Vec<_> = body["scopes"].as_array().unwrap().iter().map(Value::as_str).collect();
        assert_eq!(held, scopes.split_whitespace().map(Some).collect::<Vec<_>>(), "{header}");
        assert_eq!(body["refusal"]["code"].as_str().unwrap_or_default(), code, "{header}");
    }
}

/// A person approves, and the ledger names the person; a node behind the proxy still has to be
/// approved.
#[test]
fn what_a_person_does_is_on_record() {
    block_on(async {
        let gateway = gateway("allowLoopback: true");
        let node = node(&[XFF, PROOF, ("x-user", "bob")]);
        assert_eq!(refused(&gateway.url(), &node).await.0, "PAIRING_REQUIRED");
        let ann = nobody(&[], &[XFF, PROOF, ("x-user", "ANN@x.org")]);
        let mut ann = enter(&gateway, &ann).await;
        let list = ann.request("device.pair.list", json!({})).await.unwrap();
        let request = json!({"requestId": list["pending"][0]["requestId"]});
        ann.request("device.pair.approve", request).await.unwrap();
        let log = gateway.doorward(&["audit", "log", "--json"]);
        let log = String::from_utf8(log.stdout).unwrap();
        let records: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let approved = records.iter().find(|record| record["event"]["kind"] == "pairing_approved");
        let approved = approved.expect("the approval is on record");
        assert_eq!(approved["principal"], json!({"kind": "person", "name": "ann@x.org"}));
        assert_eq!(approved["via"]["address"], "203.0.113.9");
        enter(&gateway, &node).await;
    });
}

/// `gateway.nodes.pairing.autoApproveCidrs`: fresh nodes without scopes, from addresses that no
/// process of this host could make up.
#[test]
fn fresh_nodes_from_named_addresses_are_approved_by_rule() {
    block_on(async {
        let lan = lan_address();
        let start = |proxies: &str| {
            Gateway::start(&format!(
                "{{gateway: {{bind: 'lan', trustedProxies: [{proxies}], nodes: {{pairing: {{
                    autoApproveCidrs: ['{lan}', '203.0.113.0/24']}}}}}}}}"
            ))
        };
        let token = |options: ConnectOptions| ConnectOptions { auth: shared(&[]).auth, ..options };
        let direct = start("'127.0.0.1'");
        client::connect(&direct.url_at(lan), &token(node(&[]))).await.expect("a fresh node");
        let log = direct.doorward(&["audit", "log", "--json"]);
        let log = String::from_utf8(log.stdout).unwrap();
        assert!(log.contains(r#""rule":"trusted_cidr""#), "{log}");
        let operator = shared(&["operator.read"]).with_device(Arc::new(DeviceKey::generate()));
        assert_eq!(refused(&direct.url_at(lan), &operator).await.0, "PAIRING_REQUIRED");
        let forged = token(node(&[XFF]));
        assert_eq!(refused(&direct.url(), &forged).await.0, "PAIRING_REQUIRED");
        assert_eq!(refused(&direct.url_at(lan), &node(&[])).await.0, "AUTH_TOKEN_MISSING");
        let proxied = start(&format!("'{lan}'"));
        let through = token(node(&[XFF]));
        client::connect(&proxied.url_at(lan), &through).await.expect("a node behind a proxy");
        let elsewhere = token(node(&[("X-Forwarded-For", "198.51.100.1")]));
        assert_eq!(refused(&proxied.url_at(lan), &elsewhere).await.0, "PAIRING_REQUIRED");
        assert!(!log.contains(TOKEN));
    });
}
