//! Everyone who is connected, and the account of what each of them stands on: kept from what was
//! answered, not from what the registry makes of it.

use std::{collections::BTreeMap, sync::Arc};

use doorward::{
    domain::{
        ids::{DeviceId, RequestId, TokenId},
        registry::Policy,
        scope::{Role, Scope, ScopeSet},
    },
    fronts::cli::client::{self, Auth, ConnectError, ConnectOptions, Session},
    support::{device_key::DeviceKey, secret::Secret},
};
use serde_json::{Value, json};

use super::step::{Asks, By, Comes, DEVICES, Step, TOKENS};
use crate::{
    house::{TOKEN, shared},
    live::gateway::{self, Gateway},
    model::claim::{Bits, bits},
};

/// As many connections as are looked after at once.
const SESSIONS_MAX: usize = 8;
/// As many refusals of one call as a connection survives, and fewer.
pub(super) const PATIENCE: u32 = 5;

/// What somebody stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ground {
    Device(u8, Role),
    Token(usize),
    Shared,
}

/// A connected client.
pub(super) struct Client {
    pub(super) ground: Ground,
    /// How often its ground had been lost when it came; `None` if it came in the middle of a change.
    pub(super) since: Option<u32>,
    /// Whether its token was replaced, and not on this connection.
    pub(super) replaced: bool,
    /// What it was told last that it may use.
    pub(super) told: Option<Bits>,
    /// How often it was tried on what it may not, and how often it tried so itself: who does that too
    /// often is thrown out.
    pub(super) trials: u32,
    pub(super) refusals: u32,
    pub(super) asked: ScopeSet,
    pub(super) session: Session,
}

/// A service token, with what opened it before.
#[derive(Default)]
pub(super) struct Token {
    pub(super) id: Option<TokenId>,
    pub(super) secret: Option<Secret<String>>,
    pub(super) old: Option<Secret<String>>,
}

/// How much was lived.
#[derive(Debug, Default)]
pub struct Tally {
    entered: u32,
    refused: u32,
    pub(super) ended: u32,
    pub(super) rescoped: u32,
    pub(super) changed: u32,
    pub(super) denied: u32,
    pub(super) looked_at: u32,
}

pub struct Crowd {
    pub(super) gateway: Gateway,
    keys: Vec<Arc<DeviceKey>>,
    pub(super) device_tokens: BTreeMap<u8, (u32, Secret<String>)>,
    pub(super) tokens: [Token; TOKENS],
    pub(super) secret: String,
    pub(super) secrets: u32,
    lost: BTreeMap<Ground, u32>,
    pub(super) clients: Vec<Client>,
    pub tally: Tally,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.entered += other.entered;
        self.refused += other.refused;
        self.ended += other.ended;
        self.rescoped += other.rescoped;
        self.changed += other.changed;
        self.denied += other.denied;
        self.looked_at += other.looked_at;
    }

    /// A few of everything, so that a story in which nothing happens shows nothing.
    pub fn assert_lived(&self) {
        let Self { entered, refused, ended, rescoped, changed, denied, looked_at } = *self;
        let least = [entered, refused, ended, rescoped, changed, denied, looked_at];
        let enough = [100, 20, 20, 5, 50, 10, 1000];
        assert!(least.iter().zip(enough).all(|(lived, enough)| *lived >= enough), "{self:?}");
    }
}

impl Crowd {
    /// Nobody yet, before a gateway whose local policy approves reading and pairing.
    pub fn gather() -> Self {
        let roles = [("reader", "operator.read"), ("clerk", "operator.read operator.pairing")];
        let ceilings = roles
            .map(|(name, scopes)| (name.to_owned(), set(&scopes.split(' ').collect::<Vec<_>>())));
        let loopback_scopes = set(&["operator.read", "operator.pairing"]);
        let ceilings = ceilings.into_iter().collect();
        let policy = Policy { loopback_scopes, ceilings, ..gateway::policy() };
        Self {
            gateway: Gateway::start_with(policy),
            keys: (0..DEVICES).map(|_| Arc::new(DeviceKey::generate())).collect(),
            device_tokens: BTreeMap::new(),
            tokens: Default::default(),
            secret: TOKEN.to_owned(),
            secrets: 0,
            lost: BTreeMap::new(),
            clients: vec![],
            tally: Tally::default(),
        }
    }

    pub async fn live(&mut self, step: &Step) {
        match *step {
            Step::Connect(who, asks) => {
                let options = self.options(who, asks);
                let came = connect(&self.gateway, options).await;
                self.came(who, asks, came, true);
            }
            Step::Leave(nth) => {
                if let Some(nth) = self.one(nth) {
                    self.clients.remove(nth).session.close().await;
                }
            }
            Step::Upgrade(nth, asks) => {
                if let Some(nth) = self.one(nth) {
                    let client = &mut self.clients[nth];
                    let asks = json!({"scopes": asks});
                    let _ = client.session.request("device.scopes.requestUpgrade", asks).await;
                }
            }
            Step::Change(By::Host, change) => self.change(change).await,
            Step::Change(By::Session(nth), change) => {
                if let Some(nth) = self.one(nth) {
                    self.change_by(nth, change).await;
                }
            }
            Step::Meanwhile(who, asks, change) => {
                let (options, url) = (self.options(who, asks), self.gateway.url());
                let coming = tokio::spawn(async move {
                    match options {
                        Some(options) => Some(client::connect(&url, &options).await),
                        None => None,
                    }
                });
                self.change(change).await;
                let came = coming.await.unwrap();
                self.came(who, asks, came, false);
            }
        }
    }

