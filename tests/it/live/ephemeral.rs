//! Devices that were enrolled for as long as they stay connected (N12).

use std::{sync::Arc, time::Duration};

use doorward::{
    actors::limits::SWEEP_INTERVAL,
    domain::{
        ids::{DeviceId, RequestId},
        principal::Standing,
        registry::Terms,
    },
    fronts::cli::client::ConnectOptions,
    ledger::record::Via,
    support::{clock::Stopwatch, device_key::DeviceKey},
};
use tokio::time::sleep;

use super::gateway::Gateway;
use crate::house::{block_on, shared, with_device_token};

/// How long a device may be away here.
const GRACE: Duration = Duration::from_millis(100);

/// A device that asked for what no rule gives, and was approved on these terms.
async fn enrolled(gateway: &Gateway, ephemeral: bool) -> (DeviceId, ConnectOptions) {
    let device = Arc::new(DeviceKey::generate());
    let id = DeviceId::parse(device.id()).unwrap();
    let options = shared(&["operator.read", "plugin.x"]).with_device(device);
    let refused = gateway.refused(&options).await;
    let request = RequestId::parse(refused.details["requestId"].as_str().unwrap()).unwrap();
    let (host, terms) = (Standing::host(0), Terms { ephemeral, ..Terms::default() });
    gateway.service.approve(&host, Via::internal(), request, None, terms).await.unwrap();
    (id, options)
}

/// It stays while any of its sessions does, vanishes after the last, and nothing of it is left: not
/// its token either. Whoever was enrolled for good may come and go.
#[test]
fn n12_an_ephemeral_device_vanishes_after_its_last_disconnect() {
    block_on(async {
        let gateway = Gateway::start();
        let is_known = |id| gateway.registry.state().device(id).is_some();
        let (lasting, options) = enrolled(&gateway, false).await;
        gateway.connect(&options).await.close().await;
        let (guest, options) = enrolled(&gateway, true).await;
        let first = gateway.connect(&options).await;
        let token = first.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let second = gateway.connect(&options).await;
        gateway.start_sweeping(GRACE);

        first.close().await;
        let with_token = with_device_token(&options, &token);
        sleep(GRACE + 2 * SWEEP_INTERVAL).await;
        assert!(is_known(guest), "it is still connected");

        second.close().await;
        gateway.connect(&with_token).await.close().await;
        let waiting = Stopwatch::start();
        while is_known(guest) {
            assert!(waiting.elapsed() < Duration::from_secs(20), "it does not vanish");
            sleep(Duration::from_millis(20)).await;
        }
        let refused = gateway.refused(&with_token).await;
        assert_eq!(refused.details_code(), Some("AUTH_DEVICE_TOKEN_MISMATCH"));
        // It was shown out and not turned down: it may ask again.
        let refused = gateway.refused(&options).await;
        assert_eq!(refused.details["reason"], "not-paired");
        assert!(is_known(lasting));
    });
}
