//! The composition root: open the ledger, fold it, start the actors, open the doors, drain.
//!
//! Every socket is bound before anything is served, so that "ready" is true when it is said. The
//! stop is the same in reverse: tell clients, finish what is being appended, sign a checkpoint.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use actix::prelude::*;
use actix_web::{
    App, HttpRequest, HttpServer, middleware::DefaultHeaders, rt::net::TcpStream, web,
};
use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    actors::{
        aggregate,
        hub::HubHandle,
        limits,
        news::{Fact, News},
        registry::{RegistryHandle, Sweeper, news_of},
        supervise::StopOnPanic,
    },
    config::{Auth, Loaded, Settings},
    domain::{
        Decider, Event,
        ids::PublicKey,
        operation::Operation,
        permit,
        principal::{Rule, Standing},
        registry::{AuthMode, Command, Policy, Registry},
        scope::{Scope, ScopeSet},
        time::UnixMillis,
    },
    fronts::{cli::Ready, grpc, http, ws},
    ledger::{
        handle::LedgerHandle,
        record::{Record, Via},
        recover::{self, OpenOptions, Opened},
    },
    service::{Info, Service, SharedSecret},
    support::{
        clock::{self, Stopwatch},
        entropy,
        keys::GatewayKey,
        private_file,
        secret::Secret,
        shutdown::Shutdown,
    },
};

/// A kernel that has bytes for a peer which does not take them gives up after this long.
const TCP_USER_TIMEOUT_MS: u32 = 30_000;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Records that are handed from the check to the fold at once, and how many such batches may wait:
/// large enough that handing over costs nothing, small enough to stay in a processor's cache.
const REPLAY_BATCH_RECORDS: usize = 512;
const REPLAY_BATCHES_MAX: usize = 4;

/// How long clients may take to be told goodbye.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(1);

/// What was read and bound before anything runs.
struct Ground {
    settings: Settings,
    info: Info,
    secret: SharedSecret,
    key: Arc<GatewayKey>,
    opened: Opened,
    registry: Registry,
    last_at: UnixMillis,
    listener: TcpListener,
    admin_socket: PathBuf,
}

/// Runs the gateway until it is told to stop, and drains it.
///
/// # Errors
/// If it cannot start, or if the ledger made it stop.
pub fn run(loaded: Loaded, announce: impl FnOnce(&Ready)) -> anyhow::Result<()> {
    let started = Stopwatch::start();
    allow_many_sockets();
    let ground = prepare(loaded, started)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("admin")
        .enable_all()
        .build()?;
    let outcome =
        System::new().block_on(serve(ground, started, runtime.handle().clone(), announce));
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

fn prepare(loaded: Loaded, started: Stopwatch) -> anyhow::Result<Ground> {
    let Loaded { settings, file, .. } = loaded;
    let state = &settings.state_dir;
    private_file::create_dir(state)
        .with_context(|| format!("cannot make the state directory {}", state.display()))?;
    let key = Arc::new(GatewayKey::load_or_create(&state.join("gateway.key"))?);
    let (secret, shared_secret_file) = shared_secret(&settings)?;
    let options =
        OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") };
    let (opened, registry, last_at) = replay(&options, &key)?;
    let wanted = SocketAddr::new(settings.bind.address(), settings.port);
    let listener = listen(wanted)?;
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        boot_id: entropy::uuid().to_string(),
        started_at: UnixMillis(clock::unix_millis()),
        uptime: started,
        state_dir: state.clone(),
        config_path: file.path.clone(),
        config_exists: file.exists,
        config: Arc::new(file.redacted),
        config_hash: file.hash,
        address: listener.local_addr()?,
        allowed_origins: settings.allowed_origins.clone(),
        shared_secret_file,
        public_key: key.public(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let admin_socket = state.join("admin.sock");
    Ok(Ground { settings, info, secret, key, opened, registry, last_at, listener, admin_socket })
}

/// Reads, checks and folds the ledger. Folding costs about as much as checking, so it goes on beside
/// it: a start over 100,000 records takes three quarters of the time.
fn replay(
    options: &OpenOptions,
    key: &GatewayKey,
) -> anyhow::Result<(Opened, Registry, UnixMillis)> {
    std::thread::scope(|scope| {
        let (batches, queue) = sync_channel::<Vec<Record>>(REPLAY_BATCHES_MAX);
        let folding = scope.spawn(move || fold(queue));
        let mut batch = Vec::with_capacity(REPLAY_BATCH_RECORDS);
        let opened = recover::open(options, key, &mut |record| {
            batch.push(record);
            if batch.len() < REPLAY_BATCH_RECORDS {
                return ControlFlow::Continue(());
            }
            let full = std::mem::replace(&mut batch, Vec::with_capacity(REPLAY_BATCH_RECORDS));
            match batches.send(full) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(String::from("it cannot be applied")),
            }
        });
        // If the fold is gone, its panic is what counts.
        let _ = batches.send(batch);
        drop(batches);
        let folded = folding.join();
        let (registry, last_at) =
            folded.map_err(|_| anyhow::anyhow!("the ledger cannot be applied; see above"))?;
        Ok((opened?, registry, last_at))
    })
}

/// The state that the records add up to, and the time of the last one.
fn fold(batches: Receiver<Vec<Record>>) -> (Registry, UnixMillis) {
    let mut registry = Registry::default();
    let mut last_at = UnixMillis::default();
    for record in batches.into_iter().flatten() {
        let Event::Registry(event) = &record.event;
        registry.apply(record.stamp(), event);
        last_at = record.at;
    }
    (registry, last_at)
}

/// Binds the port, with a message that says who might have it.
fn listen(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(wanted),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&wanted.into()).with_context(|| {
        format!("cannot listen on {wanted}; is another gateway running there? (doorward status)")
    })?;
    socket.listen(BACKLOG as i32)?;
    Ok(socket.into())
}

