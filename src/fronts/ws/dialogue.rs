//! A connection's life: challenge, connect, conversation.

use std::cell::RefCell;

use bytestring::ByteString;

use super::{
    catalog, dispatch, error, events,
    frame::{self, Frame},
    handshake, limits,
    subscriptions::Subscriptions,
    throttle::Throttle,
};
use crate::{
    domain::registry::session::Ending,
    service::{
        Arrival, Challenge, Live, News, Service, Since,
        conn::{Dialogue, Farewell, Step, Verdict},
    },
    support::{clock::Stopwatch, entropy},
};

/// What one connection knows while it lasts.
pub struct Talk {
    pub(super) service: Service,
    pub(super) arrival: Arrival,
    pub(super) id: String,
    phase: Phase,
    /// Counts the events that this socket was sent. docs/PROTOCOL.md (e): starts at 1.
    seq: u64,
    /// The sessions that it wants to hear of.
    pub(super) subscriptions: Subscriptions,
    /// What it called without a right to.
    pub(super) unauthorized: RefCell<Throttle>,
    /// Told by the handshake once it has let the client in.
    session: handshake::Slot,
}

enum Phase {
    Challenged(Challenge),
    Live(Live),
    Over,
}

impl Talk {
    /// A connection that has just been opened.
    pub fn new(service: Service, arrival: Arrival) -> Self {
        Self {
            service,
            arrival,
            id: entropy::uuid().to_string(),
            phase: Phase::Challenged(Challenge::fresh()),
            seq: 0,
            subscriptions: Subscriptions::default(),
            session: handshake::Slot::default(),
            unauthorized: RefCell::new(Throttle::new(Stopwatch::start())),
        }
    }

    /// The first message must be a connect request. docs/PROTOCOL.md (d1).
    fn hear_connect(&mut self, text: &str) -> Step {
        let challenge = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Challenged(challenge) => challenge,
            other => {
                self.phase = other;
                return Step::Silence;
            }
        };
        match frame::parse(text) {
            Frame::Request(request) if request.method == "connect" => {
                handshake::connect(self, challenge, &request, self.session.clone())
            }
            Frame::Request(request) => {
                let reason = "invalid handshake: first request must be connect";
                let frame = frame::refusal(request.id, &error::invalid(reason));
                end(Some(frame), 1008, reason)
            }
            Frame::Invalid { .. } | Frame::NotARequest => end(None, 1008, "invalid request frame"),
            Frame::Unreadable => end(None, 1000, ""),
        }
    }
}

fn end(frame: Option<String>, code: u16, reason: &str) -> Step {
    let frame = frame.map(ByteString::from);
    Step::End(Farewell { frame, code, reason: reason.to_owned() })
}

impl Dialogue for Talk {
    fn greet(&mut self) -> ByteString {
        match &self.phase {
            Phase::Challenged(challenge) => events::challenge(challenge).into(),
            Phase::Live(_) | Phase::Over => ByteString::new(),
        }
    }

    fn hear(&mut self, text: &str, busy: bool) -> Step {
        let Phase::Live(live) = &self.phase else { return self.hear_connect(text) };
        match frame::parse(text) {
            Frame::Request(request) if request.method == "connect" => {
                let reason = "connect is only valid as the first request";
                Step::Answer(dispatch::refused(request.id, &error::invalid(reason)))
            }
            Frame::Request(request) => match catalog::find(&request.method) {
                Some(method) => dispatch::call(self, live.standing(), method, &request, busy),
                None => {
                    let name: String =
                        request.method.chars().take(limits::ECHO_CHARS_MAX).collect();
                    let fault = error::invalid(&format!("unknown method: {name}"));
                    Step::Answer(dispatch::refused(request.id, &fault))
                }
            },
            Frame::Invalid { id, fault } => {
                let fault = error::invalid(&format!("invalid request frame: {fault}"));
                Step::Answer(dispatch::refused(&id, &fault))
            }
            // The real gateway ignores what it cannot read once a client is in.
            Frame::NotARequest | Frame::Unreadable => Step::Silence,
        }
    }

    fn hear_binary(&mut self) -> Step {
        match self.phase {
            Phase::Live(_) => Step::Silence,
            Phase::Challenged(_) | Phase::Over => end(None, 1000, ""),
        }
    }

    fn entered(&mut self) {
        if let Some(session) = self.session.take() {
            self.phase = Phase::Live(Live::new(session));
        }
    }

    fn recheck(&mut self) -> Verdict {
        let Phase::Live(live) = &mut self.phase else { return Verdict::Unchanged };
        match self.service.follow(live) {
            Since::Unchanged => Verdict::Unchanged,
            Since::Rescoped { before, expired } => {
                let scopes = live.standing().scopes.clone();
                let frame = events::session_changed(&before, &scopes, expired).into();
                Verdict::Changed { frame, scopes }
            }
            Since::Ended(why) => {
                self.phase = Phase::Over;
                Verdict::Ended(error::of_end(why))
            }
        }
    }

    fn token_rotated(&mut self, asked_on: Option<&str>) -> Option<Farewell> {
        let here = asked_on == Some(&self.id);
        (!here).then(|| {
            self.phase = Phase::Over;
            error::of_end(Ending::TokenRotated)
        })
    }

    fn news(&mut self, news: &News) -> Option<ByteString> {
        let Phase::Live(live) = &self.phase else { return None };
        // It was meant for this session when it was told, and may not be any more.
        if news.audience().is_some_and(|scope| !live.standing().scopes.satisfies_known(scope)) {
            return None;
        }
        if !self.subscriptions.want(news) {
            return None;
        }
        self.seq += 1;
        Some(events::frame(news, self.seq, &self.service).into())
    }
}

/// The limit that holds for a client that was let in.
pub(super) const fn message_bytes_max() -> usize {
    limits::MESSAGE_BYTES_MAX
}
