//! `doorward bench`: what a gateway of this protocol can do, measured from outside.
//!
//! It knows a URL, perhaps a process id, and nothing of this gateway's inside, so that the same
//! code measures a peer. Without a URL it starts a gateway of its own ([`own_gateway`]).
//!
//! One file for each measurement; each has one name ([`Name`]) and gives one row of the report.
//! [`wire`] and [`handshake`] are the cheap client, [`load`] repeats an operation for a while,
//! [`proc_stat`] reads what the server burns. Nothing is printed here, and no figure fails anything.

mod approvals;
mod calls;
mod goals;
mod handshake;
mod handshakes_known;
mod load;
mod memory;
mod options;
mod own_gateway;
mod pairings_fresh;
mod pipe;
mod proc_stat;
mod ready;
mod report;
mod revocations;
#[cfg(test)]
mod tests;
mod wire;

use std::{sync::Arc, time::Duration};

use anyhow::Context;

pub use goals::{Goal, Subject};
pub use options::{BenchOptions, Name};
pub use report::{Figures, Latency, Measurement, Outcome, Report, render};

use crate::{
    fronts::cli::client::{self, ConnectOptions},
    support::secret::Secret,
};
use own_gateway::{OwnGateway, Program, Seed};
use wire::Endpoint;

/// Why nothing can be paired here.
const NO_AUTOMATIC_APPROVAL: &str =
    "this gateway lets a person approve every device, so no device can be paired by itself";

/// A configuration under which local devices have to be approved.
const MANUAL_APPROVAL: &str = "{ gateway: { nodes: { pairing: { autoApproveLocal: false } } } }";

/// The gateway that is measured, and how long.
struct Target {
    url: String,
    endpoint: Endpoint,
    token: Option<Secret<String>>,
    pid: Option<u32>,
    /// For each measurement under load.
    time: Duration,
    /// How long memory is left alone before it is read.
    settle: Duration,
    /// How many idle connections to weigh.
    connections: usize,
    version: Option<String>,
}

impl Target {
    /// Resolves the URL and says hello once, so that a wrong token is told at the start.
    async fn meet(
        url: String,
        token: Option<Secret<String>>,
        pid: Option<u32>,
        options: &BenchOptions,
    ) -> anyhow::Result<Arc<Self>> {
        let who = ConnectOptions::operator(token.clone(), &["operator.read"]);
        let session = client::connect(&url, &who)
            .await
            .with_context(|| format!("{url} cannot be measured (see --url and --token)"))?;
        let version = session.hello["server"]["version"].as_str().map(str::to_owned);
        session.close().await;
        let time = Duration::from_secs_f64(options.seconds);
        Ok(Arc::new(Self {
            endpoint: Endpoint::resolve(&url).await?,
            url,
            token,
            pid,
            time,
            settle: time.min(Duration::from_secs(1)),
            connections: options.connections,
            version,
        }))
    }

    /// An operator without a device that proves the shared token.
    fn operator(&self, scopes: &[&str]) -> ConnectOptions {
        ConnectOptions::operator(self.token.clone(), scopes)
    }
}

/// Measures what `options` ask for, one after another; calls `progress` with a line before each.
///
/// # Errors
/// If the gateway cannot be reached, does not let an operator in, or cannot be started. A
/// measurement that fails by itself is a row of the report instead.
pub async fn run(options: BenchOptions, progress: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let file = std::env::current_exe().context("this program's own file cannot be found")?;
    run_program(options, Program { file, before: Vec::new() }, progress).await
}

/// [`run`], where `program` is what is started if there is no URL.
async fn run_program(
    options: BenchOptions,
    program: Program,
    progress: &dyn Fn(&str),
) -> anyhow::Result<Report> {
    // Before a gateway is started, because it inherits the limit. What is still too few shows later.
    let _ = proc_stat::raise_file_limit();
    let mut bench = Bench { options, program, own: None, target: None };
    let mut measurements = Vec::new();
    for name in bench.options.names() {
        progress(&format!("{}: {}", name.text(), name.what()));
        let outcome = bench.measure(name).await?;
        measurements.push(Measurement { name, what: name.what(), outcome });
    }
    let own = format!(
        "{} run (started for this, on a new state directory)",
        bench.program.file.display()
    );
    Ok(Report {
        target: bench.options.url.clone().unwrap_or(own),
        server_version: bench.target.and_then(|target| target.version.clone()),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: bench.options.seconds,
        measurements,
    })
}

