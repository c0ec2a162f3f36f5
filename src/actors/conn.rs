//! One connection: it owns a socket, keeps its limits, and knows nothing of what is said on it.
//!
//! What is said is a [`Dialogue`], taught by the front. The actor never waits for the socket: it
//! puts frames into a bounded queue, and a pump of its own writes them under a deadline. When the
//! queue is full, the socket is not read either, until there is room.

use std::{cell::Cell, rc::Rc};

use actix::prelude::*;
use actix_ws::{CloseCode, CloseReason, Session};
use bytes::Bytes;
use futures_util::Stream;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    floor::{self, Marks, Tell},
    hub::{ConnId, HubHandle},
    limits,
    news::Fact,
    pump::{Out, pump},
};
use crate::{domain::ids::DeviceId, telemetry::metrics};

pub use super::dialogue::{
    Dialogue, Entry, Farewell, Inbound, InboundFault, MessageLimit, Step, TwoFrames, Verdict,
};

/// Places of the queue that only a farewell may take: its frame and the close.
const FAREWELL_FRAMES: usize = 2;

/// What became of a frame for which there was no room.
enum Waited {
    Queued,
    InVain,
    /// The session has to look at its authority first.
    Interrupted(Out),
}

/// The actor.
pub struct Conn<D: Dialogue> {
    id: ConnId,
    dialogue: D,
    hub: HubHandle,
    out: mpsc::Sender<Out>,
    pump: AbortHandle,
    queued_bytes: Rc<Cell<usize>>,
    limit: MessageLimit,
    marks: Rc<Marks>,
    deadline: Option<SpawnHandle>,
    joined: Option<Joined>,
    in_flight: usize,
    waiting: usize,
    /// Said once the answers that are on their way have gone out; nothing is heard any more.
    farewell: Option<Farewell>,
    quiet_ticks: u32,
}

/// What the house was told of a client that was let in.
struct Joined {
    device: Option<DeviceId>,
    seen: bool,
    _counted: metrics::Live,
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
    let pump = actix_rt::spawn(pump(queued, Rc::clone(&queued_bytes), session)).abort_handle();
    Conn::create(|ctx| {
        ctx.set_mailbox_capacity(limits::CONN_MAILBOX);
        ctx.add_stream(inbound);
        Conn {
            id,
            dialogue,
            hub,
            out,
            pump,
            queued_bytes,
            limit,
            marks: Rc::default(),
            deadline: None,
            joined: None,
            in_flight: 0,
            waiting: 0,
            farewell: None,
            quiet_ticks: 0,
        }
    });
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
        if let Some(Joined { device, seen, .. }) = self.joined.take() {
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
        self.queue(out, ctx);
    }

