//! What there is: the approvals that wait, and the last that ended.

use std::sync::Arc;

use imbl::OrdMap;

use super::{Decision, ENDED_MAX, Event, Request, Withdrawal};
use crate::domain::{
    ids::{ApprovalId, Seq},
    principal::Principal,
    refusal::ApprovalFault,
    time::Stamp,
};

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What is asked.
    pub request: Request,
    /// When, and in which record.
    pub asked: Stamp,
    /// What became of it, when, and in which record: that one says from where, and on which grant.
    pub ended: Option<(Stamp, Outcome)>,
}

/// What became of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody decided.
    Decided(Decision, Principal),
    /// Nobody decided in time.
    Expired,
    /// Nobody waited for it any more.
    Withdrawn(Withdrawal),
}

impl Outcome {
    /// Whether it may be done.
    pub fn allows(&self) -> bool {
        matches!(self, Self::Decided(Decision::AllowOnce | Decision::AllowAlways, _))
    }

    /// Who decided, if somebody did.
    pub fn by(&self) -> Option<&Principal> {
        match self {
            Self::Decided(_, by) => Some(by),
            Self::Expired | Self::Withdrawn(_) => None,
        }
    }

    /// In the protocol's words.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Decided(Decision::Deny, _) => "denied",
            Self::Decided(..) => "allowed",
            Self::Expired => "expired",
            Self::Withdrawn(_) => "cancelled",
        }
    }

    /// What whoever comes too late is told.
    pub(super) fn closed(&self) -> ApprovalFault {
        ApprovalFault::Closed { how: self.status(), by: self.by().map(Principal::reference) }
    }
}

/// All approvals that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approvals {
    all: OrdMap<ApprovalId, Arc<Approval>>,
    /// Derived from `all`: those that ended, by the record of it.
    ended: OrdMap<Seq, ApprovalId>,
}

impl Approvals {
    /// One, whether it waits or not.
    pub fn get(&self, id: ApprovalId) -> Option<&Approval> {
        self.all.get(&id).map(|approval| &**approval)
    }

    /// One that waits.
    pub fn waiting(&self, id: ApprovalId) -> Option<&Approval> {
        self.get(id).filter(|approval| approval.ended.is_none())
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Approval> {
        self.all.values().map(|approval| &**approval)
    }

    /// Those that wait, by id.
    pub fn pending(&self) -> impl Iterator<Item = &Approval> {
        self.iter().filter(|approval| approval.ended.is_none())
    }

    /// How many wait.
    pub fn pending_count(&self) -> usize {
        self.all.len() - self.ended.len()
    }

    /// Those that ended before this record, the last first.
    pub fn ended_before(&self, end: Seq) -> impl Iterator<Item = &Approval> {
        self.ended.range(..end).rev().filter_map(|(_, id)| self.get(*id))
    }

    /// Whether what is derived is what it is derived from, and as much is kept as may be.
    pub(in crate::domain::registry) fn are_sound(&self) -> bool {
        self.ended.len() <= ENDED_MAX
            && self.pending_count() <= super::PENDING_MAX
            && self.ends().collect::<OrdMap<_, _>>() == self.ended
            && self.all.iter().all(|(id, one)| one.request.id == *id)
    }

    fn ends(&self) -> impl Iterator<Item = (Seq, ApprovalId)> {
        self.all.iter().filter_map(|(id, one)| Some((one.ended.as_ref()?.0.seq, *id)))
    }

    fn end(&mut self, id: ApprovalId, stamp: Stamp, outcome: Outcome) {
        // An event about one that is not there, or over, changes nothing.
        let Some(approval) = self.waiting(id).cloned() else { return };
        let ended = Some((stamp, outcome));
        self.all.insert(id, Arc::new(Approval { ended, ..approval }));
        self.ended.insert(stamp.seq, id);
        while self.ended.len() > ENDED_MAX {
            if let Some((seq, id)) = self.ended.get_min().copied() {
                self.ended.remove(&seq);
                self.all.remove(&id);
            }
        }
    }
}

impl FromIterator<Approval> for Approvals {
    fn from_iter<I: IntoIterator<Item = Approval>>(approvals: I) -> Self {
        let all = approvals.into_iter().map(|one| (one.request.id, Arc::new(one))).collect();
        let mut kept = Self { all, ended: OrdMap::new() };
        kept.ended = kept.ends().collect();
        kept
    }
}

/// Moves the state by one event.
pub(in crate::domain::registry) fn apply(state: &mut Approvals, stamp: Stamp, event: &Event) {
    match event {
        Event::Requested(request) => {
            let request = (**request).clone();
            let (id, fresh) = (request.id, state.get(request.id).is_none());
            let approval = Approval { request, asked: stamp, ended: None };
            fresh.then(|| state.all.insert(id, Arc::new(approval)));
        }
        Event::Decided { id, decision, by } => {
            state.end(*id, stamp, Outcome::Decided(*decision, by.clone()));
        }
        Event::Expired { id } => state.end(*id, stamp, Outcome::Expired),
        Event::Withdrawn { id, why } => state.end(*id, stamp, Outcome::Withdrawn(*why)),
    }
}
