//! `ReviewService`: lists what is held for review, and releases it.

use tonic::{Request, Response};

use super::{
    audit::party,
    convert,
    error::{Failure, invalid, refused},
    page::Page,
    peer, read,
};
use crate::{
    domain::{
        origin::Locality,
        registry::hold::{Item, Release},
    },
    proto::v1::{
        self, ListHeldRequest, ListHeldResponse, ReleaseHeldRequest, ReleaseHeldResponse, held,
        release_held_request, review_service_server::ReviewService,
    },
    service::{HeldItem, Service},
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
impl ReviewService for Front {
    async fn list_held(
        &self,
        request: Request<ListHeldRequest>,
    ) -> Result<Response<ListHeldResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListHeldRequest { page_size, page_token } = request.into_inner();
        let mut page = Page::of("ListHeld", &ListHeldRequest::default(), page_size, &page_token)?;
        let held = self.service.held(&who).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ListHeldResponse {
            held: page.take(held.iter(), |held| place(held.item), |held| row(&held)),
            now_ms: held.now.0,
            next_page_token: page.next(),
        }))
    }

    async fn release_held(
        &self,
        request: Request<ReleaseHeldRequest>,
    ) -> Result<Response<ReleaseHeldResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let what = what(request.into_inner())?;
        let released = self.service.release(&who, via, what).await;
        let released = released.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ReleaseHeldResponse { released: released.iter().map(row).collect() }))
    }
}

fn row(held: &HeldItem) -> v1::Held {
    let HeldItem { item: _, hold, subject, scopes } = held;
    let what = match subject {
        Some((subject, name)) => {
            held::What::Party(party(subject, Locality::Elsewhere, name.clone()))
        }
        None => held::What::Rules(true),
    };
    v1::Held {
        what: Some(what),
        scopes: scopes.as_ref().map(convert::scopes),
        seq: hold.seq.0,
        at_ms: hold.at.0,
        lost_from: hold.lost.from,
        lost_until: hold.lost.until,
    }
}

/// Where it stands among the others: as the list is ordered.
fn place(item: Item) -> Vec<u8> {
    match item {
        Item::Device(id, role) => [&[0], id.0.as_slice(), &[role as u8]].concat(),
        Item::Token(id) => [&[1], id.0.as_slice()].concat(),
        Item::Rules => vec![2],
    }
}

fn what(request: ReleaseHeldRequest) -> Result<Release, Failure> {
    use release_held_request::What;
    match request.what {
        Some(What::DeviceId(id)) => Ok(Release::Device(read::device_id(&id)?, None)),
        Some(What::TokenId(id)) => Ok(Release::Token(read::token_id(&id)?)),
        Some(What::Rules(true)) => Ok(Release::Rules),
        Some(What::All(true)) => Ok(Release::All),
        _ => Err(invalid("what to release must be given")),
    }
}
