//! News and changes: what the hub tells connections.
//!
//! A piece of news is rendered once, by whichever connection needs it first, and shared: telling
//! five thousand connections costs one rendering.

use std::sync::{Arc, OnceLock};

use super::talk_news::TalkNews;
use crate::domain::{
    ids::{CodeId, DeviceId, RequestId},
    principal::Subject,
    registry::{Access, PairingRequest, Touched, approvals::Approval, warning::EndingSoon},
    scope::{Known, ScopeSet},
    time::UnixMillis,
};

/// One client that is connected, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The client's own id of this run, or the connection's.
    pub instance_id: String,
    /// A name to show.
    pub host: String,
    /// The peer address.
    pub address: Option<String>,
    /// The client's version.
    pub version: String,
    /// Its operating system.
    pub platform: String,
    /// Its kind of device.
    pub device_family: Option<String>,
    /// Its client mode.
    pub mode: String,
    /// The device behind it.
    pub device: Option<DeviceId>,
    /// Its role's wire name.
    pub role: &'static str,
    /// What it may use.
    pub scopes: ScopeSet,
    /// Since when.
    pub since: UnixMillis,
}

/// Who is connected.
#[derive(Debug, Default)]
pub struct PresenceBoard {
    /// Counts the changes.
    pub version: u64,
    /// The newest [`super::limits::PRESENCE_ENTRIES_MAX`] clients, oldest first.
    pub entries: Vec<Arc<Presence>>,
    rendered: OnceLock<Box<str>>,
}

impl PresenceBoard {
    /// A new board.
    pub fn new(version: u64, entries: Vec<Arc<Presence>>) -> Self {
        Self { version, entries, rendered: OnceLock::new() }
    }

    /// The wire form, made by `render` the first time.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> String) -> &str {
        self.rendered.get_or_init(|| render(self).into_boxed_str())
    }
}

/// What a commit means for live sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// What these hold may be something else from now on, or nothing.
    Authority(Touched),
    /// The token of whoever this is was replaced: its connections have to come back and fetch the
    /// new one, but for the one on which it was asked for and handed out.
    Token(Subject, Option<String>),
}

/// What happened.
#[derive(Debug)]
pub enum Fact {
    /// The heartbeat.
    Tick(UnixMillis),
    /// It is time to tell everyone how the gateway does.
    Health,
    /// Someone came or went.
    Presence(Arc<PresenceBoard>),
    /// A device asks to be paired.
    PairingRequested(RequestId, Arc<PairingRequest>),
    /// A pairing request found its end.
    PairingResolved {
        /// Which.
        request_id: RequestId,
        /// Whose.
        device: DeviceId,
        /// `approved`, `rejected` or `expired`.
        decision: &'static str,
        /// When.
        at: UnixMillis,
    },
    /// A paired device goes by another name.
    PairingChanged,
    /// A device came with a setup code.
    SetupCompleted {
        /// Which code.
        code: CodeId,
        /// Who came.
        device: DeviceId,
        /// What it calls itself.
        name: Option<String>,
        /// What the code was for.
        access: Access,
        /// When.
        at: UnixMillis,
    },
    /// A grant or a service token is about to end, as of this time.
    GrantEnding(EndingSoon, UnixMillis),
    /// Something waits for a person.
    ApprovalRequested(Arc<Approval>),
    /// It has ended, one way or another.
    ApprovalResolved(Arc<Approval>),
    /// Somebody said something, or a session changed.
    Talk(TalkNews),
    /// The gateway stops.
    Shutdown,
}

/// A fact with its wire form.
#[derive(Debug)]
pub struct News {
    /// What happened.
    pub fact: Fact,
    rendered: OnceLock<Box<str>>,
}

impl News {
    /// Wraps a fact.
    pub fn new(fact: Fact) -> Arc<Self> {
        Arc::new(Self { fact, rendered: OnceLock::new() })
    }

    /// The wire form up to what is particular to a connection, made by `render` the first time.
    pub fn rendered(&self, render: impl FnOnce(&Fact) -> String) -> &str {
        self.rendered.get_or_init(|| render(&self.fact).into_boxed_str())
    }

    /// Which scope a session needs to hear it; `None` means everyone. docs/PROTOCOL.md (e).
    pub fn audience(&self) -> Option<Known> {
        match self.fact {
            Fact::Tick(_) | Fact::Health | Fact::Shutdown => None,
            Fact::Presence(_) | Fact::Talk(_) => Some(Known::Read),
            Fact::SetupCompleted { .. } => Some(Known::Admin),
            Fact::ApprovalRequested(_) | Fact::ApprovalResolved(_) => Some(Known::Approvals),
            Fact::PairingRequested(..)
            | Fact::PairingResolved { .. }
            | Fact::PairingChanged
            | Fact::GrantEnding(..) => Some(Known::Pairing),
        }
    }
}
