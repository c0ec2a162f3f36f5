//! What the project wants each measurement to show, on 2 processors that client and gateway share.
//!
//! The figures are those that the first release was planned with; `docs/` keeps their history.

use serde::Serialize;

use super::{
    Name,
    report::{Figures, grouped},
};

/// Which figure a goal is about, and which side of the limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// Operations a second, at least.
    RateAtLeast,
    /// Microseconds of the gateway's CPU for each operation, at most.
    ServerCpuUsAtMost,
    /// The 99th percentile in milliseconds, at most.
    P99MsAtMost,
    /// The median in milliseconds, at most.
    MedianMsAtMost,
    /// Resident KiB, at most.
    ResidentKibAtMost,
}

/// A limit, and whether it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Goal {
    /// What it is about.
    pub subject: Subject,
    /// The limit, in the unit that the subject names.
    pub limit: f64,
    /// Whether it was kept.
    pub met: bool,
}

impl Goal {
    /// For the table.
    pub fn text(&self) -> String {
        let limit = match self.limit {
            whole if whole.fract() == 0.0 => grouped(whole, 0),
            other => other.to_string(),
        };
        let text = match self.subject {
            Subject::RateAtLeast => format!(">= {limit}/s"),
            Subject::ServerCpuUsAtMost => format!("<= {limit} us of server CPU"),
            Subject::P99MsAtMost => format!("p99 <= {limit} ms"),
            Subject::MedianMsAtMost => format!("p50 <= {limit} ms"),
            Subject::ResidentKibAtMost => format!("<= {limit} KiB"),
        };
        format!("{text}: {}", if self.met { "met" } else { "MISSED" })
    }
}

fn limits(name: Name) -> &'static [(Subject, f64)] {
    use Subject::*;
    match name {
        Name::Ready => &[(MedianMsAtMost, 30.0)],
        Name::ReadyRecords => &[(MedianMsAtMost, 200.0)],
        Name::MemoryIdle => &[(ResidentKibAtMost, 18.0 * 1024.0)],
        Name::MemoryConnections => &[(ResidentKibAtMost, 24.0)],
        Name::HandshakesKnown => &[(RateAtLeast, 7_000.0), (ServerCpuUsAtMost, 150.0)],
        Name::PairingsFresh => &[(RateAtLeast, 4_000.0)],
        Name::HealthPipelined => &[(RateAtLeast, 150_000.0)],
        Name::HealthLone => &[(P99MsAtMost, 0.5)],
        Name::Revocations => &[(P99MsAtMost, 20.0)],
        Name::PresencePipelined | Name::Approvals => &[],
    }
}

/// Holds the goals of `name` against `figures`; a goal whose figure is missing is left out.
pub fn check(name: Name, figures: &Figures) -> Vec<Goal> {
    let judge = |&(subject, limit): &(Subject, f64)| {
        let value = match subject {
            Subject::RateAtLeast => figures.rate_per_s?,
            Subject::ServerCpuUsAtMost => figures.server_cpu_us?,
            Subject::P99MsAtMost => figures.latency?.p99_ms,
            Subject::MedianMsAtMost => figures.latency?.p50_ms,
            Subject::ResidentKibAtMost => figures.resident_bytes? as f64 / 1024.0,
        };
        let met = if subject == Subject::RateAtLeast { value >= limit } else { value <= limit };
        Some(Goal { subject, limit, met })
    };
    limits(name).iter().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_itself_still_meets_the_goal() {
        let figures = |rate, cpu| Figures {
            rate_per_s: Some(rate),
            server_cpu_us: cpu,
            ..Figures::default()
        };
        let met = |rate, cpu| -> Vec<bool> {
            let goals = check(Name::HandshakesKnown, &figures(rate, cpu));
            goals.iter().map(|goal| goal.met).collect()
        };
        assert_eq!(met(7_000.0, Some(150.0)), [true, true]);
        assert_eq!(met(6_999.9, Some(150.1)), [false, false]);
        assert_eq!(met(7_000.0, None), [true], "without a pid nothing is said of the CPU");
    }

    #[test]
    fn memory_is_counted_in_units_of_1024() {
        let at = |bytes| {
            let figures = Figures { resident_bytes: Some(bytes), ..Figures::default() };
            check(Name::MemoryIdle, &figures)[0]
        };
        assert!(at(18 << 20).met);
        assert!(!at((18 << 20) + 1024).met);
        assert_eq!(at(18 << 20).text(), "<= 18,432 KiB: met");
    }
}
