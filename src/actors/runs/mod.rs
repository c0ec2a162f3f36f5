//! Runs: agents at work, one actor each, and whoever listens.
//!
//! ```text
//!   runtime ──deltas──▶ Runner ──▶ Log ◀── Listener (a stream over HTTP, a waiting client, ...)
//!                         │  └──── what was said lately, a few times a second ──▶ Hub
//!                         └─────── what was said, when it is over ──▶ transcripts
//! ```
//!
//! A run's [`log::Log`] is the only buffer: the runner appends, every listener reads at its own pace
//! from its own place, and the log is bounded as the answer is. So a slow listener slows nobody, and
//! one that comes late hears everything. A run belongs to nobody: it goes on when its client goes
//! away, unless somebody aborts it. In a session one run works at a time, the others wait in line.
//!
//! Start with [`Runs::begin`], then [`runner`].

pub mod log;
mod runner;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_rt::{Arbiter, ArbiterHandle};

pub use log::{Ended, Heard, Listener, Log, Piece, Run};

use super::{hub::HubHandle, limits};
use crate::{
    domain::talk::{Failure, RunId, SessionId, SessionKey},
    runtimes::{Runtime, Turn},
    transcripts::Transcripts,
};

/// Reads what was said so far and makes the turn of it. Called when the run's time has come, on a
/// thread that may wait for a disk.
pub type Prepare = Box<dyn FnOnce() -> Result<Turn, Failure> + Send>;

/// A run that has not begun to work.
pub struct Job {
    /// The run.
    pub run: Arc<Run>,
    /// The session that it is part of, with its transcript.
    pub session: Option<(SessionKey, SessionId)>,
    /// Who answers.
    pub runtime: Arc<dyn Runtime>,
    /// Makes the turn.
    pub prepare: Prepare,
    /// How long it may work in all.
    pub deadline: Duration,
}

/// Why a run cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// As many runs as there may be.
    Gateway,
    /// As many as may wait in one session.
    Session,
}

/// The way to the runs. Cheap to clone.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

struct Inner {
    /// Where a run works that was not begun on an actor thread.
    elsewhere: ArbiterHandle,
    table: Mutex<Table>,
    hub: HubHandle,
    transcripts: Transcripts,
}

#[derive(Default)]
struct Table {
    /// Those that have not ended, by name.
    live: BTreeMap<RunId, Arc<Run>>,
    /// Those that wait for another of their session. A session with a run at work has a lane.
    lanes: BTreeMap<SessionKey, VecDeque<Job>>,
    /// The newest that have ended, oldest first, for whoever asks late.
    ended: VecDeque<Arc<Run>>,
}

impl Runs {
    /// Nothing works yet. Needs an actix system.
    pub fn start(hub: HubHandle, transcripts: Transcripts) -> Self {
        let elsewhere = Arbiter::new().handle();
        Self(Arc::new(Inner { elsewhere, table: Mutex::default(), hub, transcripts }))
    }

    /// Has a run work, now or when those before it in its session are over.
    ///
    /// # Errors
    /// If there are too many.
    pub fn begin(&self, job: Job) -> Result<(), Crowded> {
        let mut table = self.table();
        if table.live.len() >= limits::RUNS_MAX {
            return Err(Crowded::Gateway);
        }
        let lane = job.session.as_ref().and_then(|(key, _)| table.lanes.get_mut(key));
        match lane {
            Some(lane) if lane.len() >= limits::RUNS_WAITING_PER_SESSION_MAX => {
                return Err(Crowded::Session);
            }
            Some(lane) => {
                let run = Arc::clone(&job.run);
                lane.push_back(job);
                table.live.insert(run.id.clone(), run);
            }
            None => {
                table.live.insert(job.run.id.clone(), Arc::clone(&job.run));
                if let Some((key, _)) = &job.session {
                    table.lanes.insert(key.clone(), VecDeque::new());
                }
                drop(table);
                self.work(job);
            }
        }
        Ok(())
    }

    /// A run by its name: one at work, one that waits, or one that ended lately.
    pub fn find(&self, id: &RunId) -> Option<Arc<Run>> {
        let table = self.table();
        let ended = || table.ended.iter().rev().find(|run| run.id == *id);
        table.live.get(id).or_else(ended).cloned()
    }

    /// The runs of a session that have not ended, in order.
    pub fn of_session(&self, key: &SessionKey) -> Vec<Arc<Run>> {
        let table = self.table();
        let mut runs: Vec<_> =
            table.live.values().filter(|run| run.session.as_ref() == Some(key)).cloned().collect();
        runs.sort_by_key(|run| run.place);
        runs
    }

    /// How many have not ended.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.table().live.len()
    }

    /// On the thread of whoever asked, if actors live there: a word on its way to its client then wakes
    /// no other thread.
    fn work(&self, job: Job) {
        let here = Arbiter::try_current();
        let arbiter = here.as_ref().unwrap_or(&self.0.elsewhere);
        let (runs, run) = (self.clone(), Arc::clone(&job.run));
        if !arbiter.spawn_fn(move || runner::start(runs, job)) {
            // The gateway is stopping; nothing was begun, and the transcript says so at the next start.
            run.end(Ended::Failed(Failure::Interrupted));
        }
    }

    /// A run is over; gives whoever waited in its lane and comes next.
    fn over(&self, run: &Arc<Run>) -> Option<Job> {
        let mut table = self.table();
        table.live.remove(&run.id);
        table.ended.push_back(Arc::clone(run));
        if table.ended.len() > limits::RUNS_REMEMBERED_MAX {
            table.ended.pop_front();
        }
        let key = run.session.as_ref()?;
        let next = table.lanes.get_mut(key)?.pop_front();
        if next.is_none() {
            table.lanes.remove(key);
        }
        next
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
