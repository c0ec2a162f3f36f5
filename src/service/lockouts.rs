//! Lockouts: how the guard's counts become records, refusals and lists (N11).

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    Service,
    guard::{Caller, Client, Consequence, LockOut, network},
};
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::{Rule, Standing},
        refusal::{CodeFault, Refusal, TokenFault},
        registry::{Command, CredentialClass, Event, LockKey, Registry, lockout::Lockout},
        time::UnixMillis,
    },
    ledger::record::Via,
};

/// The lockouts that are in force.
pub struct Lockouts {
    state: Arc<Registry>,
    /// The time now, by the clock that ends them.
    pub now: UnixMillis,
}

impl Lockouts {
    /// Each with its key.
    pub fn iter(&self) -> impl Iterator<Item = (LockKey, &Lockout)> {
        self.state.lockouts().filter(|(_, lockout)| lockout.until > self.now)
    }
}

/// Which lockouts are meant. What is not said means any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockoutFilter {
    /// Of this class.
    pub class: Option<CredentialClass>,
    /// Of this address, which is not the one for everywhere.
    pub address: Option<IpAddr>,
}

impl LockoutFilter {
    /// Whether it means this one.
    pub fn means(&self, key: &LockKey) -> bool {
        self.class.is_none_or(|class| class == key.class)
            && self.address.is_none_or(|address| Some(address) == key.address)
    }
}

/// The class of a credential that was given and is wrong; `None` for every other refusal. What is
/// missing does not count (N11 A11.3), nor what is right and over, or right and too little; a person
/// whom a proxy vouches for and a device's signature cannot be guessed.
fn failed_class(refusal: &Refusal) -> Option<CredentialClass> {
    match refusal {
        Refusal::SecretMismatch { .. } => Some(CredentialClass::SharedSecret),
        Refusal::DeviceTokenMismatch => Some(CredentialClass::DeviceToken),
        Refusal::ServiceToken(TokenFault::Unknown) => Some(CredentialClass::ServiceToken),
        Refusal::SetupCode(CodeFault::Unknown) => Some(CredentialClass::SetupCode),
        _ => None,
    }
}

impl Service {
    /// Against whom a client's wrong credentials count.
    pub(super) fn caller(&self, client: Client) -> Caller {
        Caller::of(client, self.0.guard.limits().exempt_loopback)
    }

    /// Whether a credential of this class may be tried now. Asked before it is compared.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`], and when it may be tried again.
    pub(super) fn may_try(
        &self,
        state: &Registry,
        caller: Caller,
        class: CredentialClass,
    ) -> Result<(), Refusal> {
        let counting = self.0.guard.check(caller, class).err();
        let now = self.0.steady.unix_millis();
        let recorded = caller.lockable().filter_map(|address| {
            let lockout = state.lockout(&LockKey { class, address })?;
            Some(lockout.until.0.saturating_sub(now)).filter(|left| *left > 0)
        });
        let left = recorded.chain(counting.map(millis)).max();
        left.map_or(Ok(()), |retry_after_ms| Err(Refusal::RateLimited { retry_after_ms }))
    }

    /// Counts a refusal, if it is one that counts.
    pub(super) fn count(&self, caller: Caller, refusal: &Refusal) -> Consequence {
        let class = failed_class(refusal);
        class.map_or_else(Consequence::default, |class| {
            self.0.guard.failed(caller, class, refusal.code())
        })
    }

    /// What has to be done before a refusal is said: the lockouts that begin with it are recorded,
    /// and who is to be slowed has waited. A client that does not wait for it changes nothing: the
    /// guard keeps a lockout from the moment that it is full, and a task of its own records it.
    pub(super) async fn settle(&self, consequence: Consequence, via: Via) {
        let Consequence { lockouts, slow } = consequence;
        if !lockouts.is_empty() {
            let service = self.clone();
            let recorded = tokio::spawn(async move { service.record(lockouts, via).await });
            if recorded.await.is_err() {
                tracing::error!("recording a lockout failed");
            }
        }
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
    }

    /// Tells the ledger of lockouts. One that it does not take, the guard goes on keeping.
    async fn record(&self, lockouts: Vec<LockOut>, via: Via) {
        for LockOut { key, failures } in lockouts {
            let now = UnixMillis(self.0.steady.unix_millis());
            let until = now.plus(millis(self.0.guard.limits().lockout));
            let command = Command::LockOut { key, failures, until, now };
            let rule = Standing::system(Rule::RateLimit);
            let written = match permit::authorize(&rule, Operation::LockOut) {
                Ok(permit) => self.0.registry.execute(permit, command, via.clone()).await.map(drop),
                Err(refusal) => Err(refusal),
            };
            match written {
                Ok(()) => self.0.guard.recorded(key),
                Err(refusal) => {
                    tracing::warn!(code = refusal.code(), "a lockout could not be recorded");
                }
            }
        }
    }

    /// Lists the lockouts that are in force.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn lockouts(&self, who: &Standing) -> Result<Lockouts, Refusal> {
        permit::check(who, Operation::ListLockouts)?;
        let now = UnixMillis(self.0.steady.unix_millis());
        Ok(Lockouts { state: self.0.registry.state(), now })
    }

    /// Lifts the lockouts that a filter means, and forgets what was counted towards any. Gives the
    /// keys that were lifted.
    ///
    /// # Errors
    /// If `who` may not.
    pub async fn clear_lockouts(
        &self,
        who: &Standing,
        via: Via,
        filter: LockoutFilter,
    ) -> Result<Vec<LockKey>, Refusal> {
        let permit = permit::authorize(who, Operation::ClearLockouts)?;
        let filter = LockoutFilter { address: filter.address.map(network), ..filter };
        let keys: Vec<_> = match filter == LockoutFilter::default() {
            true => vec![None],
            false => {
                let meant = self.0.registry.state();
                let meant = meant.lockouts().map(|(key, _)| key).filter(|key| filter.means(key));
                meant.map(Some).collect()
            }
        };
        let mut cleared = Vec::new();
        for key in keys {
            let command = Command::ClearLockouts { key };
            let committed = self.0.registry.execute(permit.clone(), command, via.clone()).await?;
            cleared.extend(committed.events.into_iter().filter_map(|(_, event)| match event {
                Event::LockoutCleared { key } => Some(key),
                _ => None,
            }));
        }
        self.0.guard.forget(filter);
        Ok(cleared)
    }
}

/// Whole milliseconds, rounded up: who comes back then is not told to wait again.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}
