//! The other end of the admin socket.
//!
//! Calls come back as the answer or as [`Trouble`] that keeps what the gateway said. Every call
//! carries a request id of its own, which the ledger keeps, and a deadline, unless it reads
//! everything or waits for news.

use std::{io, path::Path, time::Duration};

use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tonic::{
    Request, Streaming,
    transport::{Channel, Endpoint},
};

use super::exit::{ExitStatusCode, Trouble};
use crate::{
    domain::registry::PENDING_MAX,
    proto::{
        REQUEST_ID, RESPONSE_BYTES_MAX,
        v1::{
            Among, ApprovePairingRequest, ApprovePairingResponse, CreateBackupRequest,
            CreateBackupResponse, DiffRequest, DiffResponse, ListAccessRequest, ListAccessResponse,
            ListDevicesRequest, ListDevicesResponse, ListSinksRequest, ListSinksResponse,
            ProveRequest, ProveResponse, RejectPairingRequest, RejectPairingResponse,
            ReplayRequest, ReplayResponse, ResolveRequest, StateAsOfRequest, StateAsOfResponse,
            StatusRequest, StatusResponse, StreamDiffRequest, StreamReplayRequest,
            StreamStateAsOfRequest, StreamWhoCanRequest, TailRequest, TailResponse, VerifyRequest,
            VerifyResponse, WhoCanRequest, WhoCanResponse, WhoamiRequest, WhoamiResponse,
            WhyRequest, WhyResponse, agent_service_client::AgentServiceClient,
            approval_service_client::ApprovalServiceClient,
            audit_service_client::AuditServiceClient, backup_service_client::BackupServiceClient,
            explain_service_client::ExplainServiceClient,
            gateway_service_client::GatewayServiceClient, key_service_client::KeyServiceClient,
            ledger_service_client::LedgerServiceClient,
            lockout_service_client::LockoutServiceClient,
            pairing_service_client::PairingServiceClient, party::Kind,
            review_service_client::ReviewServiceClient, secret_service_client::SecretServiceClient,
            session_service_client::SessionServiceClient, setup_service_client::SetupServiceClient,
            state_as_of_request, token_service_client::TokenServiceClient,
        },
    },
    support::entropy,
};

/// How long a call may take that should take milliseconds. A gateway that drains a queue before a
/// slow disk needs seconds; one that hangs should not hang its operator.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub enum NoConnection {
    /// Nobody listens there.
    NotRunning,
    /// Something else.
    Failed(io::Error),
}

/// An open connection to the admin API.
pub struct Admin {
    pairing: PairingServiceClient<Channel>,
    approvals: ApprovalServiceClient<Channel>,
    lockouts: LockoutServiceClient<Channel>,
    ledger: LedgerServiceClient<Channel>,
    audit: AuditServiceClient<Channel>,
    backup: BackupServiceClient<Channel>,
    gateway: GatewayServiceClient<Channel>,
    tokens: TokenServiceClient<Channel>,
    secret: SecretServiceClient<Channel>,
    keys: KeyServiceClient<Channel>,
    setup: SetupServiceClient<Channel>,
    explain: ExplainServiceClient<Channel>,
    agents: AgentServiceClient<Channel>,
    sessions: SessionServiceClient<Channel>,
    review: ReviewServiceClient<Channel>,
}

/// Connects to the socket of a state directory.
///
/// # Errors
/// Why not.
pub async fn connect(state_dir: &Path) -> Result<UnixStream, NoConnection> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    UnixStream::connect(state_dir.join("admin.sock")).await.map_err(|error| match error.kind() {
        NotFound | ConnectionRefused => NoConnection::NotRunning,
        _ => NoConnection::Failed(error),
    })
}

/// What was said instead of an answer. What has a cause of its own was not said by the gateway: the
/// connection broke.
macro_rules! trouble {
    ($failure:expr) => {{
        let failure = $failure;
        let said = Trouble::from_call(failure.code(), failure.message(), failure.metadata());
        if std::error::Error::source(&failure).is_some() { said.of_a_connection() } else { said }
    }};
}

/// Passes on the answer, or what was said instead of one.
macro_rules! answered {
    ($call:expr) => {
        match $call.await {
            Ok(response) => Ok(response.into_inner()),
            Err(failure) => Err(trouble!(failure)),
        }
    };
}

