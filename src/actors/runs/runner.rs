//! The actor of one run: takes what the runtime says, keeps the deadline, and sees to the end.

use std::{mem, sync::Arc, time::Duration};

use actix::prelude::*;

use super::{Ended, Heard, Job, Listener, Log, Piece, Prepare, Run, Runs};
use crate::{
    actors::{
        limits,
        news::{Fact, News},
        talk_news::{RunNews, TalkNews},
    },
    domain::{
        talk::{Author, Delta, Failure, Message, Part, SessionId, SessionKey, Stop},
        time::UnixMillis,
    },
    runtimes::{Runtime, Turn},
    support::clock,
    transcripts::{Draft, Order, RunState, Session, TranscriptError},
};

/// The actor.
struct Runner {
    runs: Runs,
    run: Arc<Run>,
    session: Option<(SessionKey, SessionId)>,
    work: Option<(Arc<dyn Runtime>, Prepare)>,
    deadline: Duration,
    /// Hears what connected clients are told of.
    teller: Listener,
    /// Counts what was told. docs/PROTOCOL.md (e): per run.
    seq: u64,
    /// Whether clients will be told of more in a moment.
    telling: bool,
    /// The runtime's answer. Given up, it is hung up on.
    answering: Option<SpawnHandle>,
    /// How it ends, once it does. What the runtime says after that is not heard.
    ending: Option<Ended>,
    started_at: UnixMillis,
}

/// Begins in the current arbiter.
pub(super) fn start(runs: Runs, Job { run, session, runtime, prepare, deadline }: Job) {
    let teller = run.listen();
    let work = Some((runtime, prepare));
    Runner {
        runs,
        run,
        session,
        work,
        deadline,
        teller,
        seq: 0,
        telling: false,
        answering: None,
        ending: None,
        started_at: now(),
    }
    .start();
}

fn now() -> UnixMillis {
    UnixMillis(clock::unix_millis())
}

impl Actor for Runner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let run = Arc::clone(&self.run);
        let aborted = async move { run.aborted().await }.into_actor(self);
        ctx.spawn(aborted.map(|(), runner, ctx| {
            runner.end(Ended::Stopped(Stop::Aborted), ctx);
        }));
        let after_ms = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX);
        ctx.run_later(self.deadline, move |runner, ctx| {
            runner.end(Ended::Failed(Failure::TimedOut { after_ms }), ctx);
        });
        let Some((runtime, prepare)) = self.work.take() else { return };
        let begun = self.note_begin();
        let turn = async move {
            begun.await?;
            prepared(prepare).await
        };
        ctx.spawn(turn.into_actor(self).map(move |turn, runner, ctx| match turn {
            _ if runner.ending.is_some() => {}
            Ok(turn) => {
                runner.tell(RunNews::Started { at: runner.started_at });
                runner.answering = Some(ctx.add_stream(runtime.answer(turn)));
            }
            Err(failure) => runner.end(Ended::Failed(failure), ctx),
        }));
    }
}

/// Makes the turn where waiting for a disk holds up nobody.
async fn prepared(prepare: Prepare) -> Result<Turn, Failure> {
    let turn = actix_rt::task::spawn_blocking(prepare).await;
    turn.unwrap_or_else(|_| Err(Failure::Broken("the gateway failed to read the session".into())))
}

impl Runner {
    /// Says in the session that this run works now.
    fn note_begin(&self) -> impl Future<Output = Result<(), Failure>> + use<> {
        let transcripts = self.runs.0.transcripts.clone();
        let order = self.session.clone().map(|(key, id)| {
            let (at, run) = (self.started_at, self.run.id.clone());
            Order::Start { key, id, at, run }
        });
        async move {
            match order {
                Some(order) => transcripts.order(order).await.map(drop).map_err(lost),
                None => Ok(()),
            }
        }
    }

