//! The composition root: open the ledger, fold it, start the actors, open the doors, drain.
//!
//! Every socket is bound before anything is served, so that "ready" is true when it is said. The
//! stop is the same in reverse: tell clients, finish what is being appended, sign a checkpoint.
//! Nothing is decided here; the parts are only put together. Start with [`run`].

mod access;
pub mod agents;
mod doctor;
mod ground;
mod people;
mod policy;
mod port;
mod stop;
mod talk;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use anyhow::Context as _;
use tokio::net::UnixListener;

use crate::{
    actors::{
        aggregate,
        hub::HubHandle,
        limits,
        news::{Fact, News},
        registry::{RegistryHandle, changes_of, news_of},
        supervise::StopOnPanic,
        sweeper::{self, Sweeper},
    },
    config::{Loaded, Settings},
    domain::{
        ids::{PublicKey, TokenHash},
        operation::Operation,
        permit,
        principal::{Rule, SecretKind, Standing},
        registry::{AuthMode, Command, Event, Registry},
        time::{Stamp, UnixMillis},
    },
    fronts::{cli::Ready, grpc, sinks, ws},
    ledger::{
        handle::LedgerHandle,
        record::Via,
        recover::OpenOptions,
        snapshot::{
            keeper::Keeper,
            start::{self, Started, Unverified},
        },
        tlog::follow::follow,
    },
    service::{Approver, House, Info, SecretPlace, Secrets, Service, TrustedProxies, withdraw_all},
    support::{
        clock::{self, SteadyClock, Stopwatch},
        entropy,
        keys::GatewayKey,
        private_file,
        shutdown::Shutdown,
    },
};

pub use doctor::examine;
pub use policy::policy;
use policy::rate_limits;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// What was read and bound before anything runs.
struct Ground {
    settings: Settings,
    info: Info,
    secrets: Secrets,
    auth_mode: AuthMode,
    key: Arc<GatewayKey>,
    started: Started,
    listener: TcpListener,
    grpc: Option<TcpListener>,
    tls: Option<grpc::Tls>,
    admin_socket: PathBuf,
}

/// Runs the gateway until it is told to stop, and drains it.
///
/// # Errors
/// If it cannot start, or if the ledger made it stop.
pub fn run(loaded: Loaded, announce: impl FnOnce(&Ready)) -> anyhow::Result<()> {
    let started = Stopwatch::start();
    ground::allow_many_sockets();
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
    let Loaded { settings, file, warnings } = loaded;
    let state = &settings.state_dir;
    private_file::create_dir(state)
        .with_context(|| format!("cannot make the state directory {}", state.display()))?;
    let key = Arc::new(ground::gateway_key(state)?);
    let (secret, place) = ground::shared_secret(&settings)?;
    let auth_mode = secret.mode();
    // A file that the configuration names is known to whoever named it.
    let own = state.join("shared-token");
    let shared_secret_file = (place == SecretPlace::File(own.clone())).then_some(own);
    let secrets = Secrets::new(secret, place, Arc::clone(&key));
    let options =
        OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") };
    let opened = start::open(&options, &state.join("snapshot"), &key)?;
    let wanted = SocketAddr::new(settings.bind.address(), settings.port);
    let listener = ground::listen(wanted)?;
    let tls = ground::tls(&settings)?;
    let grpc = settings.grpc_listen.map(ground::listen).transpose()?;
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
        config_warnings: warnings.len(),
        address: listener.local_addr()?,
        grpc_address: grpc.as_ref().map(TcpListener::local_addr).transpose()?,
        operation_of: ws::operation_of,
        allowed_origins: settings.allowed_origins.clone(),
        public_url: settings.public_url.clone(),
        remote_url: settings.remote_url.clone(),
        proxies: TrustedProxies::new(
            settings.proxies.trusted.clone(),
            settings.proxies.allow_real_ip,
        ),
        vouching: people::vouching(&settings),
        shared_secret_file,
        public_key: key.public(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        sinks: sinks::of(&settings.export),
        endpoints: ground::endpoints(&settings),
        control_ui: ground::control_ui(&settings),
    };
    let admin_socket = state.join("admin.sock");
    Ok(Ground {
        settings,
        info,
        secrets,
        auth_mode,
        key,
        started: opened,
        listener,
        grpc,
        tls,
        admin_socket,
    })
}