struct Bench {
    options: BenchOptions,
    program: Program,
    /// Started by the first measurement that needs it, kept for the others.
    own: Option<OwnGateway>,
    target: Option<Arc<Target>>,
}

impl Bench {
    /// An error ends the run: there is no gateway. A failed measurement is an outcome.
    async fn measure(&mut self, name: Name) -> anyhow::Result<Outcome> {
        if let Some(reason) = self.options.skip(name) {
            return Ok(Outcome::Skipped { reason });
        }
        let result = match name {
            Name::Ready | Name::ReadyRecords => self.starts(name).await,
            Name::Approvals if self.options.url.is_none() => self.approvals_of_own().await,
            _ => {
                let target = self.target().await?;
                load::on_own_thread(move || ask(name, target)).await
            }
        };
        Ok(result.unwrap_or_else(|error| Outcome::Failed { reason: format!("{error:#}") }))
    }

    async fn starts(&self, name: Name) -> anyhow::Result<Outcome> {
        let program = self.program.clone();
        let records = self.options.state_dir_with_records.clone();
        let figures = load::on_own_thread(move || async move {
            match records {
                Some(records) if name == Name::ReadyRecords => ready::on_records(&program, records),
                _ => ready::on_nothing(&program),
            }
        });
        Ok(Outcome::measured(name, figures.await?))
    }

    /// A second gateway, because the first one approves local devices by itself.
    async fn approvals_of_own(&self) -> anyhow::Result<Outcome> {
        let gateway = start(&self.program, Seed::Config(MANUAL_APPROVAL)).await?;
        let target = meet_own(&gateway, &self.options).await?;
        load::on_own_thread(move || approvals::measure(target)).await
    }

    async fn target(&mut self) -> anyhow::Result<Arc<Target>> {
        if let Some(target) = &self.target {
            return Ok(Arc::clone(target));
        }
        let options = &self.options;
        let target = match &options.url {
            Some(url) => {
                Target::meet(url.clone(), options.token.clone(), options.pid, options).await?
            }
            None => {
                let gateway = self.own.insert(start(&self.program, Seed::Empty).await?);
                meet_own(gateway, options).await?
            }
        };
        Ok(Arc::clone(self.target.insert(target)))
    }
}

async fn start(program: &Program, seed: Seed) -> anyhow::Result<OwnGateway> {
    let program = program.clone();
    load::on_own_thread(move || async move {
        let mut gateway = OwnGateway::start(&program, &seed)?;
        gateway.wait_ready()?;
        Ok(gateway)
    })
    .await
}

async fn meet_own(gateway: &OwnGateway, options: &BenchOptions) -> anyhow::Result<Arc<Target>> {
    let url = format!("ws://{}/", gateway.addr);
    Target::meet(url, Some(gateway.token.clone()), Some(gateway.pid()), options).await
}

/// The measurements that need nothing but a gateway.
async fn ask(name: Name, target: Arc<Target>) -> anyhow::Result<Outcome> {
    use calls::Pattern;
    let calls = |method, connections, depth| Pattern { name, method, connections, depth };
    match name {
        Name::MemoryIdle => Ok(Outcome::measured(name, memory::idle(target).await?)),
        Name::MemoryConnections => {
            Ok(Outcome::measured(name, memory::per_connection(target).await?))
        }
        Name::HandshakesKnown => handshakes_known::measure(target).await,
        Name::PairingsFresh => pairings_fresh::measure(target).await,
        Name::HealthPipelined => calls::measure(target, calls("health", 8, 64)).await,
        Name::HealthLone => calls::measure(target, calls("health", 1, 1)).await,
        Name::PresencePipelined => calls::measure(target, calls("system-presence", 8, 64)).await,
        Name::Approvals => approvals::measure(target).await,
        Name::Revocations => revocations::measure(target).await,
        Name::Ready | Name::ReadyRecords => anyhow::bail!("a start is not asked of a gateway"),
    }
}