    /// It is over: what was said is kept first, and told after that.
    fn end(&mut self, ended: Ended, ctx: &mut Context<Self>) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(ended.clone());
        if let Some(answering) = self.answering.take() {
            ctx.cancel_future(answering);
        }
        self.tell_lately();
        let log = self.run.log();
        let kept = self.keep(&log, &ended);
        let done = kept.into_actor(self).map(move |kept, runner, ctx: &mut Context<Self>| {
            let ended = match kept {
                Ok(session) => {
                    runner.tell_kept(session);
                    ended
                }
                Err(error) => Ended::Failed(lost(error)),
            };
            let at = now();
            // Whoever waits for the end finds the place free, and whoever hears of it finds it ended;
            // the next one's beginning is told after it.
            let next = runner.runs.over(&runner.run);
            runner.run.end(ended.clone());
            runner.tell(RunNews::Ended { started_at: runner.started_at, at, ended, log });
            if let Some(job) = next {
                runner.runs.work(job);
            }
            ctx.stop();
        });
        ctx.spawn(done);
    }

    /// Has the transcript keep what was said.
    fn keep(
        &self,
        log: &Log,
        ended: &Ended,
    ) -> impl Future<Output = Result<Option<Arc<Session>>, TranscriptError>> + use<> {
        let transcripts = self.runs.0.transcripts.clone();
        let order = self.session.clone().map(|(key, id)| Order::End {
            key,
            id,
            at: now(),
            run: self.run.id.clone(),
            said: said(&self.run, log, ended),
            state: match ended {
                Ended::Stopped(Stop::Aborted) => RunState::Aborted,
                Ended::Stopped(_) => RunState::Done,
                Ended::Failed(failure) => RunState::failed(failure),
            },
            model: log.model.clone(),
            usage: log.usage,
        });
        async move {
            match order {
                Some(order) => transcripts.order(order).await.map(|kept| Some(kept.session)),
                None => Ok(None),
            }
        }
    }

    /// Tells of the entry that was kept.
    fn tell_kept(&self, session: Option<Arc<Session>>) {
        if let Some(session) = session {
            let hub = &self.runs.0.hub;
            let said = TalkNews::Said { seq: session.entries, session: Arc::clone(&session) };
            hub.publish(News::new(Fact::Talk(said)));
            hub.publish(News::new(Fact::Talk(TalkNews::Changed { session, reason: "run" })));
        }
    }

    /// Tells soon of what was said since the last time; the first words at once.
    fn tell_soon(&mut self, ctx: &mut Context<Self>) {
        if self.session.is_some() && !mem::replace(&mut self.telling, true) {
            self.tell_lately();
            ctx.run_later(limits::RUN_TELL_INTERVAL, |runner, _| {
                runner.telling = false;
                runner.tell_lately();
            });
        }
    }

    fn tell_lately(&mut self) {
        if self.session.is_none() {
            return;
        }
        while let Some(heard) = self.teller.now() {
            match heard {
                Heard::Model(model) => self.tell(RunNews::Model(model)),
                Heard::Text(text) => self.tell(RunNews::Text(text)),
                Heard::ToolCall { id, name, arguments } => {
                    self.tell(RunNews::ToolCall { id, name, arguments });
                }
                // What it thinks is nobody's answer.
                Heard::Reasoning(_) | Heard::Ended(..) => {}
            }
        }
    }

    /// Tells connected clients, if this is part of a session; a single question is nobody else's.
    fn tell(&mut self, what: RunNews) {
        let Some((key, id)) = &self.session else { return };
        self.seq += 1;
        let news = TalkNews::of_run(&self.run, key, *id, self.seq, now(), what);
        for news in news {
            self.runs.0.hub.publish(News::new(Fact::Talk(news)));
        }
    }
}

impl StreamHandler<Result<Delta, Failure>> for Runner {
    fn handle(&mut self, delta: Result<Delta, Failure>, ctx: &mut Self::Context) {
        if self.ending.is_some() {
            return;
        }
        match delta {
            Ok(Delta::End(stop)) => self.end(Ended::Stopped(stop), ctx),
            Ok(delta) => match self.run.say(delta) {
                Ok(()) => self.tell_soon(ctx),
                Err(failure) => self.end(Ended::Failed(failure), ctx),
            },
            Err(failure) => self.end(Ended::Failed(failure), ctx),
        }
    }

    /// A runtime that ends without a word has broken off. actix would stop the actor here; the end
    /// has to be kept and told first.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.end(Ended::Failed(Failure::Broken("it ended without an end".into())), ctx);
    }
}

/// What the transcript keeps of a run.
fn said(run: &Run, log: &Log, ended: &Ended) -> Vec<Draft> {
    let parts = log.pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(Part::Text(text.clone())),
        Piece::ToolCall { id, name, arguments } => {
            let (id, name, arguments) = (id.clone(), name.clone(), arguments.clone());
            Some(Part::ToolCall { id, name, arguments })
        }
        Piece::Reasoning(_) => None,
    });
    let (stop, failure) = match ended {
        Ended::Stopped(stop) => (Some(*stop), None),
        Ended::Failed(failure) => (None, Some((failure.code().into(), failure.message()))),
    };
    vec![Draft {
        run: Some(run.id.clone()),
        model: log.model.clone(),
        usage: Some(log.usage),
        stop,
        failure,
        ..Draft::of(Message { author: Author::Assistant, parts: parts.collect() })
    }]
}

/// The transcript could not follow.
fn lost(error: TranscriptError) -> Failure {
    Failure::Broken(format!("the session could not be kept: {error}"))
}