    fn queue(&mut self, out: Out, ctx: &mut Context<Self>) {
        let sent = match self.out.capacity() {
            0..=FAREWELL_FRAMES => Err(TrySendError::Full(out)),
            _ => self.out.try_send(out),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Closed(_)) => ctx.stop(),
            Err(TrySendError::Full(out)) => self.wait_for_room(out, ctx),
        }
    }

    /// Nothing is read until there is room, neither the socket nor the mailbox; what ends the session
    /// ends the waiting too.
    fn wait_for_room(&mut self, out: Out, ctx: &mut Context<Self>) {
        let (queue, marks) = (self.out.clone(), Rc::clone(&self.marks));
        let waiting = async move {
            tokio::select! {
                room = timeout(limits::CONN_WRITE_DEADLINE, queue.reserve_owned()) => match room {
                    Ok(Ok(room)) => {
                        room.send(out);
                        Waited::Queued
                    }
                    Ok(Err(_)) | Err(_) => Waited::InVain,
                },
                () = marks.woken() => Waited::Interrupted(out),
            }
        };
        let waited = waiting.into_actor(self);
        ctx.wait(waited.map(|waited, conn, ctx: &mut Context<Self>| match waited {
            Waited::Queued => {}
            Waited::InVain => ctx.stop(),
            Waited::Interrupted(out) => {
                if conn.catch_up(ctx) {
                    conn.queue(out, ctx);
                }
            }
        }));
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
        floor::join(self.id, conn, Rc::clone(&self.marks), entry.subject, &entry.scopes);
        let counted = metrics::Live::start("websocket", entry.role.name());
        let seen = entry.presence.is_some();
        let joined = Joined { device: entry.device, seen, _counted: counted };
        self.hub.enter(self.id, entry.device, entry.presence);
        self.joined = Some(joined);
        // What it was let in on may have ended before it could be told; from here on it is told.
        self.catch_up(ctx);
    }

    /// Goes by what is true now. Asked before anything is heard or told, so that nothing is measured
    /// by what was true before. `false` if the session is over.
    fn catch_up(&mut self, ctx: &mut Context<Self>) -> bool {
        if self.farewell.is_some() {
            return false;
        }
        let Some(Joined { seen, .. }) = self.joined else { return true };
        match self.dialogue.recheck() {
            Verdict::Unchanged => true,
            Verdict::Changed { frame, scopes } => {
                floor::rescope(self.id, &scopes);
                if seen {
                    self.hub.rescope(self.id, scopes);
                }
                self.send(Out::Text(frame), ctx);
                true
            }
            Verdict::Ended(farewell) => {
                self.end_session(farewell, ctx);
                false
            }
        }
    }

    /// The session may not go on. What is being made durable is answered first, but not for long.
    fn end_session(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        let pump = self.pump.clone();
        actix_rt::spawn(async move {
            sleep(limits::ENDED_PUMP_DEADLINE).await;
            pump.abort();
        });
        self.end_once_answered(farewell, ctx);
        ctx.run_later(limits::ENDED_ANSWERS_DEADLINE, |conn, ctx| conn.say_farewell(ctx));
    }

    /// What is being made durable is answered first.
    fn end_once_answered(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        self.farewell = Some(farewell);
        if self.in_flight == 0 {
            self.say_farewell(ctx);
        }
    }

    fn say_farewell(&mut self, ctx: &mut Context<Self>) {
        if let Some(farewell) = self.farewell.take() {
            self.end(farewell, ctx);
        }
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
                    if conn.in_flight == 0 {
                        conn.say_farewell(ctx);
                    }
                }));
            }
            Step::Twice(answers) => {
                self.in_flight += 1;
                ctx.spawn(answers.into_actor(self).map(|(frame, second), conn, ctx| {
                    conn.in_flight -= 1;
                    conn.send(Out::Text(frame), ctx);
                    if let Some(second) = second {
                        conn.take(Step::Wait(second), ctx);
                    }
                    if conn.in_flight == 0 {
                        conn.say_farewell(ctx);
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
            Ok(Inbound::Text(_)) if !self.catch_up(ctx) => {}
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
        if self.marks.has_missed() {
            return self.too_slow(ctx);
        }
        if !self.catch_up(ctx) {
            return;
        }
        match tell {
            Tell::MakeRoom if self.is_silent() => {
                let reason = String::from("too many connections that have not said who they are");
                self.end(Farewell { frame: None, code: 1013, reason }, ctx);
            }
            Tell::MakeRoom | Tell::Recheck => {}
            Tell::TokenRotated(asked_on) => {
                if let Some(farewell) = self.dialogue.token_rotated(asked_on.as_deref()) {
                    self.end_session(farewell, ctx);
                }
            }
            Tell::News(news) => {
                if matches!(news.fact, Fact::Tick(_)) {
                    self.mind_quiet_peer(ctx);
                }
                if let Some(frame) = self.dialogue.news(&news) {
                    self.send(Out::Text(frame), ctx);
                }
                if matches!(news.fact, Fact::Shutdown) {
                    let reason = String::from("service restart");
                    self.end_once_answered(Farewell { frame: None, code: 1012, reason }, ctx);
                }
            }
        }
    }
}
