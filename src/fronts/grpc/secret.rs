//! `SecretService`: the shared secret.

use tonic::{Request, Response};

use super::{
    error::{Failure, refused},
    peer,
};
use crate::{
    domain::principal::SecretKind,
    proto::v1::{
        AuthMode, RotateSecretRequest, RotateSecretResponse, secret_service_server::SecretService,
    },
    service::Service,
    support::secret::Secret,
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
impl SecretService for Front {
    async fn rotate_secret(
        &self,
        request: Request<RotateSecretRequest>,
    ) -> Result<Response<RotateSecretResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let given = request.into_inner().secret.map(Secret::new);
        let rotated = self.service.rotate_secret(&who, via, given).await;
        let rotated = rotated.map_err(|refusal| refused(&refusal))?;
        let proof = match rotated.kind {
            SecretKind::Token => AuthMode::Token,
            SecretKind::Password => AuthMode::Password,
        };
        Ok(Response::new(RotateSecretResponse {
            proof: proof.into(),
            path: rotated.path.display().to_string(),
            seq: rotated.seq.map(|seq| seq.0),
        }))
    }
}
