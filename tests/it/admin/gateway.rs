//! A gateway without its network doors, and a command line to ask it with.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};

use actix::Actor as _;
use clap::Parser;
use doorward::{
    actors::{
        self, aggregate, hub::HubHandle, registry::RegistryHandle, supervise::StopOnPanic,
        sweeper::Sweeper,
    },
    boot,
    config::{self, Env, Overrides},
    domain::{
        Decider, Event,
        ids::{DeviceId, PublicKey, RequestId},
        operation::Operation,
        origin::Locality,
        permit,
        principal::{Rule, Standing},
        refusal::PairingReason,
        registry::{Ask, AuthMode, Command, Policy, Profile, Registry},
        scope::{Role, Scope, ScopeSet},
        time::UnixMillis,
    },
    fronts::{
        cli::{self, ExitStatusCode, Output, Rooms, Trouble, args::Cli},
        grpc, ws,
    },
    ledger::{
        LedgerHandle,
        record::{Record, Via},
        recover::{self, OpenOptions},
    },
    service::{
        Agents, Endpoints, House, Info, SecretPlace, Secrets, Service, SharedSecret, Talk,
        TrustedProxies,
    },
    support::{
        clock::{SteadyClock, Stopwatch},
        entropy,
        keys::GatewayKey,
        secret::Secret,
        shutdown::Shutdown,
    },
};

pub use crate::house::block_on;
use crate::house::limits;

/// The shared token of every gateway here.
pub const SHARED: &str = "a-shared-token-for-tests";

/// A gateway that serves its admin API, on a thread of its own, until dropped.
pub struct Gateway {
    pub state_dir: PathBuf,
    /// Where it serves over TCP.
    pub tcp: SocketAddr,
    registry: RegistryHandle,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    pub fn start(state_dir: &Path) -> Self {
        Self::start_with(state_dir, None)
    }

