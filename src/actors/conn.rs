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
use futures_util::Stream;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{
    floor::{self, Lagging, Tell},
    hub::{ConnId, HubHandle},
    limits,
    news::Fact,
};
use crate::domain::ids::DeviceId;

pub use super::dialogue::{Dialogue, Entry, Farewell, Inbound, InboundFault, MessageLimit, Step};

/// Places of the queue that only a farewell may take: its frame and the close.
const FAREWELL_FRAMES: usize = 2;

enum Out {
    Text(ByteString),
    Ping,
    Pong(Bytes),
    Close(Option<CloseReason>),
}

impl Out {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pong(echo) => echo.len(),
            Self::Ping | Self::Close(_) => 0,
        }
    }
}

/// The actor.
pub struct Conn<D: Dialogue> {
    id: ConnId,
    dialogue: D,
    hub: HubHandle,
    out: mpsc::Sender<Out>,
    queued_bytes: Rc<Cell<usize>>,
    limit: MessageLimit,
    lagging: Lagging,
    deadline: Option<SpawnHandle>,
    joined: Option<Joined>,
    in_flight: usize,
    waiting: usize,
    farewell: Option<Farewell>,
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
    let queued_bytes = Rc::new(Cell::new(0));
    actix_rt::spawn(pump(queued, Rc::clone(&queued_bytes), session));
    Conn::create(|ctx| {
        ctx.set_mailbox_capacity(limits::CONN_MAILBOX);
        ctx.add_stream(inbound);
        let lagging = Lagging::default();
        Conn {
            id,
            dialogue,
            hub,
            out,
            queued_bytes,
            limit,
            lagging,
            deadline: None,
            joined: None,
            in_flight: 0,
            waiting: 0,
            farewell: None,
            quiet_ticks: 0,
        }
    });
}

/// Writes what is queued, until the queue or the socket ends.
async fn pump(
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

    /// Queues a frame. With a full queue, the actor stops reading until there is room; the last
    /// places are kept for the farewell. A reader who lets too many bytes pile up is too slow.
    fn send(&mut self, out: Out, ctx: &mut Context<Self>) {
        self.queued_bytes.update(|bytes| bytes.saturating_add(out.bytes()));
        if self.queued_bytes.get() > limits::CONN_OUTBOUND_BYTES_MAX {
            return self.too_slow(ctx);
        }
        let sent = match self.out.capacity() {
            0..=FAREWELL_FRAMES => Err(TrySendError::Full(out)),
            _ => self.out.try_send(out),
        };
        match sent {
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

    fn too_slow(&mut self, ctx: &mut Context<Self>) {
        let reason = String::from("slow consumer");
        self.end(Farewell { frame: None, code: 1008, reason }, ctx);
    }

    fn end(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        tracing::debug!(id = self.id.0, code = farewell.code, reason = farewell.reason, "closing");
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
        self.limit.set(entry.message_bytes_max);
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
                    if conn.in_flight == 0
                        && let Some(farewell) = conn.farewell.take()
                    {
                        conn.end(farewell, ctx);
                    }
                }));
            }
            Step::Wait(answer) => {
                self.waiting += 1;
                ctx.spawn(answer.into_actor(self).map(|frame, conn, ctx| {
                    conn.waiting -= 1;
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
                let busy = self.in_flight + self.waiting >= limits::CONN_IN_FLIGHT_MAX;
                let step = self.dialogue.hear(&text, busy);
                self.take(step, ctx);
            }
            Ok(Inbound::Binary) => {
                let step = self.dialogue.hear_binary();
                self.take(step, ctx);
            }
            Ok(Inbound::Ping(echo)) => {
                // RFC 6455 section 5.5: at most 125 bytes. Copied, so as not to keep the whole read.
                let echo = Bytes::copy_from_slice(&echo[..echo.len().min(125)]);
                self.send(Out::Pong(echo), ctx);
            }
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
            return self.too_slow(ctx);
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
                    let farewell = Farewell { frame: None, code: 1012, reason };
                    match self.in_flight {
                        0 => self.end(farewell, ctx),
                        // What is being made durable is answered first.
                        _ => self.farewell = Some(farewell),
                    }
                }
            }
        }
    }
}
