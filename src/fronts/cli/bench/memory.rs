//! `memory-idle` and `memory-connections`: resident memory of the gateway's process.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, ensure};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

use super::{Target, handshake, proc_stat, report::Figures};
use crate::fronts::cli::client::ConnectOptions;

/// Connections that are being opened at the same time.
const OPENING: usize = 64;

/// Files that this process needs beside the measured connections.
pub const OTHER_FILES: u64 = 100;

/// `memory-idle`: what is resident before this client has loaded it.
///
/// # Errors
/// If the process cannot be read.
pub async fn idle(target: Arc<Target>) -> anyhow::Result<Figures> {
    sleep(target.settle).await;
    let resident = proc_stat::resident_bytes(target.pid).context("the process cannot be read")?;
    Ok(Figures { operations: 1, resident_bytes: Some(resident), ..Figures::default() })
}

/// `memory-connections`: what each of many authenticated, idle connections adds.
///
/// # Errors
/// If the process cannot be read or a connection not be opened.
pub async fn per_connection(target: Arc<Target>) -> anyhow::Result<Figures> {
    let allowed = proc_stat::raise_file_limit()?.saturating_sub(OTHER_FILES);
    let count = target.connections.min(usize::try_from(allowed).unwrap_or(usize::MAX));
    let before = proc_stat::resident_bytes(target.pid).context("the process cannot be read")?;
    let closed = Arc::new(AtomicUsize::new(0));
    let idle = open(&target, count, &closed).await?;
    sleep(target.settle).await;
    let after = proc_stat::resident_bytes(target.pid).context("the process cannot be read")?;
    let lost = closed.load(Ordering::Relaxed);
    drop(idle);
    ensure!(lost == 0, "the gateway closed {lost} of {count} idle connections");
    let mut notes = vec![format!("{count} connections, {} KiB in all", after / 1024)];
    if count < target.connections {
        notes.push(format!("the limit of open files allows no more than {count} connections"));
    }
    Ok(Figures {
        operations: count as u64,
        resident_bytes: Some(after.saturating_sub(before) / (count as u64).max(1)),
        notes,
        ..Figures::default()
    })
}

/// Opens `count` connections and leaves each to a task that only reads; dropping the set closes all.
async fn open(
    target: &Arc<Target>,
    count: usize,
    closed: &Arc<AtomicUsize>,
) -> anyhow::Result<JoinSet<()>> {
    let options = Arc::new(target.operator(&["operator.read"]));
    let mut opening: JoinSet<anyhow::Result<TcpStream>> = JoinSet::new();
    let mut idle = JoinSet::new();
    let mut started = 0;
    while idle.len() < count {
        while started < count && opening.len() < OPENING {
            opening.spawn(open_one(Arc::clone(target), Arc::clone(&options)));
            started += 1;
        }
        let stream = opening.join_next().await.context("no connection is being opened")???;
        idle.spawn(read_on(stream, Arc::clone(closed)));
    }
    Ok(idle)
}

async fn open_one(target: Arc<Target>, options: Arc<ConnectOptions>) -> anyhow::Result<TcpStream> {
    let (wire, _) = handshake::enter(&target.endpoint, &options).await?;
    // The frames' buffers would be 64 KiB for each connection here.
    Ok(wire.into_stream())
}

/// Takes in whatever the gateway sends, so that it never has to wait for this client.
async fn read_on(stream: TcpStream, closed: Arc<AtomicUsize>) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0u8; 4096]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    closed.fetch_add(1, Ordering::Relaxed);
}
