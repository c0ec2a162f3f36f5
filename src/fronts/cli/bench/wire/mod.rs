//! WebSocket frames by hand, so that the measuring client costs little.
//!
//! Client and gateway share the machine, and what the client burns is missing from the figure. So
//! requests are encoded once and sent many times, many in one write, and answers are counted by
//! their frame headers without being parsed. RFC 6455 as far as a gateway uses it: whole text
//! frames, pings (answered with the next write) and closes. Nothing here knows the protocol above.

mod ear;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, ops::Range};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::http::Uri;

pub use ear::{Ear, Heard};

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// The key of RFC 6455's own example, and the answer that it must get. A key needs to be random
/// only against caches between the two, and there is none on the way to a measured gateway.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Masks exist to protect old proxies (RFC 6455, 10.3), so any value serves between two processes.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How much room a read gets. Large enough for some hundred answers at once.
const READ_ROOM: usize = 64 * 1024;

/// A gateway's address, resolved once, with the bytes that open a WebSocket there.
#[derive(Debug)]
pub struct Endpoint {
    /// Where to connect to.
    pub addr: SocketAddr,
    upgrade: Vec<u8>,
}

impl Endpoint {
    /// Resolves a `ws://host:port/path` URL.
    ///
    /// # Errors
    /// If it is no such URL, or the host has no address.
    pub async fn resolve(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        ensure!(uri.scheme_str() == Some("ws"), "{url}: only ws:// URLs can be measured");
        let authority = uri.authority().with_context(|| format!("{url} names no host"))?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(80);
        let addr = tokio::net::lookup_host((host, port)).await?.next();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        Ok(Self {
            addr: addr.with_context(|| format!("{host} has no address"))?,
            upgrade: upgrade.into_bytes(),
        })
    }
}

/// One open WebSocket.
pub struct Wire {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// Where in `inbox` the next frame begins.
    at: usize,
    /// Pongs that are due.
    outbox: Vec<u8>,
}

impl Wire {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// If the connection fails or the answer is not an upgrade.
    pub async fn open(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(endpoint.addr).await?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, inbox: Vec::new(), at: 0, outbox: Vec::new() };
        wire.stream.write_all(&endpoint.upgrade).await?;
        let end = loop {
            wire.fill().await?;
            if let Some(at) = find(&wire.inbox, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&wire.inbox[..end]);
        let status = head.lines().next().unwrap_or_default();
        if !(status.contains(" 101") && head.contains(ACCEPT)) {
            bail!("the upgrade was answered with {status:?}");
        }
        wire.at = end;
        Ok(wire)
    }

    /// Sends encoded frames ([`text_frame`]).
    ///
    /// # Errors
    /// If the connection is broken.
    pub async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Waits for more bytes; sends the pongs that are due before that.
    ///
    /// # Errors
    /// If the connection is broken or at its end.
    pub async fn fill(&mut self) -> io::Result<()> {
        if !self.outbox.is_empty() {
            self.stream.write_all(&self.outbox).await?;
            self.outbox.clear();
        }
        self.inbox.drain(..self.at);
        self.at = 0;
        self.inbox.reserve(READ_ROOM);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next text message that is already here whole. [`Wire::text`] gives its bytes, until the
    /// next [`Wire::fill`].
    ///
    /// # Errors
    /// If the peer closed or does not keep to the frames that are understood here.
    pub fn take_text(&mut self) -> io::Result<Option<Range<usize>>> {
        while let Some(header) = Header::parse(&self.inbox[self.at..])? {
            let start = self.at + header.start;
            let body = start..start + header.len;
            if self.inbox.len() < body.end {
                break;
            }
            self.at = body.end;
            match header.opcode {
                TEXT => return Ok(Some(body)),
                PING => frame(PONG, &self.inbox[body], &mut self.outbox),
                CLOSE => return Err(io::Error::other(close_text(&self.inbox[body]))),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Waits for the next text message.
    ///
    /// # Errors
    /// As [`Wire::take_text`] and [`Wire::fill`].
    pub async fn next_text(&mut self) -> io::Result<Range<usize>> {
        loop {
            if let Some(body) = self.take_text()? {
                return Ok(body);
            }
            self.fill().await?;
        }
    }

    /// The bytes of a message.
    pub fn text(&self, body: Range<usize>) -> &[u8] {
        &self.inbox[body]
    }

    /// Closes in order: sends a close frame and waits until the peer closes too.
    pub async fn close(mut self) {
        let mut bytes = Vec::with_capacity(6);
        frame(CLOSE, &[], &mut bytes);
        if self.send(&bytes).await.is_ok() {
            // Both the peer's close frame and the end of the stream end this loop as an error.
            while self.next_text().await.is_ok() {}
        }
    }

    /// Gives up the frames and their buffers, and keeps the connection.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// Appends `text` to `out` as one masked frame.
pub fn text_frame(text: &str, out: &mut Vec<u8>) {
    frame(TEXT, text.as_bytes(), out);
}

fn frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    const FINAL: u8 = 0x80;
    const MASKED: u8 = 0x80;
    out.push(FINAL | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        medium @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// What the first bytes of a frame say.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    opcode: u8,
    /// Where the payload begins.
    start: usize,
    len: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & 0xf0 != 0x80 || first & 0x0f == 0 || second & 0x80 != 0 {
            // Fragments, extensions and masks: none was agreed on, and none can be measured.
            return Err(io::Error::other("the gateway sent a frame that is not understood here"));
        }
        let (start, len) = match second {
            126 => match rest.first_chunk::<2>() {
                Some(len) => (4, u64::from(u16::from_be_bytes(*len))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(len) => (10, u64::from_be_bytes(*len)),
                None => return Ok(None),
            },
            len => (2, u64::from(len)),
        };
        if len > 64 << 20 {
            return Err(io::Error::other("the gateway sent a frame of more than 64 MiB"));
        }
        Ok(Some(Self { opcode: first & 0x0f, start, len: len as usize }))
    }
}

fn close_text(body: &[u8]) -> String {
    match body {
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("the gateway closed with {code} {}", String::from_utf8_lossy(reason))
        }
        _ => "the gateway closed without a code".to_owned(),
    }
}

/// Where `needle` first begins in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
