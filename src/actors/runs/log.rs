//! A run as others see it: what it has said so far, and its end.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    actors::limits,
    domain::talk::{AgentId, Delta, Failure, Model, RunId, SessionKey, Stop, Usage},
};

/// Counts the runs, so that they have an order.
static PLACES: AtomicU64 = AtomicU64::new(0);

/// One run.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// Who works.
    pub agent: AgentId,
    /// In which session, if in any.
    pub session: Option<SessionKey>,
    /// Grows from run to run.
    pub place: u64,
    log: Mutex<Log>,
    version: watch::Sender<u64>,
    abort: watch::Sender<bool>,
}

/// What a run has said.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In order; two texts never follow each other, the first goes on.
    pub pieces: Vec<Piece>,
    /// Who answers, once that is known.
    pub model: Option<Model>,
    /// What it has used so far.
    pub usage: Usage,
    /// How it ended.
    pub ended: Option<Ended>,
    bytes: usize,
}

/// One piece of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A part of the answer.
    Text(String),
    /// A part of what it thinks.
    Reasoning(String),
    /// A tool call.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// A JSON text.
        arguments: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With an answer, or with as much of it as there was when somebody ended it.
    Stopped(Stop),
    /// Without.
    Failed(Failure),
}

impl Log {
    /// The answer's text.
    pub fn text(&self) -> String {
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Reasoning(_) | Piece::ToolCall { .. } => None,
        });
        texts.collect::<Vec<_>>().concat()
    }
}

impl Run {
    /// A run that has not begun.
    pub fn new(id: RunId, agent: AgentId, session: Option<SessionKey>) -> Arc<Self> {
        Arc::new(Self {
            id,
            agent,
            session,
            place: PLACES.fetch_add(1, Ordering::Relaxed),
            log: Mutex::default(),
            version: watch::Sender::new(0),
            abort: watch::Sender::new(false),
        })
    }

    /// Listens from the beginning.
    pub fn listen(self: &Arc<Self>) -> Listener {
        let changed = self.version.subscribe();
        Listener { run: Arc::clone(self), at: (0, 0), told_model: None, done: false, changed }
    }

    /// What it has said so far.
    pub fn log(&self) -> Log {
        self.lock().clone()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    /// Waits for the end.
    pub async fn over(&self) -> Ended {
        let mut changed = self.version.subscribe();
        loop {
            if let Some(ended) = self.ended() {
                return ended;
            }
            // The sender lives as long as this run does.
            let _ = changed.changed().await;
        }
    }

    /// Ends it, whether it works or waits. Says so at once; [`Self::over`] tells when it is done.
    pub fn abort(&self) {
        self.abort.send_replace(true);
    }

    /// Waits until somebody wants it to end.
    pub(super) async fn aborted(&self) {
        let mut abort = self.abort.subscribe();
        let _ = abort.wait_for(|aborted| *aborted).await;
    }

    /// Appends what was said.
    ///
    /// # Errors
    /// If it is too much.
    pub(super) fn say(&self, delta: Delta) -> Result<(), Failure> {
        let mut log = self.lock();
        log.bytes += match &delta {
            Delta::Text(text) | Delta::Reasoning(text) => text.len(),
            Delta::ToolCall { arguments, .. } => arguments.len(),
            Delta::Model(_) | Delta::Usage(_) | Delta::End(_) => 0,
        };
        if log.bytes > limits::ANSWER_BYTES_MAX {
            return Err(Failure::TooLong { limit: limits::ANSWER_BYTES_MAX });
        }
        match (delta, log.pieces.last_mut()) {
            (Delta::Text(more), Some(Piece::Text(text)))
            | (Delta::Reasoning(more), Some(Piece::Reasoning(text))) => text.push_str(&more),
            (Delta::Text(text), _) => log.pieces.push(Piece::Text(text)),
            (Delta::Reasoning(text), _) => log.pieces.push(Piece::Reasoning(text)),
            (Delta::ToolCall { id, name, arguments }, _) => {
                log.pieces.push(Piece::ToolCall { id, name, arguments });
            }
            (Delta::Model(model), _) => log.model = Some(model),
            (Delta::Usage(usage), _) => log.usage = usage,
            (Delta::End(_), _) => {}
        }
        drop(log);
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// It is over, and what it came to is kept.
    pub(super) fn end(&self, ended: Ended) {
        self.lock().ended.get_or_insert(ended);
        self.version.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// This model answers.
    Model(Model),
    /// All text that came since the last time.
    Text(String),
    /// All that it thought since the last time.
    Reasoning(String),
    /// A tool call.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// A JSON text.
        arguments: String,
    },
    /// The end; nothing follows.
    Ended(Ended, Usage),
}

/// Someone who listens to a run, from its own place.
#[derive(Debug)]
pub struct Listener {
    run: Arc<Run>,
    /// The piece, and how much of it was heard.
    at: (usize, usize),
    told_model: Option<Model>,
    done: bool,
    changed: watch::Receiver<u64>,
}

impl Listener {
    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Waits for the next thing to hear; `None` after the end.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if self.done {
                return None;
            }
            self.changed.mark_unchanged();
            if let Some(heard) = self.now() {
                return Some(heard);
            }
            // The run holds the sender, and this holds the run.
            let _ = self.changed.changed().await;
        }
    }

    /// The next thing, if there is one already.
    pub fn now(&mut self) -> Option<Heard> {
        let run = Arc::clone(&self.run);
        let log = run.lock();
        if log.model.is_some() && log.model != self.told_model {
            self.told_model.clone_from(&log.model);
            return log.model.clone().map(Heard::Model);
        }
        while let Some(piece) = log.pieces.get(self.at.0) {
            let last = self.at.0 + 1 == log.pieces.len();
            let heard = match piece {
                Piece::Text(text) => self.rest(text, last).map(Heard::Text),
                Piece::Reasoning(text) => self.rest(text, last).map(Heard::Reasoning),
                Piece::ToolCall { id, name, arguments } => {
                    self.at = (self.at.0 + 1, 0);
                    let (id, name, arguments) = (id.clone(), name.clone(), arguments.clone());
                    Some(Heard::ToolCall { id, name, arguments })
                }
            };
            if heard.is_some() {
                return heard;
            }
            if last {
                break;
            }
        }
        let ended = log.ended.clone()?;
        self.done = true;
        Some(Heard::Ended(ended, log.usage))
    }

    /// What of a text was not heard yet. The last one may go on, so the place stays at it.
    fn rest(&mut self, text: &str, last: bool) -> Option<String> {
        let from = match last {
            true => mem::replace(&mut self.at.1, text.len()),
            false => {
                let next = (self.at.0 + 1, 0);
                mem::replace(&mut self.at, next).1
            }
        };
        (from < text.len()).then(|| text[from..].to_owned())
    }
}
