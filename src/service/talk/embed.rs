//! Texts as vectors, from the provider of an agent's model. Nothing of it is kept.

use crate::{
    domain::{
        principal::Standing,
        refusal::Refusal,
        talk::{Failure, Target, Texts, Vectors},
    },
    service::Service,
};

impl Service {
    /// Has the runtime of an agent turn texts into vectors, within the agent's own time.
    ///
    /// # Errors
    /// If `who` may not, or there is no such agent. What goes wrong behind that is the inner error.
    pub async fn embed(
        &self,
        who: &Standing,
        target: &Target,
        texts: Texts,
    ) -> Result<Result<Vectors, Failure>, Refusal> {
        self.may_complete(who)?;
        let agent = self.0.talk.agents.targeted(target)?;
        let late = || {
            let after_ms = u64::try_from(agent.deadline.as_millis()).unwrap_or(u64::MAX);
            Err(Failure::TimedOut { after_ms })
        };
        let vectors = tokio::time::timeout(agent.deadline, agent.runtime.embed(texts)).await;
        Ok(vectors.unwrap_or_else(|_| late()))
    }
}
