//! What happens between a commit and the moment in which everyone goes by it.

use std::{sync::Arc, time::Duration};

use doorward::{
    domain::{
        principal::Standing,
        scope::{Scope, ScopeSet},
    },
    ledger::record::Via,
    service::Upgrade,
    support::device_key::DeviceKey,
};
use tokio::time::timeout;

use super::gateway::Gateway;
use crate::house::{block_on, shared};

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
