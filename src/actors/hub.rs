//! The hub: who is connected, and what everyone is told.
//!
//! It never waits for anyone. News goes to each worker thread's [`super::floor`] once, and from
//! there to the connections whom it concerns; what one of them misses can be asked for again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::prelude::*;
use arc_swap::ArcSwap;

use super::{
    limits,
    news::{Change, Fact, News, Presence, PresenceBoard},
    sightings::Sightings,
    supervise::StopOnPanic,
};
use crate::{
    domain::{ids::DeviceId, scope::ScopeSet, time::UnixMillis},
    support::clock,
};

/// Names one connection within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Raised by the hub when a floor's mailbox was full: everyone there missed something.
#[derive(Debug, Clone, Default)]
pub struct Missed(Arc<AtomicBool>);

impl Missed {
    /// Whether something was missed since the last time.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// What the hub is told, and tells each floor.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Publish {
    /// News for everyone whom it concerns.
    News(Arc<News>),
    /// What one commit changed for live sessions.
    Changes(Arc<[Change]>),
}

/// A worker thread has its first connection.
#[derive(Message)]
#[rtype(result = "()")]
struct FloorOpened(Recipient<Publish>, Missed);

/// A client that others may see was let in.
#[derive(Message)]
#[rtype(result = "()")]
struct Appeared(ConnId, Presence);

/// Such a client may use something else than before.
#[derive(Message)]
#[rtype(result = "()")]
struct Rescoped(ConnId, ScopeSet);

/// Such a client went away.
#[derive(Message)]
#[rtype(result = "()")]
struct Vanished(ConnId);

/// The way to the hub, and what may be read of it without asking.
#[derive(Clone)]
pub struct HubHandle {
    address: Addr<Hub>,
    board: Arc<ArcSwap<PresenceBoard>>,
    sightings: Arc<Sightings>,
}

/// The actor.
pub struct Hub {
    floors: Vec<(Recipient<Publish>, Missed)>,
    present: BTreeMap<ConnId, Arc<Presence>>,
    version: u64,
    settling: bool,
    _guard: StopOnPanic,
    board: Arc<ArcSwap<PresenceBoard>>,
}

impl HubHandle {
    /// Starts the hub in the current arbiter.
    pub fn start(guard: StopOnPanic) -> Self {
        let board = Arc::<ArcSwap<PresenceBoard>>::default();
        let theirs = Arc::clone(&board);
        let address = Hub::create(move |ctx: &mut Context<Hub>| {
            ctx.set_mailbox_capacity(limits::HUB_MAILBOX);
            Hub {
                floors: Vec::new(),
                present: BTreeMap::new(),
                version: 0,
                settling: false,
                board: theirs,
                _guard: guard,
            }
        });
        Self { address, board, sightings: Arc::default() }
    }

    /// Tells everyone whom it concerns. Dropped, with a line in the log, if the hub is too far
    /// behind: every piece of news can be asked for again.
    pub fn publish(&self, news: Arc<News>) {
        if self.address.try_send(Publish::News(news)).is_err() {
            tracing::warn!("the hub is too far behind; news was dropped");
        }
    }

