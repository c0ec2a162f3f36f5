//! The pump of one connection: writes what is queued to the socket, each frame under a deadline.

use std::{cell::Cell, rc::Rc};

use actix_ws::{CloseReason, Session};
use bytes::Bytes;
use bytestring::ByteString;
use tokio::{sync::mpsc, time::timeout};

use super::limits;

/// What may be queued for a socket.
pub enum Out {
    /// A frame of the conversation.
    Text(ByteString),
    /// Is anyone there?
    Ping,
    /// The answer to a ping, with what it said.
    Pong(Bytes),
    /// The last frame.
    Close(Option<CloseReason>),
}

impl Out {
    /// How many bytes it holds for as long as it waits.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pong(echo) => echo.len(),
            Self::Ping | Self::Close(_) => 0,
        }
    }
}

/// Writes what is queued, until the queue or the socket ends.
pub async fn pump(
    mut queued: mpsc::Receiver<Out>,
    queued_bytes: Rc<Cell<usize>>,
    mut session: Session,
) {
    while let Some(out) = queued.recv().await {
        queued_bytes.update(|bytes| bytes.saturating_sub(out.bytes()));
        let last = matches!(out, Out::Close(_));
        if last {
            if let Out::Close(reason) = out {
                let _ = timeout(limits::CONN_WRITE_DEADLINE, session.close(reason)).await;
            }
            return;
        }
        let written = timeout(limits::CONN_WRITE_DEADLINE, write(&mut session, out)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

async fn write(session: &mut Session, out: Out) -> Result<(), actix_ws::Closed> {
    match out {
        Out::Text(text) => session.text(text).await,
        Out::Ping => session.ping(b"").await,
        Out::Pong(echo) => session.pong(&echo).await,
        Out::Close(_) => Ok(()),
    }
}
