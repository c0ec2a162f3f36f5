//! Running one operation over and over for a while, and what comes of it.
//!
//! Everything measured here runs on one thread of its own, so that the client takes at most one
//! core and its figures do not depend on the runtime of the caller.

use std::{future::Future, time::Duration};

use anyhow::Context;
use tokio::task::JoinSet;

use super::{
    proc_stat,
    report::{Figures, Latency},
};
use crate::support::clock::Stopwatch;

/// How long one operation may take before it counts as failed. Far above the seconds that a slow
/// peer takes for one, so that only a lost answer is cut off.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A share of the measured time that is run before it and thrown away: caches fill, a just-in-time
/// compiler warms up.
const WARM_UP: f64 = 0.1;

/// The share of its one core from which on this client, and not the gateway, sets the figures.
const CLIENT_BUSY: f64 = 0.95;

/// What one worker saw.
#[derive(Debug, Default)]
pub struct Samples {
    /// Nanoseconds of each operation that succeeded.
    latencies: Vec<u64>,
    failures: u64,
    first_failure: Option<String>,
    remark: Option<&'static str>,
}

impl Samples {
    /// One operation took this long.
    pub fn done(&mut self, took: Duration) {
        self.latencies.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// One operation failed.
    pub fn failed(&mut self, why: impl ToString) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(|| why.to_string());
    }

    /// Something that a reader of the figures should know; the first one is kept.
    pub fn remark(&mut self, what: &'static str) {
        self.remark.get_or_insert(what);
    }

    /// Whether to stop because nothing has ever worked: it would only fail faster and faster.
    pub fn hopeless(&self) -> bool {
        self.latencies.is_empty() && self.failures >= 3
    }

    fn absorb(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failures += other.failures;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.remark = self.remark.or(other.remark);
    }
}

fn sum(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

/// When a worker has to stop.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    watch: Stopwatch,
    after: Duration,
}

impl Deadline {
    /// `after` from now.
    pub fn in_time(after: Duration) -> Self {
        Self { watch: Stopwatch::start(), after }
    }

    /// Whether the time is up.
    pub fn passed(&self) -> bool {
        self.now() >= self.after
    }

    /// Time since the start of the load.
    pub fn now(&self) -> Duration {
        self.watch.elapsed()
    }
}

/// All that was seen, over a known time.
#[derive(Debug, Default)]
pub struct Load {
    samples: Samples,
    elapsed: Duration,
    server_cpu: Option<Duration>,
    client_cpu: Option<Duration>,
}

impl Load {
    /// Takes another stretch of the same load in.
    pub fn absorb(&mut self, other: Self) {
        self.samples.absorb(other.samples);
        self.elapsed += other.elapsed;
        self.server_cpu = sum(self.server_cpu, other.server_cpu);
        self.client_cpu = sum(self.client_cpu, other.client_cpu);
    }

    /// Time under load.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    fn busy_client(&self) -> Option<String> {
        let share = self.client_cpu?.as_secs_f64() / self.elapsed.as_secs_f64();
        let text = "this client was busy all the time: the gateway can do more than is shown";
        (share >= CLIENT_BUSY).then(|| text.to_owned())
    }

    /// How many operations succeeded.
    pub fn operations(&self) -> usize {
        self.samples.latencies.len()
    }

    /// The figures of the report.
    ///
    /// # Errors
    /// If no operation succeeded; says why the first one failed.
    pub fn figures(mut self) -> anyhow::Result<Figures> {
        let operations = self.samples.latencies.len();
        let why = self.samples.first_failure.as_deref();
        anyhow::ensure!(
            operations > 0,
            "no operation succeeded: {}",
            why.unwrap_or("none ended in time")
        );
        let failure = why.map(|why| format!("the first failure: {why}"));
        let remark = self.samples.remark.map(str::to_owned);
        let notes = failure.into_iter().chain(remark).chain(self.busy_client()).collect();
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / operations as f64;
        Ok(Figures {
            operations: operations as u64,
            failures: self.samples.failures,
            rate_per_s: Some(operations as f64 / self.elapsed.as_secs_f64()),
            latency: Some(Latency::of(&mut self.samples.latencies)),
            server_cpu_us: self.server_cpu.map(each),
            client_cpu_us: self.client_cpu.map(each),
            notes,
            ..Figures::default()
        })
    }
}