async fn serve(
    ground: Ground,
    started: Stopwatch,
    admin: tokio::runtime::Handle,
    announce: impl FnOnce(&Ready),
) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    let Ground {
        settings,
        info,
        secrets,
        auth_mode,
        key,
        started: found,
        listener,
        grpc,
        tls,
        admin_socket,
    } = ground;
    let (notes, from_snapshot) = (found.notes(), found.unverified.as_ref().map(Unverified::size));
    let (opened, state, last_at, begin) = found.apart();
    let admin_listener = bind_admin(&admin, &admin_socket)?;
    let ledger = LedgerHandle::spawn(opened, Arc::clone(&key))?;
    let (keeper, mut broken) = Keeper::start(begin, &ledger, Arc::clone(&key))?;
    keeper.offer(ledger.size(), &state);
    let published = follow(settings.state_dir.join("tlog"), &ledger)?;
    let mut signals = stop::Signals::listen()?;
    let hub = HubHandle::start(StopOnPanic::new("hub", shutdown.clone()));
    let registry = start_registry(state, last_at, &ledger, &hub, &keeper, &shutdown);
    write_first_records(&registry, PublicKey(key.public()), &settings, secrets.fingerprint())
        .await?;
    let kept = registry.clone();
    let steady = SteadyClock::start(last_at.0);
    start_sweeper(&registry, &hub, steady, &shutdown).await;
    withdraw_all(&registry).await.map_err(|refusal| {
        anyhow::anyhow!("cannot withdraw what waited for approval: {}", refusal.code())
    })?;
    let talk = talk::open(&settings, &hub, Approver::new(registry.clone(), steady))?;
    let rooms = House { registry, hub: hub.clone(), ledger: ledger.clone(), talk };
    let service = Service::new(rooms, secrets, steady, info.clone(), rate_limits(&settings));
    talk::settle(&service).await?;
    ground::open_metrics(&settings, &service)?;
    let port = port::open(listener, &service)?;
    admin.spawn(access::write(service.clone()));
    admin.spawn(talk::tend(service.clone(), settings.retention));
    let exports = sinks::start(&settings.export, &service, &shutdown, &admin)?;
    let counted = service.clone();
    serve_admin(&admin, admin_listener, grpc.map(|listener| (listener, tls)), service, &shutdown);
    announce(&Ready {
        address: info.address,
        state_dir: info.state_dir.clone(),
        admin_socket: admin_socket.clone(),
        shared_secret_file: info.shared_secret_file.clone(),
        auth_mode,
        ledger_size: ledger.size(),
        from_snapshot,
        ready_ms: started.elapsed_millis(),
        notes,
    });
    let why = signals.until_told_to_stop(&shutdown, &ledger, &mut broken).await;
    shutdown.begin();
    hub.publish(News::new(Fact::Shutdown));
    let drained = stop::drain(port, &hub, &ledger, &published, &keeper, &kept);
    futures_util::join!(drained, stop::let_go(exports));
    counted.write_access();
    counted.close_talk().await;
    why
}

fn bind_admin(runtime: &tokio::runtime::Handle, socket: &Path) -> io::Result<UnixListener> {
    let _runtime = runtime.enter();
    grpc::bind(socket)
}

/// Serves the admin API on its socket, and over the network if it is to.
fn serve_admin(
    runtime: &tokio::runtime::Handle,
    socket: UnixListener,
    network: Option<(TcpListener, Option<grpc::Tls>)>,
    service: Service,
    shutdown: &Shutdown,
) {
    if let Some((listener, tls)) = network {
        runtime.spawn(grpc::serve_network(listener, service.clone(), tls, shutdown.clone()));
    }
    runtime.spawn(grpc::serve(socket, service, shutdown.clone()));
}

async fn start_sweeper(
    registry: &RegistryHandle,
    hub: &HubHandle,
    steady: SteadyClock,
    shutdown: &Shutdown,
) {
    sweeper::catch_up(registry, steady).await;
    let guard = StopOnPanic::new("sweeper", shutdown.clone());
    let grace = limits::EPHEMERAL_GRACE;
    Sweeper::new(registry.clone(), hub.clone(), steady, grace, guard).start();
}

fn start_registry(
    state: Registry,
    last_at: UnixMillis,
    ledger: &LedgerHandle,
    hub: &HubHandle,
    keeper: &Arc<Keeper>,
    shutdown: &Shutdown,
) -> RegistryHandle {
    let (hub, keeper) = (hub.clone(), Arc::clone(keeper));
    let guard = StopOnPanic::new("registry", shutdown.clone());
    let on_commit =
        Box::new(move |state: &Registry, events: &[(Stamp, Event)], connections: &[_]| {
            if let Some((last, _)) = events.last() {
                keeper.offer(last.seq.0 + 1, state);
            }
            hub.follow(changes_of(events, connections));
            news_of(state, events).into_iter().for_each(|news| hub.publish(news));
        });
    let aggregate = aggregate::Handle::start(state, last_at, ledger.clone(), on_commit, guard);
    RegistryHandle::new(aggregate)
}

/// The first record, and the policy if it is not in force already.
async fn write_first_records(
    registry: &RegistryHandle,
    gateway_key: PublicKey,
    settings: &Settings,
    secret: Option<(SecretKind, TokenHash)>,
) -> anyhow::Result<()> {
    let permit = permit::authorize(&Standing::system(Rule::Startup), Operation::AdoptPolicy);
    let command = Command::Start { gateway_key, policy: policy(settings)?, secret };
    let written = match permit {
        Ok(permit) => registry.execute(permit, command, Via::internal()).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    written.map_err(|refusal| anyhow::anyhow!("cannot begin the ledger: {}", refusal.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, Overrides, load};

    fn prepared(state: &Path) -> anyhow::Result<Ground> {
        let port = Some(0);
        let overrides =
            Overrides { port, state_dir: Some(state.to_owned()), ..Overrides::default() };
        prepare(load(&Env::default(), &overrides).unwrap(), Stopwatch::start())
    }

    #[test]
    fn a_lost_key_is_missed_and_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        let (key_file, backup) = (state.path().join("gateway.key"), state.path().join("backup"));
        let made = prepared(state.path()).unwrap().key.public();
        std::fs::rename(&key_file, &backup).unwrap();
        let error = format!("{:#}", prepared(state.path()).map(drop).unwrap_err());
        let says = "the gateway's key is missing; put it back from a backup; the ledger was begun \
                    with it";
        assert_eq!(error, format!("{}: {says}", key_file.display()));
        assert!(!key_file.exists());
        std::fs::rename(&backup, &key_file).unwrap();
        assert_eq!(prepared(state.path()).unwrap().key.public(), made);
    }

    #[test]
    fn a_key_that_is_there_begins_a_new_ledger() {
        let state = tempfile::tempdir().unwrap();
        let key = GatewayKey::load_or_create(&state.path().join("gateway.key")).unwrap();
        assert_eq!(prepared(state.path()).unwrap().key.public(), key.public());
    }
}
