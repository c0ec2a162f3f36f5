//! Agents that speak the Agent Client Protocol, version 1: Claude Code, Gemini CLI, Goose and others.
//!
//! Each session has a process of its own, which waits for the next turn and is ended when too many
//! wait. A process that is new to a session is told what was said before; one that is not hears the
//! last message only. Whoever drops the answer cancels the turn: the agent is told at once, and
//! ended with its whole group if it does not stop.
//!
//! What it wants to do that needs a leave is asked of [`Permissions`], and denied if nobody gives
//! one. It gets no files, terminals or tools from this side. `talker` speaks the protocol. The
//! crate `agent-client-protocol` is not used for the reason that [`http`](super::model::http) has:
//! it asks for serde_json's `preserve_order`, too.

mod talker;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{
    future::{self, BoxFuture},
    stream::{self, StreamExt as _},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Answer, Runtime, Turn,
    limits::{ACP_CANCEL, ACP_START, ACP_WAITING, ANSWER_BYTES},
    program::Program,
};
use crate::domain::talk::{
    AgentId, Author, Delta, Failure, Message, Model, Part, RunId, SessionKey, Stop, ToolChoice,
};
use talker::{Heard, Talker};

/// Something an agent wants to do and may not of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which agent.
    pub agent: AgentId,
    /// In which run.
    pub run: RunId,
    /// Of which session.
    pub session: Option<SessionKey>,
    /// What it says that it wants to do.
    pub title: String,
    /// What kind of thing that is: `edit`, `execute` and so on; the protocol's `ToolKind`.
    pub kind: Option<String>,
}

/// Who gives leave.
pub trait Permissions: Send + Sync {
    /// Whether the agent may, this once. The run waits for it.
    fn ask(&self, wish: Wish) -> BoxFuture<'static, bool>;
}

/// Gives nobody leave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Denied;

impl Permissions for Denied {
    fn ask(&self, _: Wish) -> BoxFuture<'static, bool> {
        Box::pin(future::ready(false))
    }
}

/// The runtime.
pub struct Acp {
    inner: Arc<Inner>,
}

struct Inner {
    program: Program,
    permissions: Arc<dyn Permissions>,
    /// Agents between two turns, the longest waiting first.
    waiting: Mutex<Vec<(SessionKey, Talker)>>,
}

impl Acp {
    /// Answers with this program.
    pub fn new(program: Program, permissions: Arc<dyn Permissions>) -> Self {
        Self { inner: Arc::new(Inner { program, permissions, waiting: Mutex::default() }) }
    }
}

impl Runtime for Acp {
    fn kind(&self) -> &'static str {
        "acp"
    }

    fn model(&self) -> Option<String> {
        Some(format!("acp/{}", self.inner.program.name()))
    }

    fn answer(&self, turn: Turn) -> Answer {
        let inner = Arc::clone(&self.inner);
        let work = Work { inner, turn, talker: None, prompt: 0, bytes: 0, over: false };
        stream::unfold(work, |mut work| async { Some((work.next().await?, work)) }).boxed()
    }
}

impl Inner {
    fn take(&self, session: Option<&SessionKey>) -> Option<Talker> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|(key, _)| Some(key) == session)?;
        Some(waiting.remove(at).1)
    }

    fn put(&self, session: Option<&SessionKey>, talker: Talker) {
        let Some(session) = session else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Another turn of the session may have started its own in the meantime.
        waiting.retain(|(key, _)| key != session);
        waiting.push((session.clone(), talker));
        if waiting.len() > ACP_WAITING {
            waiting.remove(0);
        }
    }
}

/// A turn on its way.
struct Work {
    inner: Arc<Inner>,
    turn: Turn,
    /// Who works on it, from the first step on.
    talker: Option<Talker>,
    /// The request that ends the turn when it is answered.
    prompt: u64,
    bytes: usize,
    over: bool,
}

impl Work {
    async fn next(&mut self) -> Option<Result<Delta, Failure>> {
        if self.over {
            return None;
        }
        let step = match self.talker {
            None => self.start().await,
            Some(_) => self.hear().await,
        };
        if step.is_err() || matches!(step, Ok(Delta::End(_))) {
            self.over = true;
            // After a failure nobody knows where it stands, so it goes.
            self.talker = None;
        }
        Some(step)
    }

