//! The hub: who is connected, and who is told what.
//!
//! It never waits for a connection. A connection whose mailbox is full is a slow consumer: it is
//! told to go, and everything that it missed can be asked for again.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::prelude::*;
use arc_swap::ArcSwap;
use imbl::OrdMap;

use super::{
    limits,
    news::{Fact, News, Presence, PresenceBoard},
};
use crate::{
    domain::{
        ids::DeviceId,
        scope::{Known, ScopeSet},
        time::UnixMillis,
    },
    support::clock,
};

/// Names one connection within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Raised by the hub when a connection's mailbox was full: it missed something, so it has to go.
#[derive(Debug, Clone, Default)]
pub struct Lagging(Arc<AtomicBool>);

impl Lagging {
    /// Whether something was missed.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the hub tells a connection.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Tell {
    /// Something happened.
    News(Arc<News>),
    /// Make room: too many connections have not said who they are.
    MakeRoom,
}

/// A socket was opened; nobody has said who it is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Opened {
    /// Which.
    pub id: ConnId,
    /// How to reach it.
    pub conn: Recipient<Tell>,
}

/// A connection said who it is and may hear the news.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Joined {
    /// Which.
    pub id: ConnId,
    /// How to reach it.
    pub conn: Recipient<Tell>,
    /// Raised when it missed something.
    pub lagging: Lagging,
    /// What it may use.
    pub scopes: ScopeSet,
    /// The device behind it.
    pub device: Option<DeviceId>,
    /// How others see it; `None` for clients that come and go (CLIs, probes).
    pub presence: Option<Presence>,
}

/// A connection ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Left(pub ConnId);

/// News from elsewhere in the house, for everyone whom it concerns.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Publish(pub Arc<News>);

/// What others may read of the hub without asking it.
#[derive(Clone)]
pub struct HubHandle {
    address: Addr<Hub>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    board: ArcSwap<PresenceBoard>,
    devices: ArcSwap<OrdMap<DeviceId, Sighting>>,
}

/// What the hub knows of a device.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    connections: usize,
    last_seen: UnixMillis,
}

/// The actor.
pub struct Hub {
    members: HashMap<ConnId, Member>,
    present: BTreeMap<ConnId, Arc<Presence>>,
    silent: VecDeque<(ConnId, Recipient<Tell>)>,
    devices: OrdMap<DeviceId, Sighting>,
    board_version: u64,
    board_stale: bool,
    presence_changed: bool,
    shared: Arc<Shared>,
}

struct Member {
    lagging: Lagging,
    conn: Recipient<Tell>,
    hears_pairing: bool,
    hears_presence: bool,
    device: Option<DeviceId>,
}

impl HubHandle {
    /// Starts the hub in the current arbiter.
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let address = Supervisor::start(move |ctx: &mut Context<Hub>| {
            ctx.set_mailbox_capacity(limits::HUB_MAILBOX);
            Hub {
                members: HashMap::new(),
                silent: VecDeque::new(),
                devices: OrdMap::new(),
                present: BTreeMap::new(),
                board_version: 0,
                board_stale: true,
                presence_changed: false,
                shared: theirs,
            }
        });
        Self { address, shared }
    }

    /// Tells everyone whom it concerns. Dropped, with a line in the log, if the hub is too far
    /// behind: every piece of news can be asked for again.
    pub fn publish(&self, news: Arc<News>) {
        if self.address.try_send(Publish(news)).is_err() {
            tracing::warn!("the hub is too far behind; news was dropped");
        }
    }

    /// Sends the hub a message about a connection. If the mailbox is full, it goes out as soon as
    /// there is room: a member that never leaves would be told things for ever.
    pub fn notify<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        Hub: Handler<M>,
    {
        if let Err(SendError::Full(message)) = self.address.try_send(message) {
            let address = self.address.clone();
            actix_rt::spawn(async move { address.send(message).await });
        }
    }

    /// Who is connected.
    pub fn board(&self) -> arc_swap::Guard<Arc<PresenceBoard>> {
        self.shared.board.load()
    }

    /// Whether a device is connected now.
    pub fn is_connected(&self, device: DeviceId) -> bool {
        self.shared.devices.load().get(&device).is_some_and(|seen| seen.connections > 0)
    }

    /// When a device was last let in, since the gateway started.
    pub fn last_seen(&self, device: DeviceId) -> Option<UnixMillis> {
        self.shared.devices.load().get(&device).map(|seen| seen.last_seen)
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(limits::TICK_INTERVAL, |hub, _| {
            hub.tell(&News::new(Fact::Tick(UnixMillis(clock::unix_millis()))));
        });
        ctx.run_interval(limits::HEALTH_INTERVAL, |hub, _| hub.tell(&News::new(Fact::Health)));
        ctx.run_interval(limits::PRESENCE_SETTLE, |hub, _| hub.settle());
    }
}

