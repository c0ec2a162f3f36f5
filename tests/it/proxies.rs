//! Attribution over real sockets (N7 A7.1, A7.3): who connects from where, with which header, and
//! what the gateway makes of it. The whole table is beside the code, in `service::attribution`.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use doorward::fronts::cli::client::{self, ConnectOptions};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::house::{Gateway, TOKEN, block_on, lan_address, shared};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const NAMED: &str = "X-Forwarded-For: 203.0.113.9\r\n";

/// One request from `from`, which is an address of this machine: status and body.
fn ask(gateway: &Gateway, from: IpAddr, request: &str, header: &str) -> (u16, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    let to = SocketAddr::new(if from.is_loopback() { HERE } else { from }, gateway.port);
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    write!(stream, "GET {request} HTTP/1.1\r\nHost: {to}\r\n{header}\r\n").unwrap();
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).unwrap();
        assert_ne!(length, 0, "{from} {header}: closed without an answer");
        answer.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
            return (status, body.to_owned());
        }
    }
}

/// Both doors give the same answer: whether the request is let through, and if not, why not.
fn check(gateway: &Gateway, from: IpAddr, header: &str, refused: Option<&str>) {
    let upgrade = format!(
        "{header}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (request, header, good) in [("/readyz", header, 200), ("/", &upgrade, 101)] {
        let (status, body) = ask(gateway, from, request, header);
        let Some(reason) = refused else {
            assert_eq!(status, good, "{from} {header}: {body}");
            continue;
        };
        assert_eq!(status, 403, "{from} {header}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["type"], "proxy_attribution_required");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{from} {header}: {message}");
        assert!(message.contains("gateway.trustedProxies") || message.contains("make the proxy"));
    }
}

#[test]
fn the_doors_row_by_row() {
    let lan = lan_address();
    let untrusted = Some("its peer is not trusted");
    let alone = Gateway::start("{gateway: {bind: 'lan'}}");
    for from in [HERE, PROXY, lan] {
        check(&alone, from, "", None);
        check(&alone, from, NAMED, untrusted);
        check(&alone, from, "Forwarded: for=203.0.113.9\r\n", untrusted);
        check(&alone, from, "X-Real-IP: 127.0.0.1\r\n", untrusted);
        check(&alone, from, "X-Forwarded-Proto: https\r\n", untrusted);
    }
    let config = format!("{{gateway: {{bind: 'lan', trustedProxies: ['{PROXY}', '{lan}']}}}}");
    let behind = Gateway::start(&config);
    let unnamed = Some("does not name the client");
    for (from, header, refused) in [
        (HERE, "", None),
        (HERE, NAMED, untrusted),
        (PROXY, NAMED, None),
        (PROXY, "", None),
        (PROXY, "X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-For: 203.0.113.9\r\n", None),
        (PROXY, "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n", None),
        (PROXY, "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=8.8.8.8\r\n", Some("two clients")),
        (PROXY, "X-Forwarded-For: junk\r\n", Some("cannot be read")),
        (PROXY, "X-Forwarded-For: 127.0.0.1\r\n", Some("nobody but trusted proxies")),
        (PROXY, "X-Real-IP: 203.0.113.9\r\n", unnamed),
        (lan, NAMED, None),
        (lan, "", unnamed),
        (lan, "X-Forwarded-Proto: https\r\n", unnamed),
    ] {
        check(&behind, from, header, refused);
    }
}

/// What the gateway says of a client that came in: its address, the rule, and how many scopes the
/// shared secret is worth there (all eight are for clients of this machine).
async fn seen(gateway: &Gateway, header: &[(&str, &str)]) -> (Value, String, usize) {
    let headers = header.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let options = ConnectOptions { headers, ..shared(&[]) };
    let mut session = client::connect(&gateway.url(), &options).await.unwrap();
    let whoami = session.request("doorward.whoami", json!({})).await.unwrap();
    session.close().await;
    let rule = whoami["rule"].as_str().unwrap().to_owned();
    let scopes = whoami["scopes"].as_array().unwrap().len();
    assert_eq!(whoami["verdict"], if scopes == 8 { "local" } else { "elsewhere" });
    assert_eq!(whoami["peer"], "127.0.0.1");
    assert_eq!(whoami["principal"], json!({"kind": "shared_secret", "proof": "token"}));
    (whoami["address"].clone(), rule, scopes)
}