/// The secret of the configuration, or one of our own in a file that only its owner may read.
fn shared_secret(settings: &Settings) -> anyhow::Result<(SharedSecret, Option<PathBuf>)> {
    Ok(match &settings.auth {
        Auth::Token(Some(token)) => (SharedSecret::Token(token.clone()), None),
        Auth::Token(None) => {
            let path = settings.state_dir.join("shared-token");
            (SharedSecret::Token(kept_token(&path)?), Some(path))
        }
        Auth::Password(password) => (SharedSecret::Password(password.clone()), None),
        Auth::None => (SharedSecret::None, None),
    })
}

fn kept_token(path: &Path) -> anyhow::Result<Secret<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            anyhow::bail!("{} is empty; remove it to have a new token made", path.display())
        }
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let token = entropy::token();
            private_file::write_new(path, format!("{}\n", token.expose()).as_bytes())?;
            Ok(token)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

async fn serve(
    ground: Ground,
    started: Stopwatch,
    admin: tokio::runtime::Handle,
    announce: impl FnOnce(&Ready),
) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    let Ground { settings, info, secret, key, opened, registry, last_at, listener, admin_socket } =
        ground;
    let notes = opened.notes.iter().map(ToString::to_string).collect();
    let (admin_listener, auth_mode) = {
        let _runtime = admin.enter();
        (grpc::bind(&admin_socket)?, secret.mode())
    };
    let ledger = LedgerHandle::spawn(opened, Arc::clone(&key))?;
    let mut signals = Signals::listen()?;
    let hub = HubHandle::start(StopOnPanic::new("hub", shutdown.clone()));
    let registry = start_registry(registry, last_at, &ledger, &hub, &shutdown);
    let policy = policy(&settings, auth_mode)?;
    write_first_records(&registry, PublicKey(key.public()), policy).await?;
    Sweeper::new(registry.clone(), StopOnPanic::new("sweeper", shutdown.clone())).start();
    let service = Service::new(registry, hub.clone(), ledger.clone(), secret, info.clone());
    let server = open_port(listener, &service)?;
    let port = server.handle();
    actix_rt::spawn(server);
    admin.spawn(grpc::serve(admin_listener, service, shutdown.clone()));
    announce(&Ready {
        address: info.address,
        state_dir: info.state_dir.clone(),
        admin_socket: admin_socket.clone(),
        shared_secret_file: info.shared_secret_file.clone(),
        auth_mode,
        ledger_size: ledger.size(),
        ready_ms: started.elapsed_millis(),
        notes,
    });
    let why = signals.until_told_to_stop(&shutdown, &ledger).await;
    shutdown.begin();
    hub.publish(News::new(Fact::Shutdown));
    drain(port, &hub, &ledger).await;
    why
}

fn start_registry(
    state: Registry,
    last_at: UnixMillis,
    ledger: &LedgerHandle,
    hub: &HubHandle,
    shutdown: &Shutdown,
) -> RegistryHandle {
    let hub = hub.clone();
    let guard = StopOnPanic::new("registry", shutdown.clone());
    let on_commit = Box::new(move |state: &Registry, events: &[_]| {
        news_of(state, events).into_iter().for_each(|news| hub.publish(news));
    });
    let aggregate = aggregate::Handle::start(state, last_at, ledger.clone(), on_commit, guard);
    RegistryHandle::new(aggregate)
}

