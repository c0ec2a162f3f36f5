//! `revocations`: of many devices that are connected, one after another is revoked. How long until
//! its socket is closed, and what do the others hear of it?
//!
//! Each device was paired for this and has a socket of its own, which only listens. They are revoked
//! one at a time, so that the figure is the way of one revocation and not of a queue. Whatever
//! reaches anybody else is a failure: nobody else should notice.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    NO_AUTOMATIC_APPROVAL, Name, Target,
    handshake::{self, Answer, Kind},
    load::{self, Deadline, PATIENCE, Samples},
    memory::OTHER_FILES,
    proc_stat,
    report::{Latency, Outcome},
    wire::{Ear, Heard, Wire, find, text_frame},
};
use crate::support::{clock::Stopwatch, device_key::DeviceKey};

/// Devices that pair at the same time.
const PAIRING: usize = 64;

/// One of so many devices is revoked, at the most: the crowd should stay a crowd.
pub const ONE_OF: usize = 5;

/// How long to listen after the last revocation for what nobody should have been sent.
const AFTERWARDS: Duration = Duration::from_millis(250);

/// A device that is connected.
struct Device {
    id: String,
    ear: Ear,
}

/// What a device's socket was sent, heartbeats aside, and when.
struct Sent {
    device: usize,
    at: Duration,
    what: String,
    /// Whether that was the end of it.
    closed: bool,
}

/// Everyone who is connected.
struct Crowd {
    operator: Wire,
    clock: Stopwatch,
    ids: Vec<String>,
    /// How many of them were revoked: the first ones.
    revoked: usize,
    sent: mpsc::UnboundedReceiver<Sent>,
    /// What reached those whom it did not concern.
    stray: Vec<String>,
    /// From the answer to the close, in nanoseconds; zero if the close came first.
    after_answer: Vec<u64>,
    _ears: JoinSet<()>,
}

/// Measures revocations of paired devices; skipped if pairing needs a person.
///
/// # Errors
/// If a device or the operator is refused for another reason, or no revocation succeeds.
pub async fn measure(target: Arc<Target>) -> anyhow::Result<Outcome> {
    let allowed = proc_stat::raise_file_limit()?.saturating_sub(OTHER_FILES);
    let count = target.connections.min(usize::try_from(allowed).unwrap_or(usize::MAX));
    let Some(devices) = pair(&target, count).await? else {
        return Ok(Outcome::Skipped { reason: NO_AUTOMATIC_APPROVAL.into() });
    };
    let options = target.operator(&["operator.admin"]);
    let (operator, _) = handshake::enter(&target.endpoint, &options).await?;
    let crowd = Crowd::gather(operator, devices);
    let (crowds, load) = load::run(target.pid, target.time, vec![crowd], revoke).await?;
    let mut figures = load.figures()?;
    let mut crowd = crowds.into_iter().next().context("the operator was disconnected")?;
    sleep(AFTERWARDS).await;
    crowd.note_stray();
    figures.failures += crowd.stray.len() as u64;
    let stray = crowd.stray.first();
    figures.notes.extend(stray.map(|first| format!("sent to another device: {first}")));
    let after = Latency::of(&mut crowd.after_answer);
    figures.notes.push(format!(
        "{count} devices; from the answer to the close: p50 {:.3} ms, p99 {:.3} ms; {} frames \
         reached others",
        after.p50_ms,
        after.p99_ms,
        crowd.stray.len(),
    ));
    Ok(Outcome::measured(Name::Revocations, figures))
}

/// Pairs and connects new devices; `None` if a person would have to approve them.
async fn pair(target: &Arc<Target>, count: usize) -> anyhow::Result<Option<Vec<Device>>> {
    let mut devices = Vec::with_capacity(count);
    let mut pairing = JoinSet::new();
    let mut begun = 0;
    while devices.len() < count {
        while begun < count && pairing.len() < PAIRING {
            pairing.spawn(pair_one(Arc::clone(target)));
            begun += 1;
        }
        match pairing.join_next().await.context("no device is being paired")??? {
            Some(device) => devices.push(device),
            None => return Ok(None),
        }
    }
    Ok(Some(devices))
}

async fn pair_one(target: Arc<Target>) -> anyhow::Result<Option<Device>> {
    let key = DeviceKey::generate();
    let id = key.id().to_owned();
    let options = target.operator(&["operator.read"]).with_device(key.into());
    match handshake::knock(&target.endpoint, &options).await? {
        Answer::Welcome(wire, _) => Ok(Some(Device { id, ear: wire.into() })),
        Answer::Refused(refusal) => {
            ensure!(refusal.details_code() == Some("PAIRING_REQUIRED"), refusal);
            Ok(None)
        }
    }
}

