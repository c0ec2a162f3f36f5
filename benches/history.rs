//! Long histories: makes them, and measures what a gateway does with them.
//!
//!     cargo bench --bench history -- make DIR 1000000 household
//!     cargo bench --bench history -- open DIR
//!     cargo bench --bench history -- ask DIR
//!
//! `make` fills a state directory: `household` has fifty records for each device, `crowd` one device
//! for every two records, which is the most that a state of that many records can hold. `open` times
//! the ways in: reading and folding everything, verifying, and from a snapshot if there is one. `ask`
//! times single questions to the gateway that runs there, over its admin socket. How long a start takes as
//! a whole, `doorward bench --only ready-records --state-dir-with-records DIR` tells.

use std::{io::Write as _, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use doorward::{
    domain::{
        Decider, Event,
        ids::{DeviceId, PublicKey, RequestId, Seq, TokenHash},
        origin::Locality,
        principal::{Principal, SecretKind},
        registry::{Approval, ApprovedBy, Event as Happened, Profile, Registry},
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        LedgerHandle, LedgerReader, OpenOptions, Opened, Record, Transport, Verdict, Via,
        checkpoint::Checkpoint, open, snapshot, tlog::follow::follow,
    },
    support::{clock::Stopwatch, keys::GatewayKey},
};

/// 2026-01-01.
const BEGIN_MS: u64 = 1_767_225_600_000;

/// What one transaction takes.
const BATCH: u64 = 1024;

/// How often each question is asked.
const QUESTIONS: u64 = 1000;

fn main() -> anyhow::Result<()> {
    // Cargo adds an argument of its own.
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["make", dir, size, shape] => make(Path::new(dir), size.parse()?, Shape::named(shape)?),
        ["open", dir] => time_opening(Path::new(dir)),
        ["ask", dir] => runtime()?.block_on(questions::ask(Path::new(dir))),
        _ => say("make DIR RECORDS household|crowd, open DIR, or ask DIR"),
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// How many records each device has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Household,
    Crowd,
}

impl Shape {
    fn named(name: &str) -> anyhow::Result<Self> {
        match name {
            "household" => Ok(Self::Household),
            "crowd" => Ok(Self::Crowd),
            _ => anyhow::bail!("{name} is neither household nor crowd"),
        }
    }

    fn records_each(self) -> u64 {
        match self {
            Self::Household => 50,
            Self::Crowd => 2,
        }
    }

    /// The record at a place. All devices live side by side, so neighbours are of different devices.
    fn record(self, seq: u64, size: u64, key: &GatewayKey) -> Record {
        let devices = (size / self.records_each()).max(1);
        let event = match (seq, self) {
            (0, _) => Happened::Begun { gateway_key: PublicKey(key.public()) },
            (1, _) => {
                let fingerprint = TokenHash([1; 32]);
                Happened::SecretAdopted { kind: SecretKind::Token, fingerprint }
            }
            (_, Self::Crowd) => life((seq - 2) / 2, (seq - 2) % 2),
            (_, Self::Household) => life((seq - 2) % devices, (seq - 2) / devices),
        };
        Record {
            seq: Seq(seq),
            at: UnixMillis(BEGIN_MS + seq * 1000),
            principal: Principal::Host { uid: 1000 },
            authority: Seq(0),
            via: Via {
                transport: Transport::WebSocket,
                address: Some("192.168.1.10".into()),
                locality: Locality::Elsewhere,
                connection: Some("b0c5f0b2-7d5c-4a3e-9b51-0f4f3b1d2a6e".into()),
                request: Some("r-12345".into()),
            },
            before: ScopeSet::full_operator(),
            after: ScopeSet::full_operator(),
            event: Event::Registry(event),
        }
    }
}

/// 32 bytes that differ, and are spread as hashes are.
fn spread(number: u64, salt: u64) -> [u8; 32] {
    let mut bytes = [0x5a; 32];
    let mixed = (number ^ (salt << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    bytes[..8].copy_from_slice(&mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes());
    bytes[8..16].copy_from_slice(&number.to_be_bytes());
    bytes[16..24].copy_from_slice(&salt.to_be_bytes());
    bytes
}

/// What happens to a device at this step of its life.
fn life(device: u64, step: u64) -> Happened {
    let id = DeviceId(spread(device, 0));
    let role = Role::Operator;
    let token = || TokenHash(spread(device, step + 1));
    match step {
        0 => approval(id, device),
        1 => Happened::TokenIssued { device: id, role, token: token() },
        2 => Happened::TokenConfirmed { device: id, role },
        _ if step.is_multiple_of(10) => {
            let scopes = ScopeSet::full_operator();
            Happened::TokenRotated { device: id, role, scopes, token: Some(token()) }
        }
        _ if step % 10 == 1 => Happened::TokenConfirmed { device: id, role },
        _ if step % 10 == 5 => Happened::DeviceDescribed { device: id, profile: profile(device) },
        _ if step % 10 == 7 => Happened::DeviceRenamed { device: id, label: format!("d{device}") },
        _ => Happened::DeviceSeen { device: id },
    }
}

fn profile(device: u64) -> Profile {
    Profile {
        display_name: Some(format!("device number {device}")),
        client_id: "openclaw-macos".into(),
        client_mode: "ui".into(),
        version: "2026.6.1".into(),
        platform: "macOS 26.1.0".into(),
        device_family: Some("Mac".into()),
    }
}

fn approval(id: DeviceId, device: u64) -> Happened {
    let [.., a, b, c, d] = device.to_be_bytes();
    let mut request = [7; 16];
    request[..4].copy_from_slice(&[a, b, c, d]);
    Happened::PairingApproved(Box::new(Approval {
        request_id: RequestId(request),
        device: id,
        public_key: PublicKey(spread(device, 99)),
        role: Role::Operator,
        scopes: ScopeSet::full_operator(),
        profile: profile(device),
        by: ApprovedBy::Host,
        approver: Some(Principal::Host { uid: 1000 }),
        until: None,
        ceiling: None,
        ephemeral: false,
    }))
}

fn options(state: &Path) -> OpenOptions {
    OpenOptions { dir: state.join("ledger"), outside_checkpoint: state.join("checkpoint") }
}

fn make(state: &Path, size: u64, shape: Shape) -> anyhow::Result<()> {
    std::fs::create_dir_all(state)?;
    let key = Arc::new(GatewayKey::load_or_create(&state.join("gateway.key"))?);
    let opened = open(&options(state), &key, &mut |_| ControlFlow::Continue(()))?;
    let handle = LedgerHandle::spawn(opened, Arc::clone(&key))?;
    runtime()?.block_on(async {
        for from in (handle.size()..size).step_by(BATCH as usize) {
            let batch = (from..size.min(from + BATCH)).map(|seq| shape.record(seq, size, &key));
            handle.append(from, batch.collect()).await?;
        }
        let published = follow(state.join("tlog"), &handle)?;
        handle.close().await?;
        drop(handle);
        anyhow::ensure!(published.join().is_ok(), "publishing panicked");
        say(&format!("{size} records in {}", state.display()))
    })
}

fn time<T>(
    what: &str,
    records: u64,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let begun = Stopwatch::start();
    let done = work()?;
    let took = begun.elapsed();
    let rate = records as f64 / took.as_secs_f64();
    say(&format!("{what}: {:.1} ms, {rate:.0} records/s", took.as_secs_f64() * 1000.0))?;
    Ok(done)
}

fn time_opening(state: &Path) -> anyhow::Result<()> {
    let key = GatewayKey::load(&state.join("gateway.key"))?;
    let file = state.join("snapshot");
    if file.exists() {
        let fast = time("open with the snapshot", 0, || {
            Ok(snapshot::start::open(&options(state), &file, &key)?)
        })?;
        let used = fast.unverified.map_or(0, |unverified| unverified.size());
        say(&format!("{used} records came with the snapshot; {:?}", fast.discarded))?;
    }
    let (opened, registry) = time("open, verify and fold everything", 0, || all(state, &key))?;
    let size = opened.head.size();
    say(&format!("{size} records, {} devices", registry.device_count()))?;
    let outside = Some(state.join("checkpoint"));
    let reader = LedgerReader::new(opened.store.reader(), key.public(), outside);
    time("verify", size, || match reader.verify()? {
        Verdict::Ok { .. } => Ok(()),
        Verdict::Broken { first_bad_seq, what } => anyhow::bail!("record {first_bad_seq}: {what}"),
    })?;
    time("replay", size, || {
        let mut state = Registry::default();
        reader.read_range(0, size, &mut |entry| {
            let Event::Registry(event) = &entry.record.event;
            state.apply(entry.record.stamp(), event);
            ControlFlow::Continue(())
        })?;
        anyhow::ensure!(state == registry, "two folds of one ledger differ");
        Ok(())
    })?;
    drop((opened, reader));
    Ok(())
}

fn all(state: &Path, key: &GatewayKey) -> anyhow::Result<(Opened, Registry)> {
    let mut registry = Registry::default();
    let opened = open(&options(state), key, &mut |record| {
        let Event::Registry(event) = &record.event;
        registry.apply(record.stamp(), event);
        ControlFlow::Continue(())
    })?;
    Ok((opened, registry))
}

mod questions {
    use std::path::PathBuf;

    use doorward::proto::v1::{
        DeviceInRole, Party, ProveRequest, Role, WhyRequest,
        audit_service_client::AuditServiceClient, ledger_service_client::LedgerServiceClient,
        party,
    };
    use hyper_util::rt::TokioIo;
    use tokio::net::UnixStream;
    use tonic::transport::{Channel, Endpoint};

    use super::*;

    /// Asks the gateway that runs there, one question after another.
    pub async fn ask(state: &Path) -> anyhow::Result<()> {
        let channel = connect(state.join("admin.sock")).await?;
        let (mut audit, mut ledger) =
            (AuditServiceClient::new(channel.clone()), LedgerServiceClient::new(channel));
        let size = {
            let key = GatewayKey::load(&state.join("gateway.key"))?;
            let note = std::fs::read_to_string(state.join("checkpoint"))?;
            Checkpoint::verify(&note, &key.public())?.size
        };
        let mut whys = Vec::new();
        for question in 0..QUESTIONS {
            let device = DeviceInRole {
                device_id: DeviceId(spread(question * 17, 0)).to_string(),
                role: Role::Operator.into(),
            };
            let party = Some(Party { kind: Some(party::Kind::Device(device)), ..Party::default() });
            let scope = "operator.admin".into();
            let asked = Stopwatch::start();
            let why = audit.why(WhyRequest { party, scope, at: None }).await?.into_inner();
            whys.push(asked.elapsed());
            anyhow::ensure!(why.satisfied && why.chain.len() == 1, "{why:?}");
        }
        tell("why", whys)?;
        let mut proofs = Vec::new();
        for question in 0..QUESTIONS {
            let seq = question * 7919 % size;
            let asked = Stopwatch::start();
            let proof = ledger.prove(ProveRequest { seq }).await?.into_inner().proof;
            proofs.push(asked.elapsed());
            anyhow::ensure!(proof.contains(&format!("index {seq}\n")), "{proof}");
        }
        tell("prove", proofs)
    }

    async fn connect(socket: PathBuf) -> anyhow::Result<Channel> {
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://admin.doorward.invalid");
        Ok(endpoint.connect_with_connector(connector).await?)
    }

    fn tell(what: &str, mut took: Vec<Duration>) -> anyhow::Result<()> {
        took.sort();
        let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        let (first, middle, last) = (at(0), at(50), at(99));
        say(&format!("{what}: p0 {first:.3} ms, p50 {middle:.3} ms, p99 {last:.3} ms"))
    }
}
