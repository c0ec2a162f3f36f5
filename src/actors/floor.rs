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
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
};

use actix::prelude::*;
use tokio::sync::Notify;

use super::{
    hub::{ConnId, HubHandle, Missed, Publish},
    limits,
    news::{Change, News},
};
use crate::domain::{
    principal::Subject,
    registry::Touched,
    scope::{Role, ScopeSet},
};

/// What a connection is told.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum Tell {
    /// Something happened.
    News(Arc<News>),
    /// What this session stands on has changed.
    Recheck,
    /// The token behind this session was replaced, on the connection of this name.
    TokenRotated(Option<String>),
    /// Make room: too many connections have not said who they are.
    MakeRoom,
}

/// What the floor can say to a connection whose mailbox is full, or is not read while it waits for
/// its socket.
#[derive(Debug, Default)]
pub struct Marks {
    missed: Cell<bool>,
    woken: Notify,
}

impl Marks {
    /// Whether it missed something.
    pub fn has_missed(&self) -> bool {
        self.missed.get()
    }

    /// Returns once what its session stands on has changed since the last time.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }
}

thread_local! {
    static FLOOR: RefCell<Floor> = RefCell::default();
}

#[derive(Default)]
struct Floor {
    is_open: bool,
    silent: VecDeque<(ConnId, Recipient<Tell>)>,
    members: HashMap<ConnId, Member>,
    /// Who stands on what, so that a change looks at nobody else.
    standing_on: BTreeSet<(Subject, ConnId)>,
}

struct Member {
    conn: Recipient<Tell>,
    marks: Rc<Marks>,
    subject: Option<Subject>,
    /// What its session may use, so that it is told what concerns it and nothing else.
    scopes: ScopeSet,
}

impl Member {
    /// A connection whose mailbox is full has missed something.
    fn tell(&self, what: Tell) {
        if self.conn.try_send(what).is_err() {
            self.marks.missed.set(true);
        }
    }

    /// Also if it waits for its socket.
    fn wake(&self, what: Tell) {
        self.tell(what);
        self.marks.woken.notify_one();
    }

    fn hear_within(&mut self, scopes: &ScopeSet) {
        self.scopes = scopes.clone();
    }
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
pub fn join(
    id: ConnId,
    conn: Recipient<Tell>,
    marks: Rc<Marks>,
    subject: Option<Subject>,
    scopes: &ScopeSet,
) {
    let member = Member { conn, marks, subject, scopes: scopes.clone() };
    FLOOR.with_borrow_mut(|floor| {
        floor.forget_silent(id);
        floor.standing_on.extend(member.subject.clone().map(|subject| (subject, id)));
        floor.members.insert(id, member);
    });
}

/// A session may use something else from here on, so it hears something else too.
pub fn rescope(id: ConnId, scopes: &ScopeSet) {
    FLOOR.with_borrow_mut(|floor| {
        if let Some(member) = floor.members.get_mut(&id) {
            member.hear_within(scopes);
        }
    });
}

/// A connection ended.
pub fn leave(id: ConnId) {
    FLOOR.with_borrow_mut(|floor| match floor.members.remove(&id) {
        Some(member) => {
            if let Some(subject) = member.subject {
                floor.standing_on.remove(&(subject, id));
            }
        }
        None => floor.forget_silent(id),
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
            if audience.is_none_or(|scope| member.scopes.satisfies_known(scope)) {
                member.tell(Tell::News(Arc::clone(news)));
            }
        }
    }

    fn follow(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Authority(Touched::Nobody) => {}
                Change::Authority(Touched::Everyone) => {
                    self.members.values().for_each(|member| member.wake(Tell::Recheck));
                }
                Change::Authority(Touched::One(subject)) => self.wake(subject, &Tell::Recheck),
                Change::Authority(Touched::Device(id)) => {
                    for role in [Role::Operator, Role::Node] {
                        self.wake(&Subject::Device(*id, role), &Tell::Recheck);
                    }
                }
                Change::Token(subject, asked_on) => {
                    self.wake(subject, &Tell::TokenRotated(asked_on.clone()));
                }
            }
        }
    }

    /// Tells those who stand on `subject`.
    fn wake(&self, subject: &Subject, what: &Tell) {
        let all = (subject.clone(), ConnId(0))..=(subject.clone(), ConnId(u64::MAX));
        for (_, id) in self.standing_on.range(all) {
            if let Some(member) = self.members.get(id) {
                member.wake(what.clone());
            }
        }
    }

    /// Nobody here can know what was missed, so all of them have to go; each is woken to be told.
    fn fell_behind(&self) {
        for member in self.members.values() {
            member.marks.missed.set(true);
            member.wake(Tell::Recheck);
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

    fn handle(&mut self, what: Publish, _: &mut Self::Context) {
        FLOOR.with_borrow(|floor| {
            if self.missed.take() {
                floor.fell_behind();
            }
            match what {
                Publish::News(news) => floor.tell(&news),
                Publish::Changes(changes) => floor.follow(&changes),
            }
        });
    }
}
