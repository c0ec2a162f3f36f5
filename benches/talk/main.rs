//! What talking through a gateway costs over the model server's own time.
//!
//! `cargo bench --bench talk [-- ANSWERS]` prints, for a model server and clients in this process and a
//! gateway beside it: how much later the first word comes, how evenly the words of a thousand answers at
//! once come, how soon an aborted answer is over, and how long a page of a long history takes. What the
//! gateway does stands beside the same without it, because whoever measures here shares the machine with
//! what is measured.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

mod client;
mod upstream;

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use doorward::{
    fronts::cli::client::{ConnectOptions, Session, connect},
    support::{clock::Stopwatch, secret::Secret},
};
use serde_json::{Value, json};

/// What lets every client in.
const TOKEN: &str = "a-shared-token-for-benches";

/// How many questions are asked one after another.
const QUESTIONS: usize = 500;

/// How many answers come at once if nobody says, of how many words each, at which pace (50 a second).
const ANSWERS: usize = 1000;
const WORDS: usize = 250;
const PACE: Duration = Duration::from_millis(20);

/// How much is said in the long history.
const MESSAGES: usize = 100_000;

/// How often pages are read and answers aborted.
const PAGES: usize = 500;
const ABORTS: usize = 100;

fn main() -> anyhow::Result<()> {
    // Cargo adds an argument of its own.
    let answers = std::env::args().skip(1).find(|arg| arg != "--bench");
    let answers = answers.map_or(Ok(ANSWERS), |answers| answers.parse())?;
    tokio::runtime::Runtime::new()?.block_on(measure(answers))
}

async fn measure(answers: usize) -> anyhow::Result<()> {
    let model = upstream::serve().await?;
    let state = tempfile::tempdir()?;
    let gateway = Gateway::start(state.path(), model)?;
    first_words(model, gateway.http).await?;
    many(model, &gateway, answers).await?;
    aborts(&gateway).await?;
    history(&gateway).await
}

/// One question after another: until the first word.
async fn first_words(model: SocketAddr, gateway: SocketAddr) -> anyhow::Result<()> {
    // By turns, so that whatever else the machine does falls on all of them.
    let ways = [(model, None), (gateway, None), (gateway, Some("somebody"))];
    let mut times = [vec![], vec![], vec![]];
    for _ in 0..QUESTIONS {
        for (&(to, user), times) in ways.iter().zip(&mut times) {
            let heard = client::stream(to, "1/0", user).await?;
            times.push(*heard.words.first().context("no word")? - heard.asked);
        }
    }
    let [direct, alone, kept] = times;
    row("first word, model server alone", direct);
    row("first word, through the gateway", alone);
    row("first word, in a session (synced first)", kept);
    Ok(())
}

/// Many answers at once: how far each word is from its time after the one before.
async fn many(model: SocketAddr, gateway: &Gateway, answers: usize) -> anyhow::Result<()> {
    for (what, to) in [("model server alone", model), ("through the gateway", gateway.http)] {
        let asked = (0..answers).map(|nth| {
            tokio::spawn(async move {
                // Nobody begins together.
                tokio::time::sleep(PACE.mul_f64(nth as f64 / answers as f64) * 25).await;
                client::stream(to, &format!("{WORDS}/{}", PACE.as_millis()), None).await
            })
        });
        let before = gateway.seconds_of_cpu()?;
        let mut jitter = vec![];
        for answer in asked.collect::<Vec<_>>() {
            let heard = answer.await??;
            ensure!(heard.words.len() == WORDS, "{} words of {WORDS}", heard.words.len());
            let gaps = heard.words.windows(2).map(|pair| pair[1] - pair[0]);
            jitter.extend(gaps.map(|gap| gap.abs_diff(PACE)));
        }
        row(&format!("jitter of {answers} answers, {what}"), jitter);
        let spent = gateway.seconds_of_cpu()? - before;
        let words = (answers * WORDS) as f64;
        println!("    the gateway's processor time: {:.1} us a word", spent * 1e6 / words);
    }
    let (resident, peak) = gateway.memory()?;
    println!("memory with {answers} answers: {peak:.1} MiB at most, {resident:.1} MiB after");
    Ok(())
}

