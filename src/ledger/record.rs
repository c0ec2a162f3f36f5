//! What one line of the ledger says: who did what, when, from where, and by whose authority.

use crate::domain::{
    Event,
    ids::Seq,
    origin::Locality,
    principal::Principal,
    scope::ScopeSet,
    time::{Stamp, UnixMillis},
};

/// How a request reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A WebSocket of the gateway protocol.
    WebSocket,
    /// The HTTP API.
    Http,
    /// The admin socket on the host.
    AdminSocket,
    /// The gateway itself: start, timers, rules.
    Internal,
    /// The admin API over TCP.
    Grpc,
}

impl Transport {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::WebSocket, Self::Http, Self::AdminSocket, Self::Internal, Self::Grpc];

    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Http => "http",
            Self::AdminSocket => "admin-socket",
            Self::Internal => "internal",
            Self::Grpc => "grpc",
        }
    }
}

/// From where a change came, and how the gateway knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The door.
    pub transport: Transport,
    /// The peer address that the gateway saw, without port. `None` for local doors.
    pub address: Option<String>,
    /// What the address was taken to mean.
    pub locality: Locality,
    /// The connection.
    pub connection: Option<String>,
    /// The client's own id of the request.
    pub request: Option<String>,
}

impl Via {
    /// The gateway itself.
    pub fn internal() -> Self {
        Self {
            transport: Transport::Internal,
            address: None,
            locality: Locality::DirectLoopback,
            connection: None,
            request: None,
        }
    }
}

/// One record. `seq` is its place; records are contiguous from 0 and their times never go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub seq: Seq,
    /// When it was decided.
    pub at: UnixMillis,
    /// Who did it.
    pub principal: Principal,
    /// The record of the grant that allowed it.
    pub authority: Seq,
    /// From where.
    pub via: Via,
    /// What the subject held before.
    pub before: ScopeSet,
    /// What it holds from here on.
    pub after: ScopeSet,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Place and time together, as the domain wants them.
    pub fn stamp(&self) -> Stamp {
        Stamp { seq: self.seq, at: self.at }
    }
}
