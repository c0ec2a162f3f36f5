//! One connection: it owns a socket, keeps its limits, and knows nothing of what is said on it.
//!
//! What is said is a [`Dialogue`], taught by the front. The actor never waits for the socket: it
//! puts frames into a bounded queue, and a pump of its own writes them under a deadline. When the
//! queue is full, the socket is not read either, until there is room.

use std::{cell::Cell, rc::Rc};

use actix::prelude::*;
use actix_ws::{CloseCode, CloseReason, Session};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::{Stream, future::LocalBoxFuture};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{
    floor::{self, Lagging, Tell},
    hub::{ConnId, HubHandle},
    limits,
    news::{Fact, News, Presence},
};
use crate::domain::{ids::DeviceId, scope::ScopeSet};

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
    /// The device behind it.
    pub device: Option<DeviceId>,
    /// How others see it.
    pub presence: Option<Presence>,
    /// The largest message that is accepted from here on, in bytes.
    pub message_bytes_max: usize,
}

/// What a message comes to.
pub enum Step {
    /// Nothing to say.
    Silence,
    /// An answer.
    Answer(ByteString),
    /// An answer that takes a while; others may overtake it.
    Later(LocalBoxFuture<'static, ByteString>),
    /// The client is let in.
    Enter(Box<Entry>),
    /// Whether the client is let in takes a while; nothing else is read until then.
    EnterLater(LocalBoxFuture<'static, Result<Box<Entry>, Farewell>>),
    /// That was it.
    End(Farewell),
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
    /// The frame for a piece of news, if this client wants it.
    fn news(&mut self, news: &News) -> Option<ByteString>;
}

enum Out {
    Text(ByteString),
    Ping,
    Pong(Bytes),
    Close(Option<CloseReason>),
}

/// The actor.
pub struct Conn<D: Dialogue> {
    id: ConnId,
    dialogue: D,
    hub: HubHandle,
    out: mpsc::Sender<Out>,
    limit: MessageLimit,
    lagging: Lagging,
    deadline: Option<SpawnHandle>,
    joined: Option<Joined>,
    in_flight: usize,
    quiet_ticks: u32,
}

/// What the house was told of a client that was let in.
struct Joined {
    device: Option<DeviceId>,
    seen: bool,
}

/// Opens a connection in the current arbiter: greets, listens, and writes.
///
/// The greeting is queued before the upgrade's response goes out, so that both leave together.
pub async fn open<D: Dialogue>(
    id: ConnId,
    mut dialogue: D,
    hub: HubHandle,
    limit: MessageLimit,
    inbound: impl Stream<Item = Result<Inbound, InboundFault>> + 'static,
    mut session: Session,
) {
    if session.text(dialogue.greet()).await.is_err() {
        return;
    }
    let (out, queued) = mpsc::channel(limits::CONN_OUTBOUND_FRAMES_MAX);
    actix_rt::spawn(pump(queued, session));
    Conn::create(|ctx| {
        ctx.set_mailbox_capacity(limits::CONN_MAILBOX);
        ctx.add_stream(inbound);
        let lagging = Lagging::default();
        Conn {
            id,
            dialogue,
            hub,
            out,
            limit,
            lagging,
            deadline: None,
            joined: None,
            in_flight: 0,
            quiet_ticks: 0,
        }
    });
}

/// Writes what is queued, until the queue or the socket ends.
async fn pump(mut queued: mpsc::Receiver<Out>, mut session: Session) {
    while let Some(out) = queued.recv().await {
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

impl<D: Dialogue> Actor for Conn<D> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        floor::arrive(self.id, ctx.address().recipient(), &self.hub);
        self.deadline = Some(ctx.run_later(limits::HANDSHAKE_DEADLINE, |conn, ctx| {
            conn.end(Farewell { frame: None, code: 1000, reason: String::new() }, ctx);
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        floor::leave(self.id);
        if let Some(Joined { device, seen }) = self.joined.take() {
            self.hub.leave(self.id, device, seen);
        }
    }
}

impl<D: Dialogue> Conn<D> {
    fn is_silent(&self) -> bool {
        self.deadline.is_some()
    }

    /// Queues a frame. With a full queue, the actor stops reading until there is room.
    fn send(&mut self, out: Out, ctx: &mut Context<Self>) {
        match self.out.try_send(out) {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => ctx.stop(),
            Err(TrySendError::Full(out)) => {
                let queue = self.out.clone();
                let room = async move {
                    matches!(
                        timeout(limits::CONN_WRITE_DEADLINE, queue.send(out)).await,
                        Ok(Ok(()))
                    )
                };
                ctx.wait(room.into_actor(self).map(|queued, _, ctx: &mut Context<Self>| {
                    if !queued {
                        ctx.stop();
                    }
                }));
            }
        }
    }

    fn end(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        let code = CloseCode::from(farewell.code);
        let description = (!farewell.reason.is_empty()).then_some(farewell.reason);
        if let Some(frame) = farewell.frame {
            let _ = self.out.try_send(Out::Text(frame));
        }
        let _ = self.out.try_send(Out::Close(Some(CloseReason { code, description })));
        ctx.stop();
    }

    fn enter(&mut self, entry: Entry, ctx: &mut Context<Self>) {
        if let Some(deadline) = self.deadline.take() {
            ctx.cancel_future(deadline);
        }
        self.limit.0.set(entry.message_bytes_max);
        self.dialogue.entered();
        self.send(Out::Text(entry.frame), ctx);
        let conn = ctx.address().recipient();
        floor::join(self.id, conn, self.lagging.clone(), &entry.scopes);
        let joined = Joined { device: entry.device, seen: entry.presence.is_some() };
        self.hub.enter(self.id, entry.device, entry.presence);
        self.joined = Some(joined);
    }

    fn take(&mut self, step: Step, ctx: &mut Context<Self>) {
        match step {
            Step::Silence => {}
            Step::Answer(frame) => self.send(Out::Text(frame), ctx),
            Step::End(farewell) => self.end(farewell, ctx),
            Step::Enter(entry) => self.enter(*entry, ctx),
            Step::EnterLater(entry) => {
                ctx.wait(entry.into_actor(self).map(|entry, conn, ctx| match entry {
                    Ok(entry) => conn.enter(*entry, ctx),
                    Err(farewell) => conn.end(farewell, ctx),
                }));
            }
            Step::Later(answer) => {
                self.in_flight += 1;
                ctx.spawn(answer.into_actor(self).map(|frame, conn, ctx| {
                    conn.in_flight -= 1;
                    conn.send(Out::Text(frame), ctx);
                }));
            }
        }
    }

    /// On every heartbeat, asks a quiet peer whether it is still there, and ends one that is not.
    fn mind_quiet_peer(&mut self, ctx: &mut Context<Self>) {
        self.quiet_ticks += 1;
        match self.quiet_ticks {
            0..=2 => self.send(Out::Ping, ctx),
            _ => ctx.stop(),
        }
    }
}

impl<D: Dialogue> StreamHandler<Result<Inbound, InboundFault>> for Conn<D> {
    fn handle(&mut self, inbound: Result<Inbound, InboundFault>, ctx: &mut Self::Context) {
        self.quiet_ticks = 0;
        match inbound {
            Ok(Inbound::Text(text)) => {
                let busy = self.in_flight >= limits::CONN_IN_FLIGHT_MAX;
                let step = self.dialogue.hear(&text, busy);
                self.take(step, ctx);
            }
            Ok(Inbound::Binary) => {
                let step = self.dialogue.hear_binary();
                self.take(step, ctx);
            }
            Ok(Inbound::Ping(echo)) => self.send(Out::Pong(echo), ctx),
            Ok(Inbound::Pong) => {}
            Ok(Inbound::Close) => {
                let _ = self.out.try_send(Out::Close(None));
                ctx.stop();
            }
            Err(InboundFault::TooLarge) => {
                self.end(Farewell { frame: None, code: 1009, reason: String::new() }, ctx);
            }
            Err(InboundFault::Broken) => ctx.stop(),
        }
    }
}

impl<D: Dialogue> Handler<Tell> for Conn<D> {
    type Result = ();

    fn handle(&mut self, tell: Tell, ctx: &mut Self::Context) {
        if self.lagging.get() {
            let reason = String::from("slow consumer");
            return self.end(Farewell { frame: None, code: 1008, reason }, ctx);
        }
        match tell {
            Tell::MakeRoom if self.is_silent() => {
                let reason = String::from("too many connections that have not said who they are");
                self.end(Farewell { frame: None, code: 1013, reason }, ctx);
            }
            Tell::MakeRoom => {}
            Tell::News(news) => {
                if matches!(news.fact, Fact::Tick(_)) {
                    self.mind_quiet_peer(ctx);
                }
                if let Some(frame) = self.dialogue.news(&news) {
                    self.send(Out::Text(frame), ctx);
                }
                if matches!(news.fact, Fact::Shutdown) {
                    let reason = String::from("service restart");
                    self.end(Farewell { frame: None, code: 1012, reason }, ctx);
                }
            }
        }
    }
}
