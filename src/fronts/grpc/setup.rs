//! `SetupService`: setup codes.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, refused},
    peer, read,
};
use crate::{
    domain::registry::Access,
    proto::v1::{
        CodeStatusRequest, CodeStatusResponse, CreateCodeRequest, CreateCodeResponse, SetupAccess,
        code_status_response::Redeemed, setup_service_server::SetupService,
    },
    service::Service,
    support::clock,
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
impl SetupService for Front {
    async fn create_code(
        &self,
        request: Request<CreateCodeRequest>,
    ) -> Result<Response<CreateCodeResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let access = read_access(request.get_ref().access)?;
        let code = self.service.create_code(&who, via, access).await;
        let code = code.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(CreateCodeResponse {
            code_id: code.id.to_string(),
            secret: code.secret.expose().clone(),
            access: tell_access(code.access).into(),
            scopes: Some(convert::scopes(&code.access.scopes())),
            until_ms: code.until.0,
            gateway_urls: self.service.gateway_urls(),
            seq: code.seq.0,
        }))
    }

    async fn code_status(
        &self,
        request: Request<CodeStatusRequest>,
    ) -> Result<Response<CodeStatusResponse>, Failure> {
        let who = peer::standing(&request)?;
        let id = read::code_id(&request.get_ref().code_id)?;
        let status = self.service.setup_status(&who, id).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(CodeStatusResponse {
            code_id: id.to_string(),
            access: tell_access(status.access).into(),
            until_ms: status.until.0,
            redeemed: status.redeemed.map(|(device, display_name, at)| Redeemed {
                device_id: device.to_string(),
                display_name,
                at_ms: at.0,
            }),
            now_ms: clock::unix_millis(),
        }))
    }
}

fn read_access(access: i32) -> Result<Access, Failure> {
    match SetupAccess::try_from(access) {
        Ok(SetupAccess::Full) => Ok(Access::Full),
        Ok(SetupAccess::Limited) => Ok(Access::Limited),
        Ok(SetupAccess::Node) => Ok(Access::Node),
        Ok(SetupAccess::Unspecified) | Err(_) => Err(invalid("access must be given")),
    }
}

fn tell_access(access: Access) -> SetupAccess {
    match access {
        Access::Full => SetupAccess::Full,
        Access::Limited => SetupAccess::Limited,
        Access::Node => SetupAccess::Node,
    }
}
