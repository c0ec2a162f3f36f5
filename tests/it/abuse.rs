//! Abuse is bounded (N20): silent sockets cost little, and cost others nothing.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::Arc,
    time::Duration,
};

use doorward::support::{clock::Stopwatch, device_key::DeviceKey};

use crate::house::{Gateway, block_on, shared, with_device_token};

const SOCKETS: usize = 10_000;

/// What 10,000 silent sockets may add to the gateway's memory. It keeps about 2,000 of them.
const ADDED_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// N20 A20.1: 10,000 silent sockets from one address: bounded memory, and a paired client connects
/// in less than a second.
#[test]
fn n20_a20_1_ten_thousand_silent_sockets() {
    raise_the_limit_on_files();
    let gateway = Gateway::start("{}");
    let device = Arc::new(DeviceKey::generate());
    let options = shared(&["operator.read"]).with_device(device);
    let token = block_on(async {
        let session = gateway.connect(&options).await.unwrap();
        session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned()
    });
    let before = gateway.resident();
    let silent: Vec<_> = (0..SOCKETS).map(|_| upgraded_and_silent(gateway.port)).collect();
    let added = gateway.resident().saturating_sub(before);
    let waiting = Stopwatch::start();
    block_on(async { gateway.connect(&with_device_token(&options, &token)).await.unwrap() });
    let waited = waiting.elapsed();
    assert!(waited < Duration::from_secs(1), "a paired client waited {waited:?}");
    assert!(added < ADDED_BYTES_MAX, "{SOCKETS} silent sockets added {added} bytes");
    let closed = silent.iter().filter(|socket| was_told_to_go(socket)).count();
    assert!(closed > SOCKETS / 2, "only {closed} were told to make room");
}

/// Opens a socket, becomes a WebSocket, and says nothing.
fn upgraded_and_silent(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Whether a close frame (code 1013) is among what the gateway sent.
fn was_told_to_go(mut stream: &TcpStream) -> bool {
    let mut bytes = [0; 2048];
    let length = stream.read(&mut bytes).unwrap_or(0);
    let code = 1013u16.to_be_bytes();
    bytes[..length].windows(4).any(|frame| frame[0] == 0x88 && frame[2..] == code)
}

fn raise_the_limit_on_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let enough = maximum.is_none_or(|files| files > SOCKETS as u64 + 200);
    assert!(enough, "this test needs {SOCKETS} open files; the hard limit is {maximum:?}");
}
