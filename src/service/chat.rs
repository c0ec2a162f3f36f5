//! Talking to agents: who may, and that there is nobody to talk to yet.
//!
//! Authority comes before agents: what may be asked, and by whom, is settled and tested here before
//! anything answers, so that an agent never has to be added to a door that is open.

use std::convert::Infallible;

use super::Service;
use crate::domain::{operation::Operation, permit, principal::Standing, refusal::Refusal};

impl Service {
    /// The names of the agents that can be talked to: none, as long as there are no agents.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn models(&self, who: &Standing) -> Result<Vec<String>, Refusal> {
        permit::check(who, Operation::ReadModels).map(|()| Vec::new())
    }

    /// Gate 1 for a completion, so that a door can refuse before it reads what may be long.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn may_complete(&self, who: &Standing) -> Result<(), Refusal> {
        permit::check(who, Operation::Complete)
    }

    /// Has an agent answer. The type says that none can: an answer is never made up.
    ///
    /// # Errors
    /// If `who` may not; [`Refusal::NoAgent`] otherwise.
    pub fn complete(&self, who: &Standing) -> Result<Infallible, Refusal> {
        self.may_complete(who)?;
        Err(Refusal::NoAgent)
    }
}