/// Runs one worker for each of `states` until `time` is up, and reads the CPU time of the server and
/// of this thread before and after. Gives the states of those workers that ended well back.
///
/// # Errors
/// If a worker panics.
pub async fn run<S, W, F>(
    pid: Option<u32>,
    time: Duration,
    states: Vec<S>,
    worker: W,
) -> anyhow::Result<(Vec<S>, Load)>
where
    S: Send + 'static,
    W: Fn(S, Deadline) -> F,
    F: Future<Output = (Option<S>, Samples)> + Send + 'static,
{
    let cpu = || (proc_stat::cpu_time(pid), proc_stat::thread_cpu_time());
    let before = cpu();
    let deadline = Deadline::in_time(time);
    let mut workers: JoinSet<_> = states.into_iter().map(|state| worker(state, deadline)).collect();
    let mut states = Vec::with_capacity(workers.len());
    let mut samples = Samples::default();
    while let Some(ended) = workers.join_next().await {
        let (state, seen) = ended.context("a worker of the benchmark panicked")?;
        states.extend(state);
        samples.absorb(seen);
    }
    let elapsed = deadline.now();
    let after = cpu();
    let spent = |a: Option<Duration>, b: Option<Duration>| Some(b?.saturating_sub(a?));
    let server_cpu = spent(before.0, after.0);
    let client_cpu = spent(before.1, after.1);
    Ok((states, Load { samples, elapsed, server_cpu, client_cpu }))
}

/// [`run`], after a short run that is thrown away.
///
/// # Errors
/// As [`run`].
pub async fn run_warm<S, W, F>(
    pid: Option<u32>,
    time: Duration,
    states: Vec<S>,
    worker: W,
) -> anyhow::Result<Load>
where
    S: Send + 'static,
    W: Fn(S, Deadline) -> F,
    F: Future<Output = (Option<S>, Samples)> + Send + 'static,
{
    let (states, first) = run(pid, time.mul_f64(WARM_UP), states, &worker).await?;
    if states.is_empty() {
        return Ok(first);
    }
    Ok(run(pid, time, states, &worker).await?.1)
}

/// Runs `job` on a thread and a single-threaded runtime of its own.
///
/// # Errors
/// Those of the job, or that there is no thread for it.
pub async fn on_own_thread<T, J, F>(job: J) -> anyhow::Result<T>
where
    T: Send + 'static,
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = anyhow::Result<T>>,
{
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(job())
    };
    tokio::task::spawn_blocking(work).await.context("a measurement panicked")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_what_succeeded_and_tell_the_first_failure() {
        let mut samples = Samples::default();
        for millis in [3, 1, 2] {
            samples.done(Duration::from_millis(millis));
        }
        samples.failed("refused");
        samples.failed("later");
        let mut load = Load {
            samples,
            elapsed: Duration::from_secs(1),
            server_cpu: Some(Duration::from_micros(300)),
            client_cpu: Some(Duration::from_millis(950)),
        };
        assert!(load.busy_client().is_some());
        let mut more = Samples::default();
        more.done(Duration::from_millis(4));
        load.absorb(Load {
            samples: more,
            elapsed: Duration::from_secs(1),
            server_cpu: Some(Duration::from_micros(100)),
            client_cpu: Some(Duration::from_millis(50)),
        });
        let figures = load.figures().unwrap();
        assert_eq!((figures.operations, figures.failures), (4, 2));
        assert_eq!(figures.rate_per_s, Some(2.0));
        assert_eq!(figures.server_cpu_us, Some(100.0));
        assert_eq!(figures.client_cpu_us, Some(250_000.0));
        assert_eq!(figures.latency.unwrap().max_ms, 4.0);
        assert_eq!(figures.notes, ["the first failure: refused"]);
    }

    #[test]
    fn nothing_done_is_an_error_that_says_why() {
        let mut samples = Samples::default();
        samples.failed("refused");
        assert!(!samples.hopeless());
        samples.failed("refused");
        assert!(!samples.hopeless());
        samples.failed("refused");
        assert!(samples.hopeless());
        let load = Load { samples, ..Load::default() };
        assert_eq!(load.figures().unwrap_err().to_string(), "no operation succeeded: refused");
    }

    #[tokio::test]
    async fn the_warm_up_is_thrown_away_and_its_states_go_on() {
        // Each worker does one operation a run; a state below 2 does not come back from the first.
        let once = |state: u32, _| async move {
            let mut samples = Samples::default();
            samples.done(Duration::from_millis(1));
            ((state >= 2).then_some(state), samples)
        };
        let load = run_warm(None, Duration::ZERO, vec![1, 2, 3], once).await.unwrap();
        assert_eq!(load.operations(), 2);
    }
}
