//! A reader whose authority ends while it reads or waits.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_stream::StreamExt as _;
use tonic::Code;

use super::*;
use crate::{
    domain::{
        Event,
        ids::{PublicKey, Seq},
        origin::Locality,
        principal::{Principal, Rule, Standing},
        refusal::Refusal,
        registry::{self, session::Session},
        scope::ScopeSet,
        time::UnixMillis,
    },
    fronts::grpc::{
        error::refused,
        source::{AccessRows, Answer},
    },
    service::{AccessFilter, Epoch, History, Record, Verdict, Via},
};

/// A ledger of some records, whose reader may have the first of them.
#[derive(Clone)]
struct Book {
    records: u64,
    granted: Arc<AtomicU64>,
    epoch: Arc<Epoch>,
}

#[tonic::async_trait]
impl Source for Book {
    async fn read(&self, _: &Standing, from: u64, limit: usize) -> Result<Vec<Entry>, Failure> {
        Ok((from..self.records).take(limit).map(entry).collect())
    }

    async fn verify(&self, _: &Standing) -> Result<Verdict, Failure> {
        unreachable!()
    }

    async fn history<T: Send + 'static>(
        &self,
        _: &Standing,
        _: impl FnOnce(History) -> Answer<T> + Send + 'static,
    ) -> Result<T, Failure> {
        unreachable!()
    }

    async fn access(&self, _: &Standing, _: AccessFilter) -> Result<AccessRows, Failure> {
        unreachable!()
    }

    async fn size(&self, _: &Standing) -> Result<u64, Failure> {
        Ok(self.records)
    }

    fn changes(&self) -> Option<Changes> {
        Some(Changes::new(Arc::clone(&self.epoch)))
    }

    fn may_still_read(&self, _: &mut Live) -> Result<(), Failure> {
        match self.granted.load(Ordering::Relaxed) {
            0 => Err(refused(&Refusal::GrantEnded)),
            left => {
                self.granted.store(left - 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

fn entry(seq: u64) -> Entry {
    let record = Record {
        seq: Seq(seq),
        at: UnixMillis(1),
        principal: Principal::System(Rule::Startup),
        authority: Seq(0),
        via: Via::internal(),
        before: ScopeSet::empty(),
        after: ScopeSet::empty(),
        event: Event::Registry(registry::Event::Begun { gateway_key: PublicKey([1; 32]) }),
    };
    Entry { record, leaf_hash: [0; 32] }
}

fn book(records: u64, granted: u64) -> Book {
    let epoch = Arc::new(Epoch::at(records));
    Book { records, granted: Arc::new(AtomicU64::new(granted)), epoch }
}

fn reader() -> Live {
    let (standing, locality) = (Standing::host(0), Locality::DirectLoopback);
    Live::new(Session { standing, asked: ScopeSet::empty(), cap: None, locality })
}

async fn follow(book: &Book) -> impl Stream<Item = Result<TailResponse, Failure>> + use<> {
    let asked = TailRequest { follow: true, ..Default::default() };
    Tail::begin(book.clone(), Shutdown::default(), reader(), &asked).await.unwrap().into_stream()
}

async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it hangs")
}

/// What was read ahead is not handed out any more.
#[tokio::test]
async fn a_reader_gets_no_record_after_its_authority_has_ended() {
    let mut stream = pin!(follow(&book(5, 2)).await);
    for seq in 0..2 {
        assert_eq!(stream.next().await.unwrap().unwrap().record.unwrap().seq, seq);
    }
    let ended = soon(stream.next()).await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::PermissionDenied);
    assert!(stream.next().await.is_none());
}

/// The end of its authority may add no record that it could be woken by: another ledger's commit, or
/// one that it has read already.
#[tokio::test]
async fn a_reader_that_waits_is_woken_by_the_end_of_its_authority() {
    let book = book(1, 2);
    let mut stream = pin!(follow(&book).await);
    stream.next().await.unwrap().unwrap();
    assert!(futures_util::poll!(pin!(stream.next())).is_pending());
    book.epoch.advance_to(2);
    let ended = soon(stream.next()).await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::PermissionDenied);
}
