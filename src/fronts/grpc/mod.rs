//! The admin API: gRPC on a Unix socket that only the host's own user (or root) can open, and over
//! TCP if the configuration says where.
//!
//! Who asks is settled once, before every call, in [`peer`]: the kernel's word on the other end of
//! the socket, or the credential that the call carries. After that each call is one method of the
//! service and one conversion of its answer: [`read`] what came, [`convert`] what goes. Refusals
//! become gRPC failures in [`error`], the only file that may name that type. Only health and
//! reflection are for everyone: [`open`].
//!
//! Nothing here decides about authority. Start with [`serve`]; [`bind`] comes before it, so that a
//! gateway that says it is ready can be reached.

mod agents;
mod approvals;
mod audit;
mod backup;
mod calls;
mod convert;
mod deadline;
mod denials;
mod error;
mod explain;
mod gateway;
mod keys;
mod ledger;
mod lockouts;
mod network;
mod open;
mod page;
mod pairing;
mod peer;
mod pieces;
mod proofs;
mod read;
mod review;
mod secret;
mod sessions;
mod setup;
mod sizes;
mod socket;
mod source;
mod tail;
mod tls;
mod tokens;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
};
use tokio_stream::{Stream, wrappers::UnixListenerStream};
use tonic::transport::{Server, server::Connected};
use tower::{
    filter::AsyncFilterLayer,
    layer::util::{Identity, Stack},
};

use crate::{
    proto::{
        REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX,
        v1::{
            LedgerRecord, agent_service_server::AgentServiceServer,
            approval_service_server::ApprovalServiceServer,
            audit_service_server::AuditServiceServer, backup_service_server::BackupServiceServer,
            explain_service_server::ExplainServiceServer,
            gateway_service_server::GatewayServiceServer, key_service_server::KeyServiceServer,
            ledger_service_server::LedgerServiceServer,
            lockout_service_server::LockoutServiceServer,
            pairing_service_server::PairingServiceServer,
            review_service_server::ReviewServiceServer, secret_service_server::SecretServiceServer,
            session_service_server::SessionServiceServer, setup_service_server::SetupServiceServer,
            token_service_server::TokenServiceServer,
        },
    },
    service::{Entry, Offline, Service},
    support::shutdown::Shutdown,
};

use super::record;
use deadline::KeepDeadlines;
use denials::CountDenials;
use peer::Doorkeeper;
use proofs::Proving;
use source::Source;

pub use socket::bind;
pub use tls::Tls;

/// Sets the sizes that both ends agree on.
macro_rules! sized {
    ($service:expr) => {
        $service
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(RESPONSE_BYTES_MAX)
    };
}

/// Calls that one connection may have open at once. A script that lists, tails and approves needs
/// three; this leaves room and bounds what one peer can make the gateway hold.
const CALLS_PER_CONNECTION_MAX: u32 = 64;

/// How often a quiet connection is asked whether it is still there, and how long it may take to say
/// so. A stream that follows the ledger may be quiet for days.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves the host's socket until the order to stop, ends open streams, and takes its file away.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: UnixListener, service: Service, shutdown: Shutdown) -> io::Result<()> {
    let path = listener.local_addr()?.as_pathname().map(ToOwned::to_owned);
    serve_on(UnixListenerStream::new(listener), service, None, shutdown).await?;
    path.map_or(Ok(()), |path| socket::remove(&path))
}

/// The same services over TCP, with TLS if it is given, for those who show a credential or a certificate
/// that stands for one. Must be called inside a tokio runtime.
///
/// # Errors
/// If the listener fails.
pub async fn serve_network(
    listener: std::net::TcpListener,
    service: Service,
    tls: Option<Tls>,
    shutdown: Shutdown,
) -> io::Result<()> {
    serve_on(network::incoming(TcpListener::from_std(listener)?), service, tls, shutdown).await
}

