//! A connection's life: challenge, connect, conversation.

use std::cell::Cell;

use bytestring::ByteString;

use super::{
    catalog, dispatch, error, events,
    frame::{self, Frame},
    handshake, limits,
};
use crate::{
    domain::principal::Standing,
    service::{
        Attribution, Challenge, News, Service,
        conn::{Dialogue, Farewell, Step},
    },
    support::entropy,
};

/// What one connection knows while it lasts.
pub struct Talk {
    pub(super) service: Service,
    pub(super) attribution: Attribution,
    pub(super) origin: Option<String>,
    pub(super) host: Option<String>,
    pub(super) id: String,
    phase: Phase,
    /// Counts the events that this socket was sent. docs/PROTOCOL.md (e): starts at 1.
    seq: u64,
    /// Calls in the wrong role, in a row.
    pub(super) wrong_role_calls: Cell<u32>,
    /// Told by the handshake once it has let the client in.
    standing: handshake::Slot,
}

enum Phase {
    Challenged(Challenge),
    Live(Standing),
    Over,
}

impl Talk {
    /// A connection that has just been opened.
    pub fn new(
        service: Service,
        attribution: Attribution,
        origin: Option<String>,
        host: Option<String>,
    ) -> Self {
        Self {
            service,
            attribution,
            origin,
            host,
            id: entropy::uuid().to_string(),
            phase: Phase::Challenged(Challenge::fresh()),
            seq: 0,
            wrong_role_calls: Cell::new(0),
            standing: handshake::Slot::default(),
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
                handshake::connect(self, challenge, &request, self.standing.clone())
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
        let Phase::Live(standing) = &self.phase else { return self.hear_connect(text) };
        match frame::parse(text) {
            Frame::Request(request) if request.method == "connect" => {
                let reason = "connect is only valid as the first request";
                Step::Answer(frame::refusal(request.id, &error::invalid(reason)).into())
            }
            Frame::Request(request) => match catalog::find(&request.method) {
                Some(method) => dispatch::call(self, standing, method, &request, busy),
                None => {
                    let name: String =
                        request.method.chars().take(limits::ECHO_CHARS_MAX).collect();
                    let fault = error::invalid(&format!("unknown method: {name}"));
                    Step::Answer(frame::refusal(request.id, &fault).into())
                }
            },
            Frame::Invalid { id, fault } => {
                let fault = error::invalid(&format!("invalid request frame: {fault}"));
                Step::Answer(frame::refusal(&id, &fault).into())
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
        if let Some(standing) = self.standing.take() {
            self.phase = Phase::Live(standing);
        }
    }

    fn news(&mut self, news: &News) -> Option<ByteString> {
        let Phase::Live(_) = self.phase else { return None };
        self.seq += 1;
        Some(events::frame(news, self.seq, &self.service).into())
    }
}

/// The limit that holds for a client that was let in.
pub(super) const fn message_bytes_max() -> usize {
    limits::MESSAGE_BYTES_MAX
}
