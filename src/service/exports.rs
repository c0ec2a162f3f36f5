//! The sinks of the export: what they may read, and how each does.
//!
//! A sink reads what was committed, as any reader does, and tells here how it went. Nothing waits for
//! it: a sink that is down costs one batch in memory, and its lag shows.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry as Figures,
};

use super::Service;
use crate::{
    domain::{
        operation::Operation, permit, principal::Standing, refusal::Refusal, time::UnixMillis,
    },
    ledger::{audit::Entry, error::StoreError},
    support::clock,
    telemetry::metrics::gauge,
};

/// How a sink does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SinkState {
    /// It has sent nothing yet, since the gateway started or since what was wrong is mended.
    #[default]
    Idle,
    /// The last attempt went well.
    Delivering,
    /// The last attempt failed in a way that may pass.
    Failing,
    /// The receiver refuses what it is sent, or the cursor does not fit the ledger: somebody has to do
    /// something.
    Refused,
}

impl SinkState {
    fn is_trouble(self) -> bool {
        matches!(self, Self::Failing | Self::Refused)
    }
}

/// What is told of a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkReport {
    /// How it does.
    pub state: SinkState,
    /// The first record that it has not taken yet.
    pub next: u64,
    /// How many records it took since the gateway started.
    pub delivered: u64,
    /// How many attempts failed since then.
    pub failures: u64,
    /// How many records it took and said that it will not keep.
    pub rejected: u64,
    /// When it last took something.
    pub last_success: Option<UnixMillis>,
    /// What went wrong the last time, if the last time something did.
    pub trouble: Option<String>,
}

/// A sink of the export. Clones tell of the same one.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    kind: &'static str,
    target: String,
    report: Mutex<SinkReport>,
}

impl Sink {
    /// One that has done nothing yet. `target` is shown and must hold no secret.
    pub fn new(name: String, kind: &'static str, target: String) -> Self {
        Self(Arc::new(Inner { name, kind, target, report: Mutex::default() }))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Of which kind it is: `jsonl`, `syslog`, `webhook` or `otlp`.
    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Where its records go, as people are shown it.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// How it does.
    pub fn report(&self) -> SinkReport {
        self.locked().clone()
    }

    /// Whether the last attempt failed.
    pub fn is_in_trouble(&self) -> bool {
        self.locked().state.is_trouble()
    }

    /// It goes on at this record.
    pub fn starts_at(&self, next: u64) {
        self.locked().next = next;
    }

    /// It took so many records, and now is at `next`.
    pub fn took(&self, records: u64, rejected: u64, next: u64) {
        let mut report = self.locked();
        let was = std::mem::replace(&mut report.state, SinkState::Delivering);
        report.next = next;
        report.delivered += records;
        report.rejected += rejected;
        report.last_success = Some(UnixMillis(clock::unix_millis()));
        report.trouble = None;
        if was.is_trouble() {
            tracing::info!(sink = self.name(), next, "the sink takes records again");
        }
    }

    /// It has all there is. What was wrong before, with its cursor for one, is not any more.
    pub fn has_all(&self) {
        let mut report = self.locked();
        if report.state.is_trouble() {
            tracing::info!(sink = self.name(), next = report.next, "the sink takes records again");
            report.state = SinkState::Idle;
            report.trouble = None;
        }
    }

    /// An attempt failed. Only what is new is logged.
    pub fn failed(&self, state: SinkState, trouble: String) {
        let mut report = self.locked();
        report.failures += 1;
        if report.state != state {
            let next = report.next;
            tracing::warn!(sink = self.name(), next, trouble, "the sink takes no records");
        }
        report.state = state;
        report.trouble = Some(trouble);
    }

    fn locked(&self) -> MutexGuard<'_, SinkReport> {
        self.0.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Shows the records from place `from` on that may be told of, until told to stop. For the sinks
    /// alone: the configuration of the host named them.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn read_for_sinks(
        &self,
        from: u64,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.0.ledger.reader().read_range(from, self.told_size(), each)
    }

    /// The sinks, and how many records there are for them.
    ///
    /// # Errors
    /// If `who` may not read the ledger.
    pub fn sinks(&self, who: &Standing) -> Result<(&[Sink], u64), Refusal> {
        permit::check(who, Operation::ReadLedger)?;
        Ok((&self.0.info.sinks, self.told_size()))
    }

    /// Adds the figures of the sinks. Their names are the configuration's, so their number is bounded.
    pub(super) fn count_sinks(&self, figures: &mut Figures) {
        if self.0.info.sinks.is_empty() {
            return;
        }
        let size = self.told_size();
        let [up, lag, succeeded] =
            [(); 3].map(|()| Family::<[(&'static str, String); 1], Gauge>::default());
        let [delivered, failures, rejected] =
            [(); 3].map(|()| Family::<[(&'static str, String); 1], Counter>::default());
        for sink in &self.0.info.sinks {
            let labels = [("sink", sink.name().to_owned())];
            let report = sink.report();
            up.get_or_create(&labels).set((!report.state.is_trouble()).into());
            lag.get_or_create(&labels).set(gauge(size.saturating_sub(report.next)));
            let seconds = report.last_success.map_or(0, |at| at.0 / 1000);
            succeeded.get_or_create(&labels).set(gauge(seconds));
            delivered.get_or_create(&labels).inc_by(report.delivered);
            failures.get_or_create(&labels).inc_by(report.failures);
            rejected.get_or_create(&labels).inc_by(report.rejected);
        }
        figures.register("doorward_export_up", "1 unless the last attempt failed", up);
        figures.register("doorward_export_lag_records", "Records that it has not taken", lag);
        let help = "When it last took records; 0 if not since the start";
        figures.register("doorward_export_success_timestamp_seconds", help, succeeded);
        figures.register("doorward_export_records", "Records that it took", delivered);
        figures.register("doorward_export_failures", "Attempts that failed", failures);
        let help = "Records that it took and said it will not keep";
        figures.register("doorward_export_rejected_records", help, rejected);
    }
}
