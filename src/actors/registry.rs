//! The registry's aggregate, and what its commits mean for those who are connected.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    aggregate::{self, Committed},
    epoch::Epoch,
    news::{Change, Fact, News},
};
use crate::{
    domain::{
        ids::RequestId,
        permit::Permit,
        principal::Subject,
        refusal::Refusal,
        registry::{Command, Event, Registry, Touched, approvals},
        time::{Stamp, UnixMillis},
    },
    ledger::record::Via,
    support::clock,
};

/// The way to the registry.
#[derive(Clone)]
pub struct RegistryHandle {
    aggregate: aggregate::Handle<Registry>,
    last_asked: LastAsked,
}

/// When each pending request was last repeated. Soft: it is not in the ledger, because a client
/// that retries must not fill it; after a restart every request counts as just asked.
type LastAsked = Arc<Mutex<BTreeMap<RequestId, UnixMillis>>>;

impl RegistryHandle {
    /// Wraps the aggregate.
    pub fn new(aggregate: aggregate::Handle<Registry>) -> Self {
        let now = UnixMillis(clock::unix_millis());
        let pending = aggregate.state().all_pending().map(|(id, _)| (id, now)).collect();
        Self { aggregate, last_asked: Arc::new(Mutex::new(pending)) }
    }

    /// The last committed state.
    pub fn state(&self) -> Arc<Registry> {
        self.aggregate.state()
    }

    /// How many records the last committed state adds up to.
    pub fn epoch(&self) -> &Arc<Epoch> {
        self.aggregate.epoch()
    }

    /// The last committed state, for a short look.
    pub fn peek(&self) -> arc_swap::Guard<Arc<Registry>> {
        self.aggregate.peek()
    }

    /// Has a command decided. See [`aggregate::Handle::execute`].
    ///
    /// # Errors
    /// As there.
    pub async fn execute(
        &self,
        permit: Permit,
        command: Command,
        via: Via,
    ) -> Result<Committed<Registry>, Refusal> {
        let now = UnixMillis(clock::unix_millis());
        self.aggregate.execute(permit, command, via, now).await
    }

    /// Notes that a device repeated its request: it expires five minutes after the last time.
    pub fn repeated(&self, id: RequestId) {
        let now = UnixMillis(clock::unix_millis());
        self.last_asked.lock().unwrap_or_else(PoisonError::into_inner).insert(id, now);
    }

    /// When a request was last repeated.
    pub fn last_asked(&self, id: RequestId) -> Option<UnixMillis> {
        self.last_asked.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    pub(super) fn forget_closed(&self, state: &Registry) {
        let mut last_asked = self.last_asked.lock().unwrap_or_else(PoisonError::into_inner);
        last_asked.retain(|id, _| state.pending(*id).is_some());
    }
}

/// What the registry's commits mean for live sessions; `connections` says on which each event was
/// asked for.
pub fn changes_of(events: &[(Stamp, Event)], connections: &[Option<String>]) -> Vec<Change> {
    let each = events.iter().map(|(_, event)| event).zip(connections);
    each.filter_map(|(event, connection)| match (event, event.touches()) {
        (Event::TokenRotated { device, role, .. }, _) => {
            Some(Change::Token(Subject::Device(*device, *role), connection.clone()))
        }
        (_, Touched::Nobody) => None,
        (_, touched) => Some(Change::Authority(touched)),
    })
    .collect()
}

/// What the registry's commits mean for those who are connected.
pub fn news_of(state: &Registry, events: &[(Stamp, Event)]) -> Vec<Arc<News>> {
    events
        .iter()
        .filter_map(|(stamp, event)| fact_of(state, *stamp, event))
        .map(News::new)
        .collect()
}

fn fact_of(state: &Registry, stamp: Stamp, event: &Event) -> Option<Fact> {
    let resolved = |request_id: &RequestId, device: &_, decision| {
        let (request_id, device) = (*request_id, *device);
        Some(Fact::PairingResolved { request_id, device, decision, at: stamp.at })
    };
    match event {
        Event::PairingRequested { request_id, .. } => {
            let request = state.pending(*request_id)?.clone();
            Some(Fact::PairingRequested(*request_id, Arc::new(request)))
        }
        Event::PairingApproved(approval) => {
            resolved(&approval.request_id, &approval.device, "approved")
        }
        Event::PairingRejected { request_id, device, .. }
        | Event::PairingSuperseded { request_id, device, .. } => {
            resolved(request_id, device, "rejected")
        }
        Event::PairingExpired { request_id, device, .. } => resolved(request_id, device, "expired"),
        Event::DeviceRenamed { .. } => Some(Fact::PairingChanged),
        Event::Approval(event) => {
            let approval = Arc::new(state.approvals().get(event.id())?.clone());
            Some(match event {
                approvals::Event::Requested(_) => Fact::ApprovalRequested(approval),
                _ => Fact::ApprovalResolved(approval),
            })
        }
        Event::CodeRedeemed { id, device, .. } => {
            let name = state.device(*device).and_then(|known| known.profile.display_name.clone());
            let access = state.setup_code(*id)?.access;
            let (code, device) = (*id, *device);
            Some(Fact::SetupCompleted { code, device, name, access, at: stamp.at })
        }
        _ => None,
    }
}