/// Asks for one page after another and gives them as one answer: the first with the rows of all.
macro_rules! every_page {
    ($service:ident.$client:ident.$call:ident($with:ident, $request:expr), $($rows:ident),+) => {{
        let mut request = $request;
        let mut all = answered!($service.$client.$call($with(request.clone())))?;
        while !all.next_page_token.is_empty() {
            request.page_token = std::mem::take(&mut all.next_page_token);
            let page = answered!($service.$client.$call($with(request.clone())))?;
            $(all.$rows.extend(page.$rows);)+
            all.next_page_token = page.next_page_token;
        }
        Ok(all)
    }};
}

mod approvals;
mod credentials;
mod talk;

impl Admin {
    /// Speaks over a connected stream.
    ///
    /// # Errors
    /// If the other end hangs up at once.
    pub async fn over(stream: UnixStream) -> Result<Self, Trouble> {
        let mut once = Some(stream);
        let connector = tower::service_fn(move |_| {
            // The stream is the connection: when it ends, so does the command.
            let stream = once.take().map(TokioIo::new);
            async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let endpoint = Endpoint::from_static("http://admin.doorward.invalid");
        let channel = endpoint.connect_with_connector(connector).await.map_err(|error| {
            let what = format!("the gateway hung up: {error}");
            Trouble::new(ExitStatusCode::UNREACHABLE, what)
        })?;
        Ok(Self {
            pairing: PairingServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            approvals: ApprovalServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            lockouts: LockoutServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            ledger: LedgerServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            audit: AuditServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            backup: BackupServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            gateway: GatewayServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            tokens: TokenServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            secret: SecretServiceClient::new(channel.clone()),
            keys: KeyServiceClient::new(channel.clone()),
            setup: SetupServiceClient::new(channel.clone()),
            explain: ExplainServiceClient::new(channel.clone()),
            agents: AgentServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            sessions: SessionServiceClient::new(channel.clone())
                .max_decoding_message_size(RESPONSE_BYTES_MAX),
            review: ReviewServiceClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX),
        })
    }

    /// What waits and what is paired.
    ///
    /// # Errors
    /// What the gateway said instead; so for every call here.
    pub async fn devices(&mut self) -> Result<ListDevicesResponse, Trouble> {
        every_page!(
            self.pairing.list_devices(soon, ListDevicesRequest::default()),
            pending,
            devices
        )
    }

    /// Approves a request.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn approve(
        &mut self,
        request: ApprovePairingRequest,
    ) -> Result<ApprovePairingResponse, Trouble> {
        answered!(self.pairing.approve_pairing(soon(request)))
    }

