//! Frames against the RFC's own examples, and the reader against a bare socket.

use tokio::net::TcpListener;

use super::*;

/// A connected pair: what is measured, and the peer's bare socket.
async fn pair() -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (peer, _) = listener.accept().await.unwrap();
    (Wire { stream, inbox: Vec::new(), at: 0, outbox: Vec::new() }, peer)
}

fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => out.push(short as u8),
        long => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn the_masked_hello_of_the_rfc() {
    // RFC 6455, 5.7: "A single-frame masked text message", with the mask used here.
    let mut out = Vec::new();
    text_frame("Hello", &mut out);
    let expected = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(out, expected);
}

#[test]
fn lengths_take_the_form_that_the_rfc_wants() {
    for (len, header) in [
        (125, vec![0x81, 0xfd]),
        (126, vec![0x81, 0xfe, 0, 126]),
        (65_535, vec![0x81, 0xfe, 0xff, 0xff]),
        (65_536, vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut out = Vec::new();
        text_frame(&"x".repeat(len), &mut out);
        assert_eq!(out[..header.len()], header, "{len}");
        assert_eq!(out.len(), header.len() + 4 + len);
    }
}

#[test]
fn headers_are_read_whole_or_not_at_all() {
    let header = |opcode, start, len| Some(Header { opcode, start, len });
    for (bytes, expected) in [
        (&[0x81][..], None),
        (&[0x81, 5], header(TEXT, 2, 5)),
        (&[0x81, 126, 1], None),
        (&[0x81, 126, 1, 0], header(TEXT, 4, 256)),
        (&[0x88, 127, 0, 0, 0, 0, 0, 1, 0], None),
        (&[0x88, 127, 0, 0, 0, 0, 0, 1, 0, 0], header(CLOSE, 10, 65_536)),
    ] {
        assert_eq!(Header::parse(bytes).unwrap(), expected, "{bytes:?}");
    }
    for foreign in [[0x01, 5], [0x80, 5], [0xc1, 5], [0x81, 0x85]] {
        assert!(Header::parse(&foreign).is_err(), "{foreign:?}");
    }
}

#[tokio::test]
async fn messages_survive_any_cut_of_the_stream() {
    let (mut wire, mut peer) = pair().await;
    let large = "y".repeat(300);
    let mut stream = unmasked(TEXT, b"one");
    stream.extend(unmasked(TEXT, large.as_bytes()));
    stream.extend(unmasked(TEXT, b"three"));
    let writer = tokio::spawn(async move {
        for byte in stream {
            peer.write_all(&[byte]).await.unwrap();
            peer.flush().await.unwrap();
        }
        peer
    });
    for expected in ["one", large.as_str(), "three"] {
        let body = wire.next_text().await.unwrap();
        assert_eq!(wire.text(body), expected.as_bytes());
    }
    drop(writer.await.unwrap());
    assert_eq!(wire.next_text().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_ping_is_answered_and_a_close_is_told() {
    let (mut wire, mut peer) = pair().await;
    peer.write_all(&unmasked(PING, b"hm")).await.unwrap();
    let mut reason = 1008u16.to_be_bytes().to_vec();
    reason.extend_from_slice(b"slow");
    let answer = tokio::spawn(async move {
        let mut pong = [0u8; 8];
        peer.read_exact(&mut pong).await.unwrap();
        peer.write_all(&unmasked(CLOSE, &reason)).await.unwrap();
        pong
    });
    let end = wire.next_text().await.unwrap_err();
    assert_eq!(end.to_string(), "the gateway closed with 1008 slow");
    let mut expected = Vec::new();
    frame(PONG, b"hm", &mut expected);
    assert_eq!(answer.await.unwrap()[..], expected);
}

#[tokio::test]
async fn only_an_upgrade_is_an_upgrade() {
    for (answer, good) in [
        (format!("HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"), true),
        ("HTTP/1.1 101 Switching\r\n\r\n".to_owned(), false),
        ("HTTP/1.1 403 Forbidden\r\n\r\n".to_owned(), false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/x?y=1", listener.local_addr().unwrap());
        let endpoint = Endpoint::resolve(&url).await.unwrap();
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut request = [0u8; 16];
            peer.read_exact(&mut request).await.unwrap();
            peer.write_all(answer.as_bytes()).await.unwrap();
            (request, peer)
        });
        assert_eq!(Wire::open(&endpoint).await.is_ok(), good);
        assert_eq!(&server.await.unwrap().0, b"GET /x?y=1 HTTP/");
    }
    assert!(Endpoint::resolve("http://127.0.0.1/").await.is_err());
    assert!(Endpoint::resolve("ws://").await.is_err());
}
