//! `LockoutService`: lists and lifts lockouts.

use std::net::IpAddr;

use tonic::{Request, Response};

use super::{
    error::{Failure, invalid, refused},
    page::Page,
    peer,
};
use crate::{
    domain::registry::{CredentialClass, LockKey, lockout::Lockout},
    proto::v1::{
        self, ClearLockoutsRequest, ClearLockoutsResponse, ListLockoutsRequest,
        ListLockoutsResponse, lockout_service_server::LockoutService,
    },
    service::{LockoutFilter, Service},
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
impl LockoutService for Front {
    async fn list_lockouts(
        &self,
        request: Request<ListLockoutsRequest>,
    ) -> Result<Response<ListLockoutsResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ListLockoutsRequest { page_size, page_token } = request.into_inner();
        let rest = ListLockoutsRequest::default();
        let mut page = Page::of("ListLockouts", &rest, page_size, &page_token)?;
        let lockouts = self.service.lockouts(&who).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ListLockoutsResponse {
            lockouts: page.take(
                lockouts.iter(),
                |(at, _)| place(at),
                |(at, lockout)| row(&at, lockout),
            ),
            now_ms: lockouts.now.0,
            next_page_token: page.next(),
        }))
    }

    async fn clear_lockouts(
        &self,
        request: Request<ClearLockoutsRequest>,
    ) -> Result<Response<ClearLockoutsResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let filter = filter(request.get_ref())?;
        let cleared = self.service.clear_lockouts(&who, via, filter).await;
        let cleared = cleared.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(ClearLockoutsResponse { cleared: cleared.iter().map(key).collect() }))
    }
}

fn row(at: &LockKey, lockout: &Lockout) -> v1::Lockout {
    let Lockout { seq, at: since, until, failures } = lockout;
    v1::Lockout {
        key: Some(key(at)),
        seq: seq.0,
        at_ms: since.0,
        until_ms: until.0,
        failures: failures.clone(),
    }
}

/// Where a key stands among the others: as keys are ordered.
fn place(LockKey { class, address }: &LockKey) -> Vec<u8> {
    let address = match address {
        None => vec![0],
        Some(IpAddr::V4(four)) => [&[4], four.octets().as_slice()].concat(),
        Some(IpAddr::V6(six)) => [&[6], six.octets().as_slice()].concat(),
    };
    [vec![*class as u8], address].concat()
}

fn key(LockKey { class, address }: &LockKey) -> v1::LockKey {
    v1::LockKey { class: class.name().into(), address: address.map(|address| address.to_string()) }
}

fn filter(request: &ClearLockoutsRequest) -> Result<LockoutFilter, Failure> {
    let class = request.class.as_deref().map(|name| {
        CredentialClass::parse(name).ok_or_else(|| invalid(format!("no class: {name:?}")))
    });
    let address = request
        .address
        .as_deref()
        .map(|text| text.parse().map_err(|_| invalid(format!("no IP address: {text:?}"))));
    Ok(LockoutFilter { class: class.transpose()?, address: address.transpose()? })
}
