//! How a client is turned away, in the terms of the wire: error shape, close code, reason.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The `error` member of an answer with `ok: false`.
#[derive(Debug, Clone, PartialEq, Deserialize, Error)]
#[serde(rename_all = "camelCase")]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The outer code, for example `INVALID_REQUEST` or `NOT_PAIRED`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the gateway says; `null` if nothing. The finer code is `details.code`.
    #[serde(default)]
    pub details: Value,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// When to try again, in milliseconds from now.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// `details.code`, for example `PAIRING_REQUIRED`.
    pub fn details_code(&self) -> Option<&str> {
        self.details.get("code")?.as_str()
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the gateway closed the connection ({code}{}{reason})", if .reason.is_empty() { "" } else { ": " })]
pub struct Closed {
    /// The close code; 1005 if the close frame had none, 1006 if there was no close frame
    /// (the two that RFC 6455, 7.4.1 sets aside for saying just that).
    pub code: u16,
    /// The close reason, or what broke the connection.
    pub reason: String,
}

/// Why there is no session.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL is none that this client can use.
    #[error("{0}")]
    Url(String),
    /// Nobody listens there.
    #[error("cannot reach the gateway: {0}")]
    Unreachable(#[source] std::io::Error),
    /// The HTTP request was not upgraded.
    #[error("the gateway answered the upgrade with HTTP {status}: {body}")]
    Upgrade {
        /// The HTTP status.
        status: u16,
        /// The body, as text.
        body: String,
    },
    /// The gateway answered, and the answer was no.
    #[error("{refusal}")]
    Refused {
        /// What it said.
        refusal: Box<Refusal>,
        /// The close that followed, if it came in time.
        close: Option<Closed>,
    },
    /// The gateway closed the connection without an answer.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// Nothing came in time.
    #[error("the gateway did not answer in time")]
    TimedOut,
    /// What came is not this protocol.
    #[error("this is not an OpenClaw gateway: {0}")]
    NotThisProtocol(String),
}

impl ConnectError {
    /// What the gateway said, if it said anything.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// The outer error code.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }

    /// `details.code`, the one to decide by.
    pub fn details_code(&self) -> Option<&str> {
        self.refusal()?.details_code()
    }

    /// How the connection ended, if it did.
    pub fn close(&self) -> Option<&Closed> {
        match self {
            Self::Refused { close, .. } => close.as_ref(),
            Self::Closed(closed) => Some(closed),
            _ => None,
        }
    }
}

/// Why a request has no payload.
#[derive(Debug, Error)]
pub enum RpcError {
    /// The gateway said no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The connection ended first.
    #[error("{0}")]
    Closed(#[from] Closed),
    /// Nothing came in time.
    #[error("the gateway did not answer in time")]
    TimedOut,
}

impl RpcError {
    /// What the gateway said, if it said anything.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The outer error code.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str())
    }
}
