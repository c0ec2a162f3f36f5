//! How a connection and the one who speaks on it talk to each other.
//!
//! The connection knows sockets and limits; the [`Dialogue`], which a front provides, knows the wire.

use std::{cell::Cell, rc::Rc};

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::future::LocalBoxFuture;

use super::news::{News, Presence};
use crate::domain::{
    ids::DeviceId,
    principal::Subject,
    scope::{Role, ScopeSet},
};

/// What came in.
#[derive(Debug)]
pub enum Inbound {
    /// A whole text message.
    Text(ByteString),
    /// A binary message; the protocol has none.
    Binary,
    /// A ping, with what to echo.
    Ping(Bytes),
    /// An answer to our ping.
    Pong,
    /// The peer closes.
    Close,
}

/// What was wrong with what came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundFault {
    /// A message beyond the limit of this moment.
    TooLarge,
    /// Not WebSocket, or a broken socket.
    Broken,
}

/// The largest message that is accepted now. Shared with the reader of the socket, which asks it
/// before it buffers anything.
#[derive(Debug, Clone)]
pub struct MessageLimit(Rc<Cell<usize>>);

impl MessageLimit {
    /// Starts at this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Rc::new(Cell::new(bytes)))
    }

    /// Changes it.
    pub(super) fn set(&self, bytes: usize) {
        self.0.set(bytes);
    }

    /// The limit now, in bytes.
    pub fn get(&self) -> usize {
        self.0.get()
    }
}

/// The last words on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// A frame to send first.
    pub frame: Option<ByteString>,
    /// The close code (RFC 6455 section 7.4).
    pub code: u16,
    /// The close reason; cut to 123 bytes on the way out.
    pub reason: String,
}

/// A client that was let in.
#[derive(Debug)]
pub struct Entry {
    /// The frame that tells it so.
    pub frame: ByteString,
    /// What it may use, for the choice of news.
    pub scopes: ScopeSet,
    /// What it stands on: whose change is a change of this session.
    pub subject: Option<Subject>,
    /// In which role it is here.
    pub role: Role,
    /// The device behind it.
    pub device: Option<DeviceId>,
    /// How others see it.
    pub presence: Option<Presence>,
    /// The largest message that is accepted from here on, in bytes.
    pub message_bytes_max: usize,
}

/// An answer, and one that is to come.
pub type TwoFrames = (ByteString, Option<LocalBoxFuture<'static, ByteString>>);

/// What a message comes to.
pub enum Step {
    /// Nothing to say.
    Silence,
    /// An answer.
    Answer(ByteString),
    /// An answer that takes a while; others may overtake it.
    Later(LocalBoxFuture<'static, ByteString>),
    /// An answer that waits for someone else. Nothing is in progress meanwhile, so a connection may
    /// end without it.
    Wait(LocalBoxFuture<'static, ByteString>),
    /// An answer that takes a while, and perhaps another one that waits for someone else.
    Twice(LocalBoxFuture<'static, TwoFrames>),
    /// The client is let in.
    Enter(Box<Entry>),
    /// Whether the client is let in takes a while; nothing else is read until then.
    EnterLater(LocalBoxFuture<'static, Result<Box<Entry>, Farewell>>),
    /// That was it.
    End(Farewell),
}

/// What a second look at a session's authority comes to.
#[derive(Debug)]
pub enum Verdict {
    /// It may do what it could do before.
    Unchanged,
    /// It may do something else from here on.
    Changed {
        /// The frame that tells the client.
        frame: ByteString,
        /// What it may use now.
        scopes: ScopeSet,
    },
    /// It has nothing to stand on any more.
    Ended(Farewell),
}

/// What is said on a connection.
pub trait Dialogue: Unpin + 'static {
    /// The first words, which are the gateway's.
    fn greet(&mut self) -> ByteString;
    /// A text message came in. `busy` means that no more requests may be taken on now.
    fn hear(&mut self, text: &str, busy: bool) -> Step;
    /// A binary message came in.
    fn hear_binary(&mut self) -> Step;
    /// The client was let in: what is heard from here on is a conversation.
    fn entered(&mut self);
    /// What the session may do on the last committed state; it goes by that from here on. Asked
    /// before everything that is heard or told, so it has to be cheap if nothing was committed.
    fn recheck(&mut self) -> Verdict;
    /// The token behind the session was replaced, on the connection of this name: the last words, if
    /// it has to come back for the new one.
    fn token_rotated(&mut self, asked_on: Option<&str>) -> Option<Farewell>;
    /// The frame for a piece of news, if this client wants it.
    fn news(&mut self, news: &News) -> Option<ByteString>;
}
