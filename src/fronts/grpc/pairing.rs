//! `PairingService`: lists and decides pairing requests.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, refused},
    peer,
};
use crate::{
    domain::{ids::RequestId, registry::Terms},
    proto::v1::{
        ApprovePairingRequest, ApprovePairingResponse, ListDevicesRequest, ListDevicesResponse,
        RejectPairingRequest, RejectPairingResponse, pairing_service_server::PairingService,
    },
    service::Service,
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
impl PairingService for Front {
    async fn list_devices(
        &self,
        request: Request<ListDevicesRequest>,
    ) -> Result<Response<ListDevicesResponse>, Failure> {
        let who = peer::standing(&request)?;
        let pairings = self.service.pairings(&who).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ListDevicesResponse {
            pending: convert::pending(&pairings.state, &pairings),
            devices: convert::devices(&pairings.state, &pairings),
            now_ms: pairings.now.0,
        }))
    }

    async fn approve_pairing(
        &self,
        request: Request<ApprovePairingRequest>,
    ) -> Result<Response<ApprovePairingResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let ApprovePairingRequest { request_id, expected_scopes } = request.into_inner();
        let request_id = read_id(&request_id)?;
        let expected = expected_scopes.as_ref().map(convert::read_scopes).transpose();
        let expected = expected.map_err(invalid)?;
        let approved =
            self.service.approve(&who, via, request_id, expected, Terms::default()).await;
        let approved = approved.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ApprovePairingResponse {
            request_id: approved.request_id.to_string(),
            device_id: approved.device.to_string(),
            role: convert::role(approved.role).into(),
            scopes: Some(convert::scopes(&approved.scopes)),
            seq: approved.seq.0,
        }))
    }

    async fn reject_pairing(
        &self,
        request: Request<RejectPairingRequest>,
    ) -> Result<Response<RejectPairingResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let request_id = read_id(&request.get_ref().request_id)?;
        let rejected = self.service.reject(&who, via, request_id).await;
        let rejected = rejected.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(RejectPairingResponse {
            request_id: rejected.request_id.to_string(),
            device_id: rejected.device.to_string(),
            seq: rejected.seq.0,
        }))
    }
}

fn read_id(text: &str) -> Result<RequestId, Failure> {
    RequestId::parse(text).ok_or_else(|| invalid("request_id must be a UUID"))
}
