//! Runtimes: what stands behind an agent and answers. A provider's model, a program, an echo.
//!
//! A runtime takes one [`Turn`], everything that was said with what is asked last, and gives the
//! answer as a stream of [`Delta`]s. It keeps no transcript and knows no session rules, sockets or
//! scopes: whoever starts a turn has settled who may. Dropping the stream is the abort, at once and
//! whole: a request is hung up, a program and its children are ended. A runtime reads from its
//! upstream only when it is asked for more, which is all the backpressure there is.
//!
//! What goes wrong is a [`Failure`]; no credential may be in its words. Start with [`Runtime`] and
//! [`echo`]; [`build`] makes them of their descriptions.

pub mod acp;
pub mod command;
pub mod echo;
pub mod limits;
pub mod model;
pub mod program;

use std::sync::Arc;

use futures_util::{
    future::{self, BoxFuture, FutureExt as _},
    stream::BoxStream,
};

use crate::domain::talk::{
    AgentId, Delta, Failure, Message, Model, RunId, Sampling, SessionKey, Texts, Tool, ToolChoice,
    Vectors,
};

/// One turn: what an agent is asked.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Names this work, for a runtime that keeps records of its own.
    pub run: RunId,
    /// The agent that is asked.
    pub agent: AgentId,
    /// The session that it is part of; `None` for a single question. A runtime with a memory of its
    /// own keeps it by this.
    pub session: Option<SessionKey>,
    /// Everything that was said, oldest first; what is to be answered comes last.
    pub messages: Vec<Message>,
    /// A model other than the agent's own, as `provider/name` or `name`.
    pub model: Option<String>,
    /// The client's tools.
    pub tools: Vec<Tool>,
    /// Whether to call one.
    pub tool_choice: ToolChoice,
    /// How to choose words.
    pub sampling: Sampling,
}

/// An answer on its way. Ends after [`Delta::End`], or after a failure.
pub type Answer = BoxStream<'static, Result<Delta, Failure>>;

/// What answers for an agent.
pub trait Runtime: Send + Sync {
    /// What kind it is: `echo`, `model`, `command`, `acp`.
    fn kind(&self) -> &'static str;

    /// The model that answers if a turn names none, as `provider/name`.
    fn model(&self) -> Option<String>;

    /// Answers a turn. Nothing happens before the stream is polled.
    fn answer(&self, turn: Turn) -> Answer;

    /// Turns texts into vectors, if it has a model that can.
    fn embed(&self, _: Texts) -> BoxFuture<'static, Result<Vectors, Failure>> {
        future::ready(Err(Failure::Unsupported("it has no embeddings"))).boxed()
    }
}

/// What a runtime is to be.
#[derive(Debug, Clone)]
pub enum Description {
    /// The embedded default.
    Echo,
    /// A provider's model.
    Model {
        /// The first choice, then what takes over if it fails.
        models: Vec<Model>,
        /// Where they are had, and where others are, for turns that name one.
        providers: Vec<model::Provider>,
    },
    /// A program for each turn.
    Command(program::Program),
    /// A program that speaks the Agent Client Protocol.
    Acp(program::Program),
}

/// Makes a runtime. Nothing is started and nobody is called before the first turn. Whoever wants to
/// do something that needs a leave asks `permissions` for it.
pub fn build(description: Description, permissions: Arc<dyn acp::Permissions>) -> Arc<dyn Runtime> {
    match description {
        Description::Echo => Arc::new(echo::Echo),
        Description::Model { models, providers } => {
            Arc::new(model::Models::new(models, providers, model::Patience::default()))
        }
        Description::Command(program) => Arc::new(command::Command::new(program)),
        Description::Acp(program) => Arc::new(acp::Acp::new(program, permissions)),
    }
}

/// Somebody else's words, fit for one line of an error.
fn shortened(said: &str) -> String {
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(limits::SAID_CHARS) {
        words.truncate(end);
        words.push('…');
    }
    words
}