/// Only a client that comes directly from loopback is local; whoever comes through a proxy is where
/// the proxy says.
#[test]
fn a_client_behind_a_proxy_is_never_local() {
    block_on(async {
        let alone = Gateway::start("{}");
        let local = (json!("127.0.0.1"), "direct-loopback".to_owned(), 8);
        assert_eq!(seen(&alone, &[]).await, local);
        let behind = Gateway::start("{gateway: {trustedProxies: ['127.0.0.1']}}");
        let (xff, forwarded) = ("x-forwarded-for", "forwarded");
        for (header, rule, address) in [
            (&[("X-Forwarded-For", "203.0.113.9")][..], xff, json!("203.0.113.9")),
            (&[("X-Forwarded-For", "127.0.0.1, 203.0.113.9")], xff, json!("203.0.113.9")),
            (&[(xff, "127.0.0.1"), (xff, "10.1.2.3")], xff, json!("10.1.2.3")),
            (&[("Forwarded", "for=\"[2001:db8::9]:4711\"")], forwarded, json!("2001:db8::9")),
            // The proxy, or a client beside it: nobody can tell.
            (&[], "silent-loopback", Value::Null),
        ] {
            assert_eq!(seen(&behind, header).await, (address, rule.to_owned(), 2), "{header:?}");
        }
        let real = "{gateway: {trustedProxies: ['127.0.0.1'], allowRealIpFallback: true}}";
        let real = Gateway::start(real);
        let found = seen(&real, &[("X-Real-IP", "203.0.113.9")]).await;
        assert_eq!(found, (json!("203.0.113.9"), "x-real-ip".to_owned(), 2));
    });
}

/// A7.2 over HTTP: it answers everyone, says what was seen, and what was proven or not.
#[test]
fn whoami_answers_whoever_asks() {
    let lan = lan_address();
    let config = format!("{{gateway: {{bind: 'lan', trustedProxies: ['{PROXY}']}}}}");
    let gateway = Gateway::start(&config);
    let good = format!("Authorization: Bearer {TOKEN}\r\n");
    let wrong = "Authorization: Bearer wrong-wrong-wrong\r\n";
    let (here, far, proxy) = (json!("127.0.0.1"), json!(lan.to_string()), json!("127.0.0.2"));
    let client = json!("203.0.113.9");
    for (from, header, status, verdict, rule, address, peer, principal, code) in [
        (HERE, good.clone(), 200, "local", "direct-loopback", &here, &here, "shared_secret", ""),
        (
            HERE,
            String::new(),
            200,
            "local",
            "direct-loopback",
            &here,
            &here,
            "",
            "AUTH_TOKEN_MISSING",
        ),
        (
            HERE,
            wrong.into(),
            401,
            "local",
            "direct-loopback",
            &here,
            &here,
            "",
            "AUTH_TOKEN_MISMATCH",
        ),
        (lan, good.clone(), 200, "elsewhere", "direct-elsewhere", &far, &far, "shared_secret", ""),
        (
            PROXY,
            format!("{NAMED}{good}"),
            200,
            "elsewhere",
            "x-forwarded-for",
            &client,
            &proxy,
            "shared_secret",
            "",
        ),
        (
            PROXY,
            NAMED.into(),
            200,
            "elsewhere",
            "x-forwarded-for",
            &client,
            &proxy,
            "",
            "AUTH_TOKEN_MISSING",
        ),
        (
            PROXY,
            good.clone(),
            200,
            "elsewhere",
            "silent-loopback",
            &Value::Null,
            &proxy,
            "shared_secret",
            "",
        ),
        (
            HERE,
            format!("{NAMED}{good}"),
            403,
            "refused",
            "untrusted-proxy",
            &Value::Null,
            &here,
            "",
            "",
        ),
    ] {
        let (found, body) = ask(&gateway, from, "/doorward/whoami", &header);
        assert_eq!(found, status, "{from} {header} {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let what = format!("{from} {header}: {body}");
        assert_eq!((&body["verdict"], &body["rule"]), (&json!(verdict), &json!(rule)), "{what}");
        assert_eq!((&body["address"], &body["peer"]), (address, peer), "{what}");
        assert_eq!(body["principal"]["kind"].as_str().unwrap_or_default(), principal, "{what}");
        assert_eq!(body["refusal"]["code"].as_str().unwrap_or_default(), code, "{what}");
        let grant = body["grantSeq"].as_u64();
        assert_eq!(grant.is_some(), !principal.is_empty(), "{what}");
        let scopes = body["scopes"].as_array().unwrap().len();
        let expected = if principal.is_empty() {
            0
        } else if verdict == "local" {
            8
        } else {
            2
        };
        assert_eq!(scopes, expected, "{what}");
        assert!(body["remedy"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert!(!body.to_string().contains(TOKEN), "{what}");
    }
}

/// A7.2 on the command line: over the admin socket, and as a client of the network.
#[test]
fn whoami_on_the_command_line() {
    let gateway = Gateway::start("{}");
    let host = gateway.json(&["whoami"]);
    assert_eq!((&host["rule"], &host["verdict"]), (&json!("admin-socket"), &json!("local")));
    assert_eq!((&host["principal"]["kind"], &host["grantSeq"]), (&json!("host"), &json!(0)));
    let client = gateway.json(&["whoami", "--url", &gateway.url(), "--token", TOKEN]);
    assert_eq!(client["principal"]["kind"], "shared_secret");
    let keys = |document: &Value| document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&host), keys(&client), "one shape over every door");
    let text = gateway.doorward(&["whoami", "--url", &gateway.url(), "--token", TOKEN]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("direct-loopback: it comes from loopback"), "{text}");
    let refused = gateway.doorward(&["whoami", "--url", &gateway.url(), "--token", "wrong"]);
    assert_eq!(refused.status.code(), Some(3));
}
