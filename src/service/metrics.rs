//! The gateway's figures: what is counted while it runs, and what its state says now.
//!
//! They name no device, no address and no person, and so may be read by whoever may read the
//! gateway's status, or its ledger, which says more.

use std::collections::BTreeMap;

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry as Figures,
};

use super::Service;
use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        registry::{CredentialClass, Registry},
        scope::{Known, Scope, ScopeSet},
    },
    telemetry::metrics::{self, Labels, gauge},
};

/// How many hold what: by kind of holder and scope.
type Holders = BTreeMap<(&'static str, &'static str), i64>;

impl Service {
    /// The gateway's figures, in the text format of OpenMetrics.
    ///
    /// # Errors
    /// If `who` may read neither the gateway's status nor its ledger.
    pub fn metrics(&self, who: &Standing) -> Result<String, Refusal> {
        permit::check(who, Operation::ReadMetrics)
            .or_else(|no| permit::check(who, Operation::ReadLedger).map_err(|_| no))?;
        Ok(self.metrics_for_a_listener())
    }

    /// The same for a listener that the configuration opened to whoever reaches it.
    pub fn metrics_for_a_listener(&self) -> String {
        let mut figures = Figures::default();
        self.process(&mut figures);
        self.count_sinks(&mut figures);
        let state = self.0.registry.state();
        let now = self.0.steady.unix_millis();
        people(&state, now, &mut figures);
        granted(&state, now, &mut figures);
        metrics::render(&figures)
    }

    fn process(&self, figures: &mut Figures) {
        let info = &self.0.info;
        let build: Labels<1> = [("version", info.version)];
        family(figures, "doorward_build_info", "The version that runs; always 1", [(build, 1)]);
        let warnings = info.config_warnings as u64;
        number(figures, "doorward_config_warnings", "Warnings about the configuration", warnings);
        let writable = u64::from(self.is_ready());
        number(figures, "doorward_ledger_writable", "1 if the ledger takes records", writable);
        number(figures, "doorward_ledger_records", "Records in the ledger", self.0.ledger.size());
        let unverified = self.0.ledger.unverified();
        let help = "Records that a start took on its snapshot's word and that are not verified yet";
        number(figures, "doorward_ledger_unverified_records", help, unverified);
        let started = info.started_at.0 as f64 / 1000.0;
        let since = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        since.set(started);
        figures.register("process_start_time_seconds", "When the process started", since);
        if let Some(bytes) = resident_bytes() {
            number(figures, "process_resident_memory_bytes", "Resident memory", bytes);
        }
    }
}

/// Who waits, who is known, and who is locked out.
fn people(state: &Registry, now: u64, figures: &mut Figures) {
    let asked = state.all_pending().map(|(_, request)| request.asked.at.0).min();
    let age = asked.map_or(0, |at| now.saturating_sub(at) / 1000);
    let pending = state.pending_count() as u64;
    number(figures, "doorward_pairing_pending", "Pairing requests that wait", pending);
    let help = "Age of the oldest of them; 0 if none waits";
    number(figures, "doorward_pairing_oldest_pending_seconds", help, age);
    let devices = state.device_count() as u64;
    number(figures, "doorward_devices", "Paired devices", devices);
    let tokens = state.service_tokens().count() as u64;
    number(figures, "doorward_service_tokens", "Service tokens", tokens);
    let lockouts = CredentialClass::ALL.map(|class| {
        let in_force = state.lockouts().filter(|(key, _)| key.class == class);
        let labels: Labels<1> = [("class", class.name())];
        (labels, in_force.filter(|(_, lockout)| lockout.until.0 > now).count() as i64)
    });
    family(figures, "doorward_lockouts", "Lockouts in force", lockouts);
}

/// What is granted, and when the first of it ends.
fn granted(state: &Registry, now: u64, figures: &mut Figures) {
    let mut holders = Holders::new();
    for grant in state.devices().flat_map(|(_, device)| &device.grants) {
        hold(&mut holders, grant.0.name(), &grant.1.scopes);
    }
    state.service_tokens().for_each(|(_, token)| hold(&mut holders, "service", &token.scopes));
    let holders = holders.into_iter().map(|((holder, scope), count)| {
        let labels: Labels<2> = [("holder", holder), ("scope", scope)];
        (labels, count)
    });
    family(figures, "doorward_grants", "Grants that hold a scope", holders);
    if let Some(end) = state.endings().map(|(_, _, end)| end.0).min() {
        let left = end.saturating_sub(now) / 1000;
        let help = "Seconds until the first grant or token ends; absent if none does";
        number(figures, "doorward_next_grant_end_seconds", help, left);
    }
}

/// Counts one holder. A scope of a plugin is `other`: its name is not ours to bound.
fn hold(holders: &mut Holders, holder: &'static str, scopes: &ScopeSet) {
    let name = |scope: &Scope| match scope {
        Scope::Known(known) => Known::name(*known),
        Scope::Other(_) => "other",
    };
    let mut names: Vec<_> = scopes.iter().map(|scope| name(&scope)).collect();
    names.dedup();
    if names.is_empty() {
        names.push("none");
    }
    for name in names {
        *holders.entry((holder, name)).or_default() += 1;
    }
}

fn number(figures: &mut Figures, name: &str, help: &str, value: u64) {
    let figure: Gauge = Gauge::default();
    figure.set(gauge(value));
    figures.register(name, help, figure);
}

fn family<const N: usize>(
    figures: &mut Figures,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels<N>, i64)>,
) {
    let series = Family::<Labels<N>, Gauge>::default();
    for (labels, value) in values {
        series.get_or_create(&labels).set(value);
    }
    figures.register(name, help, series);
}

/// As Linux tells it; nothing elsewhere.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