    /// One of those who are connected.
    fn one(&self, nth: usize) -> Option<usize> {
        nth.checked_rem(self.clients.len())
    }

    /// How somebody comes; `None` if there is nothing to come with.
    fn options(&self, who: Comes, asks: Asks) -> Option<ConnectOptions> {
        if self.clients.len() >= SESSIONS_MAX {
            return None;
        }
        let plain = ConnectOptions { auth: Auth::default(), ..shared(asks) };
        let by = |secret: &Secret<String>| ConnectOptions {
            auth: Auth::token(secret.clone()),
            ..plain.clone()
        };
        let secret = Secret::new(self.secret.clone());
        match who {
            Comes::Device(n, role) => {
                let device = Arc::clone(&self.keys[usize::from(n)]);
                Some(ConnectOptions { role: role.name().into(), ..by(&secret) }.with_device(device))
            }
            Comes::WithItsToken(n) => {
                let (_, token) = self.device_tokens.get(&n)?;
                let auth = Auth::device_token(token.clone());
                let device = Arc::clone(&self.keys[usize::from(n)]);
                Some(ConnectOptions { auth, ..plain }.with_device(device))
            }
            Comes::Token { nth, old } => {
                let token = &self.tokens[nth];
                Some(by(if old { token.old.as_ref()? } else { token.secret.as_ref()? }))
            }
            Comes::Shared { old } if old => {
                Some(by(&Secret::new(secret_named(self.secrets.checked_sub(1)?))))
            }
            Comes::Shared { .. } => Some(by(&secret)),
        }
    }

    /// `alone` if nothing else happened meanwhile.
    fn came(
        &mut self,
        who: Comes,
        asks: Asks,
        came: Option<Result<Session, ConnectError>>,
        alone: bool,
    ) {
        let Some(came) = came else { return };
        let ground = match who {
            Comes::Device(n, role) => Ground::Device(n, role),
            Comes::WithItsToken(n) => Ground::Device(n, Role::Operator),
            Comes::Token { nth, .. } => Ground::Token(nth),
            Comes::Shared { .. } => Ground::Shared,
        };
        let lost = self.lost(ground);
        let session = match came {
            Ok(session) => session,
            Err(ConnectError::Refused { .. }) => return self.tally.refused += 1,
            // Whoever comes in the middle may be let in and thrown out before it is told.
            Err(other) => return assert!(!alone, "{who:?}: {other}"),
        };
        self.tally.entered += 1;
        let stale = match who {
            Comes::WithItsToken(n) => self.device_tokens[&n].0 != lost,
            Comes::Token { old, .. } | Comes::Shared { old } => old,
            Comes::Device(..) => false,
        };
        assert!(!alone || !stale, "{who:?} was let in with what has ended: {}", session.hello);
        if let (Ground::Device(n, Role::Operator), Some(token)) =
            (ground, session.hello["auth"]["deviceToken"].as_str())
        {
            self.device_tokens.insert(n, (lost, Secret::new(token.to_owned())));
        }
        let asked = if matches!(ground, Ground::Device(_, Role::Node)) { &[] } else { asks };
        let since = alone.then_some(lost);
        let asked = set(asked);
        let told = bits(&scopes_of(&session.hello["auth"]["scopes"]));
        if alone {
            assert_eq!(Some(told), self.expected(ground, &asked), "{who:?}: {}", session.hello);
        }
        let (replaced, trials, refusals) = (false, 0, 0);
        let told = Some(told);
        let client = Client { ground, since, replaced, told, trials, refusals, asked, session };
        self.clients.push(client);
    }

    pub(super) fn lost(&self, ground: Ground) -> u32 {
        self.lost.get(&ground).copied().unwrap_or(0)
    }

    pub(super) fn lose(&mut self, ground: Ground) {
        *self.lost.entry(ground).or_default() += 1;
        self.tally.changed += 1;
    }

    /// Somebody had the token of a device replaced; `asker` asked on that connection.
    pub(super) fn replaced(&mut self, n: u8, asker: Option<usize>) {
        self.tally.changed += 1;
        let its = Ground::Device(n, Role::Operator);
        for (nth, client) in self.clients.iter_mut().enumerate() {
            client.replaced |= client.ground == its && Some(nth) != asker;
        }
    }

    pub(super) fn id(&self, n: u8) -> DeviceId {
        DeviceId::parse(self.keys[usize::from(n)].id()).unwrap()
    }

    pub(super) fn nth_request(&self, nth: usize) -> Option<RequestId> {
        self.gateway.registry.state().all_pending().nth(nth).map(|(id, _)| id)
    }
}

async fn connect(
    gateway: &Gateway,
    options: Option<ConnectOptions>,
) -> Option<Result<Session, ConnectError>> {
    Some(client::connect(&gateway.url(), &options?).await)
}

pub(super) fn set(names: &[&str]) -> ScopeSet {
    names.iter().map(|name| Scope::parse(name).unwrap()).collect()
}

pub(super) fn scopes_of(list: &Value) -> ScopeSet {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| Scope::parse(name).unwrap()).collect()
}

pub(super) fn secret_named(n: u32) -> String {
    if n == 0 { TOKEN.to_owned() } else { format!("the-shared-secret-number-{n}-of-this-house") }
}
