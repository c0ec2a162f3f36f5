//! The only door that the fronts may knock on: authenticate, then one method per operation.
//!
//! Every method takes the [`Standing`](crate::domain::principal::Standing) of who asks and passes
//! gate 1 itself, so that no front can forget it and all fronts get the same answer. Time, ids and
//! tokens are minted here; a token's plaintext goes to the caller and its hash into the command.
//!
//! Wire types are not known here, and neither are `sled` and `bincode`. Start with
//! [`authenticate`], then [`pairing`].

mod access;
mod approvals;
mod arrival;
mod attribution;
mod audit;
mod authenticate;
mod backup;
mod bearer;
mod connect;
mod devices;
mod enter;
mod explain;
mod exports;
mod filter;
mod gateway;
mod guard;
mod handover;
mod history;
mod idempotency;
mod identity;
mod keys;
mod lockouts;
mod metrics;
mod pairing;
mod pieces;
mod proof;
mod proofs;
mod recovery;
mod redeem;
mod resolve;
mod review;
mod secret;
mod session;
mod setup;
mod talk;
mod tokens;
mod upgrade;
mod whoami;

use std::sync::Arc;

use guard::Guard;

use crate::{
    actors::{hub::HubHandle, registry::RegistryHandle},
    ledger::LedgerHandle,
    support::clock::{SteadyClock, Stopwatch},
};

pub use crate::domain::registry::approvals::Approval;
pub use crate::transcripts::{
    Draft, Entry as TalkEntry, LastRun, Patch, RunState, Session as TalkSession,
};
pub use crate::{
    actors::{
        conn,
        epoch::Epoch,
        hub::ConnId,
        limits,
        news::{Fact, News, Presence, PresenceBoard},
        runs::{Ended, Heard, Listener, Log, Piece, Run},
        talk_news::{RunNews, RunStep, TalkNews},
    },
    ledger::{
        audit::Entry,
        error::{OpenError, StoreError},
        record::{Record, Transport, Via},
    },
};
pub use access::{AccessFilter, AccessKey, AccessKind, AccessLog, Tally};
pub use approvals::{Approver, EndedApprovals, PendingApprovals, withdraw_all};
pub use arrival::Arrival;
pub use attribution::{Attribution, NotAttributable, Rule as AttributionRule, TrustedProxies};
pub use audit::{Broken, Offline, Verdict, offline};
pub use backup::{
    Backup, BackupError, BackupRestoreError, BackupRestored, Newer, RestoreOrder, RestorePlan,
    backup_is_of, check_backup, plan_restore,
};
pub use bearer::Bearer;
pub use connect::{Connect, Entered, Outcome, Presented, RoleToken};
pub use devices::{Rotated, STALE_SEEN_MS};
pub use explain::{Action, Asker, Explained};
pub use exports::{Sink, SinkReport, SinkState};
pub use filter::{About, Actor, Filter};
pub use gateway::{ControlUi, Endpoints, Info, Status};
pub use guard::Limits;
pub use handover::{Handover, HandoverOrder};
pub use history::{Able, AsOf, Between, History, HistoryError, Moment, Replayed, Why};
pub use idempotency::Attempt;
pub use identity::{Line, Vouching};
pub use keys::KeyChange;
pub use lockouts::{LockoutFilter, Lockouts};
pub use pairing::{Approved, Pairings, Rejected};
pub use pieces::Pieces;
pub use proof::{Challenge, DeviceClaim};
pub use proofs::{
    CheckpointError, Growth, KnownCheckpoint, ProofError, Proven, Published, check_proof, has_grown,
};
pub use recovery::{Recovery, RestoreError, Restored, Survey, SurveyError, recovery};
pub use resolve::Resolved;
pub use review::{Held, HeldItem};
pub use secret::{RotatedSecret, SecretPlace, Secrets, SharedSecret};
pub use session::{Changes, Live, Since};
pub use setup::{NewCode, SetupStatus};
pub use talk::{
    Agent, Agents, Asked, CountUsage, Cursor, Found, FoundOnOpening, HistoryRange, ListSessions,
    Listed, OpenTranscriptsError, Page, Question, Retention, SearchFor, Send as Saying, Sent,
    SessionUsage, Talk, Tended,
};
pub use tokens::{MintedToken, TOKEN_PREFIX, TokenOrder, Tokens};
pub use upgrade::Upgrade;
pub use whoami::{Seen, Whoami};

/// The house behind the doors. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    registry: RegistryHandle,
    hub: HubHandle,
    ledger: LedgerHandle,
    secrets: Secrets,
    /// By which grants end.
    steady: SteadyClock,
    info: Info,
    used: tokens::Uses,
    answers: idempotency::Answers,
    joins: handover::Joins,
    guard: Guard,
    access: AccessLog,
    talk: Talk,
}

/// The rooms below that the service speaks with.
pub struct House {
    /// Who decides about authority.
    pub registry: RegistryHandle,
    /// Who tells what happens.
    pub hub: HubHandle,
    /// What is on record.
    pub ledger: LedgerHandle,
    /// Who talks.
    pub talk: Talk,
}

impl Service {
    /// Puts the parts together; `boot` calls this once.
    pub fn new(
        rooms: House,
        secrets: Secrets,
        steady: SteadyClock,
        info: Info,
        limits: Limits,
    ) -> Self {
        let House { registry, hub, ledger, talk } = rooms;
        let access = AccessLog::new(info.state_dir.join("access"));
        Self(Arc::new(Inner {
            access,
            talk,
            registry,
            hub,
            ledger,
            secrets,
            steady,
            info,
            used: Default::default(),
            answers: Default::default(),
            joins: Default::default(),
            guard: Guard::new(limits, Stopwatch::start()),
        }))
    }

    /// The hub, for the connections that a front opens.
    pub fn hub(&self) -> &HubHandle {
        &self.0.hub
    }
}
