//! Requests under way on one open connection, and the counting of their answers.
//!
//! Answers are taken for answers to the oldest request, which leaves rates and means exact even for
//! a gateway that answers out of order.

use std::{collections::VecDeque, io, time::Duration};

use tokio::time::timeout;

use super::{
    handshake::Kind,
    load::{PATIENCE, Samples},
    wire::Wire,
};

/// A connection with requests under way.
pub struct Pipe {
    wire: Wire,
    /// When each request under way was sent, oldest first.
    sent: VecDeque<Duration>,
}

impl Pipe {
    /// Nothing is under way yet.
    pub fn new(wire: Wire) -> Self {
        Self { wire, sent: VecDeque::new() }
    }

    /// How many answers are still to come.
    pub fn under_way(&self) -> usize {
        self.sent.len()
    }

    /// Sends `count` requests in one write.
    ///
    /// # Errors
    /// If the connection is broken.
    pub async fn send(&mut self, frames: &[u8], count: usize, now: Duration) -> io::Result<()> {
        self.sent.extend(std::iter::repeat_n(now, count));
        self.wire.send(frames).await
    }

    /// Waits for bytes and counts the answers in them, perhaps none; `clock` is read once.
    ///
    /// # Errors
    /// If the connection is broken, nothing comes for long, or more comes than was asked for.
    pub async fn answers(
        &mut self,
        clock: impl Fn() -> Duration,
        samples: &mut Samples,
    ) -> io::Result<()> {
        timeout(PATIENCE, self.wire.fill()).await??;
        let now = clock();
        while let Some(body) = self.wire.take_text()? {
            let frame = self.wire.text(body);
            let kind = Kind::of(frame);
            if kind == Kind::Event {
                continue;
            }
            let sent = self.sent.pop_front().ok_or_else(|| io::Error::other("too many answers"))?;
            match kind {
                Kind::Yes => samples.done(now - sent),
                _ => samples.failed(String::from_utf8_lossy(&frame[..frame.len().min(300)])),
            }
        }
        Ok(())
    }
}
