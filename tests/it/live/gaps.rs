//! What happens between a commit and the moment in which everyone goes by it.

use std::{sync::Arc, time::Duration};

use doorward::{
    domain::{
        ids::TokenHash,
        operation::Operation,
        origin::Locality,
        permit,
        principal::{SecretKind, Standing},
        refusal::{IdentityFault, Refusal},
        registry::Command,
        scope::{Scope, ScopeSet},
    },
    ledger::record::{Transport, Via},
    service::{Bearer, Upgrade},
    support::{device_key::DeviceKey, secret::Secret},
};
use serde_json::json;
use tokio::time::timeout;

use super::gateway::Gateway;
use crate::house::{TOKEN, block_on, shared};

/// Between the commit that replaces the shared secret and the moment in which the gateway has put the
/// new one in its memory, the old one is worth nothing: it must not stand on the new one's record.
#[test]
fn a_replaced_secret_lets_nobody_in_from_its_commit_on() {
    block_on(async {
        let gateway = Gateway::start();
        let options = shared(&["operator.read"]);
        let mut session = gateway.connect(&options).await;
        let permit = permit::authorize(&Standing::host(0), Operation::RotateSecret).unwrap();
        let fingerprint = TokenHash([7; 32]);
        let command = Command::RotateSecret { kind: SecretKind::Token, fingerprint };
        gateway.registry.execute(permit, command, Via::internal()).await.unwrap();
        let refused = gateway.refused(&options).await;
        assert_eq!(refused.details_code(), Some("AUTH_TOKEN_MISMATCH"));
        let bearer = Bearer {
            transport: Transport::Http,
            secret: Some(Secret::new(TOKEN.to_owned())),
            cap: None,
            address: None,
            locality: Locality::DirectLoopback,
            person: Err(Refusal::IdentityMissing(IdentityFault::Direct)),
            origin: None,
            host: None,
        };
        let refused = gateway.service.bearer(bearer).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), "AUTH_TOKEN_MISMATCH");
        assert!(session.request("health", json!({})).await.is_err());
    });
}

/// Whoever waits for a decision is woken when it can be seen, and not only when it is on disk.
#[test]
fn a_waiting_device_learns_at_once_that_its_request_was_decided() {
    block_on(async {
        let gateway = Gateway::start();
        let device = Arc::new(DeviceKey::generate());
        let options = shared(&["operator.read"]).with_device(Arc::clone(&device));
        gateway.connect(&options).await.close().await;
        let (service, host) = (&gateway.service, Standing::host(0));
        for round in 0..100 {
            let who = gateway.standing(&device);
            let more: ScopeSet =
                Scope::parse(&format!("plugin.x{}", round % 20)).into_iter().collect();
            let id = service.request_upgrade(&who, Via::internal(), more).await.unwrap();
            let waiting = service.wait_upgrade(&who, Via::internal(), id);
            let deciding = service.reject(&host, Via::internal(), id);
            let both = async { tokio::join!(waiting, deciding) };
            let (waited, decided) =
                timeout(Duration::from_secs(20), both).await.unwrap_or_else(|_| panic!("{round}"));
            decided.unwrap();
            assert!(matches!(waited.unwrap(), Upgrade::Rejected), "{round}");
        }
    });
}