    async fn start(&mut self) -> Result<Delta, Failure> {
        if matches!(self.turn.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
            return Err(Failure::Unsupported("it calls no tools of the client"));
        }
        let known = self.inner.take(self.turn.session.as_ref());
        let prompt = prompt(&self.turn.messages, known.is_none());
        let mut talker = match known {
            Some(talker) => talker,
            None => {
                let after_ms = u64::try_from(ACP_START.as_millis()).unwrap_or(u64::MAX);
                let started = timeout(ACP_START, Talker::start(&self.inner.program)).await;
                started.map_err(|_| Failure::TimedOut { after_ms })??
            }
        };
        self.prompt = talker.prompt(prompt).await?;
        self.talker = Some(talker);
        Ok(Delta::Model(Model { provider: "acp".into(), name: self.inner.program.name() }))
    }

    /// Listens until there is something to give on.
    async fn hear(&mut self) -> Result<Delta, Failure> {
        loop {
            let Some(talker) = &mut self.talker else { return Ok(Delta::End(Stop::Done)) };
            let text = match talker.hear().await? {
                Heard::Text(text) => Delta::Text(text),
                Heard::Thought(text) => Delta::Reasoning(text),
                Heard::Wish { id, title, kind, options } => {
                    let Turn { agent, run, session, .. } = self.turn.clone();
                    let wish = Wish { agent, run, session, title, kind };
                    let may = self.inner.permissions.ask(wish).await;
                    talker.answer(id, outcome(may, &options)).await?;
                    continue;
                }
                Heard::Answer { id, result } if id == self.prompt => {
                    let stop = ended(&result);
                    if let Some(talker) = self.talker.take() {
                        self.inner.put(self.turn.session.as_ref(), talker);
                    }
                    return Ok(Delta::End(stop));
                }
                Heard::Answer { .. } | Heard::Other => continue,
            };
            if let Delta::Text(text) | Delta::Reasoning(text) = &text {
                self.bytes += text.len();
            }
            return match self.bytes <= ANSWER_BYTES {
                true => Ok(text),
                false => Err(Failure::TooLong { limit: ANSWER_BYTES }),
            };
        }
    }
}

impl Drop for Work {
    /// Cancels a turn that nobody waits for. The process is kept if it stops in time: it remembers
    /// the session.
    fn drop(&mut self) {
        let (Some(talker), Ok(handle)) =
            (self.talker.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (inner, session) = (Arc::clone(&self.inner), self.turn.session.clone());
        let prompt = self.prompt;
        handle.spawn(async move {
            if let Ok(Ok(talker)) = timeout(ACP_CANCEL, cancel(talker, prompt)).await {
                inner.put(session.as_ref(), talker);
            }
        });
    }
}

/// Tells the agent to stop, and waits until it has.
async fn cancel(mut talker: Talker, prompt: u64) -> Result<Talker, Failure> {
    talker.cancel().await?;
    loop {
        match talker.hear().await? {
            Heard::Answer { id, .. } if id == prompt => return Ok(talker),
            Heard::Wish { id, .. } => {
                talker.answer(id, json!({"outcome": {"outcome": "cancelled"}})).await?;
            }
            _ => {}
        }
    }
}

/// The agent's own option for a yes or a no, for this once if it has one.
fn outcome(may: bool, options: &[Value]) -> Value {
    let kinds = match may {
        true => ["allow_once", "allow_always"],
        false => ["reject_once", "reject_always"],
    };
    // A yes for ever is more than was given; a no for ever is no less than a no.
    let kinds = if may { &kinds[..1] } else { &kinds[..] };
    let option =
        kinds.iter().find_map(|kind| options.iter().find(|option| option["kind"] == *kind));
    match option {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option["optionId"]}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    }
}

/// Why the turn ended: the protocol's `StopReason`.
fn ended(result: &Value) -> Stop {
    match result["stopReason"].as_str() {
        Some("max_tokens" | "max_turn_requests") => Stop::Length,
        Some("refusal") => Stop::Filtered,
        Some("cancelled") => Stop::Aborted,
        _ => Stop::Done,
    }
}

/// What the agent is told: what it has not heard yet.
fn prompt(messages: &[Message], is_new: bool) -> Value {
    let last = messages.iter().rposition(|message| message.author == Author::User);
    let (before, last) = messages.split_at(last.unwrap_or(messages.len()));
    let mut blocks = Vec::new();
    if is_new && !before.is_empty() {
        let said =
            before.iter().map(|message| format!("{}: {}", message.author.role(), message.words()));
        let said: Vec<_> = said.collect();
        let text = format!("What was said before:\n\n{}", said.join("\n\n"));
        blocks.push(json!({"type": "text", "text": text}));
    }
    for part in last.iter().flat_map(|message| &message.parts) {
        blocks.extend(match part {
            Part::Text(text) => Some(json!({"type": "text", "text": text})),
            Part::Image { mime, base64 } => {
                Some(json!({"type": "image", "mimeType": mime, "data": base64}))
            }
            Part::ToolCall { .. } | Part::ToolResult { .. } => None,
        });
    }
    blocks.into()
}
