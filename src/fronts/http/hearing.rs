//! Listening to a run on behalf of an HTTP client, for as long as it may.

use std::time::Duration;

use actix_web::HttpResponse;
use tokio::time::timeout;

use super::error;
use crate::{
    domain::{operation::Operation, refusal::Refusal, registry::session::Session},
    service::{Asked, Changes, Ended, Heard, Live, Service},
};

/// After this long without a word, something is said to keep the connection open through proxies.
const QUIET: Duration = Duration::from_secs(15);

/// How long the status waits for the first word: what fails at once is told as an error and not as
/// a stream that holds one.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// A client that listens.
pub struct Hearing {
    asked: Asked,
    live: Live,
    changes: Changes,
    service: Service,
}

/// What there is to say to the client.
#[derive(Debug)]
pub enum Said {
    /// This.
    Heard(Heard),
    /// Nothing for a while.
    Quiet,
    /// It may not listen any more. The work ends with it.
    Refused(Refusal),
}

impl Hearing {
    /// Begins.
    pub fn new(asked: Asked, session: Session, service: Service) -> Self {
        let changes = service.changes();
        Self { asked, live: Live::new(session), changes, service }
    }

    /// What there is to say before a stream begins; `None` if nothing came in time.
    ///
    /// # Errors
    /// The answer, if it failed already.
    pub async fn first(&mut self) -> Result<Option<Said>, HttpResponse> {
        match timeout(STATUS_PATIENCE, self.next()).await.ok() {
            Some(Said::Heard(Heard::Ended(Ended::Failed(failure), _))) => {
                Err(error::failed(&failure))
            }
            Some(Said::Refused(refusal)) => Err(error::refused(&refusal)),
            first => Ok(first),
        }
    }

    /// Waits for the next thing to say; not to be called again after an end.
    pub async fn next(&mut self) -> Said {
        loop {
            self.changes.mark_seen();
            if let Err(refusal) = self.service.may_still(&mut self.live, Operation::Complete) {
                return Said::Refused(refusal);
            }
            let heard = async {
                tokio::select! {
                    heard = self.asked.listener.next() => heard,
                    () = self.changes.next() => None,
                }
            };
            match timeout(QUIET, heard).await {
                Ok(Some(heard)) => return Said::Heard(heard),
                Ok(None) => {}
                Err(_) => return Said::Quiet,
            }
        }
    }
}
