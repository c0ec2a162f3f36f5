//! Reads the log on a second thread, ahead of whoever checks it.
//!
//! Reading from the store and hashing what was read cost about the same. Side by side, a start over
//! 100,000 records takes a little over half the time. Nothing is decided here.

use std::{
    ops::ControlFlow,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{
    error::StoreError,
    store::{LogReader, Visit},
};

/// A chunk is passed on once it holds so many bytes: large enough that passing costs nothing, small
/// enough to stay in a processor's cache.
const CHUNK_BYTES: usize = 128 * 1024;

/// How many chunks may wait. Only evens out hiccups: the slower side sets the pace.
const CHUNKS_MAX: usize = 4;

/// Some stored values, end to end.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// Each value's place, and where its bytes end.
    ends: Vec<(u64, usize)>,
}

/// As [`LogReader::scan`]; `visit` runs on the calling thread.
///
/// # Errors
/// As [`LogReader::scan`].
pub(super) fn scan(log: &dyn LogReader, from: u64, visit: Visit<'_>) -> Result<(), StoreError> {
    thread::scope(|scope| {
        let (chunks, queue) = sync_channel(CHUNKS_MAX);
        let reading = thread::Builder::new().name("ledger-read".into());
        let reading = reading.spawn_scoped(scope, move || read(log, from, &chunks));
        let reading = reading.map_err(|error| StoreError(error.to_string()))?;
        let stopped = take(&queue, visit);
        // Lets the other side end if it waits for room.
        drop(queue);
        let read = reading.join().unwrap_or_else(|_| Err(StoreError("reading panicked".into())));
        // Whoever stopped early does not care for what lies beyond.
        if stopped { Ok(()) } else { read }
    })
}

fn read(log: &dyn LogReader, from: u64, chunks: &SyncSender<Chunk>) -> Result<(), StoreError> {
    let mut chunk = Chunk::default();
    let outcome = log.scan(from, &mut |seq, value| {
        chunk.bytes.extend_from_slice(value);
        chunk.ends.push((seq, chunk.bytes.len()));
        if chunk.bytes.len() < CHUNK_BYTES {
            return ControlFlow::Continue(());
        }
        match chunks.send(std::mem::take(&mut chunk)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    // What was read before an error is still to be looked at; nobody may be there any more.
    let _ = chunks.send(chunk);
    outcome
}

/// Shows what comes; whether the visitor stopped it.
fn take(queue: &Receiver<Chunk>, visit: Visit<'_>) -> bool {
    for Chunk { bytes, ends } in queue {
        let mut start = 0;
        for (seq, end) in ends {
            if visit(seq, &bytes[start..end]).is_break() {
                return true;
            }
            start = end;
        }
    }
    false
}
