//! A connection without a socket, and somebody on it who says what a test tells it to.

use std::{
    cell::Cell,
    collections::BTreeMap,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
};

use actix_http::ws::{Codec, Frame};
use actix_web::FromRequest as _;
use actix_web::{
    body::{BoxBody, MessageBody},
    test::TestRequest,
    web::{BytesMut, Payload},
};
use bytestring::ByteString;
use doorward::{
    actors::{
        conn::{
            self, Dialogue, Entry, Farewell, Inbound, InboundFault, MessageLimit, Step, Verdict,
        },
        hub::{ConnId, HubHandle},
        news::{Change, News, Presence},
        supervise::StopOnPanic,
    },
    domain::{
        ids::DeviceId,
        principal::Subject,
        scope::{Known, Role, ScopeSet},
        time::UnixMillis,
    },
    support::shutdown::Shutdown,
};
use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc;
use tokio_util::codec::Decoder as _;

/// What everyone holds, as the published state would say, and the hub that tells of changes.
#[derive(Clone)]
pub struct World {
    pub hub: HubHandle,
    held: Arc<Mutex<BTreeMap<Subject, ScopeSet>>>,
}

impl World {
    /// Must run inside an actix system.
    pub fn new() -> Self {
        let hub = HubHandle::start(StopOnPanic::new("hub", Shutdown::default()));
        Self { hub, held: Arc::default() }
    }

    pub fn grant(&self, subject: &Subject, scopes: &[Known]) {
        let scopes = scopes.iter().copied().collect();
        self.held.lock().unwrap().insert(subject.clone(), scopes);
    }

    pub fn revoke(&self, subject: &Subject) {
        self.held.lock().unwrap().remove(subject);
    }

    fn holds(&self, subject: &Subject) -> Option<ScopeSet> {
        self.held.lock().unwrap().get(subject).cloned()
    }

    /// Tells of a commit as the aggregate does.
    pub fn tell(&self, change: Change) {
        self.hub.follow(vec![change]);
    }
}

pub fn device(n: u8) -> Subject {
    Subject::Device(DeviceId([n; 32]), Role::Operator)
}

/// On a connection that goes by its number. Hears `enter`, `later` and anything else, and answers in one line.
struct Fake {
    name: String,
    world: World,
    subject: Subject,
    scopes: ScopeSet,
    seen: bool,
    counts: Rc<Counts>,
    later: Later,
    before_entry: Option<LocalBoxFuture<'static, ()>>,
}

/// When a call that takes a while is answered.
#[derive(Debug, Clone, Copy, Default)]
pub enum Later {
    #[default]
    Never,
    /// As soon as the session has been looked at again.
    OnceEnded,
}

/// What a connection did.
#[derive(Debug, Default)]
pub struct Counts {
    pub rechecks: Cell<u32>,
    pub heard: Cell<u32>,
}

impl Fake {
    fn entry(subject: &Subject, scopes: ScopeSet, seen: bool) -> Box<Entry> {
        Box::new(Entry {
            frame: "hello".into(),
            scopes: scopes.clone(),
            subject: Some(subject.clone()),
            role: doorward::domain::scope::Role::Operator,
            device: None,
            presence: seen.then(|| presence(scopes)),
            message_bytes_max: 1 << 20,
        })
    }
}

async fn answer(later: Later, counts: Rc<Counts>) -> ByteString {
    match later {
        Later::Never => std::future::pending().await,
        Later::OnceEnded => {
            let at_the_door = 1;
            while counts.rechecks.get() <= at_the_door {
                tokio::task::yield_now().await;
            }
            "the answer".into()
        }
    }
}

fn presence(scopes: ScopeSet) -> Presence {
    Presence {
        instance_id: "one".into(),
        host: "host".into(),
        address: None,
        version: "1".into(),
        platform: "linux".into(),
        device_family: None,
        mode: "ui".into(),
        device: None,
        role: "operator",
        scopes,
        since: UnixMillis(1),
    }
}

impl Dialogue for Fake {
    fn greet(&mut self) -> ByteString {
        "greeting".into()
    }

    fn hear(&mut self, text: &str, _: bool) -> Step {
        self.counts.heard.update(|heard| heard + 1);
        match text {
            "enter" => {
                self.scopes = self.world.holds(&self.subject).unwrap();
                let entry = Self::entry(&self.subject, self.scopes.clone(), self.seen);
                match self.before_entry.take() {
                    None => Step::Enter(entry),
                    Some(first) => Step::EnterLater(Box::pin(async move {
                        first.await;
                        Ok(entry)
                    })),
                }
            }
            "later" => Step::Later(Box::pin(answer(self.later, Rc::clone(&self.counts)))),
            other => Step::Answer(format!("{other} with {}", self.scopes).into()),
        }
    }

