//! The floor: the connections of one worker thread, and who of them is told what.
//!
//! Every worker thread has a floor of its own, so that opening, joining and leaving cost no message
//! to another thread; the hub tells each floor once, and the floor tells its connections. A
//! connection whose mailbox is full is a slow consumer: it missed something and has to go.
//!
//! Sockets whose client has not said who it is prove nothing, so their number is bounded: when one
//! too many comes, the oldest makes room. A client with something to say has said it long before it
//! is the oldest, so a flood of silence costs others nothing (N20 A20.1).

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use actix::prelude::*;

use super::{
    hub::{ConnId, HubHandle, Missed, Publish},
    limits,
    news::News,
};
use crate::domain::scope::{Known, ScopeSet};

/// What a connection is told.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Tell {
    /// Something happened.
    News(Arc<News>),
    /// Make room: too many connections have not said who they are.
    MakeRoom,
}

/// Set once a connection missed something.
pub type Lagging = Rc<std::cell::Cell<bool>>;

thread_local! {
    static FLOOR: RefCell<Floor> = RefCell::default();
}

#[derive(Default)]
struct Floor {
    is_open: bool,
    silent: VecDeque<(ConnId, Recipient<Tell>)>,
    members: HashMap<ConnId, Member>,
}

struct Member {
    conn: Recipient<Tell>,
    lagging: Lagging,
    hears_pairing: bool,
    hears_presence: bool,
}

/// Puts a new socket on the floor; the oldest silent one makes room if there are too many.
pub fn arrive(id: ConnId, conn: Recipient<Tell>, hub: &HubHandle) {
    let (opens, oldest) = FLOOR.with_borrow_mut(|floor| {
        floor.silent.push_back((id, conn));
        let too_many = floor.silent.len() > limits::SILENT_PER_WORKER_MAX;
        let oldest = if too_many { floor.silent.pop_front() } else { None };
        (!std::mem::replace(&mut floor.is_open, true), oldest)
    });
    if opens {
        Runner::start(hub);
    }
    if let Some((_, oldest)) = oldest {
        // One that cannot even be told has a full mailbox, and its deadline ends it.
        let _ = oldest.try_send(Tell::MakeRoom);
    }
}

/// The client of a socket said who it is: it is told the news from here on.
pub fn join(id: ConnId, conn: Recipient<Tell>, lagging: Lagging, scopes: &ScopeSet) {
    let member = Member {
        conn,
        lagging,
        hears_pairing: scopes.satisfies_known(Known::Pairing),
        hears_presence: scopes.satisfies_known(Known::Read),
    };
    FLOOR.with_borrow_mut(|floor| {
        floor.forget_silent(id);
        floor.members.insert(id, member);
    });
}

/// A connection ended.
pub fn leave(id: ConnId) {
    FLOOR.with_borrow_mut(|floor| {
        if floor.members.remove(&id).is_none() {
            floor.forget_silent(id);
        }
    });
}

impl Floor {
    fn forget_silent(&mut self, id: ConnId) {
        // Most sockets speak at once, so the one looked for is nearly always among the newest.
        if let Some(at) = self.silent.iter().rposition(|(other, _)| *other == id) {
            self.silent.remove(at);
        }
    }

    fn tell(&self, news: &Arc<News>) {
        let audience = news.audience();
        for member in self.members.values() {
            let hears = match audience {
                None => true,
                Some(Known::Pairing) => member.hears_pairing,
                Some(_) => member.hears_presence,
            };
            if hears && member.conn.try_send(Tell::News(Arc::clone(news))).is_err() {
                member.lagging.set(true);
            }
        }
    }
}

/// Carries the hub's news to the floor of its thread.
struct Runner {
    missed: Missed,
}

impl Runner {
    fn start(hub: &HubHandle) {
        let missed = Missed::default();
        let runner = Self { missed: missed.clone() };
        let address = Self::create(|ctx| {
            ctx.set_mailbox_capacity(limits::FLOOR_MAILBOX);
            runner
        });
        hub.open_floor(address.recipient(), missed);
    }
}

impl Actor for Runner {
    type Context = Context<Self>;
}

impl Handler<Publish> for Runner {
    type Result = ();

    fn handle(&mut self, Publish(news): Publish, _: &mut Self::Context) {
        FLOOR.with_borrow(|floor| {
            if self.missed.take() {
                floor.members.values().for_each(|member| member.lagging.set(true));
            }
            floor.tell(&news);
        });
    }
}