    /// Has the sessions whom a commit concerns follow it, once its state is published. Never dropped.
    pub fn follow(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.notify(Publish::Changes(changes.into()));
        }
    }

    /// A worker thread wants the news.
    pub(super) fn open_floor(&self, floor: Recipient<Publish>, missed: Missed) {
        self.notify(FloorOpened(floor, missed));
    }

    /// A client was let in.
    pub fn enter(&self, id: ConnId, device: Option<DeviceId>, presence: Option<Presence>) {
        self.sightings.enter(device, UnixMillis(clock::unix_millis()));
        if let Some(presence) = presence {
            self.notify(Appeared(id, presence));
        }
    }

    /// A client that others may see may use something else than before.
    pub fn rescope(&self, id: ConnId, scopes: ScopeSet) {
        self.notify(Rescoped(id, scopes));
    }

    /// Such a client went away; `seen` if it had a presence.
    pub fn leave(&self, id: ConnId, device: Option<DeviceId>, seen: bool) {
        self.sightings.leave(device);
        if seen {
            self.notify(Vanished(id));
        }
    }

    /// Sends the hub a message. If the mailbox is full, it goes out as soon as there is room: what
    /// appeared and never vanished would be shown for ever.
    fn notify<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        Hub: Handler<M>,
    {
        if let Err(SendError::Full(message)) = self.address.try_send(message) {
            let address = self.address.clone();
            actix_rt::spawn(async move { address.send(message).await });
        }
    }

    /// Who is connected and may be seen.
    pub fn board(&self) -> arc_swap::Guard<Arc<PresenceBoard>> {
        self.board.load()
    }

    /// How many clients are connected.
    pub fn connections(&self) -> usize {
        self.sightings.connections()
    }

    /// Whether a device is connected now.
    pub fn is_connected(&self, device: DeviceId) -> bool {
        self.sightings.of(device).is_some_and(|(connections, _)| connections > 0)
    }

    /// When a device was last let in, since the gateway started.
    pub fn last_seen(&self, device: DeviceId) -> Option<UnixMillis> {
        self.sightings.of(device).map(|(_, last_seen)| last_seen)
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(limits::TICK_INTERVAL, |hub, _| {
            hub.tell_fact(Fact::Tick(UnixMillis(clock::unix_millis())));
        });
        ctx.run_interval(limits::HEALTH_INTERVAL, |hub, _| hub.tell_fact(Fact::Health));
    }
}

impl Hub {
    fn tell(&self, what: &Publish) {
        for (floor, missed) in &self.floors {
            if floor.try_send(what.clone()).is_err() {
                missed.0.store(true, Ordering::Relaxed);
            }
        }
    }

    fn tell_fact(&self, fact: Fact) {
        self.tell(&Publish::News(News::new(fact)));
    }

    /// Publishes, a moment from now, what appears and vanishes until then.
    fn settle_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.settling, true) {
            ctx.run_later(limits::PRESENCE_SETTLE, |hub, _| hub.settle());
        }
    }

    fn settle(&mut self) {
        self.settling = false;
        self.version += 1;
        let newest = self.present.values().rev().take(limits::PRESENCE_ENTRIES_MAX);
        let mut entries: Vec<_> = newest.cloned().collect();
        entries.reverse();
        let board = Arc::new(PresenceBoard::new(self.version, entries));
        self.board.store(Arc::clone(&board));
        self.tell_fact(Fact::Presence(board));
    }
}

impl Handler<FloorOpened> for Hub {
    type Result = ();

    fn handle(&mut self, FloorOpened(floor, missed): FloorOpened, _: &mut Self::Context) {
        self.floors.push((floor, missed));
    }
}

impl Handler<Appeared> for Hub {
    type Result = ();

    fn handle(&mut self, Appeared(id, presence): Appeared, ctx: &mut Self::Context) {
        self.present.insert(id, Arc::new(presence));
        self.settle_soon(ctx);
    }
}

impl Handler<Rescoped> for Hub {
    type Result = ();

    fn handle(&mut self, Rescoped(id, scopes): Rescoped, ctx: &mut Self::Context) {
        if let Some(presence) = self.present.get_mut(&id) {
            Arc::make_mut(presence).scopes = scopes;
            self.settle_soon(ctx);
        }
    }
}

impl Handler<Vanished> for Hub {
    type Result = ();

    fn handle(&mut self, Vanished(id): Vanished, ctx: &mut Self::Context) {
        self.present.remove(&id);
        self.settle_soon(ctx);
    }
}

impl Handler<Publish> for Hub {
    type Result = ();

    fn handle(&mut self, what: Publish, _: &mut Self::Context) {
        self.tell(&what);
    }
}
