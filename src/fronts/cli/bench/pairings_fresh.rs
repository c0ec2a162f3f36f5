//! `pairings-fresh`: devices that the gateway has never seen are paired and get their token.

use std::{sync::Arc, time::Duration, vec};

use anyhow::ensure;
use tokio::time::timeout;

use super::{
    NO_AUTOMATIC_APPROVAL, Name, Target,
    handshake::{self, Answer},
    load::{self, Deadline, PATIENCE, Samples},
    report::Outcome,
    wire::find,
};
use crate::{fronts::cli::client::ConnectOptions, support::device_key::DeviceKey};

/// Devices that pair at the same time.
pub const PARALLEL: usize = 64;

/// Keys made ahead for each second: more than any gateway pairs, so that they do not run out.
const KEYS_PER_SECOND: f64 = 12_000.0;

/// How long the gateway may take to close its side.
const GOODBYE: Duration = Duration::from_secs(1);

/// Measures pairings by automatic local approval; skipped if pairing needs a person.
///
/// # Errors
/// If no pairing succeeds.
pub async fn measure(target: Arc<Target>) -> anyhow::Result<Outcome> {
    let fresh = || target.operator(&["operator.read"]).with_device(DeviceKey::generate().into());
    if let Answer::Refused(refusal) = handshake::knock(&target.endpoint, &fresh()).await? {
        ensure!(refusal.details_code() == Some("PAIRING_REQUIRED"), refusal);
        return Ok(Outcome::Skipped { reason: NO_AUTOMATIC_APPROVAL.into() });
    }
    let each = (target.time.as_secs_f64() * KEYS_PER_SECOND / PARALLEL as f64).ceil() as usize;
    let devices = |_| (0..each).map(|_| fresh()).collect::<Vec<_>>().into_iter();
    let states = (0..PARALLEL).map(devices).collect();
    let worker = |devices, deadline| pair(Arc::clone(&target), devices, deadline);
    let load = load::run_warm(target.pid, target.time, states, worker).await?;
    Ok(Outcome::measured(Name::PairingsFresh, load.figures()?))
}

type Devices = vec::IntoIter<ConnectOptions>;

async fn pair(
    target: Arc<Target>,
    mut devices: Devices,
    deadline: Deadline,
) -> (Option<Devices>, Samples) {
    let mut samples = Samples::default();
    while !deadline.passed() && !samples.hopeless() {
        let Some(options) = devices.next() else { break };
        let start = deadline.now();
        match timeout(PATIENCE, handshake::enter(&target.endpoint, &options)).await {
            Ok(Ok((wire, hello)))
                if find(wire.text(hello.clone()), b"\"deviceToken\"").is_some() =>
            {
                samples.done(deadline.now() - start);
                if timeout(GOODBYE, wire.close()).await.is_err() {
                    samples.remark("the gateway left a close unanswered");
                }
            }
            Ok(Ok(_)) => samples.failed("hello-ok without a device token"),
            Ok(Err(error)) => samples.failed(error),
            Err(_) => samples.failed("no answer in time"),
        }
    }
    (Some(devices), samples)
}
