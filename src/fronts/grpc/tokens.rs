//! `TokenService`: service tokens.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, refused},
    page::Page,
    peer, read,
};
use crate::{
    domain::time::UnixMillis,
    proto::v1::{
        CreateTokenRequest, CreateTokenResponse, ListTokensRequest, ListTokensResponse,
        RevokeServiceTokenRequest, RevokeServiceTokenResponse, RotateServiceTokenRequest,
        RotateServiceTokenResponse, token_service_server::TokenService,
    },
    service::{Service, TokenOrder},
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
impl TokenService for Front {
    async fn list_tokens(
        &self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListTokensRequest { page_size, page_token } = request.into_inner();
        let rest = ListTokensRequest::default();
        let mut page = Page::of("ListTokens", &rest, page_size, &page_token)?;
        let tokens = self.service.tokens(&who).map_err(|refusal| refused(&refusal))?;
        let state = &*tokens.state;
        Ok(Response::new(ListTokensResponse {
            tokens: page.take(
                state.service_tokens(),
                |(id, _)| id.0.to_vec(),
                |(id, known)| convert::token(state, id, known, tokens.last_used(id)),
            ),
            now_ms: tokens.now.0,
            next_page_token: page.next(),
        }))
    }

    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let CreateTokenRequest { name, scopes, until_ms, ranges } = request.into_inner();
        let order = TokenOrder {
            name: read::label("name", name)?,
            scopes: read::scopes(&scopes.unwrap_or_default())?,
            until: until_ms.map(UnixMillis),
            ranges: ranges.iter().map(|range| read::range(range)).collect::<Result<_, _>>()?,
        };
        let minted = self.service.create_token(&who, via, order).await;
        let minted = minted.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(CreateTokenResponse {
            token_id: minted.id.to_string(),
            secret: minted.secret.expose().clone(),
            seq: minted.seq.0,
        }))
    }

    async fn rotate_service_token(
        &self,
        request: Request<RotateServiceTokenRequest>,
    ) -> Result<Response<RotateServiceTokenResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let id = read::token_id(&request.get_ref().token_id)?;
        let minted = self.service.rotate_service_token(&who, via, id).await;
        let minted = minted.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(RotateServiceTokenResponse {
            token_id: minted.id.to_string(),
            secret: minted.secret.expose().clone(),
            seq: minted.seq.0,
        }))
    }

    async fn revoke_service_token(
        &self,
        request: Request<RevokeServiceTokenRequest>,
    ) -> Result<Response<RevokeServiceTokenResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let RevokeServiceTokenRequest { token_id, force_reason } = request.into_inner();
        let (id, reason) = (read::token_id(&token_id)?, read::reason(force_reason)?);
        let revoked = self.service.revoke_service_token(&who, via, id, reason).await;
        let seq = revoked.map_err(|refusal| refused(&refusal))?.0;
        Ok(Response::new(RevokeServiceTokenResponse { token_id: id.to_string(), seq }))
    }
}