impl Crowd {
    /// Leaves every device to a task that listens.
    fn gather(operator: Wire, devices: Vec<Device>) -> Self {
        let (heard, sent) = mpsc::unbounded_channel();
        let clock = Stopwatch::start();
        let mut ids = Vec::with_capacity(devices.len());
        let mut ears = JoinSet::new();
        for (device, Device { id, ear }) in devices.into_iter().enumerate() {
            ids.push(id);
            ears.spawn(listen(device, ear, clock, heard.clone()));
        }
        let (stray, after_answer) = (Vec::new(), Vec::new());
        Self { operator, clock, ids, revoked: 0, sent, stray, after_answer, _ears: ears }
    }

    /// Revokes the next device; gives the time from the request to the close of its socket.
    async fn revoke_next(&mut self) -> io::Result<Duration> {
        let device = self.revoked;
        self.revoked += 1;
        let request = json!({"type": "req", "id": "r", "method": "device.token.revoke",
            "params": {"deviceId": self.ids[device], "role": "operator"}});
        let mut frame = Vec::new();
        text_frame(&request.to_string(), &mut frame);
        let begun = self.clock.elapsed();
        self.operator.send(&frame).await?;
        let (answered, closed) = tokio::try_join!(
            answered(&mut self.operator, self.clock),
            closed(&mut self.sent, device, &mut self.stray),
        )?;
        let after = closed.saturating_sub(answered);
        self.after_answer.push(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
        Ok(closed - begun)
    }

    /// Takes what came since as strayed.
    fn note_stray(&mut self) {
        while let Ok(sent) = self.sent.try_recv() {
            self.stray.push(sent.what);
        }
    }
}

/// When the operator was answered.
async fn answered(operator: &mut Wire, clock: Stopwatch) -> io::Result<Duration> {
    loop {
        let body = operator.next_text().await?;
        let frame = operator.text(body);
        match Kind::of(frame) {
            Kind::Event => {}
            Kind::Yes => return Ok(clock.elapsed()),
            Kind::No => return Err(io::Error::other(String::from_utf8_lossy(frame).into_owned())),
        }
    }
}

/// When the socket of `device` was closed; what anybody else was sent meanwhile has strayed.
async fn closed(
    sent: &mut mpsc::UnboundedReceiver<Sent>,
    device: usize,
    stray: &mut Vec<String>,
) -> io::Result<Duration> {
    loop {
        let sent = sent.recv().await.ok_or(io::ErrorKind::UnexpectedEof)?;
        match sent.device == device {
            true if sent.closed => return Ok(sent.at),
            // What the device itself is told before the end is its own affair.
            true => {}
            false => stray.push(sent.what),
        }
    }
}

async fn listen(device: usize, mut ear: Ear, clock: Stopwatch, heard: mpsc::UnboundedSender<Sent>) {
    loop {
        let (what, closed) = match ear.next().await {
            Ok(Heard::Text(frame)) if is_heartbeat(&frame) => continue,
            Ok(Heard::Text(frame)) => (String::from_utf8_lossy(&frame).into_owned(), false),
            Ok(Heard::Close(code, reason)) => (format!("close {code:?} {reason}"), true),
            Err(error) => (error.to_string(), true),
        };
        let at = clock.elapsed();
        // Nobody listens any more once the measurement is over.
        if heard.send(Sent { device, at, what, closed }).is_err() || closed {
            return;
        }
    }
}

/// What every gateway sends to everyone from time to time.
fn is_heartbeat(frame: &[u8]) -> bool {
    [&b"\"event\":\"tick\""[..], b"\"event\":\"health\""]
        .iter()
        .any(|event| find(frame, event).is_some())
}

async fn revoke(mut crowd: Crowd, deadline: Deadline) -> (Option<Crowd>, Samples) {
    let mut samples = Samples::default();
    let most = crowd.ids.len().div_ceil(ONE_OF);
    while crowd.revoked < most && !deadline.passed() && !samples.hopeless() {
        match timeout(PATIENCE, crowd.revoke_next()).await {
            Ok(Ok(took)) => samples.done(took),
            Ok(Err(error)) => samples.failed(error),
            Err(_) => samples.failed("the device's socket was not closed in time"),
        }
    }
    (Some(crowd), samples)
}
