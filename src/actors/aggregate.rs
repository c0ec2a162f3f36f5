//! The single writer of one decider's state: decide, append, apply, publish, in that order.
//!
//! While an append is in flight, commands wait. When it lands, all that wait are decided one after
//! another on a working copy and go out as one batch with one sync. Nobody is answered, and nothing
//! is published, before the sync. A batch that is known to have failed is forgotten together with
//! the working copy; if its outcome is unknown, the ledger stops the process and recovery decides.

use std::{collections::VecDeque, sync::Arc};

use actix::prelude::*;
use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::{epoch::Epoch, limits, supervise::StopOnPanic};
use crate::{
    domain::{
        Decider,
        ids::Seq,
        permit::Permit,
        refusal::Refusal,
        time::{Stamp, UnixMillis},
    },
    ledger::{
        error::AppendError,
        handle::LedgerHandle,
        record::{Record, Via},
    },
};

/// What a committed command came to.
#[derive(Debug)]
pub struct Committed<D: Decider> {
    /// The state that everyone sees from now on.
    pub state: Arc<D>,
    /// What this command added to it; empty if it changed nothing.
    pub events: Vec<(Stamp, D::Event)>,
}

type Outcome<D> = Result<Committed<D>, Refusal>;

/// One command with its permit, on its way to the decision.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Execute<D: Decider> {
    permit: Permit,
    command: D::Command,
    via: Via,
    now: UnixMillis,
    reply: oneshot::Sender<Outcome<D>>,
}

/// Told of every commit, in order: the new state, what happened, and for each of these on which
/// connection it was asked for, if on one.
pub type OnCommit<D> = Box<dyn Fn(&D, &[(Stamp, <D as Decider>::Event)], &[Option<String>]) + Send>;

/// The actor.
pub struct Aggregate<D: Decider> {
    committed: Arc<D>,
    published: Arc<ArcSwap<D>>,
    epoch: Arc<Epoch>,
    last_at: UnixMillis,
    ledger: LedgerHandle,
    waiting: VecDeque<Execute<D>>,
    in_flight: bool,
    on_commit: OnCommit<D>,
    guard: StopOnPanic,
}

/// Decided, not yet durable.
struct Batch<D: Decider> {
    working: D,
    records: Vec<Record>,
    events: Vec<(Stamp, D::Event)>,
    connections: Vec<Option<String>>,
    answers: Vec<Answer<D>>,
    last_at: UnixMillis,
}

/// A caller, and what to tell it once the batch has landed.
struct Answer<D: Decider> {
    reply: oneshot::Sender<Outcome<D>>,
    told: Result<std::ops::Range<usize>, Refusal>,
}

/// A cheap way to reach the actor, and to read what it last published.
pub struct Handle<D: Decider> {
    address: Addr<Aggregate<D>>,
    published: Arc<ArcSwap<D>>,
    epoch: Arc<Epoch>,
}

impl<D: Decider> Clone for Handle<D> {
    fn clone(&self) -> Self {
        let (published, epoch) = (Arc::clone(&self.published), Arc::clone(&self.epoch));
        Self { address: self.address.clone(), published, epoch }
    }
}

impl<D: Decider> Handle<D> {
    /// Starts the actor in the current arbiter, on the state that the replay gave.
    pub fn start(
        state: D,
        last_at: UnixMillis,
        ledger: LedgerHandle,
        on_commit: OnCommit<D>,
        guard: StopOnPanic,
    ) -> Self {
        let committed = Arc::new(state);
        let published = Arc::new(ArcSwap::from(Arc::clone(&committed)));
        let epoch = Arc::new(Epoch::at(ledger.size()));
        let actor = Aggregate {
            committed,
            published: Arc::clone(&published),
            epoch: Arc::clone(&epoch),
            last_at,
            ledger,
            waiting: VecDeque::new(),
            in_flight: false,
            on_commit,
            guard,
        };
        let address = Aggregate::create(|ctx| {
            ctx.set_mailbox_capacity(limits::AGGREGATE_MAILBOX);
            actor
        });
        Self { address, published, epoch }
    }

    /// The last committed state. Never waits.
    pub fn state(&self) -> Arc<D> {
        self.published.load_full()
    }

    /// How many records the last committed state adds up to.
    pub fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    /// The last committed state, for a look that ends before the next await.
    pub fn peek(&self) -> arc_swap::Guard<Arc<D>> {
        self.published.load()
    }

    /// Has a command decided and, if it changes anything, made durable.
    ///
    /// # Errors
    /// The decider's refusal, or [`Refusal::Unavailable`] if nothing was changed because the
    /// gateway is too busy or the ledger could not take it.
    pub async fn execute(
        &self,
        permit: Permit,
        command: D::Command,
        via: Via,
        now: UnixMillis,
    ) -> Outcome<D> {
        let (reply, answer) = oneshot::channel();
        let message = Execute { permit, command, via, now, reply };
        self.address.try_send(message).map_err(|_| unavailable("the gateway is too busy"))?;
        answer
            .await
            .unwrap_or_else(|_| Err(unavailable("the gateway stops; look again before you retry")))
    }
}

