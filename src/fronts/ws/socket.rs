//! The socket: the upgrade, and bytes becoming messages.
//!
//! The reader is our own, over actix's codec, because the limit on a message has to change when the
//! client has said who it is: before that, nobody may make the gateway buffer 25 MiB.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, ready},
};

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    http::header,
    web::{self, BytesMut},
};
use bytestring::ByteString;
use futures_util::Stream;
use tokio_util::codec::Decoder;

use super::{dialogue::Talk, limits};
use crate::{
    fronts::proxy,
    service::{
        ConnId, Service,
        conn::{self, Inbound, InboundFault, MessageLimit},
    },
};

/// The longest header of a frame (RFC 6455 section 5.2).
const FRAME_HEADER_BYTES_MAX: usize = 14;

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

/// Whether a request wants to become a WebSocket.
pub fn wants_upgrade(request: &HttpRequest) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Upgrades a request and starts its connection. Any path will do.
///
/// # Errors
/// If the request is not a proper WebSocket handshake (RFC 6455 section 4.2).
pub async fn upgrade(
    request: HttpRequest,
    payload: web::Payload,
    service: web::Data<Service>,
) -> Result<HttpResponse, actix_web::Error> {
    let arrival = match proxy::arrive(&request, &service) {
        Ok(arrival) => arrival,
        Err(fault) => return Ok(proxy::not_attributable(&fault)),
    };
    // actix-ws gets an empty body: it writes, and the reading is ours.
    let nothing = web::Payload::from_request(&request, &mut Payload::None).await?;
    let (response, session, _) = actix_ws::handle(&request, nothing)?;
    let limit = MessageLimit::new(limits::HANDSHAKE_BYTES_MAX);
    let inbound = Messages::new(payload, limit.clone());
    let service = service.get_ref().clone();
    let hub = service.hub().clone();
    let talk = Talk::new(service, arrival);
    let id = ConnId(NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed));
    conn::open(id, talk, hub, limit, inbound, session).await;
    Ok(response)
}

/// Messages out of the bytes of one socket.
struct Messages {
    payload: web::Payload,
    limit: MessageLimit,
    codec: Codec,
    codec_limit: usize,
    buffer: BytesMut,
    /// A message that comes in parts.
    partial: Option<(bool, BytesMut)>,
    done: bool,
}

impl Messages {
    fn new(payload: web::Payload, limit: MessageLimit) -> Self {
        let codec_limit = limit.get();
        let codec = Codec::new().max_size(codec_limit);
        let buffer = BytesMut::new();
        Self { payload, limit, codec, codec_limit, buffer, partial: None, done: false }
    }

    /// The next whole message in the buffer, if there is one.
    fn decode(&mut self) -> Result<Option<Inbound>, InboundFault> {
        if self.limit.get() != self.codec_limit {
            self.codec_limit = self.limit.get();
            self.codec = std::mem::take(&mut self.codec).max_size(self.codec_limit);
        }
        while let Some(frame) = self.codec.decode(&mut self.buffer).map_err(fault)? {
            let message = match frame {
                Frame::Text(bytes) => Some(text(bytes)?),
                Frame::Binary(_) => Some(Inbound::Binary),
                Frame::Ping(echo) => Some(Inbound::Ping(echo)),
                Frame::Pong(_) => Some(Inbound::Pong),
                Frame::Close(_) => Some(Inbound::Close),
                Frame::Continuation(item) => self.assemble(item)?,
            };
            if message.is_some() {
                return Ok(message);
            }
        }
        if self.buffer.is_empty() && self.buffer.capacity() > limits::BUFFER_KEPT_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
        Ok(None)
    }

    fn assemble(&mut self, item: Item) -> Result<Option<Inbound>, InboundFault> {
        let (is_text, mut parts, last, part) = match (item, self.partial.take()) {
            (Item::FirstText(part), _) => (true, BytesMut::new(), false, part),
            (Item::FirstBinary(part), _) => (false, BytesMut::new(), false, part),
            (Item::Continue(part), Some((is_text, parts))) => (is_text, parts, false, part),
            (Item::Last(part), Some((is_text, parts))) => (is_text, parts, true, part),
            (Item::Continue(_) | Item::Last(_), None) => return Err(InboundFault::Broken),
        };
        if parts.len() + part.len() > self.limit.get() {
            return Err(InboundFault::TooLarge);
        }
        parts.extend_from_slice(&part);
        match (last, is_text) {
            (false, _) => {
                self.partial = Some((is_text, parts));
                Ok(None)
            }
            (true, true) => text(parts.freeze()).map(Some),
            (true, false) => Ok(Some(Inbound::Binary)),
        }
    }
}

fn text(bytes: web::Bytes) -> Result<Inbound, InboundFault> {
    ByteString::try_from(bytes).map(Inbound::Text).map_err(|_| InboundFault::Broken)
}

fn fault(error: ProtocolError) -> InboundFault {
    match error {
        ProtocolError::Overflow => InboundFault::TooLarge,
        _ => InboundFault::Broken,
    }
}

impl Stream for Messages {
    type Item = Result<Inbound, InboundFault>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        loop {
            match this.decode() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                // The codec judges a frame only once it is whole; nobody may make us wait for that.
                Ok(None) if this.buffer.len() > this.limit.get() + FRAME_HEADER_BYTES_MAX => {
                    this.done = true;
                    return Poll::Ready(Some(Err(InboundFault::TooLarge)));
                }
                Ok(None) => {}
                Err(fault) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
            match ready!(Pin::new(&mut this.payload).poll_next(cx)) {
                Some(Ok(bytes)) => this.buffer.extend_from_slice(&bytes),
                Some(Err(_)) | None => {
                    this.done = true;
                    return Poll::Ready(None);
                }
            }
        }
    }
}
