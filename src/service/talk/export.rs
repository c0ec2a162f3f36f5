//! Everything that was said in a session, as lines of JSON.

use std::{io::Write, ops::ControlFlow};

use super::refused;
use crate::{
    domain::{
        operation::Operation, permit, principal::Standing, refusal::Refusal, talk::SessionKey,
    },
    service::{Pieces, Service, pieces},
};

impl Service {
    /// Every message of a session, also of its transcripts before resets, oldest first, a line each.
    ///
    /// # Errors
    /// If `who` may not read it, or there is no such session. Later trouble is in the pieces.
    pub fn export_session(&self, who: &Standing, key: &SessionKey) -> Result<Pieces, Refusal> {
        permit::check(who, Operation::ReadSessions)?;
        let transcripts = self.0.talk.transcripts.clone();
        let session = transcripts.session(key).ok_or(Refusal::UnknownSession)?;
        Ok(pieces::write(move |out| {
            let take = &mut |line: &[u8]| match out.write_all(line) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            transcripts.lines(&session, &session.transcripts(), take).map_err(refused)
        }))
    }
}
