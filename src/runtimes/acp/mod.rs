//! Agents that speak the Agent Client Protocol, version 1: Claude Code, Gemini CLI, Goose and others.
//!
//! Each session has a process of its own, which waits for the next turn and is ended when too many
//! wait. A process that is new to a session is told what was said before; one that is not hears the
//! last message only. Whoever drops the answer cancels the turn: the agent is told at once, and
//! ended with its whole group if it does not stop.
//!
//! What it wants to do that needs a leave is asked of [`Permissions`], while it is listened to on:
//! it may ask for several things at once, say more, or crash meanwhile. It gets no files, terminals or tools from this side. `talker` speaks the protocol. The
//! crate `agent-client-protocol` is not used for the reason that [`http`](super::model::http) has:
//! it asks for serde_json's `preserve_order`, too.

mod talker;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{
    future::BoxFuture,
    stream::{self, FuturesUnordered, StreamExt as _},
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
use talker::{Heard, Talker, Wished};

/// Something an agent wants to do and may not of itself.
#[derive(Debug, Clone)]
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
    /// What exactly, as far as it says.
    pub detail: Option<String>,
    /// Whether it takes a yes for this once.
    pub once: bool,
    /// Whether it takes a yes that it may remember.
    pub always: bool,
    /// What becomes of the agent while it waits.
    pub fate: Fate,
}

/// An answer to a [`Wish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It may not.
    No,
    /// It may, this once.
    Once,
    /// It may, and may remember it.
    Always,
}

/// What becomes of an agent, for those who wait on its behalf.
#[derive(Debug, Clone, Default)]
pub struct Fate(Arc<AtomicBool>);

impl Fate {
    /// Whether it ended without being told to.
    pub fn is_crashed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn crashed(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Who gives leave.
pub trait Permissions: Send + Sync {
    /// Whether the agent may. The agent waits for it; dropped, nobody does any more.
    fn ask(&self, wish: Wish) -> BoxFuture<'static, Leave>;
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
        let (wishes, fate) = Default::default();
        let work =
            Work { inner, turn, talker: None, prompt: 0, bytes: 0, over: false, wishes, fate };
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
    /// What it waits to be allowed, each by its request.
    wishes: FuturesUnordered<BoxFuture<'static, Granted>>,
    fate: Fate,
}

/// A request, what it can be answered, and what it is to be.
type Granted = (Value, Vec<Value>, Leave);

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
            if matches!(step, Err(Failure::Crashed(_) | Failure::Broken(_))) {
                self.fate.crashed();
            }
            self.wishes.clear();
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
            let line = tokio::select! {
                Some((id, options, leave)) = self.wishes.next() => {
                    talker.answer(id, outcome(leave, &options)).await?;
                    continue;
                }
                line = talker.line() => line?,
            };
            let text = match talker.read(line).await? {
                Heard::Text(text) => Delta::Text(text),
                Heard::Thought(text) => Delta::Reasoning(text),
                Heard::Wish(wished) => {
                    self.wish(wished);
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

    fn wish(&mut self, Wished { id, title, kind, detail, options }: Wished) {
        let Turn { agent, run, session, .. } = self.turn.clone();
        let offers = |kind| options.iter().any(|option| option["kind"] == kind);
        let (once, always) = (offers("allow_once"), offers("allow_always"));
        let fate = self.fate.clone();
        let wish = Wish { agent, run, session, title, kind, detail, once, always, fate };
        let asked = self.inner.permissions.ask(wish);
        self.wishes.push(Box::pin(async move { (id, options, asked.await) }));
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

/// Tells the agent to stop, and waits until it has. What it still waits to be allowed is answered, as
/// the protocol wants it.
async fn cancel(mut talker: Talker, prompt: u64) -> Result<Talker, Failure> {
    talker.cancel().await?;
    for id in talker.open() {
        talker.answer(id, cancelled()).await?;
    }
    loop {
        match talker.hear().await? {
            Heard::Answer { id, .. } if id == prompt => return Ok(talker),
            Heard::Wish(Wished { id, .. }) => {
                talker.answer(id, cancelled()).await?;
            }
            _ => {}
        }
    }
}

/// The agent's own option for an answer: for ever only if that was the answer, or if it is a no.
fn outcome(leave: Leave, options: &[Value]) -> Value {
    let kinds: &[_] = match leave {
        Leave::Once => &["allow_once"],
        Leave::Always => &["allow_always"],
        Leave::No => &["reject_once", "reject_always"],
    };
    let option =
        kinds.iter().find_map(|kind| options.iter().find(|option| option["kind"] == *kind));
    match option {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option["optionId"]}}),
        None => cancelled(),
    }
}

/// An answer without a choice.
fn cancelled() -> Value {
    json!({"outcome": {"outcome": "cancelled"}})
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