async fn serve_on<C>(
    incoming: impl Stream<Item = io::Result<C>>,
    service: Service,
    tls: Option<Tls>,
    shutdown: Shutdown,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let broken = service.clone();
    let broken = async move { broken.broken().await };
    server(Some(service.clone()), tls)?
        .add_service(sized!(open::health(broken, shutdown.clone()).await))
        .add_service(sized!(open::reflect()?))
        .add_service(sized!(open::reflect_alpha()?))
        .add_service(sized!(PairingServiceServer::new(pairing::Front::new(service.clone()))))
        .add_service(sized!(TokenServiceServer::new(tokens::Front::new(service.clone()))))
        .add_service(sized!(SetupServiceServer::new(setup::Front::new(service.clone()))))
        .add_service(sized!(SecretServiceServer::new(secret::Front::new(service.clone()))))
        .add_service(sized!(KeyServiceServer::new(keys::Front::new(service.clone()))))
        .add_service(sized!(ExplainServiceServer::new(explain::Front::new(service.clone()))))
        .add_service(sized!(LockoutServiceServer::new(lockouts::Front::new(service.clone()))))
        .add_service(sized!(ApprovalServiceServer::new(approvals::Front::new(service.clone()))))
        .add_service(sized!(ReviewServiceServer::new(review::Front::new(service.clone()))))
        .add_service(ledger_service(service.clone(), shutdown.clone()))
        .add_service(audit_service(service.clone()))
        .add_service(sized!(BackupServiceServer::new(backup::Front::new(service.clone()))))
        .add_service(sized!(SessionServiceServer::new(sessions::Front::new(service.clone()))))
        .add_service(sized!(AgentServiceServer::new(agents::Front::new(service.clone()))))
        .add_service(sized!(GatewayServiceServer::new(gateway::Front::new(service))))
        .serve_with_incoming_shutdown(incoming, async move { shutdown.begun().await })
        .await
        .map_err(io::Error::other)
}

/// Answers about the ledger of a gateway that is not running, to one caller: this process, at the
/// other end of the socket that is returned. Every other service is unimplemented there. Must be
/// called inside a tokio runtime; ends when the caller hangs up.
///
/// # Errors
/// If the system gives no sockets.
pub fn answer_offline(ledger: Offline) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let only = tokio_stream::once(Ok::<_, io::Error>(ours));
    let ledger = Arc::new(ledger);
    let audit = audit_service(Arc::clone(&ledger));
    let ledger = ledger_service(ledger, Shutdown::default());
    let serving =
        server(None, None)?.add_service(ledger).add_service(audit).serve_with_incoming(only);
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::warn!(%error, "the reader of the ledger's files stopped");
        }
    });
    Ok(theirs)
}

/// A record as the contract tells it, for commands that have one without a call.
pub fn record(entry: &Entry) -> LedgerRecord {
    record::entry(entry)
}

fn ledger_service<S: Proving>(
    source: S,
    shutdown: Shutdown,
) -> LedgerServiceServer<ledger::Front<S>> {
    sized!(LedgerServiceServer::new(ledger::Front::new(source, shutdown)))
}

fn audit_service<S: Source>(source: S) -> AuditServiceServer<audit::Front<S>> {
    sized!(AuditServiceServer::new(audit::Front::new(source)))
}

/// What every server here has in common: who may come in, and how much at once.
fn server(service: Option<Service>, tls: Option<Tls>) -> io::Result<Server<Guarded>> {
    let (config, clients) = tls.map(|tls| (tls.config, tls.clients)).unzip();
    let mut server = Server::builder();
    if let Some(config) = config {
        server = server.tls_config(config).map_err(io::Error::other)?;
    }
    let doorkeeper = Doorkeeper::of_this_process(service.clone(), clients.unwrap_or_default());
    Ok(server
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .layer(calls::count_calls())
        .layer(AsyncFilterLayer::new(doorkeeper))
        .layer(CountDenials(service))
        .layer(KeepDeadlines)
        .layer(sizes::tell_sizes()))
}

/// The layers around every service.
type Guarded = Stack<
    sizes::TellSizes,
    Stack<
        KeepDeadlines,
        Stack<
            CountDenials,
            Stack<AsyncFilterLayer<Doorkeeper>, Stack<calls::CountCalls, Identity>>,
        >,
    >,
>;