impl Supervised for Hub {}

impl Hub {
    fn tell(&mut self, news: &Arc<News>) {
        let audience = news.audience();
        for member in self.members.values() {
            let hears = match audience {
                None => true,
                Some(Known::Pairing) => member.hears_pairing,
                Some(_) => member.hears_presence,
            };
            if hears {
                let told = member.conn.try_send(Tell::News(Arc::clone(news)));
                if told.is_err() {
                    member.lagging.0.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Publishes what joins and leaves since the last time add up to.
    fn settle(&mut self) {
        if !self.board_stale {
            return;
        }
        self.board_stale = false;
        self.board_version += 1;
        let newest = self.present.values().rev().take(limits::PRESENCE_ENTRIES_MAX);
        let mut entries: Vec<_> = newest.cloned().collect();
        entries.reverse();
        let board = Arc::new(PresenceBoard::new(self.board_version, entries, self.members.len()));
        self.shared.board.store(Arc::clone(&board));
        self.shared.devices.store(Arc::new(self.devices.clone()));
        if std::mem::take(&mut self.presence_changed) {
            self.tell(&News::new(Fact::Presence(board)));
        }
    }

    fn no_longer_silent(&mut self, id: ConnId) {
        // Most sockets speak at once, so the one looked for is nearly always among the newest.
        if let Some(at) = self.silent.iter().rposition(|(silent, _)| *silent == id) {
            self.silent.remove(at);
        }
    }
}

impl Handler<Opened> for Hub {
    type Result = ();

    fn handle(&mut self, Opened { id, conn }: Opened, _: &mut Self::Context) {
        self.silent.push_back((id, conn));
        if self.silent.len() > limits::SILENT_CONNECTIONS_MAX
            && let Some((_, oldest)) = self.silent.pop_front()
        {
            let _ = oldest.try_send(Tell::MakeRoom);
        }
    }
}

impl Handler<Joined> for Hub {
    type Result = ();

    fn handle(&mut self, joined: Joined, _: &mut Self::Context) {
        self.no_longer_silent(joined.id);
        let member = Member {
            lagging: joined.lagging,
            hears_pairing: joined.scopes.satisfies_known(Known::Pairing),
            hears_presence: joined.scopes.satisfies_known(Known::Read),
            conn: joined.conn,
            device: joined.device,
        };
        if let Some(presence) = joined.presence {
            self.present.insert(joined.id, Arc::new(presence));
            self.presence_changed = true;
        }
        if let Some(device) = member.device {
            let last_seen = UnixMillis(clock::unix_millis());
            let before = self.devices.get(&device).map_or(0, |seen| seen.connections);
            self.devices.insert(device, Sighting { connections: before + 1, last_seen });
        }
        self.board_stale = true;
        self.members.insert(joined.id, member);
    }
}

impl Handler<Left> for Hub {
    type Result = ();

    fn handle(&mut self, Left(id): Left, _: &mut Self::Context) {
        self.no_longer_silent(id);
        let Some(member) = self.members.remove(&id) else { return };
        self.board_stale = true;
        self.presence_changed |= self.present.remove(&id).is_some();
        let Some(device) = member.device else { return };
        if let Some(seen) = self.devices.get_mut(&device) {
            seen.connections -= 1;
        }
    }
}

impl Handler<Publish> for Hub {
    type Result = ();

    fn handle(&mut self, Publish(news): Publish, _: &mut Self::Context) {
        self.tell(&news);
    }
}
