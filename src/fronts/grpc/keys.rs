//! `KeyService`: the list of keys that need no approval.

use std::collections::BTreeMap;

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, refused},
    peer, read,
};
use crate::{
    domain::{
        ids::PublicKey,
        registry::keys::{KeyList, ListedKey},
    },
    proto::v1::{
        self, AdoptKeysRequest, AdoptKeysResponse, CompareKeysRequest, CompareKeysResponse,
        key_service_server::KeyService,
    },
    service::{KeyChange, Service},
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
impl KeyService for Front {
    async fn compare_keys(
        &self,
        request: Request<CompareKeysRequest>,
    ) -> Result<Response<CompareKeysResponse>, Failure> {
        let who = peer::standing(&request)?;
        let list = read_list(request.into_inner().list)?;
        let changes = self.service.compare_keys(&who, &list);
        let changes = changes.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(CompareKeysResponse { changes: tell_changes(&changes) }))
    }

    async fn adopt_keys(
        &self,
        request: Request<AdoptKeysRequest>,
    ) -> Result<Response<AdoptKeysResponse>, Failure> {
        let (who, via) = (peer::standing(&request)?, peer::via(&request));
        let list = read_list(request.into_inner().list)?;
        let changes = self.service.compare_keys(&who, &list);
        let changes = changes.map_err(|refusal| refused(&refusal))?;
        let adopted = self.service.adopt_keys(&who, via, list).await;
        let seq = adopted.map_err(|refusal| refused(&refusal))?.map(|seq| seq.0);
        Ok(Response::new(AdoptKeysResponse { changes: tell_changes(&changes), seq }))
    }
}

fn read_list(list: Option<v1::KeyList>) -> Result<KeyList, Failure> {
    let v1::KeyList { file_hash, keys } = list.ok_or_else(|| invalid("list must be given"))?;
    let file_hash = read::bytes32("file_hash", &file_hash)?;
    let mut read = BTreeMap::new();
    for key in keys {
        let (public_key, listed) = read_key(key)?;
        if read.insert(public_key, listed).is_some() {
            return Err(invalid("a key is on the list twice"));
        }
    }
    Ok(KeyList { file_hash, keys: read })
}

fn read_key(key: v1::ListedKey) -> Result<(PublicKey, ListedKey), Failure> {
    let v1::ListedKey { public_key, label, role, scopes } = key;
    let listed = ListedKey {
        label: read::label("label", label)?,
        role: read::role(role)?,
        scopes: read::scopes(&scopes.unwrap_or_default())?,
    };
    Ok((PublicKey(read::bytes32("public_key", &public_key)?), listed))
}

fn tell_changes(changes: &[KeyChange]) -> Vec<v1::KeyChange> {
    let told = |key: PublicKey, listed: &ListedKey| {
        let ListedKey { label, role, scopes } = listed;
        v1::ListedKey {
            public_key: key.0.to_vec(),
            label: label.clone(),
            role: convert::role(*role).into(),
            scopes: Some(convert::scopes(scopes)),
        }
    };
    let each = changes.iter().map(|KeyChange { key, before, after }| v1::KeyChange {
        before: before.as_ref().map(|listed| told(*key, listed)),
        after: after.as_ref().map(|listed| told(*key, listed)),
    });
    each.collect()
}
