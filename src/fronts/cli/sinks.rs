//! `doorward audit sinks`: where the gateway sends every record, and how far each of those is.

use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    table, words,
};
use crate::proto::v1::{ListSinksResponse, Sink, SinkState};

/// `audit sinks`
///
/// # Errors
/// What the gateway said instead.
pub async fn list(session: &mut Session<'_>) -> Result<ExitStatusCode, Trouble> {
    let listed = session.admin().await?.sinks().await?;
    session.out.result(|| text(&listed), || document(&listed))?;
    Ok(ExitStatusCode::OK)
}

fn state(sink: &Sink) -> &'static str {
    match SinkState::try_from(sink.state) {
        Ok(SinkState::Idle) => "idle",
        Ok(SinkState::Delivering) => "delivering",
        Ok(SinkState::Failing) => "failing",
        Ok(SinkState::Refused) => "refused",
        Ok(SinkState::Unspecified) | Err(_) => "unknown",
    }
}

fn text(listed: &ListSinksResponse) -> String {
    if listed.sinks.is_empty() {
        return "No sinks: doorward.export in the configuration names them.\n".into();
    }
    let rows = listed.sinks.iter().map(|sink| {
        let last = sink.last_success_ms.map_or_else(|| "-".into(), words::time);
        vec![
            words::plain(&sink.name),
            words::plain(&sink.kind),
            state(sink).into(),
            sink.next_seq.to_string(),
            sink.lag.to_string(),
            sink.failures.to_string(),
            last,
            words::line(&sink.target),
        ]
    });
    let head = ["SINK", "KIND", "STATE", "NEXT", "LAG", "FAILURES", "LAST TOOK", "TO"];
    let troubles = listed.sinks.iter().filter_map(|sink| {
        let trouble = sink.trouble.as_ref()?;
        Some(format!("{}: {}\n", words::plain(&sink.name), words::line(trouble)))
    });
    table::text(&head, rows) + &troubles.collect::<String>()
}

fn document(listed: &ListSinksResponse) -> Value {
    let sinks = listed.sinks.iter().map(|sink| {
        json!({
            "name": sink.name,
            "kind": sink.kind,
            "target": sink.target,
            "state": state(sink),
            "nextSeq": sink.next_seq,
            "lag": sink.lag,
            "delivered": sink.delivered,
            "failures": sink.failures,
            "rejected": sink.rejected,
            "lastSuccessMs": sink.last_success_ms,
            "trouble": sink.trouble,
        })
    });
    json!({"sinks": sinks.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    #[test]
    fn sinks_as_people_see_them() {
        let archive = Sink {
            name: "archive".into(),
            kind: "jsonl".into(),
            target: "/var/log/doorward.jsonl".into(),
            state: SinkState::Delivering.into(),
            next_seq: 41,
            delivered: 41,
            last_success_ms: Some(1_700_000_000_000),
            ..Sink::default()
        };
        let siem = Sink {
            name: "siem".into(),
            kind: "syslog".into(),
            target: "tcp://logs.home:601".into(),
            state: SinkState::Failing.into(),
            next_seq: 12,
            lag: 29,
            failures: 7,
            trouble: Some("Connection refused (os error 111)\u{1b}[2J".into()),
            ..Sink::default()
        };
        let none = ListSinksResponse { sinks: vec![] };
        let some = ListSinksResponse { sinks: vec![archive, siem] };
        samples::assert_golden("sinks.txt", &(text(&none) + "---\n" + &text(&some)));
    }
}