fn policy(settings: &Settings, auth_mode: AuthMode) -> anyhow::Result<Policy> {
    let scopes = |names: &[String]| -> anyhow::Result<ScopeSet> {
        let read = |name: &String| {
            Scope::parse(name).with_context(|| format!("{name:?} is not a scope name"))
        };
        names.iter().map(read).collect()
    };
    Ok(Policy {
        auth_mode,
        shared_scopes: scopes(&settings.shared_scopes)?,
        loopback_scopes: scopes(&settings.loopback_scopes)?,
        auto_approve_local: settings.auto_approve_local,
    })
}

/// The first record, and the policy if it is not in force already.
async fn write_first_records(
    registry: &RegistryHandle,
    gateway_key: PublicKey,
    policy: Policy,
) -> anyhow::Result<()> {
    let permit = permit::authorize(&Standing::system(Rule::Startup), Operation::AdoptPolicy);
    let command = Command::Start { gateway_key, policy };
    let written = match permit {
        Ok(permit) => registry.execute(permit, command, Via::internal()).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    written.map_err(|refusal| anyhow::anyhow!("cannot begin the ledger: {}", refusal.code()))
}

/// One port for WebSocket and HTTP.
fn open_port(listener: TcpListener, service: &Service) -> io::Result<actix_web::dev::Server> {
    let service = web::Data::new(service.clone());
    let server = HttpServer::new(move || {
        App::new().app_data(service.clone()).wrap(standing_headers()).default_service(web::to(door))
    });
    Ok(server
        .workers(std::thread::available_parallelism().map_or(2, usize::from).min(4))
        .backlog(BACKLOG)
        .disable_signals()
        .shutdown_timeout(limits::DRAIN_DEADLINE.as_secs())
        .on_connect(|connection, _| {
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                let _ = stream.set_nodelay(true);
                let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, TCP_USER_TIMEOUT_MS);
            }
        })
        .listen(listener)?
        .run())
}

/// What every answer carries, as those of the real gateway do.
fn standing_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Permissions-Policy", "camera=(), microphone=(self), geolocation=()"))
}

/// Any path can become a WebSocket; everything else is HTTP.
async fn door(
    request: HttpRequest,
    payload: web::Payload,
    service: web::Data<Service>,
) -> Result<actix_web::HttpResponse, actix_web::Error> {
    match ws::socket::wants_upgrade(&request) {
        true => ws::socket::upgrade(request, payload, service).await,
        false => Ok(http::serve(&request, &service)),
    }
}

/// The orders to stop that come from outside. Listened to before any door opens, so that an early
/// one is not lost to the system's default, which drains nothing.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for a signal, for an actor that cannot go on, or for a ledger of unknown state.
    async fn until_told_to_stop(
        &mut self,
        shutdown: &Shutdown,
        ledger: &LedgerHandle,
    ) -> anyhow::Result<()> {
        tokio::select! {
            _ = self.terminate.recv() => Ok(()),
            _ = self.interrupt.recv() => Ok(()),
            () = shutdown.begun() => anyhow::bail!("a part of the gateway failed; see the log"),
            why = ledger.fatal() => anyhow::bail!("{why}; start again, and recovery decides"),
        }
    }
}

/// Lets clients read the farewell and the ledger finish, within a deadline.
async fn drain(port: actix_web::dev::ServerHandle, hub: &HubHandle, ledger: &LedgerHandle) {
    let orderly = async {
        within(FAREWELL_DEADLINE, everyone_left(hub)).await;
        port.stop(false).await;
        if let Err(error) = ledger.close().await {
            tracing::warn!(%error, "the last checkpoint could not be signed");
        }
    };
    within(limits::DRAIN_DEADLINE, orderly).await;
}

/// The connections say goodbye on their own threads; their number tells when they have.
async fn everyone_left(hub: &HubHandle) {
    while hub.connections() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was queued last still has to reach the sockets.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn within(deadline: Duration, work: impl Future) {
    if tokio::time::timeout(deadline, work).await.is_err() {
        tracing::warn!(?deadline, "draining took too long");
    }
}

/// Every connection is a file; the soft limit of a shell is often 1,024.
fn allow_many_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit on open files stays as it is");
    }
}
