//! A reader of the ledger that goes on where it stopped.
//!
//! It marks what happened as seen, reads what follows the last record that it sent, and waits only if
//! there was nothing: a record that is committed in between wakes it at once. So none is left out
//! and none comes twice. Before each record it asks whether its caller may still have it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use tokio_stream::Stream;

use super::{
    error::{Failure, nothing_to_follow, stopping},
    read, record,
    source::Source,
};
use crate::{
    proto::v1::{TailRequest, TailResponse, tail_request::Start},
    service::{Changes, Entry, Filter, Live},
    support::shutdown::Shutdown,
};

/// How many records are read at once. A page of the largest records is 16 MiB; a usual one 50 KiB.
const PAGE: usize = 256;

/// How many are read at once to find the newest that are wanted.
const BACKWARD_PAGE: usize = 4096;

/// The reader.
pub(super) struct Tail<S> {
    source: S,
    shutdown: Shutdown,
    who: Live,
    filter: Filter,
    next: u64,
    left: u64,
    changes: Option<Changes>,
    page: VecDeque<Entry>,
}

impl<S: Source> Tail<S> {
    /// Reads the first page at once, so that a caller who may not read is refused instead of given
    /// a stream.
    pub async fn begin(
        source: S,
        shutdown: Shutdown,
        who: Live,
        asked: &TailRequest,
    ) -> Result<Self, Failure> {
        let changes = match asked.follow {
            true => Some(source.changes().ok_or_else(nothing_to_follow)?),
            false => None,
        };
        let filter = asked.filter.clone().map(read::filter).transpose()?.unwrap_or_default();
        let (left, page) = (asked.limit.unwrap_or(u64::MAX), VecDeque::new());
        let mut tail = Self { source, shutdown, who, filter, next: 0, left, changes, page };
        tail.next = match asked.start {
            None => 0,
            Some(Start::FromSeq(seq)) => seq,
            Some(Start::Newest(count)) => tail.place_of_newest(count).await?,
        };
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
            if let Some(changes) = &mut self.changes {
                changes.mark_seen();
            }
            self.source.may_still_read(&mut self.who)?;
            if let Some(entry) = self.page.pop_front() {
                self.next = entry.record.seq.0 + 1;
                if !self.filter.wants(&entry.record) {
                    continue;
                }
                self.left -= 1;
                return Ok(Some(TailResponse { record: Some(record::entry(&entry)) }));
            }
            self.fill().await?;
            if self.page.is_empty() && !self.grown().await? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The place from which on there are so many records that are wanted, or the first place.
    async fn place_of_newest(&self, count: u64) -> Result<u64, Failure> {
        let mut place = self.source.size(self.who.standing()).await?;
        if self.filter.is_empty() {
            return Ok(place.saturating_sub(count));
        }
        let mut missing = count;
        while place > 0 && missing > 0 {
            let from = place.saturating_sub(BACKWARD_PAGE as u64);
            let length = (place - from) as usize;
            let page = self.source.read(self.who.standing(), from, length).await?;
            let wanted = page.iter().rev().filter(|entry| self.filter.wants(&entry.record));
            for entry in wanted.take(usize::try_from(missing).unwrap_or(usize::MAX)) {
                missing -= 1;
                place = entry.record.seq.0;
            }
            if missing > 0 {
                place = from;
            }
        }
        Ok(place)
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        // With a filter, how many have to be read for so many is not known.
        let most = if self.filter.is_empty() { self.left } else { u64::MAX };
        let page = usize::try_from(most).map_or(PAGE, |most| most.min(PAGE));
        self.page = self.source.read(self.who.standing(), self.next, page).await?.into();
        Ok(())
    }

    /// Waits for something new; `false` if nobody asked to.
    async fn grown(&mut self) -> Result<bool, Failure> {
        let Some(changes) = &mut self.changes else { return Ok(false) };
        tokio::select! {
            () = self.shutdown.begun() => Err(stopping()),
            () = changes.next() => Ok(true),
        }
    }
}
