//! What was said, as lines of JSON for people and programs: an entry as it is stored, behind its
//! transcript and its place. docs/AGENTS.md describes them.
//!
//! The stored bytes are passed on as they are, so that the same transcript gives the same lines for
//! ever, and a digest of them can be compared years later.

use std::ops::ControlFlow;

use super::{Session, SessionId, TranscriptError, Transcripts};

/// Takes a line, which ends with a line feed; it may have enough.
pub type TakeLine<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

impl Session {
    /// Its transcripts that are kept, oldest first; its own is the last.
    pub fn transcripts(&self) -> Vec<SessionId> {
        self.previous.iter().copied().chain([self.id]).collect()
    }
}

impl Transcripts {
    /// Shows every entry of some transcripts of a session, oldest first; of the session's own no more
    /// than it has here. One is in memory at a time. Reads the disk.
    ///
    /// # Errors
    /// If they cannot be read, or not all of them are there.
    pub fn lines(
        &self,
        session: &Session,
        transcripts: &[SessionId],
        take: TakeLine<'_>,
    ) -> Result<(), TranscriptError> {
        let mut enough = false;
        for id in transcripts {
            let end = if *id == session.id { session.entries + 1 } else { u64::MAX };
            let mut next = 1;
            self.store.each(*id, 1, end, &mut |seq, bytes| {
                if seq != next {
                    return Err(TranscriptError::NoSession);
                }
                next += 1;
                let taken = take(&line(*id, seq, bytes)?);
                enough = taken.is_break();
                Ok(taken)
            })?;
            if enough {
                return Ok(());
            }
            if *id == session.id && next != end {
                return Err(TranscriptError::NoSession);
            }
        }
        // What is deleted goes from the front and a batch at a time; none of it may have gone unnoticed.
        let kept = self.session(&session.key).map(|now| now.transcripts()).unwrap_or_default();
        match transcripts.iter().all(|id| kept.contains(id)) {
            true => Ok(()),
            false => Err(TranscriptError::NoSession),
        }
    }
}

fn line(id: SessionId, seq: u64, stored: &[u8]) -> Result<Vec<u8>, TranscriptError> {
    let rest = stored.strip_prefix(b"{");
    let rest = rest.ok_or_else(|| TranscriptError::Store(format!("entry {seq} is no object")))?;
    let head = format!("{{\"transcript\":\"{id}\",\"seq\":{seq},");
    Ok([head.as_bytes(), rest, b"\n"].concat())
}
