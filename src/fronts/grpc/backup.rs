//! `BackupService`: carries the ledger away.

use std::pin::Pin;

use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response};

use super::{
    error::{Failure, refused},
    peer,
};
use crate::{
    proto::v1::{CreateBackupRequest, CreateBackupResponse, backup_service_server::BackupService},
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

type CreateBackupStream = Pin<Box<dyn Stream<Item = Result<CreateBackupResponse, Failure>> + Send>>;

#[tonic::async_trait]
impl BackupService for Front {
    type CreateBackupStream = CreateBackupStream;

    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Result<Response<CreateBackupStream>, Failure> {
        let who = peer::standing(&request)?;
        let pieces = self.service.back_up(&who).await.map_err(|refusal| refused(&refusal))?;
        let stream = ReceiverStream::new(pieces).map(|piece| match piece {
            Ok(data) => Ok(CreateBackupResponse { data }),
            Err(refusal) => Err(refused(&refusal)),
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
