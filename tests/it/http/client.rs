//! HTTP by hand: what goes over the wire stands in the test.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::house::Gateway;

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    /// JSON; of a page, its text.
    pub body: Value,
}

impl Answer {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `error.code`, or nothing.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

/// The header line of a bearer credential.
pub fn bearer(secret: &str) -> String {
    format!("Authorization: Bearer {secret}")
}

/// Sends one request from this machine.
pub fn send(gateway: &Gateway, line: &str, headers: &[&str], body: &str) -> Answer {
    send_to(Ipv4Addr::LOCALHOST.into(), gateway, line, headers, body)
}

/// Sends one request to the gateway under one of this machine's addresses.
pub fn send_to(
    address: IpAddr,
    gateway: &Gateway,
    line: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let length = format!("Content-Length: {}", body.len());
    let headers: Vec<_> = headers.iter().copied().chain([length.as_str()]).collect();
    let mut stream = begin(SocketAddr::new(address, gateway.port), line, &headers);
    // A gateway that has answered already may be gone.
    let _ = stream.write_all(body.as_bytes());
    read(&mut stream)
}

/// Sends the head of a request; the body is up to the test.
pub fn begin(address: SocketAddr, line: &str, headers: &[&str]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Reads the answer.
pub fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head: head.to_owned(), body: Value::Null };
    if !body.is_empty() {
        let page = answer.header("content-type").filter(|kind| !kind.contains("json"));
        answer.body = match page {
            Some(_) => body.into(),
            None => serde_json::from_str(body).unwrap(),
        };
    }
    answer
}
