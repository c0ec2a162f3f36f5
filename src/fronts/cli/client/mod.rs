//! A small client of the gateway protocol, for `doorward status`, the benchmark and the tests.
//!
//! It speaks as any client on the network does and knows nothing of this gateway's inside. It does
//! not reconnect, keeps no files and decides nothing: refusals come back in the terms of the wire
//! ([`ConnectError`], [`RpcError`]).
//!
//! [`connect`] gives a [`Session`]; [`Session::request`] asks and waits, [`Session::send_request`]
//! and [`Session::response`] ask many times before waiting. [`Socket`] is the door below, for tests
//! that need to say something wrong.

mod error;
mod frames;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde_json::Value;
use tokio::time::timeout;

pub use error::{Closed, ConnectError, Refusal, RpcError};
pub use frames::{Auth, Challenge, ConnectOptions};
pub use socket::Socket;

use frames::Request;

/// An open, authenticated connection.
pub struct Session {
    /// The payload of `hello-ok`. It may hold a device token: do not print it whole.
    pub hello: Value,
    socket: Socket,
    /// Frames that came while another was waited for, oldest first.
    waiting: VecDeque<Value>,
    last_id: u64,
    timeout: std::time::Duration,
}

/// Connects to `url` (`ws://host:port/path`), answers the challenge and waits for `hello-ok`.
///
/// # Errors
/// [`ConnectError`], which carries what the gateway said and how it closed.
pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Session, ConnectError> {
    let limit = options.timeout;
    timeout(limit, enter(url, options)).await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn enter(url: &str, options: &ConnectOptions) -> Result<Session, ConnectError> {
    const ID: &str = "connect";
    let (mut socket, challenge) = Socket::open(url, &options.headers).await?;
    socket.send_text(options.connect_frame(ID, &challenge)).await?;
    let answer = loop {
        let frame = socket.next_frame().await?;
        if frame["type"] == "res" && frame["id"] == ID {
            break frame;
        }
    };
    match outcome(answer) {
        Ok(hello) => Ok(Session {
            hello,
            socket,
            waiting: VecDeque::new(),
            last_id: 0,
            timeout: options.timeout,
        }),
        Err(refusal) => {
            let close = socket.closed().await;
            Err(ConnectError::Refused { refusal: Box::new(refusal), close })
        }
    }
}

impl Session {
    /// Asks and waits for the answer. Frames that come first are kept for [`Session::next_frame`].
    ///
    /// # Errors
    /// If the gateway refuses, the connection ends, or no answer comes in time.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        let id = self.send_request(method, params).await?;
        self.response(&id).await
    }

    /// Asks without waiting; gives the id to ask [`Session::response`] for.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn send_request(&mut self, method: &str, params: Value) -> Result<String, Closed> {
        self.last_id += 1;
        let id = self.last_id.to_string();
        let frame = Request { kind: "req", id: &id, method, params };
        let text = serde_json::to_string(&frame).expect("a JSON value always serialises");
        self.socket.send_text(text).await?;
        Ok(id)
    }

    /// The next answer to the request `id`; asked twice, the answer after that one.
    ///
    /// # Errors
    /// If the gateway refuses, the connection ends, or no answer comes in time.
    pub async fn response(&mut self, id: &str) -> Result<Value, RpcError> {
        let answers = |frame: &Value| frame["type"] == "res" && frame["id"] == id;
        if let Some(at) = self.waiting.iter().position(answers) {
            let frame = self.waiting.remove(at).unwrap_or_default();
            return Ok(outcome(frame)?);
        }
        let limit = self.timeout;
        let found = timeout(limit, async {
            loop {
                let frame = self.socket.next_frame().await?;
                if answers(&frame) {
                    return Ok::<_, Closed>(frame);
                }
                self.waiting.push_back(frame);
            }
        });
        Ok(outcome(found.await.map_err(|_| RpcError::TimedOut)??)?)
    }

    /// The next frame that nothing else took, in the order of arrival. Waits without a limit.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn next_frame(&mut self) -> Result<Value, Closed> {
        match self.waiting.pop_front() {
            Some(frame) => Ok(frame),
            None => self.socket.next_frame().await,
        }
    }

    /// The next event of this name; other frames stay where they are.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn event(&mut self, name: &str) -> Result<Value, Closed> {
        let wanted = |frame: &Value| frame["type"] == "event" && frame["event"] == name;
        if let Some(at) = self.waiting.iter().position(wanted) {
            return Ok(self.waiting.remove(at).unwrap_or_default());
        }
        loop {
            let frame = self.socket.next_frame().await?;
            if wanted(&frame) {
                return Ok(frame);
            }
            self.waiting.push_back(frame);
        }
    }

    /// Sends any text, right or wrong.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Closed> {
        self.socket.send_text(text).await
    }

    /// Closes in order and waits for the gateway's own close.
    pub async fn close(self) {
        self.socket.close().await;
    }
}

/// The payload of an answer, or the refusal in it.
fn outcome(mut answer: Value) -> Result<Value, Refusal> {
    if answer["ok"] == true {
        return Ok(answer["payload"].take());
    }
    Err(serde_json::from_value(answer["error"].take()).unwrap_or_else(|error| Refusal {
        code: "UNREADABLE".into(),
        message: format!("the gateway's error has an unknown shape: {error}"),
        details: Value::Null,
        retryable: false,
        retry_after_ms: None,
    }))
}