    fn hear_binary(&mut self) -> Step {
        Step::Silence
    }

    fn entered(&mut self) {}

    fn recheck(&mut self) -> Verdict {
        self.counts.rechecks.update(|rechecks| rechecks + 1);
        match self.world.holds(&self.subject) {
            None => {
                let reason = String::from("device removed");
                Verdict::Ended(Farewell { frame: None, code: 4001, reason })
            }
            Some(scopes) if scopes == self.scopes => Verdict::Unchanged,
            Some(scopes) => {
                self.scopes = scopes.clone();
                Verdict::Changed { frame: format!("now {scopes}").into(), scopes }
            }
        }
    }

    fn token_rotated(&mut self, asked_on: Option<&str>) -> Option<Farewell> {
        let reason = String::from("device token rotated");
        (asked_on != Some(&self.name)).then_some(Farewell { frame: None, code: 4001, reason })
    }

    fn news(&mut self, news: &News) -> Option<ByteString> {
        Some(format!("news {:?}", news.audience()).into())
    }
}

/// The client's side.
pub struct Client {
    inbound: mpsc::UnboundedSender<Result<Inbound, InboundFault>>,
    body: BoxBody,
    buffer: BytesMut,
    codec: Codec,
    pub counts: Rc<Counts>,
}

/// What a client receives, in a word.
pub type Told = String;

/// How a client comes in.
#[derive(Default)]
pub struct Manner {
    /// Whether others may see it.
    pub seen: bool,
    /// What happens after it was judged and before it is in.
    pub before_entry: Option<LocalBoxFuture<'static, ()>>,
    /// When its call `later` is answered.
    pub later: Later,
}

impl Client {
    /// Opens a connection; its client says nothing yet.
    pub async fn open(world: &World, id: u64, subject: Subject, manner: Manner) -> Self {
        let request = TestRequest::default()
            .insert_header(("upgrade", "websocket"))
            .insert_header(("connection", "upgrade"))
            .insert_header(("sec-websocket-version", "13"))
            .insert_header(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
            .to_http_request();
        let nothing = Payload::from_request(&request, &mut actix_web::dev::Payload::None);
        let (response, session, _) = actix_ws::handle(&request, nothing.await.unwrap()).unwrap();
        let counts = Rc::<Counts>::default();
        let Manner { seen, before_entry, later } = manner;
        let fake = Fake {
            name: id.to_string(),
            world: world.clone(),
            subject,
            scopes: ScopeSet::empty(),
            seen,
            counts: Rc::clone(&counts),
            later,
            before_entry,
        };
        let (inbound, heard) = mpsc::unbounded_channel();
        let heard = tokio_stream::wrappers::UnboundedReceiverStream::new(heard);
        let limit = MessageLimit::new(1 << 20);
        conn::open(ConnId(id), fake, world.hub.clone(), limit, heard, session).await;
        let codec = Codec::new().client_mode();
        let mut client =
            Self { inbound, body: response.into_body(), buffer: BytesMut::new(), codec, counts };
        assert_eq!(client.told().await, "greeting");
        client
    }

    /// Opens a connection and comes in.
    pub async fn enter(world: &World, id: u64, subject: Subject, manner: Manner) -> Self {
        let mut client = Self::open(world, id, subject, manner).await;
        client.say("enter");
        assert_eq!(client.told().await, "hello");
        client
    }

    pub fn say(&self, text: &str) {
        self.inbound.send(Ok(Inbound::Text(text.into()))).unwrap();
    }

    /// Returns once the connection has read its mailbox and then this ping.
    pub async fn round_trip(&mut self) {
        self.inbound.send(Ok(Inbound::Ping("".into()))).unwrap();
        assert_eq!(self.told().await, "pong");
    }

    /// What it is sent next; `closed <code> <reason>` for a close frame, `gone` for the end of the
    /// stream.
    pub async fn told(&mut self) -> Told {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer).unwrap() {
                return match frame {
                    Frame::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    Frame::Pong(_) => "pong".into(),
                    Frame::Close(Some(reason)) => format!(
                        "closed {} {}",
                        u16::from(reason.code),
                        reason.description.unwrap_or_default()
                    ),
                    other => format!("{other:?}"),
                };
            }
            let next = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx)).await;
            match next {
                Some(bytes) => self.buffer.extend_from_slice(&bytes.unwrap()),
                None => return "gone".into(),
            }
        }
    }
}
