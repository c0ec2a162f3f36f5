//! A caller of the admin API: as the host, or with a credential, over the socket or over TCP.

use doorward::proto::v1::{
    explain_service_client::ExplainServiceClient, gateway_service_client::GatewayServiceClient,
    key_service_client::KeyServiceClient, ledger_service_client::LedgerServiceClient,
    pairing_service_client::PairingServiceClient, secret_service_client::SecretServiceClient,
    setup_service_client::SetupServiceClient, token_service_client::TokenServiceClient,
};
use tonic::{
    Code, Request, Status,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use super::gateway::Gateway;

/// Which way a caller comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Socket,
    Network,
}

pub const WAYS: [Way; 2] = [Way::Socket, Way::Network];

/// Metadata that goes with every call.
#[derive(Clone, Default)]
pub struct Carried(Vec<(AsciiMetadataKey, AsciiMetadataValue)>);

impl Carried {
    pub fn bearer(secret: &str) -> Self {
        Self::default().and("authorization", &format!("Bearer {secret}"))
    }

    pub fn and(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.parse().unwrap(), value.parse().unwrap()));
        self
    }
}

impl Interceptor for Carried {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (key, value) in &self.0 {
            request.metadata_mut().append(key.clone(), value.clone());
        }
        Ok(request)
    }
}

pub type Line = InterceptedService<Channel, Carried>;

/// Every service of the contract, for one caller.
#[derive(Clone)]
pub struct Client {
    pub line: Line,
    pub pairing: PairingServiceClient<Line>,
    pub tokens: TokenServiceClient<Line>,
    pub setup: SetupServiceClient<Line>,
    pub secret: SecretServiceClient<Line>,
    pub keys: KeyServiceClient<Line>,
    pub explain: ExplainServiceClient<Line>,
    pub ledger: LedgerServiceClient<Line>,
    pub gateway: GatewayServiceClient<Line>,
}

impl Client {
    pub async fn connect(gateway: &Gateway, way: Way, carried: Carried) -> Self {
        let url = match way {
            Way::Socket => format!("unix://{}", gateway.state_dir.join("admin.sock").display()),
            Way::Network => format!("http://{}", gateway.tcp),
        };
        Self::over(Endpoint::new(url).unwrap().connect().await.unwrap(), carried)
    }

    /// Over a connection that is there already.
    pub fn over(channel: Channel, carried: Carried) -> Self {
        let line = InterceptedService::new(channel, carried);
        Self {
            pairing: PairingServiceClient::new(line.clone()),
            tokens: TokenServiceClient::new(line.clone()),
            setup: SetupServiceClient::new(line.clone()),
            secret: SecretServiceClient::new(line.clone()),
            keys: KeyServiceClient::new(line.clone()),
            explain: ExplainServiceClient::new(line.clone()),
            ledger: LedgerServiceClient::new(line.clone()),
            gateway: GatewayServiceClient::new(line.clone()),
            line,
        }
    }

    /// The host, over its socket.
    pub async fn host(gateway: &Gateway) -> Self {
        Self::connect(gateway, Way::Socket, Carried::default()).await
    }

    /// Whoever holds this credential.
    pub async fn with(gateway: &Gateway, way: Way, secret: &str) -> Self {
        Self::connect(gateway, way, Carried::bearer(secret)).await
    }
}

/// The stable code of a refusal, after a look at everything else that one must say.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let failure = outcome.expect_err("it must be refused");
    let said = |key: &str| match failure.metadata().get(key) {
        Some(value) => value.to_str().unwrap().to_owned(),
        None => panic!("{failure:?} does not say {key}"),
    };
    for key in ["doorward-missing", "doorward-grantors", "doorward-remedy"] {
        assert!(!said(key).is_empty(), "{failure:?}: {key}");
    }
    let info = failure.get_details_error_info().expect("the standard details");
    assert_eq!((info.domain.as_str(), info.reason), ("doorward", said("doorward-code")));
    (failure.code(), said("doorward-code"))
}
