//! A gateway in this process: real sockets and a real ledger, and its service at hand.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    ops::ControlFlow,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use actix::{Actor as _, Arbiter, ArbiterHandle};
use actix_web::{App, HttpServer, dev::ServerHandle, web};
use doorward::{
    actors::{
        aggregate,
        hub::HubHandle,
        registry::{RegistryHandle, changes_of, news_of},
        supervise::StopOnPanic,
        sweeper::Sweeper,
    },
    domain::{
        ids::{DeviceId, PublicKey},
        operation::Operation,
        permit,
        principal::{Principal, Rule, Standing},
        registry::{AuthMode, Command, Policy, Registry},
        scope::{Known, Role, ScopeSet},
        time::UnixMillis,
    },
    fronts::{
        cli::client::{self, ConnectError, ConnectOptions, Refusal, Session},
        ws::socket,
    },
    ledger::{handle::LedgerHandle, memory::MemoryStore, record::Via, recover},
    service::{Agents, House, SecretPlace, Secrets, Service, SharedSecret, Talk},
    support::{
        clock::SteadyClock, device_key::DeviceKey, keys::GatewayKey, secret::Secret,
        shutdown::Shutdown,
    },
};
use tempfile::TempDir;

use crate::{
    admin::gateway::info,
    house::{TOKEN, limits},
};

/// Serves until it is dropped.
pub struct Gateway {
    pub service: Service,
    pub registry: RegistryHandle,
    address: SocketAddr,
    arbiter: ArbiterHandle,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _state: TempDir,
}

impl Gateway {
    /// Local clients that prove the shared token are paired at once.
    pub fn start() -> Self {
        Self::start_with(policy())
    }

    /// With this policy.
    pub fn start_with(policy: Policy) -> Self {
        let state = TempDir::new().unwrap();
        let (ready, started) = mpsc::channel();
        let dir = state.path().to_owned();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let (service, registry) = house(&dir, policy).await;
                let data = web::Data::new(service.clone());
                let app = move || {
                    App::new().app_data(data.clone()).default_service(web::to(socket::upgrade))
                };
                let server = HttpServer::new(app).workers(2).disable_signals();
                let server = server.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                let arbiter = Arbiter::current();
                ready.send((service, registry, address, arbiter, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (service, registry, address, arbiter, server) = started.recv().unwrap();
        let thread = Some(thread);
        Self { service, registry, address, arbiter, server, thread, _state: state }
    }

    /// Has it swept from here on; an ephemeral device is gone after `grace`.
    pub fn start_sweeping(&self, grace: Duration) {
        let (registry, hub) = (self.registry.clone(), self.service.hub().clone());
        let guard = StopOnPanic::new("sweeper", Shutdown::default());
        let sweeper = Sweeper::new(registry, hub, SteadyClock::start(0), grace, guard);
        assert!(self.arbiter.spawn_fn(move || drop(sweeper.start())));
    }

    /// Connects, which must succeed.
    pub async fn connect(&self, options: &ConnectOptions) -> Session {
        client::connect(&self.url(), options).await.unwrap()
    }

    /// Connects, which must be refused.
    pub async fn refused(&self, options: &ConnectOptions) -> Refusal {
        match client::connect(&self.url(), options).await {
            Err(ConnectError::Refused { refusal, .. }) => *refusal,
            Err(other) => panic!("{other}"),
            Ok(session) => panic!("let in: {}", session.hello),
        }
    }

    /// Its WebSocket address.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What a device stands on as an operator.
    pub fn standing(&self, device: &DeviceKey) -> Standing {
        let id = DeviceId::parse(device.id()).unwrap();
        let state = self.registry.state();
        let grant = state.grant(id, Role::Operator).unwrap();
        let (scopes, principal) = (state.in_force(grant), Principal::Device(id, Role::Operator));
        Standing { principal, role: Role::Operator, scopes, grant: grant.seq }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn house(state: &Path, policy: Policy) -> (Service, RegistryHandle) {
    let key = Arc::new(GatewayKey::generate());
    let each = &mut |_| ControlFlow::Continue(());
    let store = Box::new(MemoryStore::new());
    let opened = recover::recover(store, Path::new("test"), None, &key, each).unwrap();
    let ledger = LedgerHandle::spawn(opened, Arc::clone(&key)).unwrap();
    let hub = HubHandle::start(StopOnPanic::new("hub", Shutdown::default()));
    let tell = hub.clone();
    let on_commit = Box::new(move |state: &Registry, events: &[_], connections: &[_]| {
        tell.follow(changes_of(events, connections));
        news_of(state, events).into_iter().for_each(|news| tell.publish(news));
    });
    let guard = StopOnPanic::new("registry", Shutdown::default());
    let begin = (Registry::default(), UnixMillis::default());
    let registry = aggregate::Handle::start(begin.0, begin.1, ledger.clone(), on_commit, guard);
    let registry = RegistryHandle::new(registry);
    let secret = SharedSecret::Token(Secret::new(TOKEN.to_owned()));
    let place = SecretPlace::File(state.join("shared-token"));
    let secrets = Secrets::new(secret, place, Arc::clone(&key));
    let startup = permit::authorize(&Standing::system(Rule::Startup), Operation::AdoptPolicy);
    let command = Command::Start {
        gateway_key: PublicKey(key.public()),
        policy,
        secret: secrets.fingerprint(),
    };
    registry.execute(startup.unwrap(), command, Via::internal()).await.unwrap();
    let steady = SteadyClock::start(0);
    let sessions = state.join("sessions");
    let (talk, _) = Talk::open(&sessions, Agents::embedded(), hub.clone()).unwrap();
    let rooms = House { registry: registry.clone(), hub, ledger, talk };
    let info = info(state, &key, ([127, 0, 0, 1], 0).into());
    let service = Service::new(rooms, secrets, steady, info, limits());
    (service, registry)
}

pub fn policy() -> Policy {
    Policy {
        auth_mode: AuthMode::Token,
        shared_scopes: ScopeSet::from_iter([Known::Read]),
        loopback_scopes: ScopeSet::full_operator(),
        auto_approve_local: true,
        auto_approve_cidrs: Vec::new(),
        people: BTreeMap::new(),
        others: None,
        ceilings: BTreeMap::new(),
    }
}
