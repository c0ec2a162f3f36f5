//! A single question, outside of any session: what a plain OpenAI client asks.

use std::sync::Arc;

use super::crowded;
use crate::{
    actors::runs::{Job, Listener, Run},
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{Author, Message, RunId, Sampling, Target, Tool, ToolChoice},
    },
    runtimes::Turn,
    service::Service,
    support::entropy,
};

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// To whom.
    pub target: Target,
    /// Everything that was said, instructions included; what is to be answered comes last.
    pub messages: Vec<Message>,
    /// A model other than the agent's own.
    pub model: Option<String>,
    /// The client's tools.
    pub tools: Vec<Tool>,
    /// Whether to call one.
    pub tool_choice: ToolChoice,
    /// How to choose words.
    pub sampling: Sampling,
}

/// Someone who waits for an answer. Going away ends the work.
#[derive(Debug)]
pub struct Asked {
    /// What there is to hear.
    pub listener: Listener,
}

impl Asked {
    /// Listens to a run that goes with its client.
    pub fn alone(run: &Arc<Run>) -> Self {
        Self { listener: run.listen() }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let run = self.listener.run();
        if run.ended().is_none() {
            run.abort();
        }
    }
}

impl Service {
    /// Gate 1 for a question, so that a door can refuse before it reads what may be long.
    ///
    /// # Errors
    /// If `who` may not.
    pub fn may_complete(&self, who: &Standing) -> Result<(), Refusal> {
        permit::check(who, Operation::Complete)
    }

    /// Has an agent answer a question. Nothing of it is kept.
    ///
    /// # Errors
    /// If `who` may not, there is no such agent, or there is no room.
    pub fn ask(&self, who: &Standing, question: Question) -> Result<Asked, Refusal> {
        self.may_complete(who)?;
        let agent = self.0.talk.agents.targeted(&question.target)?;
        let id = entropy::uuid().to_string();
        let id = RunId::parse(&id).ok_or(Refusal::UnknownRun)?;
        let run = Run::new(id.clone(), agent.id.clone(), None);
        let asked = Asked::alone(&run);
        let Question { target: _, messages, model, tools, tool_choice, sampling } = question;
        let own = agent.instructions.iter().map(|words| Message::text(Author::System, words));
        let messages = own.chain(messages).collect();
        let agent_id = agent.id.clone();
        let prepare = Box::new(move || {
            let (run, agent, session) = (id, agent_id, None);
            Ok(Turn { run, agent, session, messages, model, tools, tool_choice, sampling })
        });
        let (runtime, deadline) = (Arc::clone(&agent.runtime), agent.deadline);
        let job = Job { run, session: None, runtime, prepare, deadline };
        self.0.talk.runs.begin(job).map_err(crowded)?;
        Ok(asked)
    }
}