/// Answers that are aborted while they come: until the listener has the end.
async fn aborts(gateway: &Gateway) -> anyhow::Result<()> {
    let mut session = gateway.session().await?;
    let mut times = vec![];
    for nth in 0..ABORTS {
        let run = format!("abort-{nth}");
        let ask = json!({"sessionKey": "aborts", "message": "100000/5", "idempotencyKey": run});
        session.request("chat.send", ask).await?;
        until(&mut session, &run, "delta").await?;
        let clock = Stopwatch::start();
        let abort = json!({"sessionKey": "aborts", "runId": run});
        session.request("chat.abort", abort).await?;
        until(&mut session, &run, "aborted").await?;
        times.push(clock.elapsed());
    }
    row("abort, until its event", times);
    Ok(())
}

async fn until(session: &mut Session, run: &str, state: &str) -> anyhow::Result<()> {
    loop {
        let event = session.event("chat").await?;
        let payload = &event["payload"];
        if payload["runId"] == run && payload["state"] == state {
            return Ok(());
        }
    }
}

/// Pages out of a long history: the newest, and any.
async fn history(gateway: &Gateway) -> anyhow::Result<()> {
    let mut session = gateway.session().await?;
    session.request("sessions.create", json!({"key": "long"})).await?;
    let mut waiting = VecDeque::new();
    for nth in 0..MESSAGES {
        let words = format!("message {nth}: {}", "x".repeat(80));
        let said = json!({"sessionKey": "long", "message": words});
        waiting.push_back(session.send_request("chat.inject", said).await?);
        while waiting.len() > 32 || (nth + 1 == MESSAGES && !waiting.is_empty()) {
            let id = waiting.pop_front().context("an id")?;
            session.response(&id).await?;
        }
    }
    let (mut newest, mut any) = (vec![], vec![]);
    for nth in 0..PAGES {
        let clock = Stopwatch::start();
        let found = page(&mut session, 0).await?;
        newest.push(clock.elapsed());
        ensure!(found["totalMessages"] == MESSAGES, "{}", found["totalMessages"]);
        let clock = Stopwatch::start();
        page(&mut session, nth * 7919 % MESSAGES).await?;
        any.push(clock.elapsed());
    }
    row(&format!("the newest page of {MESSAGES} messages"), newest);
    row(&format!("any page of {MESSAGES} messages"), any);
    Ok(())
}

async fn page(session: &mut Session, offset: usize) -> anyhow::Result<Value> {
    let ask = json!({"sessionKey": "long", "limit": 200, "offset": offset});
    Ok(session.request("chat.history", ask).await?)
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let (middle, late, last) = (at(0.5), at(0.99), at(1.0));
    println!("{what:<44} p50 {middle:>8.3} ms   p99 {late:>8.3} ms   max {last:>8.3} ms");
}

/// A gateway in a process of its own, whose agent asks the model server.
struct Gateway {
    child: Child,
    http: SocketAddr,
}

impl Gateway {
    fn start(state: &Path, model: SocketAddr) -> anyhow::Result<Self> {
        let provider = json!({"baseUrl": format!("http://{model}/v1"), "models": [{"id": "m"}]});
        let config = json!({
            "models": {"providers": {"bench": provider}},
            "agents": {"defaults": {"model": "bench/m"}},
            "gateway": {"auth": {"mode": "token", "token": TOKEN}},
        });
        fs::write(state.join("doorward.json"), config.to_string())?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.env_clear().env("HOME", state).arg("--state-dir").arg(state);
        command.args(["--json", "run", "--port", "0"]).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().context("its output")?).read_line(&mut ready)?;
        let ready: Value = serde_json::from_str(&ready)?;
        let http = ready["address"].as_str().with_context(|| format!("no address: {ready}"))?;
        Ok(Self { http: http.parse()?, child })
    }

    async fn session(&self) -> anyhow::Result<Session> {
        let token = Some(Secret::new(TOKEN.to_owned()));
        let options = ConnectOptions::operator(token, &["operator.admin"]);
        Ok(connect(&format!("ws://{}", self.http), &options).await?)
    }

    /// Resident now, and at most so far; MiB.
    fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let read = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.map(|kib| kib / 1024.0).with_context(|| format!("no {name}"))
        };
        Ok((read("VmRSS:")?, read("VmHWM:")?))
    }

    /// Processor time so far, its own and the system's for it (proc(5): fields 14 and 15, in ticks of
    /// a hundredth on Linux).
    fn seconds_of_cpu(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
