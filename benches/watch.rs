//! How soon those who watch the ledger have a commit.
//!
//! `cargo bench --bench watch` prints the time until the last of a hundred watchers has the record of a
//! command, from the command and from its answer. Each watcher has a connection of its own to the admin
//! socket; all of them and the commander live in this process, the gateway in another.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use doorward::proto::v1::{
    CreateTokenRequest, Scopes, TailRequest, ledger_service_client::LedgerServiceClient,
    tail_request::Start, token_service_client::TokenServiceClient,
};
use tokio::{sync::mpsc, time::Instant};

const WATCHERS: usize = 100;
const COMMITS: usize = 200;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let state = tempfile::tempdir()?;
    let mut gateway = start(state.path())?;
    let measured = runtime.block_on(measure(&state.path().join("admin.sock")));
    gateway.kill()?;
    gateway.wait()?;
    measured
}

async fn measure(socket: &Path) -> anyhow::Result<()> {
    let url = format!("unix://{}", socket.display());
    let (tell, mut told) = mpsc::unbounded_channel();
    for _ in 0..WATCHERS {
        let ask = TailRequest { follow: true, start: Some(Start::Newest(0)), ..Default::default() };
        let mut ledger = LedgerServiceClient::connect(url.clone()).await?;
        let mut stream = ledger.tail(ask).await?.into_inner();
        let tell = tell.clone();
        tokio::spawn(async move {
            while let Ok(Some(answer)) = stream.message().await {
                let seq = answer.record.map(|record| record.seq);
                if tell.send((seq, Instant::now())).is_err() {
                    return;
                }
            }
        });
    }
    let mut admin = TokenServiceClient::connect(url).await?;
    let (mut from_command, mut from_answer) = (vec![], vec![]);
    for nth in 0..COMMITS {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let scopes = Some(Scopes { names: vec!["operator.read".into()] });
        let name = format!("bench-{nth}");
        let asked = Instant::now();
        admin.create_token(CreateTokenRequest { name, scopes, ..Default::default() }).await?;
        let answered = Instant::now();
        let (mut last, mut seqs) = (asked, vec![]);
        for _ in 0..WATCHERS {
            let (seq, at) = told.recv().await.context("the watchers are gone")?;
            seqs.push(seq);
            last = last.max(at);
        }
        seqs.dedup();
        anyhow::ensure!(seqs.len() == 1, "not the same record: {seqs:?}");
        from_command.push(last - asked);
        from_answer.push(last.saturating_duration_since(answered));
    }
    row("the last watcher has it, from the command", from_command);
    row("the last watcher has it, from its answer", from_answer);
    Ok(())
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let (middle, late, last) = (at(0.5), at(0.99), at(1.0));
    println!("{what:<44} p50 {middle:>8.3} ms   p99 {late:>8.3} ms   max {last:>8.3} ms");
}

fn start(state: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.env_clear().env("HOME", state).arg("--state-dir").arg(state);
    command.args(["--json", "run", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut gateway = command.spawn()?;
    BufReader::new(gateway.stdout.as_mut().context("its output")?).read_line(&mut String::new())?;
    Ok(gateway)
}
