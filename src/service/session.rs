//! Live sessions: what one that was let in may do by now, and why it ends.

use std::sync::Arc;

use super::{Epoch, Service};
use crate::domain::{
    operation::Operation,
    permit,
    principal::Standing,
    refusal::Refusal,
    registry::session::{Ending, Session},
    scope::ScopeSet,
    time::UnixMillis,
};

/// A session while it lasts.
#[derive(Debug)]
pub struct Live {
    session: Session,
    /// How far it has followed the records.
    followed: Option<u64>,
    /// When its authority ends by itself, if it does.
    until: Option<UnixMillis>,
}

/// What became of a session since it was looked at last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Unchanged,
    /// It may use something else.
    Rescoped {
        /// What it could use before.
        before: ScopeSet,
        /// Whether that is because a grant reached its end.
        expired: bool,
    },
    /// It has nothing to stand on any more.
    Ended(Ending),
}

impl Live {
    /// A client that was just let in.
    pub fn new(session: Session) -> Self {
        Self { session, followed: None, until: None }
    }

    /// What it stands on.
    pub fn standing(&self) -> &Standing {
        &self.session.standing
    }
}

impl Service {
    /// Brings a session up to the last committed state. Never waits, and costs one comparison if
    /// nothing was committed.
    pub fn follow(&self, live: &mut Live) -> Since {
        // Read before the state is: what is committed in between is looked at the next time.
        let now = Some(self.0.registry.epoch().now());
        if std::mem::replace(&mut live.followed, now) == now {
            return Since::Unchanged;
        }
        let state = self.0.registry.peek();
        let Some(subject) = live.standing().principal.subject() else { return Since::Unchanged };
        let until = std::mem::replace(&mut live.until, state.ends_at(&subject));
        let expired =
            until != live.until && until.is_some_and(|at| at.0 <= self.0.steady.unix_millis());
        match state.reassess(&live.session) {
            Ok(standing) => {
                let before = std::mem::replace(&mut live.session.standing, standing).scopes;
                match before == live.standing().scopes {
                    true => Since::Unchanged,
                    false => Since::Rescoped { before, expired },
                }
            }
            Err(_) if expired => Since::Ended(Ending::Expired),
            Err(_) => Since::Ended(state.ending(&subject)),
        }
    }

    /// [`Self::follow`] for a stream: whether it may still be given what the operation gives.
    ///
    /// # Errors
    /// If it has nothing to stand on any more, or what it stands on is not enough.
    pub fn may_still(&self, live: &mut Live, what: Operation) -> Result<(), Refusal> {
        match self.follow(live) {
            Since::Ended(_) => Err(Refusal::GrantEnded),
            Since::Unchanged | Since::Rescoped { .. } => permit::check(live.standing(), what),
        }
    }

    /// Wakes a stream that follows the ledger.
    pub fn changes(&self) -> Changes {
        Changes::new(Arc::clone(self.0.registry.epoch()))
    }
}

/// Wakes whenever the state has changed, and with it the records that are told of.
pub struct Changes {
    epoch: Arc<Epoch>,
    seen: u64,
}

impl Changes {
    /// Of the published state.
    pub fn new(epoch: Arc<Epoch>) -> Self {
        Self { seen: epoch.now(), epoch }
    }

    /// What happened until now is no reason to wake any more. To be called before looking at it.
    pub fn mark_seen(&mut self) {
        self.seen = self.epoch.now();
    }

    /// Waits for the next change.
    pub async fn next(&mut self) {
        self.epoch.later_than(self.seen).await;
    }
}
