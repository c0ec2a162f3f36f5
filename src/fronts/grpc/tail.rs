//! A reader of the ledger that goes on where it stopped.
//!
//! It marks the size as seen, reads what follows the last record that it sent, and waits only if
//! there was nothing: a record that is committed in between wakes it at once. So none is left out
//! and none comes twice.

use std::collections::VecDeque;

use tokio::sync::watch;
use tokio_stream::Stream;

use super::{
    error::{Failure, nothing_to_follow, stopping},
    record,
    source::Source,
};
use crate::{
    domain::principal::Standing,
    proto::v1::{TailRequest, TailResponse, tail_request::Start},
    service::Entry,
    support::shutdown::Shutdown,
};

/// How many records are read at once. A page of the largest records is 16 MiB; a usual one 50 KiB.
const PAGE: usize = 256;

/// The reader.
pub(super) struct Tail<S> {
    source: S,
    shutdown: Shutdown,
    who: Standing,
    next: u64,
    left: u64,
    growth: Option<watch::Receiver<u64>>,
    page: VecDeque<Entry>,
}

impl<S: Source> Tail<S> {
    /// Reads the first page at once, so that a caller who may not read is refused instead of given
    /// a stream.
    pub async fn begin(
        source: S,
        shutdown: Shutdown,
        who: Standing,
        asked: &TailRequest,
    ) -> Result<Self, Failure> {
        let growth = match asked.follow {
            true => Some(source.growth().ok_or_else(nothing_to_follow)?),
            false => None,
        };
        let next = match asked.start {
            None => 0,
            Some(Start::FromSeq(seq)) => seq,
            Some(Start::Newest(count)) => source.size(&who).await?.saturating_sub(count),
        };
        let left = asked.limit.unwrap_or(u64::MAX);
        let mut tail = Self { source, shutdown, who, next, left, growth, page: VecDeque::new() };
        tail.fill().await?;
        Ok(tail)
    }

    /// The records, one after another.
    pub fn into_stream(self) -> impl Stream<Item = Result<TailResponse, Failure>> + Send {
        futures_util::stream::try_unfold(self, |mut tail| async move {
            Ok(tail.next().await?.map(|response| (response, tail)))
        })
    }

    async fn next(&mut self) -> Result<Option<TailResponse>, Failure> {
        while self.left > 0 {
            if let Some(entry) = self.page.pop_front() {
                self.next = entry.record.seq.0 + 1;
                self.left -= 1;
                return Ok(Some(TailResponse { record: Some(record::entry(&entry)) }));
            }
            if let Some(growth) = &mut self.growth {
                growth.mark_unchanged();
            }
            self.fill().await?;
            if self.page.is_empty() && !self.grown().await? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let page = usize::try_from(self.left).map_or(PAGE, |left| left.min(PAGE));
        self.page = self.source.read(&self.who, self.next, page).await?.into();
        Ok(())
    }

    /// Waits for new records; `false` if nobody asked to.
    async fn grown(&mut self) -> Result<bool, Failure> {
        let Some(growth) = &mut self.growth else { return Ok(false) };
        tokio::select! {
            () = self.shutdown.begun() => Err(stopping()),
            changed = growth.changed() => changed.map(|()| true).map_err(|_| stopping()),
        }
    }
}
