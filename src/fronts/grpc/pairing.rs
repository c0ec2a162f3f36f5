//! `PairingService`: lists and decides pairing requests, and changes what paired devices hold.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, refused},
    page::Page,
    peer, read,
};
use crate::{
    domain::{
        principal::{Standing, Subject},
        refusal::Refusal,
        registry::Terms,
        time::UnixMillis,
    },
    proto::v1::{
        ApprovePairingRequest, ApprovePairingResponse, AssignCeilingRequest, AssignCeilingResponse,
        ListDevicesRequest, ListDevicesResponse, RejectPairingRequest, RejectPairingResponse,
        RemoveDeviceRequest, RemoveDeviceResponse, RenameDeviceRequest, RenameDeviceResponse,
        RevokeTokenRequest, RevokeTokenResponse, RotateTokenRequest, RotateTokenResponse,
        assign_ceiling_request, pairing_service_server::PairingService,
    },
    service::{Approved, Attempt, Service, Via},
};

/// The service behind the contract.
pub(super) struct Front {
    service: Service,
}

impl Front {
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    async fn approve(
        &self,
        who: &Standing,
        via: Via,
        asked: ApprovePairingRequest,
    ) -> Result<Approved, Failure> {
        let ApprovePairingRequest {
            request_id,
            expected_scopes,
            until_ms,
            ceiling,
            ephemeral,
            idempotency_key,
        } = asked;
        let request = read::request_id(&request_id)?;
        let expected = read::maybe_scopes(&expected_scopes)?;
        let terms = Terms { until: until_ms.map(UnixMillis), ceiling, ephemeral };
        let approved = match read::idempotency_key(idempotency_key)? {
            None => self.service.approve(who, via, request, expected, terms).await,
            Some(key) => {
                let attempt = Attempt { key, request, expected, terms };
                self.service.approve_once(who, via, attempt).await
            }
        };
        approved.map_err(|refusal| refused(&refusal))
    }
}

#[tonic::async_trait]
impl PairingService for Front {
    async fn list_devices(
        &self,
        request: Request<ListDevicesRequest>,
    ) -> Result<Response<ListDevicesResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListDevicesRequest { page_size, page_token } = request.into_inner();
        let rest = ListDevicesRequest::default();
        let mut page = Page::of("ListDevices", &rest, page_size, &page_token)?;
        let pairings = self.service.pairings(&who).map_err(|refusal| refused(&refusal))?;
        let state = &*pairings.state;
        Ok(Response::new(ListDevicesResponse {
            pending: page.take(
                convert::newest_first(state).into_iter(),
                // Newest first: the greater, the earlier.
                |(_, request)| [&[0], (!request.asked.seq.0).to_be_bytes().as_slice()].concat(),
                |(id, request)| convert::pending_request(state, id, request, &pairings),
            ),
            devices: page.take(
                state.devices(),
                |(id, _)| [&[1], id.0.as_slice()].concat(),
                |(id, device)| convert::device(state, id, device, &pairings),
            ),
            now_ms: pairings.now.0,
            next_page_token: page.next(),
        }))
    }

    async fn approve_pairing(
        &self,
        request: Request<ApprovePairingRequest>,
    ) -> Result<Response<ApprovePairingResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let approved = self.approve(&who, via, request.into_inner()).await?;
        Ok(Response::new(ApprovePairingResponse {
            request_id: approved.request_id.to_string(),
            device_id: approved.device.to_string(),
            role: convert::role(approved.role).into(),
            scopes: Some(convert::scopes(&approved.scopes)),
            seq: approved.seq.0,
            until_ms: approved.until.map(|until| until.0),
        }))
    }

    async fn reject_pairing(
        &self,
        request: Request<RejectPairingRequest>,
    ) -> Result<Response<RejectPairingResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let request_id = read::request_id(&request.get_ref().request_id)?;
        let rejected = self.service.reject(&who, via, request_id).await;
        let rejected = rejected.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(RejectPairingResponse {
            request_id: rejected.request_id.to_string(),
            device_id: rejected.device.to_string(),
            seq: rejected.seq.0,
        }))
    }

    async fn remove_device(
        &self,
        request: Request<RemoveDeviceRequest>,
    ) -> Result<Response<RemoveDeviceResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let RemoveDeviceRequest { device_id, force_reason } = request.into_inner();
        let device = read::device_id(&device_id)?;
        let reason = read::reason(force_reason)?;
        let removed = self.service.remove_device(&who, via, device, reason).await;
        let seq = removed.map_err(|refusal| refused(&refusal))?;
        let seq = seq.ok_or_else(|| refused(&Refusal::UnknownDevice))?.0;
        Ok(Response::new(RemoveDeviceResponse { device_id, seq }))
    }

    async fn rename_device(
        &self,
        request: Request<RenameDeviceRequest>,
    ) -> Result<Response<RenameDeviceResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let RenameDeviceRequest { device_id, label } = request.into_inner();
        let (device, label) = (read::device_id(&device_id)?, read::label("label", label)?);
        let renamed = self.service.rename_device(&who, via, device, label.clone()).await;
        let seq = renamed.map_err(|refusal| refused(&refusal))?.map(|seq| seq.0);
        Ok(Response::new(RenameDeviceResponse { device_id, label, seq }))
    }

    async fn rotate_token(
        &self,
        request: Request<RotateTokenRequest>,
    ) -> Result<Response<RotateTokenResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let RotateTokenRequest { device_id, role, scopes } = request.into_inner();
        let (device, role) = (read::device_id(&device_id)?, read::role(role)?);
        let scopes = read::maybe_scopes(&scopes)?;
        let rotated = self.service.rotate_token(&who, via, device, role, scopes).await;
        let rotated = rotated.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(RotateTokenResponse {
            device_id,
            role: convert::role(rotated.role).into(),
            scopes: Some(convert::scopes(&rotated.scopes)),
            rotated_at_ms: rotated.at.0,
            seq: rotated.seq.0,
        }))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let RevokeTokenRequest { device_id, role, force_reason } = request.into_inner();
        let (device, in_role) = (read::device_id(&device_id)?, read::role(role)?);
        let reason = read::reason(force_reason)?;
        let revoked = self.service.revoke_token(&who, via, device, in_role, reason).await;
        let seq = revoked.map_err(|refusal| refused(&refusal))?.map(|seq| seq.0);
        Ok(Response::new(RevokeTokenResponse { device_id, role, seq }))
    }

    async fn assign_ceiling(
        &self,
        request: Request<AssignCeilingRequest>,
    ) -> Result<Response<AssignCeilingResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let AssignCeilingRequest { subject, ceiling } = request.into_inner();
        use assign_ceiling_request::Subject as Given;
        let subject = match subject {
            Some(Given::Device(device)) => read::device_in_role(&device)?,
            Some(Given::TokenId(id)) => Subject::Token(read::token_id(&id)?),
            None => return Err(invalid("subject must be given")),
        };
        let ceiling = Some(ceiling).filter(|name| !name.is_empty());
        let assigned = self.service.assign_ceiling(&who, via, subject, ceiling).await;
        let seq = assigned.map_err(|refusal| refused(&refusal))?.map(|seq| seq.0);
        Ok(Response::new(AssignCeilingResponse { seq }))
    }
}
