//! Where the ledger is read from: a running gateway, or the files of one that is not running.

use std::sync::Arc;

use super::error::{Failure, broken_worker, refused, unreadable};
use crate::{
    domain::{operation::Operation, principal::Standing, refusal::Refusal},
    service::{
        AccessFilter, AccessKey, Changes, Entry, History, HistoryError, Live, Offline, Service,
        StoreError, Tally, Verdict,
    },
};

/// What a question about history comes to: nothing, if there was nothing at that moment.
pub(super) type Answer<T> = Result<Option<T>, HistoryError>;

/// Access records with how often each happened.
pub(super) type AccessRows = Vec<(AccessKey, Tally)>;

/// What can be asked of a ledger.
#[tonic::async_trait]
pub(super) trait Source: Clone + Send + Sync + 'static {
    /// Up to `limit` durable records from place `from` on.
    async fn read(&self, who: &Standing, from: u64, limit: usize) -> Result<Vec<Entry>, Failure>;

    /// A check of everything.
    async fn verify(&self, who: &Standing) -> Result<Verdict, Failure>;

    /// The answer to a question about its history.
    async fn history<T: Send + 'static>(
        &self,
        who: &Standing,
        question: impl FnOnce(History) -> Answer<T> + Send + 'static,
    ) -> Result<T, Failure>;

    /// The access records that are kept.
    async fn access(&self, who: &Standing, filter: AccessFilter) -> Result<AccessRows, Failure>;

    /// How many records there are.
    async fn size(&self, who: &Standing) -> Result<u64, Failure>;

    /// Tells of what happens, if anything can.
    fn changes(&self) -> Option<Changes>;

    /// Brings a reader's session up to now; an error if it may not go on.
    fn may_still_read(&self, live: &mut Live) -> Result<(), Failure>;
}

#[tonic::async_trait]
impl Source for Service {
    /// Stops where the published state does: the store may hold records that nobody was told of yet.
    async fn read(&self, who: &Standing, from: u64, limit: usize) -> Result<Vec<Entry>, Failure> {
        let told = self.told_size().saturating_sub(from);
        let limit = usize::try_from(told).map_or(limit, |told| limit.min(told));
        let entries = self.read_ledger(who, from, limit).await;
        entries.map_err(|refusal| refused(&refusal))
    }

    async fn verify(&self, who: &Standing) -> Result<Verdict, Failure> {
        self.verify_ledger(who).await.map_err(|refusal| refused(&refusal))
    }

    async fn history<T: Send + 'static>(
        &self,
        who: &Standing,
        question: impl FnOnce(History) -> Answer<T> + Send + 'static,
    ) -> Result<T, Failure> {
        Service::history(self, who, question).await.map_err(|refusal| refused(&refusal))
    }

    async fn access(&self, who: &Standing, filter: AccessFilter) -> Result<AccessRows, Failure> {
        let (service, who) = (self.clone(), who.clone());
        let rows = on_a_thread(move || service.access(&who, filter)).await?;
        rows.map_err(|refusal| refused(&refusal))
    }

    async fn size(&self, _: &Standing) -> Result<u64, Failure> {
        Ok(self.told_size())
    }

    fn changes(&self) -> Option<Changes> {
        Some(Service::changes(self))
    }

    fn may_still_read(&self, live: &mut Live) -> Result<(), Failure> {
        self.may_still(live, Operation::ReadLedger).map_err(|refusal| refused(&refusal))
    }
}

/// Whoever can open the files needs nobody's leave to read them.
#[tonic::async_trait]
impl Source for Arc<Offline> {
    async fn read(&self, _: &Standing, from: u64, limit: usize) -> Result<Vec<Entry>, Failure> {
        ask(self, move |offline| offline.read(from, limit)).await
    }

    async fn verify(&self, _: &Standing) -> Result<Verdict, Failure> {
        ask(self, Offline::verify).await
    }

    async fn history<T: Send + 'static>(
        &self,
        _: &Standing,
        question: impl FnOnce(History) -> Answer<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let history = Offline::history(self);
        match on_a_thread(move || question(history)).await? {
            Ok(found) => found.ok_or_else(|| refused(&Refusal::UnknownRecord)),
            Err(HistoryError::Store(error)) => Err(unreadable(&error)),
            Err(HistoryError::Refused(refusal)) => Err(refused(&refusal)),
        }
    }

    async fn access(&self, _: &Standing, filter: AccessFilter) -> Result<AccessRows, Failure> {
        ask(self, move |offline| offline.access(filter)).await
    }

    async fn size(&self, _: &Standing) -> Result<u64, Failure> {
        ask(self, Offline::size).await
    }

    fn changes(&self) -> Option<Changes> {
        None
    }

    fn may_still_read(&self, _: &mut Live) -> Result<(), Failure> {
        Ok(())
    }
}

pub(super) async fn ask<T: Send + 'static>(
    offline: &Arc<Offline>,
    question: impl FnOnce(&Offline) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let offline = Arc::clone(offline);
    on_a_thread(move || question(&offline)).await?.map_err(|error| unreadable(&error))
}

/// The store blocks: away from the threads that serve others.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| broken_worker())
}
