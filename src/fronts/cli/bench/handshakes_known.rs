//! `handshakes-known`: a paired device connects, is greeted and goes, over and over.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    Target, handshake,
    load::{self, Deadline, PATIENCE, Samples},
    report::Outcome,
};
use crate::{
    fronts::cli::client::{self, Auth, ConnectOptions},
    support::{device_key::DeviceKey, secret::Secret},
};

/// Connections at the same time.
pub const PARALLEL: usize = 32;

/// How long the gateway may take to close its side. It is not part of the measured time, but of
/// the cycle, as it is for a client that waits for the end before it comes back.
const GOODBYE: Duration = Duration::from_secs(1);

/// Pairs one device, then measures its handshakes; skipped if pairing needs a person.
///
/// # Errors
/// If the device cannot be paired for another reason, or no handshake succeeds.
pub async fn measure(target: Arc<Target>) -> anyhow::Result<Outcome> {
    let device = Arc::new(DeviceKey::generate());
    let mut options = target.operator(&["operator.read"]).with_device(device);
    let session = match client::connect(&target.url, &options).await {
        Ok(session) => session,
        Err(error) if error.details_code() == Some("PAIRING_REQUIRED") => {
            return Ok(Outcome::Skipped { reason: super::NO_AUTOMATIC_APPROVAL.into() });
        }
        Err(error) => return Err(error.into()),
    };
    let given = session.hello["auth"]["deviceToken"].as_str();
    let given = given.map(|token| Secret::new(token.to_owned()));
    session.close().await;
    let mut notes = Vec::new();
    match given {
        Some(token) => options.auth = Auth::device_token(token),
        None => notes.push("the gateway gave no device token: the shared token is used".into()),
    }
    let worker = |options, deadline| cycle(Arc::clone(&target), options, deadline);
    let options = Arc::new(options);
    let states = vec![options; PARALLEL];
    let load = load::run_warm(target.pid, target.time, states, worker).await?;
    let mut figures = load.figures()?;
    figures.notes.extend(notes);
    Ok(Outcome::measured(super::Name::HandshakesKnown, figures))
}

async fn cycle(
    target: Arc<Target>,
    options: Arc<ConnectOptions>,
    deadline: Deadline,
) -> (Option<Arc<ConnectOptions>>, Samples) {
    let mut samples = Samples::default();
    while !deadline.passed() && !samples.hopeless() {
        let start = deadline.now();
        match timeout(PATIENCE, handshake::enter(&target.endpoint, &options)).await {
            Ok(Ok((wire, _))) => {
                samples.done(deadline.now() - start);
                if timeout(GOODBYE, wire.close()).await.is_err() {
                    samples.remark("the gateway left a close unanswered");
                }
            }
            Ok(Err(error)) => samples.failed(error),
            Err(_) => samples.failed("no answer in time"),
        }
    }
    (Some(options), samples)
}