    /// The same with TLS on its network door.
    pub fn start_with(state_dir: &Path, tls: Option<grpc::Tls>) -> Self {
        let (ready, started) = mpsc::channel();
        let shutdown = Shutdown::default();
        let (dir, until) = (state_dir.to_owned(), shutdown.clone());
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(serve(&dir, tls, until, ready));
        });
        let (registry, tcp) = started.recv().unwrap();
        Self { state_dir: state_dir.into(), tcp, registry, shutdown, thread: Some(thread) }
    }

    /// Gives the order to stop and waits until it is followed.
    pub fn stop(&mut self) {
        self.shutdown.begin();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn state(&self) -> Arc<Registry> {
        self.registry.state()
    }

    /// Device number `n` asks for `scopes`; gives the id of the request.
    pub fn ask(&self, n: u8, scopes: &str) -> String {
        let device = DeviceId([n; 32]);
        let request_id = RequestId(entropy::uuid().into_bytes());
        let ask = Ask {
            request_id,
            device,
            public_key: PublicKey([n; 32]),
            role: Role::Operator,
            scopes: set(scopes),
            reason: PairingReason::NotPaired,
            profile: Profile { client_id: "cli".into(), ..Profile::default() },
            address: Some([192, 0, 2, 7].into()),
            secret: None,
            locality: Locality::Elsewhere,
        };
        let who = Standing::applicant(device, Role::Operator);
        let permit = permit::authorize(&who, Operation::RequestPairing).unwrap();
        let command = Command::RequestPairing(Box::new(ask));
        block_on(self.registry.execute(permit, command, Via::internal())).unwrap();
        request_id.to_string()
    }

    /// What device number `n` holds.
    pub fn holds(&self, n: u8) -> Option<ScopeSet> {
        let state = self.state();
        state.grant(DeviceId([n; 32]), Role::Operator).map(|grant| grant.scopes.clone())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn set(scopes: &str) -> ScopeSet {
    scopes.split_whitespace().map(|name| Scope::parse(name).unwrap()).collect()
}

async fn serve(
    dir: &Path,
    tls: Option<grpc::Tls>,
    shutdown: Shutdown,
    ready: mpsc::Sender<(RegistryHandle, SocketAddr)>,
) {
    let key = Arc::new(GatewayKey::load_or_create(&dir.join("gateway.key")).unwrap());
    let mut state = Registry::default();
    let mut last_at = UnixMillis::default();
    let mut each = |record: Record| {
        let Event::Registry(event) = &record.event;
        state.apply(record.stamp(), event);
        last_at = record.at;
        ControlFlow::Continue(())
    };
    let options =
        OpenOptions { dir: dir.join("ledger"), outside_checkpoint: dir.join("checkpoint") };
    let opened = recover::open(&options, &key, &mut each).unwrap();
    let listener = grpc::bind(&dir.join("admin.sock")).unwrap();
    let ledger = LedgerHandle::spawn(opened, Arc::clone(&key)).unwrap();
    let guard = StopOnPanic::new("registry", shutdown.clone());
    let on_commit = Box::new(|_: &Registry, _: &[_], _: &[_]| {});
    let registry = aggregate::Handle::start(state, last_at, ledger.clone(), on_commit, guard);
    let registry = RegistryHandle::new(registry);
    let secrets = secrets(dir, &key);
    begin(&registry, &key, &secrets).await;
    let hub = HubHandle::start(StopOnPanic::new("hub", shutdown.clone()));
    let steady = SteadyClock::start(last_at.0);
    let guard = StopOnPanic::new("sweeper", shutdown.clone());
    let grace = actors::limits::EPHEMERAL_GRACE;
    Sweeper::new(registry.clone(), hub.clone(), steady, grace, guard).start();
    let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    tcp.set_nonblocking(true).unwrap();
    let address = tcp.local_addr().unwrap();
    let info = info(dir, &key, address);
    let sessions = dir.join("sessions");
    let (talk, _) = Talk::open(&sessions, Agents::embedded(), hub.clone()).unwrap();
    let rooms = House { registry: registry.clone(), hub, ledger: ledger.clone(), talk };
    let service = Service::new(rooms, secrets, steady, info, limits());
    let network = grpc::serve_network(tcp, service.clone(), tls, shutdown.clone());
    let network = actix_rt::spawn(network);
    let serving = actix_rt::spawn(grpc::serve(listener, service, shutdown));
    ready.send((registry, address)).unwrap();
    serving.await.unwrap().unwrap();
    network.await.unwrap().unwrap();
    ledger.close().await.unwrap();
}

/// The shared secret in a file of its own; what a rotation wrote is what the next start finds.
fn secrets(dir: &Path, key: &Arc<GatewayKey>) -> Secrets {
    let path = dir.join("shared-token");
    let token = std::fs::read_to_string(&path).unwrap_or_else(|_| SHARED.into());
    let secret = SharedSecret::Token(Secret::new(token.trim().into()));
    Secrets::new(secret, SecretPlace::File(path), Arc::clone(key))
}

async fn begin(registry: &RegistryHandle, key: &GatewayKey, secrets: &Secrets) {
    let policy = Policy {
        auth_mode: AuthMode::Token,
        shared_scopes: set("operator.read"),
        loopback_scopes: ScopeSet::full_operator(),
        auto_approve_local: false,
        auto_approve_cidrs: vec![],
        people: Default::default(),
        others: None,
        ceilings: [("reader".to_owned(), set("operator.read"))].into(),
    };
    let startup = Standing::system(Rule::Startup);
    let permit = permit::authorize(&startup, Operation::AdoptPolicy).unwrap();
    let (gateway_key, secret) = (PublicKey(key.public()), secrets.fingerprint());
    let command = Command::Start { gateway_key, policy, secret };
    registry.execute(permit, command, Via::internal()).await.unwrap();
}

/// What a gateway in a test says about itself.
pub fn info(dir: &Path, key: &GatewayKey, tcp: SocketAddr) -> Info {
    Info {
        public_url: None,
        remote_url: None,
        version: "test",
        boot_id: "boot".into(),
        started_at: UnixMillis(1),
        uptime: Stopwatch::start(),
        state_dir: dir.into(),
        config_path: dir.join("doorward.json"),
        config_exists: false,
        config: Arc::default(),
        config_warnings: 0,
        config_hash: String::new(),
        address: ([127, 0, 0, 1], 18789).into(),
        grpc_address: Some(tcp),
        operation_of: ws::operation_of,
        proxies: TrustedProxies::default(),
        vouching: None,
        allowed_origins: vec![],
        shared_secret_file: Some(dir.join("shared-token")),
        public_key: key.public(),
        host: "host".into(),
        sinks: Vec::new(),
        endpoints: Endpoints { chat_completions: true, responses: true },
        control_ui: None,
    }
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// The printed document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `doorward --state-dir <dir> <line>` in this process.
pub fn doorward(state_dir: &Path, line: &str) -> Ended {
    let dir = state_dir.to_str().unwrap();
    let words = ["doorward", "--state-dir", dir].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap();
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut output = Output::to(out.clone(), err.clone(), cli.globals.json);
    let env = Env::from_pairs([("HOME", "/nonexistent")]);
    let rooms = Rooms {
        run: |_, _, _| unreachable!("no test starts a whole gateway here"),
        policy: test_policy,
        examine: doorward::boot::examine,
        answer_offline: grpc::answer_offline,
        record: grpc::record,
    };
    let code = cli::execute(cli, &env, &rooms, &mut output).0;
    Ended { code, out: out.text(), err: err.text() }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn test_policy(env: &Env, overrides: &Overrides) -> Result<Policy, Trouble> {
    let loaded = config::load(env, overrides);
    let loaded =
        loaded.map_err(|errors| Trouble::new(ExitStatusCode::USAGE, errors.to_string()))?;
    boot::policy(&loaded.settings)
        .map_err(|error| Trouble::new(ExitStatusCode::NOT_DONE, format!("{error:#}")))
}
