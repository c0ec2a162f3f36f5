//! Attribution over real sockets (N7 A7.1, A7.3): who connects from where, with which header, and
//! what the gateway makes of it. The whole table is beside the code, in `service::attribution`.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use doorward::fronts::cli::client::{self, ConnectOptions};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::house::{Gateway, block_on, lan_address, shared};

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

/// What the gateway says of a client that came in: its address, and how many scopes the shared
/// secret is worth there (all eight are for clients of this machine).
async fn seen(gateway: &Gateway, header: &[(&str, &str)]) -> (String, usize) {
    let headers = header.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let options = ConnectOptions { mode: "ui".into(), headers, ..shared(&[]) };
    let mut session = client::connect(&gateway.url(), &options).await.unwrap();
    let id = session.hello["server"]["connId"].clone();
    let address = loop {
        // The board is put together now and then; `block_on` ends the wait.
        let board = session.request("system-presence", json!({})).await.unwrap();
        if let Some(own) = board.as_array().unwrap().iter().find(|entry| entry["instanceId"] == id)
        {
            break own["ip"].as_str().unwrap_or_default().to_owned();
        }
    };
    let scopes = session.hello["auth"]["scopes"].as_array().unwrap().len();
    session.close().await;
    (address, scopes)
}

/// Only a client that comes directly from loopback is local; whoever comes through a proxy is where
/// the proxy says.
#[test]
fn a_client_behind_a_proxy_is_never_local() {
    block_on(async {
        let alone = Gateway::start("{}");
        assert_eq!(seen(&alone, &[]).await, ("127.0.0.1".to_owned(), 8));
        let behind = Gateway::start("{gateway: {trustedProxies: ['127.0.0.1']}}");
        for (header, address) in [
            (&[("X-Forwarded-For", "203.0.113.9")][..], "203.0.113.9"),
            (&[("X-Forwarded-For", "127.0.0.1, 203.0.113.9")], "203.0.113.9"),
            (&[("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "10.1.2.3")], "10.1.2.3"),
            (&[("Forwarded", "for=\"[2001:db8::9]:4711\"")], "2001:db8::9"),
            // The proxy, or a client beside it: nobody can tell.
            (&[], ""),
        ] {
            assert_eq!(seen(&behind, header).await, (address.to_owned(), 2), "{header:?}");
        }
        let real = "{gateway: {trustedProxies: ['127.0.0.1'], allowRealIpFallback: true}}";
        let real = Gateway::start(real);
        let header = [("X-Real-IP", "203.0.113.9")];
        assert_eq!(seen(&real, &header).await, ("203.0.113.9".to_owned(), 2));
    });
}
