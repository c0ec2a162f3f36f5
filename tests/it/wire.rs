//! What only raw bytes can show: limits that hold before a frame is whole, a reader that does not
//! read.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use doorward::support::clock::Stopwatch;
use serde_json::json;

use crate::house::{Gateway, block_on, shared};

/// A socket that became a WebSocket; its greeting is read.
fn upgraded(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let request = format!(
        "GET /any/path HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut greeting = [0; 4096];
    let length = stream.read(&mut greeting).unwrap();
    assert!(String::from_utf8_lossy(&greeting[..length]).contains("101 Switching"));
    stream
}

/// The header of a masked text frame that declares this length.
fn header(length: u64) -> Vec<u8> {
    let mut header = vec![0x81, 0x80 | 127];
    header.extend(length.to_be_bytes());
    header.extend([0; 4]);
    header
}

/// Everything until the other end closes.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// A stranger announces a terabyte and begins to send it: closed with 1009 once the limit is passed,
/// not once the frame is whole.
#[test]
fn a_frame_is_refused_before_it_is_whole() {
    let gateway = Gateway::start("{}");
    let before = gateway.resident();
    let mut stream = upgraded(gateway.port);
    stream.write_all(&header(1 << 40)).unwrap();
    let chunk = vec![b'x'; 64 * 1024];
    // The gateway has to end this, by a broken pipe.
    let sending = Stopwatch::start();
    while stream.write_all(&chunk).is_ok() {
        assert!(sending.elapsed() < Duration::from_secs(20), "it goes on taking bytes");
    }
    let added = gateway.resident().saturating_sub(before);
    assert!(added < 8 * 1024 * 1024, "it kept {added} bytes");
}

/// The same with just a little too much, read to the end: the close code is 1009.
#[test]
fn the_close_code_for_too_much_is_1009() {
    let gateway = Gateway::start("{}");
    let mut stream = upgraded(gateway.port);
    stream.write_all(&header(100_000)).unwrap();
    stream.write_all(&vec![b'x'; 65_536 + 15]).unwrap();
    let answer = rest(&mut stream);
    let close = [0x88, 0x02, 0x03, 0xf1];
    assert!(answer.windows(4).any(|bytes| bytes == close), "{answer:?}");
}

/// Names that a client sends are not echoed at any length.
#[test]
fn long_names_are_not_echoed() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let mut session = gateway.connect(&shared(&["operator.read"])).await.unwrap();
        let long = "x".repeat(100_000);
        let refused = session.request(&long, json!({})).await.unwrap_err();
        assert_eq!(refused.refusal().unwrap().message.len(), "unknown method: ".len() + 128);
        let refused = session.request("config.get", json!({&long: 1})).await.unwrap_err();
        assert!(refused.refusal().unwrap().message.len() < 300);
        let id = "1,".repeat(50_000);
        let text = format!(r#"{{"type":"req","id":[{id}1],"method":"health"}}"#);
        session.send_text(text).await.unwrap();
        let answer = session.next_frame().await.unwrap();
        assert_eq!(answer["id"], "invalid");
    });
}

/// Every HTTP answer carries the standing headers; what is unknown is a 404 in JSON.
#[test]
fn http_answers() {
    let gateway = Gateway::start("{}");
    for (path, status, body) in [
        ("/healthz", 200, r#""status":"live""#),
        ("/health", 200, r#""ok":true"#),
        ("/readyz", 200, r#""ready":true"#),
        ("/startupz", 200, r#""status":"started""#),
        ("/nope", 404, r#""type":"not_found""#),
    ] {
        let (found, text) = gateway.get(path).unwrap();
        assert_eq!(found, status, "{path}");
        assert!(text.contains(body), "{path}: {text}");
        let head = gateway.head(path);
        for name in ["x-content-type-options", "referrer-policy", "permissions-policy"] {
            assert!(head.contains(name), "{path} lacks {name}: {head}");
        }
    }
}
