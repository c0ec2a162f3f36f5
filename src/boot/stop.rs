//! The end: who may order it, and what is done before the process goes.

use std::{future::Future, io, thread::JoinHandle, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::{
    actors::{hub::HubHandle, limits, registry::RegistryHandle},
    ledger::{error::OpenError, handle::LedgerHandle, snapshot::keeper::Keeper},
    support::shutdown::Shutdown,
};

/// How long clients may take to be told goodbye.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(1);

/// How long the sinks of the export may take for what they have not taken yet. The rest is theirs at the
/// next start.
const EXPORT_DEADLINE: Duration = Duration::from_secs(2);

/// The orders to stop that come from outside. Listened to before any door opens, so that an early
/// one is not lost to the system's default, which drains nothing.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for a signal, for an actor that cannot go on, or for a ledger of unknown state.
    pub(super) async fn until_told_to_stop(
        &mut self,
        shutdown: &Shutdown,
        ledger: &LedgerHandle,
        broken: &mut oneshot::Receiver<OpenError>,
    ) -> anyhow::Result<()> {
        // A verification that fails has the ledger stop too, and knows better why.
        tokio::select! {
            biased;
            Ok(error) = broken => Err(error.into()),
            _ = self.terminate.recv() => Ok(()),
            _ = self.interrupt.recv() => Ok(()),
            () = shutdown.begun() => anyhow::bail!("a part of the gateway failed; see the log"),
            why = ledger.fatal() => anyhow::bail!("{why}; start again, and recovery decides"),
        }
    }
}

/// Lets clients read the farewell and the ledger finish, within a deadline.
pub(super) async fn drain(
    port: actix_web::dev::ServerHandle,
    hub: &HubHandle,
    ledger: &LedgerHandle,
    published: &JoinHandle<()>,
    keeper: &Keeper,
    registry: &RegistryHandle,
) {
    let orderly = async {
        within(FAREWELL_DEADLINE, everyone_left(hub)).await;
        port.stop(false).await;
        if let Err(error) = ledger.close().await {
            tracing::warn!(%error, "the last checkpoint could not be signed");
        }
        // It ends by itself once the ledger is closed; what it does not manage, the next start does.
        while !published.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        keep(keeper, registry).await;
    };
    within(limits::DRAIN_DEADLINE, orderly).await;
}

/// Lets the sinks take what there is, within a deadline.
pub(super) async fn let_go(exports: Vec<tokio::task::JoinHandle<()>>) {
    within(EXPORT_DEADLINE, futures_util::future::join_all(exports)).await;
}

/// Has the last state kept, if that is worth it. What it does not manage, the next start reads.
async fn keep(keeper: &Keeper, registry: &RegistryHandle) {
    // Nothing is committed any more, and nothing else runs on this thread between the two.
    keeper.end(registry.epoch().now(), &registry.state());
    while !keeper.has_ended() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The connections say goodbye on their own threads; their number tells when they have.
async fn everyone_left(hub: &HubHandle) {
    while hub.connections() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // What was queued last still has to reach the sockets.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn within(deadline: Duration, work: impl Future) {
    if tokio::time::timeout(deadline, work).await.is_err() {
        tracing::warn!(?deadline, "draining took too long");
    }
}
