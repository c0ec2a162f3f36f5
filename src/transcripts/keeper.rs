//! The keeper: one thread that decides about sessions and writes them, many orders to one sync.

mod holds;

use std::{mem, sync::Arc, thread};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use super::{
    TranscriptError,
    order::{Order, Outcome},
    session::{
        Draft, LastRun, PREVIOUS_MAX, Patch, RECENT_RUNS_MAX, RunState, Session, Sessions,
        shortened,
    },
    sled::{Batch, Store},
};
use crate::domain::{
    talk::{Author, Failure, Message, Model, RunId, SessionId, SessionKey},
    time::UnixMillis,
};

/// Orders that may wait. At the store's rate this is well under a second of work.
const WAITING_MAX: usize = 1024;

/// Orders that go into one batch, with one sync.
const BATCH_MAX: usize = 256;

type Answer = Result<Outcome, TranscriptError>;

enum Parcel {
    Order(Box<Order>, oneshot::Sender<Answer>),
    Close(oneshot::Sender<()>),
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Sender(mpsc::Sender<Parcel>);

/// What runs once the thread does.
pub(super) struct Started {
    pub sender: Sender,
    pub sessions: Arc<ArcSwap<Sessions>>,
    pub interrupted: usize,
}

impl Sender {
    pub async fn order(&self, order: Order) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Parcel::Order(Box::new(order), reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TranscriptError::Busy,
            mpsc::error::TrySendError::Closed(_) => TranscriptError::Closed,
        })?;
        answer.await.map_err(|_| TranscriptError::Closed)?
    }

    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.0.send(Parcel::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// Reads the sessions, marks what was interrupted, and starts the thread.
pub(super) fn start(mut store: Store, now: UnixMillis) -> Result<Started, TranscriptError> {
    let all = store.sessions()?;
    let sessions = all.into_iter().map(|session| (session.key.clone(), Arc::new(session)));
    let mut keeper = Keeper::new(sessions.collect());
    let interrupted = keeper.interrupt(now)?;
    let batch = mem::take(&mut keeper.batch);
    if interrupted > 0 {
        store.write(&batch)?;
    }
    let sessions = Arc::new(ArcSwap::from_pointee(keeper.sessions.clone()));
    let (sender, queue) = mpsc::channel(WAITING_MAX);
    let published = Arc::clone(&sessions);
    let thread = thread::Builder::new().name("transcripts".into());
    thread
        .spawn(move || keep(keeper, store, queue, &published))
        .map_err(|error| TranscriptError::Store(error.to_string()))?;
    Ok(Started { sender: Sender(sender), sessions, interrupted })
}

fn keep(
    mut keeper: Keeper,
    mut store: Store,
    mut queue: mpsc::Receiver<Parcel>,
    published: &ArcSwap<Sessions>,
) {
    // Set once the outcome of a write is unknown; nothing is written after that.
    let mut broken: Option<TranscriptError> = None;
    sweep(&mut store);
    let mut waiting = Vec::new();
    while queue.blocking_recv_many(&mut waiting, BATCH_MAX) > 0 {
        let committed = keeper.sessions.clone();
        let mut answers = Vec::new();
        let mut closing = None;
        for message in waiting.drain(..) {
            match message {
                Parcel::Order(order, reply) => {
                    let answer = match &broken {
                        Some(error) => Err(error.clone()),
                        None => keeper.decide(*order),
                    };
                    answers.push((reply, answer));
                }
                Parcel::Close(reply) => closing = Some(reply),
            }
        }
        let batch = mem::take(&mut keeper.batch);
        let mut dooms = false;
        if mem::take(&mut keeper.dirty) {
            dooms = mem::take(&mut keeper.dooms);
            if let Err(error) = store.write(&batch) {
                tracing::error!(%error, "the transcripts take nothing more until a restart");
                keeper.sessions = committed;
                answers.iter_mut().for_each(|(_, answer)| *answer = Err(error.clone()));
                broken = Some(error);
            } else {
                published.store(Arc::new(keeper.sessions.clone()));
            }
        }
        for (reply, answer) in answers {
            let _ = reply.send(answer);
        }
        if dooms && broken.is_none() {
            sweep(&mut store);
        }
        if let Some(reply) = closing {
            drop(store);
            let _ = reply.send(());
            return;
        }
    }
}

fn sweep(store: &mut Store) {
    if let Err(error) = store.sweep() {
        tracing::warn!(%error, "deleted transcripts could not be removed yet");
    }
}

/// The working state.
struct Keeper {
    sessions: Sessions,
    batch: Batch,
    dirty: bool,
    dooms: bool,
}

impl Keeper {
    fn new(sessions: Sessions) -> Self {
        Self { sessions, batch: Batch::default(), dirty: false, dooms: false }
    }

    /// Marks what was under way, and says what became of it in the transcript.
    fn interrupt(&mut self, at: UnixMillis) -> Result<usize, TranscriptError> {
        let open: Vec<_> = self.sessions.values().filter(|s| !s.open.is_empty()).cloned().collect();
        let mut interrupted = 0;
        for session in open {
            let mut session = Session::clone(&session);
            for run in mem::take(&mut session.open) {
                interrupted += 1;
                let state = RunState::failed(&Failure::Interrupted);
                let failure =
                    Some((Failure::Interrupted.code().into(), Failure::Interrupted.message()));
                let said = Draft {
                    run: Some(run.clone()),
                    failure,
                    ..Draft::of(Message { author: Author::Assistant, parts: vec![] })
                };
                self.append(&mut session, at, &said)?;
                settle(&mut session, run, at, state, None);
            }
            self.put(session)?;
        }
        Ok(interrupted)
    }

    fn decide(&mut self, order: Order) -> Answer {
        match order {
            Order::Create { key, id, at, patch } => {
                let known = self.sessions.contains_key(&key);
                let mut session = self.get_or_new(&key, id, at)?;
                self.change(&mut session, at, patch)?;
                self.put(session).map(|session| Outcome { session, known })
            }
            Order::Begin { key, id, expect, at, run, said } => {
                self.begin((key, id, expect), at, run, &said)
            }
            Order::Start { key, id, at, run } => {
                let mut session = self.meant(&key, Some(id))?;
                let state = RunState::Running;
                let model = None;
                session.last_run =
                    Some(LastRun { id: run, started_at: at, ended_at: None, state, model });
                self.done(session, at)
            }
            Order::End { key, id, at, run, said, state, model, usage } => {
                let mut session = self.meant(&key, Some(id))?;
                for draft in &said {
                    self.append(&mut session, at, draft)?;
                }
                session.open.retain(|open| *open != run);
                session.usage = session.usage.plus(usage);
                session.unread = true;
                settle(&mut session, run, at, state, model);
                self.done(session, at)
            }
            Order::Append { key, at, said } => {
                let mut session = self.meant(&key, None)?;
                self.append(&mut session, at, &said)?;
                self.done(session, at)
            }
            Order::Change { key, at, patch } => {
                let mut session = self.meant(&key, None)?;
                self.change(&mut session, at, patch)?;
                self.done(session, at)
            }
            Order::Hold { key, expect, idle_since, held } => {
                self.hold(&key, expect, idle_since, held)
            }
            Order::Release { key } => self.release(&key),
            Order::PutAway { key, at, idle_since } => self.put_away(&key, at, idle_since),
            Order::Reset { key, id, at } => self.reset(&key, id, at),
            Order::Delete { key, expect } => self.delete(&key, expect),
        }
    }

    fn begin(
        &mut self,
        (key, id, expect): (SessionKey, SessionId, Option<SessionId>),
        at: UnixMillis,
        run: RunId,
        said: &[Draft],
    ) -> Answer {
        let session = match expect {
            Some(_) => self.meant(&key, expect)?,
            None => self.get_or_new(&key, id, at)?,
        };
        if session.recent.contains(&run) {
            return Ok(Outcome { session: Arc::new(session), known: true });
        }
        let mut session = session;
        for draft in said {
            self.append(&mut session, at, draft)?;
        }
        if session.recent.len() >= RECENT_RUNS_MAX {
            session.recent.remove(0);
        }
        session.recent.push(run.clone());
        session.open.push(run);
        self.done(session, at)
    }

    fn reset(&mut self, key: &SessionKey, id: SessionId, at: UnixMillis) -> Answer {
        let mut session = self.any(key, None)?;
        session.previous.push(mem::replace(&mut session.id, id));
        if session.previous.len() > PREVIOUS_MAX {
            let oldest = session.previous.remove(0);
            self.batch.doom(oldest);
            self.dooms = true;
        }
        let Session { label, model, pinned_at, previous, created_at, .. } = session;
        let fresh =
            Session { label, model, pinned_at, previous, ..Session::new(key.clone(), id, at) };
        self.done(Session { created_at, ..fresh }, at)
    }

    fn delete(&mut self, key: &SessionKey, expect: Option<SessionId>) -> Answer {
        let session = self.any(key, expect)?;
        self.sessions.remove(key);
        self.batch.remove(key);
        for id in session.previous.iter().copied().chain([session.id]) {
            self.batch.doom(id);
        }
        (self.dirty, self.dooms) = (true, true);
        Ok(Outcome { session: Arc::new(session), known: false })
    }

    fn get_or_new(
        &self,
        key: &SessionKey,
        id: SessionId,
        at: UnixMillis,
    ) -> Result<Session, TranscriptError> {
        match self.sessions.contains_key(key) {
            true => self.meant(key, None),
            false => Ok(Session::new(key.clone(), id, at)),
        }
    }

    /// [`Self::any`], if nothing is about to end it.
    fn meant(
        &self,
        key: &SessionKey,
        expect: Option<SessionId>,
    ) -> Result<Session, TranscriptError> {
        let session = self.any(key, expect)?;
        if session.held.is_some() { Err(TranscriptError::Held) } else { Ok(session) }
    }

    /// The session of this key, if it still has the transcript that is meant.
    fn any(&self, key: &SessionKey, expect: Option<SessionId>) -> Result<Session, TranscriptError> {
        let session = self.sessions.get(key).ok_or(TranscriptError::NoSession)?;
        match expect {
            Some(id) if id != session.id => Err(TranscriptError::WasReset),
            _ => Ok(Session::clone(session)),
        }
    }

    fn append(
        &mut self,
        session: &mut Session,
        at: UnixMillis,
        draft: &Draft,
    ) -> Result<(), TranscriptError> {
        session.entries += 1;
        self.batch.append(session.id, session.entries, at, draft)?;
        let words = shortened(&draft.message.words());
        if session.title.is_none() && draft.message.author == Author::User {
            session.title.clone_from(&words);
        }
        if words.is_some() {
            session.preview = words;
        }
        Ok(())
    }

    fn change(
        &mut self,
        session: &mut Session,
        at: UnixMillis,
        patch: Patch,
    ) -> Result<(), TranscriptError> {
        let Patch { label, model, archived, pinned, unread } = patch;
        if let Some(label) = label {
            let taken = label.is_some()
                && self.sessions.values().any(|s| s.key != session.key && s.label == label);
            if taken {
                return Err(TranscriptError::LabelTaken);
            }
            session.label = label;
        }
        if let Some(model) = model {
            session.model = model;
        }
        if let Some(archived) = archived {
            session.archived_at = archived.then(|| session.archived_at.unwrap_or(at));
        }
        if let Some(pinned) = pinned {
            session.pinned_at = pinned.then(|| session.pinned_at.unwrap_or(at));
        }
        if let Some(unread) = unread {
            session.unread = unread;
        }
        Ok(())
    }

    fn done(&mut self, mut session: Session, at: UnixMillis) -> Answer {
        session.updated_at = session.updated_at.max(at);
        self.put(session).map(|session| Outcome { session, known: false })
    }

    fn put(&mut self, session: Session) -> Result<Arc<Session>, TranscriptError> {
        self.batch.put(&session)?;
        self.dirty = true;
        let session = Arc::new(session);
        self.sessions.insert(session.key.clone(), Arc::clone(&session));
        Ok(session)
    }
}

/// Notes how a run ended, if it is the newest.
fn settle(
    session: &mut Session,
    run: RunId,
    at: UnixMillis,
    state: RunState,
    model: Option<Model>,
) {
    let started_at = match &session.last_run {
        Some(last) if last.id == run => last.started_at,
        _ => at,
    };
    session.last_run = Some(LastRun { id: run, started_at, ended_at: Some(at), state, model });
}
