//! Approvals: what somebody may not do of itself waits for a person, who allows or denies it.
//!
//! Part of the registry, because a decision stands on the grant of whoever decides, and because the
//! ledger has one writer. The first answer wins; what nobody answers runs out; what nobody waits for
//! any more is withdrawn by a rule that says why. None of it ends without a record.
//!
//! Who may ask is the operation's requirement; that it is an agent of this gateway so far says
//! nothing here, so that another asker is one more command to the same rules. [`Request`] is what is
//! asked, `decide` has the rules, [`Approvals`] what there is.

mod decide;
mod state;

use std::collections::BTreeSet;

pub use state::{Approval, Approvals, Outcome};
pub(super) use {decide::decide, state::apply};

use crate::domain::{
    ids::ApprovalId,
    principal::Principal,
    talk::{AgentId, RunId, SessionKey},
    time::UnixMillis,
};

/// How long a person has, unless whoever asks says less. The most that the published schema lets a
/// plugin ask for.
pub const TTL_MS: u64 = 10 * 60 * 1000;

/// How many may wait at once. Each is a question to a person; more than these nobody answers.
pub const PENDING_MAX: usize = 256;

/// How many that ended are remembered; the ledger has them all.
pub const ENDED_MAX: usize = 256;

/// The longest title, in characters. The published schema's bound.
pub const TITLE_CHARS_MAX: usize = 80;

/// The longest description, in characters. The published schema's bound.
pub const DESCRIPTION_CHARS_MAX: usize = 512;

/// The longest name of a tool, in characters.
pub const TOOL_CHARS_MAX: usize = 64;

/// The longest detail, in bytes: a screen or two. A file that is written would be longer, and is kept
/// by its digest; a record has room for 64 KiB.
pub const DETAIL_BYTES_MAX: usize = 4096;

/// What a person answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Yes, this once.
    AllowOnce,
    /// Yes, and whoever asked may remember it.
    AllowAlways,
    /// No.
    Deny,
}

impl Decision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AllowOnce, Self::AllowAlways, Self::Deny];

    /// The wire name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllowOnce => "allow-once",
            Self::AllowAlways => "allow-always",
            Self::Deny => "deny",
        }
    }

    /// The decision of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

/// Which family of the protocol shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A command that is to be run.
    Exec,
    /// Anything else: a tool of an agent or of a plugin.
    Plugin,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Exec, Self::Plugin];

    /// The wire name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Plugin => "plugin",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// On whose behalf it is asked, as far as there is such a thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asker {
    /// The agent.
    pub agent: Option<AgentId>,
    /// The session that it works in.
    pub session: Option<SessionKey>,
    /// The run that waits.
    pub run: Option<RunId>,
}

/// A text that was too long to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// How many bytes it has.
    pub bytes: u64,
}

/// What the person is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presentation {
    /// The tool, or its kind.
    pub tool: Option<String>,
    /// In a line.
    pub title: String,
    /// In a few.
    pub description: String,
    /// Everything that would be done; the beginning of it if `whole` says so.
    pub detail: Option<String>,
    /// What `detail` is the beginning of.
    pub whole: Option<Whole>,
}

impl Presentation {
    /// Whether it is within the bounds.
    pub fn fits(&self) -> bool {
        let within = |text: &str, most: usize| text.chars().count() <= most;
        !self.title.is_empty()
            && !self.description.is_empty()
            && within(&self.title, TITLE_CHARS_MAX)
            && within(&self.description, DESCRIPTION_CHARS_MAX)
            && self.tool.as_ref().is_none_or(|tool| within(tool, TOOL_CHARS_MAX))
            && self.detail.as_ref().is_none_or(|detail| detail.len() <= DETAIL_BYTES_MAX)
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names it.
    pub id: ApprovalId,
    /// Who shows it.
    pub kind: Kind,
    /// On whose behalf.
    pub asker: Asker,
    /// What is shown.
    pub presentation: Presentation,
    /// What may be answered. A no may be answered always.
    pub offered: BTreeSet<Decision>,
    /// When it runs out.
    pub until: UnixMillis,
}

/// Why nobody waits for the answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withdrawal {
    /// The run that asked is over, or was aborted.
    RunEnded,
    /// The agent that asked ended unexpectedly.
    AgentCrashed,
    /// The gateway was started again, and what had waited is gone.
    GatewayRestarted,
}

impl Withdrawal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RunEnded, Self::AgentCrashed, Self::GatewayRestarted];

    /// The name to show.
    pub fn name(self) -> &'static str {
        match self {
            Self::RunEnded => "run-ended",
            Self::AgentCrashed => "agent-crashed",
            Self::GatewayRestarted => "gateway-restarted",
        }
    }
}

/// What can be asked of the approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Have a person decide something.
    Request(Box<Request>),
    /// Decide it.
    Decide {
        /// Which.
        id: ApprovalId,
        /// How.
        decision: Decision,
        /// The time now.
        now: UnixMillis,
    },
    /// End one that nobody decided.
    Expire {
        /// Which.
        id: ApprovalId,
        /// The time now.
        now: UnixMillis,
    },
    /// End one that nobody waits for.
    Withdraw {
        /// Which.
        id: ApprovalId,
        /// Why.
        why: Withdrawal,
    },
}

/// What can happen to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It waits for a person.
    Requested(Box<Request>),
    /// A person decided.
    Decided {
        /// Which.
        id: ApprovalId,
        /// How.
        decision: Decision,
        /// Who.
        by: Principal,
    },
    /// Nobody decided in time.
    Expired {
        /// Which.
        id: ApprovalId,
    },
    /// Nobody waits for it any more.
    Withdrawn {
        /// Which.
        id: ApprovalId,
        /// Why.
        why: Withdrawal,
    },
}

impl Event {
    /// Which approval it is about.
    pub fn id(&self) -> ApprovalId {
        match self {
            Self::Requested(request) => request.id,
            Self::Decided { id, .. } | Self::Expired { id } | Self::Withdrawn { id, .. } => *id,
        }
    }
}