fn unavailable(reason: &'static str) -> Refusal {
    Refusal::Unavailable { reason, retry_after_ms: limits::RETRY_AFTER_MS }
}

impl<D: Decider> Actor for Aggregate<D> {
    type Context = Context<Self>;
}

impl<D: Decider> Handler<Execute<D>> for Aggregate<D> {
    type Result = ();

    fn handle(&mut self, message: Execute<D>, ctx: &mut Context<Self>) {
        if self.waiting.len() >= limits::AGGREGATE_WAITING_MAX {
            let _ = message.reply.send(Err(unavailable("the gateway is too busy")));
            return;
        }
        self.waiting.push_back(message);
        self.pump(ctx);
    }
}

impl<D: Decider> Aggregate<D> {
    /// Decides what waits, unless an append is in flight.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        while !self.in_flight && !self.waiting.is_empty() {
            let size = self.ledger.size();
            let batch = self.decide_waiting(size);
            if batch.records.is_empty() {
                self.answer(batch.answers, &[]);
                continue;
            }
            self.append(batch, size, ctx);
        }
    }

    fn decide_waiting(&mut self, size: u64) -> Batch<D> {
        let mut batch = Batch {
            working: (*self.committed).clone(),
            records: Vec::new(),
            events: Vec::new(),
            connections: Vec::new(),
            answers: Vec::new(),
            last_at: self.last_at,
        };
        let count = self.waiting.len().min(limits::AGGREGATE_BATCH_MAX);
        for execute in self.waiting.drain(..count) {
            let Execute { permit, command, via, now, reply } = execute;
            let told = batch.decide(size, &permit, command, &via, now);
            batch.answers.push(Answer { reply, told });
        }
        batch
    }

    fn append(&mut self, mut batch: Batch<D>, size: u64, ctx: &mut Context<Self>) {
        self.in_flight = true;
        let ledger = self.ledger.clone();
        let records = std::mem::take(&mut batch.records);
        let landing = async move { ledger.append(size, records).await };
        let landed = landing.into_actor(self).map(move |outcome, actor, ctx| {
            actor.in_flight = false;
            actor.landed(batch, outcome);
            actor.pump(ctx);
        });
        ctx.spawn(landed);
    }

    fn landed(&mut self, batch: Batch<D>, outcome: Result<u64, AppendError>) {
        match outcome {
            Ok(size) => {
                self.committed = Arc::new(batch.working);
                self.last_at = batch.last_at;
                self.published.store(Arc::clone(&self.committed));
                self.epoch.advance_to(size);
                self.answer(batch.answers, &batch.events);
                (self.on_commit)(&self.committed, &batch.events, &batch.connections);
            }
            Err(AppendError::Unknown(error)) => {
                // Nobody can say whether it happened: no answer is the only true one. The ledger
                // has told the process to stop.
                tracing::error!(%error, "the outcome of an append is unknown; stopping");
            }
            Err(AppendError::Conflict { actual_size }) => {
                // Someone else appended, and this state lacks what they did.
                self.guard.stop(&format!("the ledger moved to {actual_size} records by itself"));
            }
            Err(error) => {
                tracing::warn!(%error, "an append failed; its callers are told to try again");
                for answer in batch.answers {
                    let told = Err(unavailable("the ledger could not take it"));
                    let _ = answer.reply.send(told);
                }
            }
        }
    }

    fn answer(&self, answers: Vec<Answer<D>>, events: &[(Stamp, D::Event)]) {
        for Answer { reply, told } in answers {
            // A caller that went away misses its answer, nothing else.
            let _ = reply.send(told.map(|range| Committed {
                state: Arc::clone(&self.committed),
                events: events[range].to_vec(),
            }));
        }
    }
}

impl<D: Decider> Batch<D> {
    /// Decides one command on the working copy. On refusal, nothing of it stays.
    fn decide(
        &mut self,
        size: u64,
        permit: &Permit,
        command: D::Command,
        via: &Via,
        now: UnixMillis,
    ) -> Result<std::ops::Range<usize>, Refusal> {
        let decided = self.working.decide(permit, command)?;
        let first = self.records.len();
        if decided.is_empty() {
            return Ok(first..first);
        }
        let authority = self.working.authority(permit)?;
        // Time never moves backward between records, whatever the system clock does.
        let at = now.max(self.last_at);
        self.last_at = at;
        for event in decided {
            let stamp = Stamp { seq: Seq(size + self.records.len() as u64), at };
            let before = self.working.holdings(&event);
            self.working.apply(stamp, &event);
            self.records.push(Record {
                seq: stamp.seq,
                at,
                principal: permit.principal().clone(),
                authority,
                via: via.clone(),
                before,
                after: self.working.holdings(&event),
                event: event.clone().into(),
            });
            self.events.push((stamp, event));
            self.connections.push(via.connection.clone());
        }
        Ok(first..self.records.len())
    }
}
