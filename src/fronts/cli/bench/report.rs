//! What the benchmark found: a value for machines, a table for people.
//!
//! Nothing is printed here; `output.rs` does that with what [`render`] returns. A goal that is
//! missed is shown and is no error: figures depend on the machine, and people decide.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{
    Name,
    goals::{self, Goal},
};

/// All measurements of one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was measured: a URL, or the program that was started.
    pub target: String,
    /// The version that the gateway claims, if it was asked.
    pub server_version: Option<String>,
    /// The processors that client and gateway share if they run on one machine.
    pub cpus: usize,
    /// The time for each measurement under load, in seconds.
    pub seconds: f64,
    /// In the order in which they were made.
    pub measurements: Vec<Measurement>,
}

/// One row.
#[derive(Debug, Serialize)]
pub struct Measurement {
    /// Which one.
    pub name: Name,
    /// What one operation is.
    pub what: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Measured, or why not.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub enum Outcome {
    /// It ran.
    Measured {
        /// What was seen.
        figures: Figures,
        /// What the project wants to see.
        goals: Vec<Goal>,
    },
    /// It does not apply here.
    Skipped {
        /// Why, and what to do to have it.
        reason: String,
    },
    /// It should have run.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl Outcome {
    /// The figures, held against the goals.
    pub fn measured(name: Name, figures: Figures) -> Self {
        let goals = goals::check(name, &figures);
        Self::Measured { figures, goals }
    }
}

/// What one measurement saw; absent is what it does not measure.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Operations that succeeded.
    pub operations: u64,
    /// Operations that did not.
    pub failures: u64,
    /// Successful operations a second.
    pub rate_per_s: Option<f64>,
    /// How long one took.
    #[serde(rename = "latencyMs")]
    pub latency: Option<Latency>,
    /// CPU time of the gateway's process for each operation, in microseconds.
    pub server_cpu_us: Option<f64>,
    /// The same of this client, which runs on one thread.
    pub client_cpu_us: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
}

/// A distribution, in milliseconds. Percentiles are samples that occurred (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// The shortest.
    #[serde(rename = "min")]
    pub min_ms: f64,
    /// The median.
    #[serde(rename = "p50")]
    pub p50_ms: f64,
    /// 99 of 100 took at most this long.
    #[serde(rename = "p99")]
    pub p99_ms: f64,
    /// The longest.
    #[serde(rename = "max")]
    pub max_ms: f64,
}

impl Latency {
    /// Sorts `nanos` and reads the percentiles off; all zero if it is empty.
    pub fn of(nanos: &mut [u64]) -> Self {
        nanos.sort_unstable();
        let rank = |share: f64| {
            let index = (share * nanos.len() as f64).ceil() as usize;
            nanos.get(index.saturating_sub(1)).map_or(0.0, |&nanos| nanos as f64 / 1e6)
        };
        Self { min_ms: rank(0.0), p50_ms: rank(0.5), p99_ms: rank(0.99), max_ms: rank(1.0) }
    }
}

