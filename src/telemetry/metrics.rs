//! What is counted while the gateway runs, in the text format of OpenMetrics 1.0, which Prometheus
//! and its kin read. `docs/METRICS.md` describes each.
//!
//! Counting is an atomic addition at the place where the thing happens. Every label is a `&'static
//! str`, so that nothing which a client sent (an id, an address, a name) can become a time series.
//! What can be read off the state is not counted here: the service reads it when it is asked.

use std::{sync::LazyLock, time::Duration};

use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry},
};

use crate::support::clock;

/// The labels of one series.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// What a scrape is sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Ok,
    /// It was turned down.
    ClientError,
    /// The gateway could not.
    ServerError,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
        }
    }
}

struct Counted {
    registry: Registry,
    auth_failures: Family<Labels<2>, Counter>,
    refusals: Family<Labels<2>, Counter>,
    calls: Family<Labels<2>, Counter>,
    connections: Family<Labels<2>, Gauge>,
    append_seconds: Histogram,
    append_records: Histogram,
    appended_at: Gauge<f64, std::sync::atomic::AtomicU64>,
    checkpoint_records: Gauge,
    checkpoint_at: Gauge<f64, std::sync::atomic::AtomicU64>,
    published_records: Gauge,
}

static COUNTED: LazyLock<Counted> = LazyLock::new(Counted::new);

impl Counted {
    fn new() -> Self {
        let mut registry = Registry::default();
        let mut add = Adder(&mut registry);
        let counted = Self {
            auth_failures: add.metric(
                "doorward_auth_failures",
                "Wrong credentials, by class and code",
                Family::default(),
            ),
            refusals: add.metric(
                "doorward_refusals",
                "Refusals that a front said, by code",
                Family::default(),
            ),
            calls: add.metric("doorward_calls", "Calls by how they ended", Family::default()),
            connections: add.metric(
                "doorward_connections",
                "Connections that are open",
                Family::default(),
            ),
            append_seconds: add.metric(
                "doorward_ledger_append_seconds",
                "Time of a transaction, sync included",
                Histogram::new(exponential_buckets(0.000_1, 4.0, 9)),
            ),
            append_records: add.metric(
                "doorward_ledger_append_records",
                "Records in a transaction",
                Histogram::new(exponential_buckets(1.0, 4.0, 6)),
            ),
            appended_at: add.metric(
                "doorward_ledger_append_timestamp_seconds",
                "When records were last made durable; 0 if not since the start",
                Gauge::default(),
            ),
            checkpoint_records: add.metric(
                "doorward_ledger_checkpoint_records",
                "Records that the newest signed checkpoint covers",
                Gauge::default(),
            ),
            checkpoint_at: add.metric(
                "doorward_ledger_checkpoint_timestamp_seconds",
                "When a checkpoint was last signed; 0 if not since the start",
                Gauge::default(),
            ),
            published_records: add.metric(
                "doorward_ledger_published_records",
                "Records that are published as tiles",
                Gauge::default(),
            ),
            registry,
        };
        counted.begin();
        counted
    }

    /// A series that is there from the start at 0 shows its first increase; one that appears with it
    /// hides it from `rate`.
    fn begin(&self) {
        for front in ["websocket", "http", "grpc"] {
            for outcome in [Outcome::Ok, Outcome::ClientError, Outcome::ServerError] {
                drop(self.calls.get_or_create(&[("front", front), ("outcome", outcome.name())]));
            }
        }
        for live in [("websocket", "operator"), ("websocket", "node"), ("grpc", "operator")] {
            drop(self.connections.get_or_create(&[("transport", live.0), ("role", live.1)]));
        }
    }
}

struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    fn metric<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}

/// A wrong credential of this class was refused with this code.
pub fn auth_failed(class: &'static str, code: &'static str) {
    COUNTED.auth_failures.get_or_create(&[("class", class), ("code", code)]).inc();
}

/// A front said no with this code.
pub fn refused(front: &'static str, code: &'static str) {
    COUNTED.refusals.get_or_create(&[("front", front), ("code", code)]).inc();
}

/// A call of a front ended.
pub fn called(front: &'static str, outcome: Outcome) {
    COUNTED.calls.get_or_create(&[("front", front), ("outcome", outcome.name())]).inc();
}

/// A connection, counted until it is dropped.
pub struct Live(Labels<2>);

impl Live {
    /// One more.
    pub fn start(transport: &'static str, role: &'static str) -> Self {
        let labels = [("transport", transport), ("role", role)];
        COUNTED.connections.get_or_create(&labels).inc();
        Self(labels)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        COUNTED.connections.get_or_create(&self.0).dec();
    }
}

/// A transaction was made durable.
pub fn appended(records: usize, time: Duration) {
    COUNTED.append_seconds.observe(time.as_secs_f64());
    COUNTED.append_records.observe(records as f64);
    COUNTED.appended_at.set(now());
}

/// A checkpoint covers so many records.
pub fn covered(records: u64) {
    COUNTED.checkpoint_records.set(gauge(records));
}

/// A checkpoint was signed.
pub fn signed(records: u64) {
    covered(records);
    COUNTED.checkpoint_at.set(now());
}

/// So many records are published.
pub fn published(records: u64) {
    COUNTED.published_records.set(gauge(records));
}

/// What was counted so far, and what `state` says now.
pub fn render(state: &Registry) -> String {
    let mut text = String::with_capacity(16 * 1024);
    // Writing to a string does not fail.
    let _ = encode_registry(&mut text, &COUNTED.registry)
        .and_then(|()| encode_registry(&mut text, state))
        .and_then(|()| encode_eof(&mut text));
    text
}

/// A number as a gauge holds it.
pub fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn now() -> f64 {
    clock::unix_millis() as f64 / 1000.0
}
