//! The kinds of sinks, and what is different between them.

use std::{path::PathBuf, sync::Arc};

use super::{
    super::record::line::Line,
    Batch, Failed, Origin, file,
    http::Http,
    otlp, syslog,
    webhook::{self, Webhook},
};
use crate::config::{ExportTo, HttpTo};

/// Where batches go.
pub(super) struct Outlet {
    origin: Arc<Origin>,
    to: To,
}

enum To {
    File(PathBuf),
    Syslog(syslog::To),
    Webhook(Webhook),
    Otlp(Http),
}

/// How lines become what a receiver reads.
#[derive(Clone)]
pub(super) struct Encoder {
    origin: Arc<Origin>,
    with: fn(&Origin, &[Line]) -> Vec<Vec<u8>>,
}

impl Encoder {
    pub fn encode(&self, lines: &[Line]) -> Vec<Vec<u8>> {
        (self.with)(&self.origin, lines)
    }
}

/// The kind's name.
pub(super) fn kind(to: &ExportTo) -> &'static str {
    match to {
        ExportTo::Jsonl(_) => "jsonl",
        ExportTo::SyslogUdp(_) | ExportTo::SyslogTcp(_) | ExportTo::SyslogUnix(_) => "syslog",
        ExportTo::Webhook(..) => "webhook",
        ExportTo::Otlp(_) => "otlp",
    }
}

/// Where records go, as people are shown it. Of a URL its origin alone: many keep a secret in the path.
pub(super) fn target(to: &ExportTo) -> String {
    match to {
        ExportTo::Jsonl(path) => path.display().to_string(),
        ExportTo::SyslogUdp(to) => format!("udp://{to}"),
        ExportTo::SyslogTcp(to) => format!("tcp://{to}"),
        ExportTo::SyslogUnix(path) => format!("unix://{}", path.display()),
        ExportTo::Webhook(HttpTo { url, .. }, _) | ExportTo::Otlp(HttpTo { url, .. }) => {
            url.origin().ascii_serialization()
        }
    }
}

impl Outlet {
    pub fn new(to: &ExportTo, origin: &Arc<Origin>) -> Self {
        let to = match to.clone() {
            ExportTo::Jsonl(path) => To::File(path),
            ExportTo::SyslogUdp(to) => To::Syslog(syslog::To::Udp(to)),
            ExportTo::SyslogTcp(to) => To::Syslog(syslog::To::Tcp(to)),
            ExportTo::SyslogUnix(path) => To::Syslog(syslog::To::Unix(path)),
            ExportTo::Webhook(to, key) => To::Webhook(Webhook::new(to, key)),
            ExportTo::Otlp(to) => To::Otlp(Http::new(to)),
        };
        Self { origin: Arc::clone(origin), to }
    }

    /// How many records go into a batch at the most.
    pub fn records_max(&self) -> usize {
        match &self.to {
            To::File(_) => 4096,
            // As many as an ordinary socket's buffer holds, so that a burst does not overrun it.
            To::Syslog(syslog::To::Udp(_)) => 64,
            To::Syslog(_) => 1024,
            To::Webhook(_) | To::Otlp(_) => 512,
        }
    }

    pub fn encoder(&self) -> Encoder {
        let with: fn(&Origin, &[Line]) -> Vec<Vec<u8>> = match &self.to {
            To::File(_) => file::encode,
            To::Syslog(syslog::To::Tcp(_)) => syslog::frames,
            To::Syslog(_) => syslog::datagrams,
            To::Webhook(_) => webhook::encode,
            To::Otlp(_) => otlp::encode,
        };
        Encoder { origin: Arc::clone(&self.origin), with }
    }

    /// Delivers a batch: when this returns, the receiver has it. Gives how many of its records the
    /// receiver said it will not keep.
    pub async fn send(&mut self, batch: &Batch) -> Result<u64, Failed> {
        let payload = &batch.payload;
        match &mut self.to {
            To::File(path) => file::append(path, payload).await.map(|()| 0),
            To::Syslog(to) => syslog::send(to, payload).await.map(|()| 0),
            To::Webhook(webhook) => webhook.send(batch).await.map(|()| 0),
            To::Otlp(http) => otlp::send(http, payload).await,
        }
    }
}