/// The report as text: pretty JSON, or a table with what was skipped below it; no newline at the end.
pub fn render(report: &Report, json: bool) -> String {
    if json {
        return serde_json::to_string_pretty(report).expect("texts and numbers always serialise");
    }
    let mut out = format!(
        "{}{}; {} CPUs shared with this client; {} s for each load\n\n",
        report.target,
        report.server_version.as_ref().map(|v| format!(" (version {v})")).unwrap_or_default(),
        report.cpus,
        report.seconds,
    );
    let rows: Vec<_> = report.measurements.iter().filter_map(row).collect();
    if !rows.is_empty() {
        out.push_str(&table(rows).trim_fmt());
        out.push('\n');
    }
    for measurement in &report.measurements {
        for remark in remarks(&measurement.outcome) {
            out.push_str(&format!("{}: {remark}\n", measurement.name.text()));
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn table(rows: Vec<[String; 8]>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "measurement",
        "per second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "server CPU us",
        "resident",
        "goal",
    ]);
    table.add_rows(rows);
    for column in 1..=6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(measurement: &Measurement) -> Option<[String; 8]> {
    let Outcome::Measured { figures, goals } = &measurement.outcome else { return None };
    let number =
        |value: Option<f64>, digits| value.map_or_else(String::new, |value| grouped(value, digits));
    let latency = |pick: fn(&Latency) -> f64| number(figures.latency.as_ref().map(pick), 3);
    let goals: Vec<_> = goals.iter().map(Goal::text).collect();
    Some([
        measurement.name.text(),
        number(figures.rate_per_s, 0),
        latency(|l| l.p50_ms),
        latency(|l| l.p99_ms),
        latency(|l| l.max_ms),
        number(figures.server_cpu_us, 1),
        figures.resident_bytes.map(size).unwrap_or_default(),
        goals.join("\n"),
    ])
}

fn remarks(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Measured { figures, .. } => {
            let mut notes = Vec::new();
            if figures.failures > 0 {
                let total = figures.operations + figures.failures;
                notes.push(format!("{} of {total} operations failed", figures.failures));
            }
            notes.extend(figures.notes.iter().cloned());
            notes
        }
        Outcome::Skipped { reason } => vec![format!("skipped: {reason}")],
        Outcome::Failed { reason } => vec![format!("FAILED: {reason}")],
    }
}

/// Bytes as KiB below 1 MiB and as MiB above, with one decimal.
fn size(bytes: u64) -> String {
    match bytes as f64 / 1024.0 {
        kib if kib < 1024.0 => format!("{kib:.1} KiB"),
        kib => format!("{:.1} MiB", kib / 1024.0),
    }
}

/// A number with a comma between each three digits.
pub fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + 4);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let figures = Figures {
            operations: 30_000,
            failures: 2,
            rate_per_s: Some(10_000.4),
            latency: Some(Latency { min_ms: 0.1, p50_ms: 1.25, p99_ms: 4.5, max_ms: 9.0 }),
            server_cpu_us: Some(170.0),
            ..Figures::default()
        };
        let outcome = Outcome::measured(Name::HandshakesKnown, figures);
        Report {
            target: "ws://127.0.0.1:1/".into(),
            server_version: Some("9.9".into()),
            cpus: 2,
            seconds: 3.0,
            measurements: vec![
                Measurement { name: Name::HandshakesKnown, what: "w", outcome },
                Measurement {
                    name: Name::Approvals,
                    what: "w",
                    outcome: Outcome::Skipped { reason: "not here".into() },
                },
            ],
        }
    }

    #[test]
    fn the_table_shows_figures_goals_and_what_is_missing() {
        let text = render(&report(), false);
        for part in [
            "ws://127.0.0.1:1/ (version 9.9); 2 CPUs",
            "handshakes-known",
            "10,000",
            "1.250",
            ">= 7,000/s: met",
            "<= 150 us of server CPU: MISSED",
            "handshakes-known: 2 of 30002 operations failed",
            "approvals: skipped: not here",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(text.ends_with("not here"), "{text}");
        assert_eq!(text.matches("approvals").count(), 1, "no row for what was skipped\n{text}");
    }

    #[test]
    fn the_json_has_names_that_a_script_can_rely_on() {
        let json: serde_json::Value = serde_json::from_str(&render(&report(), true)).unwrap();
        let first = &json["measurements"][0];
        assert_eq!(first["name"], "handshakes-known");
        assert_eq!(first["status"], "measured");
        assert_eq!(first["figures"]["ratePerS"], 10_000.4);
        assert_eq!(first["figures"]["latencyMs"]["p99"], 4.5);
        assert_eq!(first["figures"]["serverCpuUs"], 170.0);
        assert_eq!(first["goals"][0]["met"], true);
        assert_eq!(first["goals"][1]["met"], false);
        assert_eq!(json["measurements"][1]["status"], "skipped");
        assert_eq!(json["measurements"][1]["reason"], "not here");
    }

    #[test]
    fn percentiles_are_samples_that_occurred() {
        let mut nanos: Vec<u64> = (1..=200).rev().map(|n| n * 1_000_000).collect();
        let latency = Latency::of(&mut nanos);
        let expected = Latency { min_ms: 1.0, p50_ms: 100.0, p99_ms: 198.0, max_ms: 200.0 };
        assert_eq!(latency, expected);
        assert_eq!(Latency::of(&mut [3_000_000, 1_000_000, 2_000_000]).p50_ms, 2.0);
        assert_eq!(Latency::of(&mut [7_000_000]).p50_ms, 7.0);
        assert_eq!(Latency::of(&mut []).max_ms, 0.0);
    }

    #[test]
    fn numbers_are_grouped_and_sizes_have_units() {
        for (value, digits, expected) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1_000.0, 0, "1,000"),
            (1_234_567.891, 2, "1,234,567.89"),
        ] {
            assert_eq!(grouped(value, digits), expected);
        }
        assert_eq!(size(17 * 1024 + 512), "17.5 KiB");
        assert_eq!(size(15 * 1024 * 1024), "15.0 MiB");
    }
}
