//! A connection that only listens, at next to no memory: thousands of them fit into one process.

use std::{io, mem};

use tokio::net::TcpStream;

use super::{CLOSE, Header, PING, PONG, TEXT, Wire, frame};

/// One of them.
pub struct Ear {
    stream: TcpStream,
    /// The beginning of a frame that is not whole yet.
    rest: Vec<u8>,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(Vec<u8>),
    /// The last frame: the code, if there is one, and the reason.
    Close(Option<u16>, String),
}

impl From<Wire> for Ear {
    /// Keeps what was received and not taken yet.
    fn from(mut wire: Wire) -> Self {
        Self { rest: wire.inbox.split_off(wire.at), stream: wire.stream }
    }
}

impl Ear {
    /// Waits for what the peer says next; answers its pings.
    ///
    /// # Errors
    /// If the connection breaks, ends without a close, or carries what is not understood here.
    pub async fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = self.take()? {
                return Ok(heard);
            }
            self.stream.readable().await?;
            let mut room = [0u8; 4096];
            match self.stream.try_read(&mut room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.rest.extend_from_slice(&room[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Heard>> {
        while let Some(header) = Header::parse(&self.rest)? {
            let end = header.start + header.len;
            if self.rest.len() < end {
                break;
            }
            let left = self.rest.split_off(end);
            let body = mem::replace(&mut self.rest, left).split_off(header.start);
            match header.opcode {
                TEXT => return Ok(Some(Heard::Text(body))),
                CLOSE => {
                    let code = body.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                    let reason = String::from_utf8_lossy(body.get(2..).unwrap_or_default());
                    return Ok(Some(Heard::Close(code, reason.into_owned())));
                }
                PING => {
                    let mut pong = Vec::with_capacity(body.len() + 6);
                    frame(PONG, &body, &mut pong);
                    // A lost pong costs nothing: the peer asks again.
                    let _ = self.stream.try_write(&pong);
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
