//! OTLP logs over HTTP with protobuf bodies (the specification's "OTLP/HTTP").

use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;

use super::{super::record::line::Line, Failed, Origin, http::Http};

/// A request with all records.
pub(super) fn encode(origin: &Origin, lines: &[Line]) -> Vec<Vec<u8>> {
    let resource = [
        ("service.name", "doorward"),
        ("service.version", origin.version),
        ("service.instance.id", origin.key.as_str()),
        ("host.name", origin.host.as_str()),
    ];
    let attributes = resource.map(|(name, text)| attribute(name, text)).into();
    let scope = InstrumentationScope {
        name: "doorward.ledger".into(),
        version: origin.version.into(),
        ..InstrumentationScope::default()
    };
    let logs = ScopeLogs {
        scope: Some(scope),
        log_records: lines.iter().map(record).collect(),
        ..ScopeLogs::default()
    };
    let resource_logs = ResourceLogs {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_logs: vec![logs],
        ..ResourceLogs::default()
    };
    vec![ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec()]
}

fn record(line: &Line) -> LogRecord {
    let (severity, name) = match line.is_warning {
        true => (SeverityNumber::Warn, "WARN"),
        false => (SeverityNumber::Info, "INFO"),
    };
    let at = line.at.saturating_mul(1_000_000);
    LogRecord {
        time_unix_nano: at,
        observed_time_unix_nano: at,
        severity_number: severity.into(),
        severity_text: name.into(),
        body: Some(text(&line.json)),
        attributes: line.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        event_name: format!("doorward.{}", line.kind),
        ..LogRecord::default()
    }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    KeyValue { key: name.into(), value: Some(text(value)), ..KeyValue::default() }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.into())) }
}

/// Posts a batch, and gives how many records the receiver will not keep. It has them all the same: a
/// partial success must not be sent again (OTLP, "Partial Success").
pub(super) async fn send(http: &mut Http, payload: &[Vec<u8>]) -> Result<u64, Failed> {
    let headers = [("content-type", "application/x-protobuf")];
    let answer = http.post(&headers, payload.concat()).await?;
    let partial = ExportLogsServiceResponse::decode(answer.as_slice()).ok();
    let Some(partial) = partial.and_then(|answer| answer.partial_success) else { return Ok(0) };
    let rejected = u64::try_from(partial.rejected_log_records).unwrap_or_default();
    if rejected > 0 {
        tracing::warn!(rejected, why = ?partial.error_message, "the receiver does not keep records");
    }
    Ok(rejected)
}
