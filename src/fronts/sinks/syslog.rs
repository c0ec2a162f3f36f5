//! Syslog: RFC 5424 messages, in datagrams (RFC 5426) or with octet counting over TCP (RFC 6587).
//!
//! The message is the record's document; its attributes stand in the structured data as well, where
//! collectors filter. The document is pure ASCII, so that no receiver needs to guess its encoding.
//!
//! Syslog knows no acknowledgement. Over TCP, each batch is a connection that is closed in order: the
//! other end closes its half only when it has read everything up to ours, and that is waited for. A
//! datagram to a socket of this machine waits for room in it. Over UDP nobody can tell what arrived.

use std::{fmt::Write as _, io, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket, UnixDatagram, lookup_host},
    time::{sleep, timeout},
};

use super::{super::record::line::Line, Failed, Origin};
use crate::support::clock;

/// Facility 13, "log audit" (RFC 5424, table 1).
const FACILITY: u8 = 13;

/// The parameters below are of nobody's registered enterprise: 32473 is the number for that (RFC 5612).
const SD_ID: &str = "doorward@32473";

/// The longest datagram, in bytes; UDP ends at 65,507. What does not fit goes without its document.
const DATAGRAM_MAX: usize = 60_000;

/// The longest name of a host in the header, in characters.
const HOSTNAME_MAX: usize = 255;

/// How long a batch may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Between two bursts over UDP: a receiver needs a moment to read what its buffer holds.
const UDP_PAUSE: Duration = Duration::from_millis(1);

/// Where messages go.
pub(super) enum To {
    Udp(String),
    Tcp(String),
    Unix(PathBuf),
}

/// A message per datagram.
pub(super) fn datagrams(origin: &Origin, lines: &[Line]) -> Vec<Vec<u8>> {
    let datagram = |line: &Line| match message(origin, line, true) {
        whole if whole.len() <= DATAGRAM_MAX => whole.into_bytes(),
        _ => message(origin, line, false).into_bytes(),
    };
    lines.iter().map(datagram).collect()
}

/// All messages, each behind its length in octets.
pub(super) fn frames(origin: &Origin, lines: &[Line]) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in lines {
        let message = message(origin, line, true);
        bytes.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
    }
    vec![bytes]
}

/// One message (RFC 5424, section 6), with or without the document.
pub(super) fn message(origin: &Origin, line: &Line, document: bool) -> String {
    let severity = if line.is_warning { 4 } else { 6 };
    let Line { mark, at, kind, .. } = line;
    let mut text = format!(
        "<{}>1 {} {} doorward - {kind} ",
        FACILITY * 8 + severity,
        clock::to_utc(*at),
        hostname(&origin.host)
    );
    // `sequenceId` begins again at 1 after 2,147,483,647 (section 7.3.1).
    let _ = write!(
        text,
        "[meta sequenceId=\"{}\"][origin software=\"doorward\" swVersion=\"{}\"][{SD_ID} seq=\"{}\"",
        mark.seq % 2_147_483_647 + 1,
        origin.version,
        mark.seq
    );
    for (name, value) in &line.attributes {
        let _ = write!(text, " {name}=\"{}\"", escaped(value));
    }
    text.push(']');
    if document {
        text.push(' ');
        text.push_str(&ascii(&line.json));
    }
    text
}

/// Section 6.3.3; a control character would end the line for receivers that think in lines.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    }
    text
}

/// Characters beyond ASCII stand in strings only, where JSON has escapes for them.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => text.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(text, "\\u{unit:04x}");
            }),
        }
    }
    text
}

fn hostname(host: &str) -> String {
    let printable = host.chars().filter(char::is_ascii_graphic).take(HOSTNAME_MAX);
    Some(printable.collect::<String>())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "-".into())
}

/// Delivers a batch.
pub(super) async fn send(to: &To, payload: &[Vec<u8>]) -> Result<(), Failed> {
    let sent = timeout(DEADLINE, async {
        match to {
            To::Udp(to) => over_udp(to, payload).await,
            To::Tcp(to) => over_tcp(to, payload).await,
            To::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                for datagram in payload {
                    socket.send(datagram).await?;
                }
                Ok(())
            }
        }
    });
    match sent.await {
        Ok(sent) => sent.map_err(Failed::passing),
        Err(_) => Err(Failed::passing(format!("it does not take a batch in {DEADLINE:?}"))),
    }
}

async fn over_udp(to: &str, payload: &[Vec<u8>]) -> io::Result<()> {
    let address = lookup_host(to).await?.next();
    let address = address.ok_or_else(|| io::Error::other("its name has no address"))?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    for datagram in payload {
        socket.send(datagram).await?;
    }
    sleep(UDP_PAUSE).await;
    // A machine without a listener says so, and that is all that UDP ever says.
    socket.take_error()?.map_or(Ok(()), Err)
}

async fn over_tcp(to: &str, payload: &[Vec<u8>]) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    for bytes in payload {
        stream.write_all(bytes).await?;
    }
    stream.shutdown().await?;
    let mut answer = [0; 256];
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}
