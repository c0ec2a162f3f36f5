//! `GatewayService`: tells how the gateway is.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, refused},
    peer, record,
};
use crate::{
    domain::principal::Standing,
    proto::v1::{
        self, ListSinksRequest, ListSinksResponse, StatusRequest, StatusResponse, WhoamiRequest,
        WhoamiResponse, gateway_service_server::GatewayService,
    },
    service::{Seen, Service, Sink, SinkReport, SinkState, Status, Whoami},
};

/// The service behind the contract.
pub(super) struct Front {
    service: Service,
}

impl Front {
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

#[tonic::async_trait]
impl GatewayService for Front {
    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Failure> {
        let who = peer::standing(&request)?;
        let status = self.service.status(&who).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(told(status)))
    }

    async fn whoami(
        &self,
        request: Request<WhoamiRequest>,
    ) -> Result<Response<WhoamiResponse>, Failure> {
        let (who, seen) = (peer::standing(&request)?, peer::seen(&request)?);
        let whoami = self.service.whoami(&who).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(introduced(&seen, &whoami)))
    }

    async fn list_sinks(
        &self,
        request: Request<ListSinksRequest>,
    ) -> Result<Response<ListSinksResponse>, Failure> {
        let who = peer::standing(&request)?;
        let (sinks, size) = self.service.sinks(&who).map_err(|refusal| refused(&refusal))?;
        let sinks = sinks.iter().map(|one| sink(one, size)).collect();
        Ok(Response::new(ListSinksResponse { sinks }))
    }
}

fn sink(sink: &Sink, size: u64) -> v1::Sink {
    let SinkReport { state, next, delivered, failures, rejected, last_success, trouble } =
        sink.report();
    let state = match state {
        SinkState::Idle => v1::SinkState::Idle,
        SinkState::Delivering => v1::SinkState::Delivering,
        SinkState::Failing => v1::SinkState::Failing,
        SinkState::Refused => v1::SinkState::Refused,
    };
    v1::Sink {
        name: sink.name().into(),
        kind: sink.kind().into(),
        target: sink.target().into(),
        state: state.into(),
        next_seq: next,
        lag: size.saturating_sub(next),
        delivered,
        failures,
        rejected,
        last_success_ms: last_success.map(|at| at.0),
        trouble,
    }
}

fn introduced(seen: &Seen, whoami: &Whoami) -> WhoamiResponse {
    let Whoami { standing: Standing { principal, role, scopes, grant }, ends_at } = whoami;
    let Seen { peer, address, local, rule } = seen;
    WhoamiResponse {
        principal: Some(record::principal(principal)),
        role: convert::role(*role).into(),
        scopes: Some(convert::scopes(scopes)),
        grant_seq: grant.0,
        until_ms: ends_at.map(|at| at.0),
        address: address.map(|address| address.to_string()),
        peer: peer.map(|peer| peer.to_string()),
        local: *local == Some(true),
        rule: rule.name().into(),
        because: rule.sentence().into(),
        remedy: seen.remedy(),
    }
}

fn told(status: Status) -> StatusResponse {
    let Status {
        version,
        boot_id: _,
        started_at,
        uptime_ms,
        state_dir,
        config_path,
        address,
        grpc_address,
        shared_secret_file,
        auth_mode,
        connections,
        devices,
        pending,
        held,
        ledger_size,
        published_size,
        unverified_records,
        sinks,
        sinks_in_trouble,
        ledger_writable,
    } = status;
    StatusResponse {
        version: version.into(),
        started_at_ms: started_at.0,
        uptime_ms,
        state_dir: state_dir.display().to_string(),
        config_path: config_path.display().to_string(),
        auth_mode: convert::auth_mode(auth_mode).into(),
        address: address.to_string(),
        connections: connections as u64,
        devices: devices as u64,
        pending: pending as u64,
        held: held as u64,
        ledger_size,
        published_size,
        unverified_records,
        sinks: sinks as u64,
        sinks_in_trouble: sinks_in_trouble as u64,
        ledger_writable,
        grpc_address: grpc_address.map(|address| address.to_string()),
        shared_secret_file: shared_secret_file.map(|path| path.display().to_string()),
    }
}