    /// Turns a request down.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn reject(&mut self, request_id: String) -> Result<RejectPairingResponse, Trouble> {
        answered!(self.pairing.reject_pairing(soon(RejectPairingRequest { request_id })))
    }

    /// Records, one after another.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn tail(&mut self, request: TailRequest) -> Result<Records, Trouble> {
        answered!(self.ledger.tail(named(request))).map(Records)
    }

    /// Checks the whole ledger, which takes as long as it takes.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn verify(&mut self, since: Option<String>) -> Result<VerifyResponse, Trouble> {
        answered!(self.ledger.verify(named(VerifyRequest { since })))
    }

    /// The proof of a record.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn prove(&mut self, seq: u64) -> Result<ProveResponse, Trouble> {
        answered!(self.ledger.prove(named(ProveRequest { seq })))
    }

    /// The state after a record. Folds everything before it, which takes as long as it takes.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn as_of(
        &mut self,
        moment: Option<state_as_of_request::Moment>,
    ) -> Result<StateAsOfResponse, Trouble> {
        let ask = Some(StateAsOfRequest { moment });
        let pieces = self.ledger.stream_state_as_of(named(StreamStateAsOfRequest { ask }));
        put_together(answered!(pieces)?, |next| next.piece).await
    }

    /// Whom someone means.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn resolve(&mut self, who: &str, among: Among) -> Result<Kind, Trouble> {
        let request = ResolveRequest { who: who.into(), among: among.into() };
        let resolved = answered!(self.audit.resolve(named(request)))?;
        let nobody = || Trouble::new(ExitStatusCode::INTERNAL, "the gateway named nobody");
        resolved.party.and_then(|party| party.kind).ok_or_else(nobody)
    }

    /// The requests that wait, and perhaps some devices: no more are ever on the first page.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn pending(&mut self) -> Result<ListDevicesResponse, Trouble> {
        let page_size = PENDING_MAX as i32;
        let request = ListDevicesRequest { page_size, ..Default::default() };
        answered!(self.pairing.list_devices(soon(request)))
    }

    /// Why someone has a scope, or not.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn why(&mut self, request: WhyRequest) -> Result<WhyResponse, Trouble> {
        answered!(self.audit.why(named(request)))
    }

    /// Everyone who has a scope.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn who_can(&mut self, request: WhoCanRequest) -> Result<WhoCanResponse, Trouble> {
        let pieces = self.audit.stream_who_can(named(StreamWhoCanRequest { ask: Some(request) }));
        put_together(answered!(pieces)?, |next| next.piece).await
    }

    /// What changed.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn diff(&mut self, request: DiffRequest) -> Result<DiffResponse, Trouble> {
        let pieces = self.audit.stream_diff(named(StreamDiffRequest { ask: Some(request) }));
        put_together(answered!(pieces)?, |next| next.piece).await
    }

    /// Who came in, was turned away, or called what they may not.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn access(
        &mut self,
        request: ListAccessRequest,
    ) -> Result<ListAccessResponse, Trouble> {
        every_page!(self.audit.list_access(named, request), rows)
    }

    /// History under another policy.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn replay(&mut self, request: ReplayRequest) -> Result<ReplayResponse, Trouble> {
        let pieces = self.audit.stream_replay(named(StreamReplayRequest { ask: Some(request) }));
        put_together(answered!(pieces)?, |next| next.piece).await
    }

    /// A backup, piece by piece.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn back_up(&mut self) -> Result<Pieces, Trouble> {
        answered!(self.backup.create_backup(named(CreateBackupRequest {}))).map(Pieces)
    }

    /// Who the caller is.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn whoami(&mut self) -> Result<WhoamiResponse, Trouble> {
        answered!(self.gateway.whoami(soon(WhoamiRequest {})))
    }

    /// How the gateway is.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn status(&mut self) -> Result<StatusResponse, Trouble> {
        answered!(self.gateway.status(soon(StatusRequest {})))
    }

    /// The sinks of the export.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn sinks(&mut self) -> Result<ListSinksResponse, Trouble> {
        answered!(self.gateway.list_sinks(soon(ListSinksRequest {})))
    }
}

/// The answer whose pieces these are.
async fn put_together<R, P: Message + Default>(
    mut pieces: Streaming<R>,
    piece: impl Fn(R) -> Option<P>,
) -> Result<P, Trouble> {
    let mut whole = P::default();
    while let Some(next) = pieces.message().await.map_err(|failure| trouble!(failure))? {
        let bytes = piece(next).map(|piece| piece.encode_to_vec()).unwrap_or_default();
        whole.merge(bytes.as_slice()).map_err(|error| {
            let what = format!("a piece of the answer cannot be read: {error}");
            Trouble::new(ExitStatusCode::INTERNAL, what)
        })?;
    }
    Ok(whole)
}

/// Records as they come.
pub struct Records(Streaming<TailResponse>);

impl Records {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// What ended the stream.
    pub async fn next(&mut self) -> Result<Option<TailResponse>, Trouble> {
        self.0.message().await.map_err(|failure| trouble!(failure))
    }
}

/// A backup as it comes.
pub struct Pieces(Streaming<CreateBackupResponse>);

impl Pieces {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What ended the stream.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        let piece = self.0.message().await.map_err(|failure| trouble!(failure))?;
        Ok(piece.map(|piece| piece.data))
    }
}

fn named<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let id = entropy::uuid().to_string();
    request.metadata_mut().insert(REQUEST_ID, id.parse().expect("a UUID is ASCII"));
    request
}

fn soon<T>(message: T) -> Request<T> {
    let mut request = named(message);
    request.set_timeout(DEADLINE);
    request
}
