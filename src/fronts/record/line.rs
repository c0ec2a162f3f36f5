//! A record as the export gives it: the document, and its attributes in the names of OpenTelemetry's
//! semantic conventions where those have one (docs/EXPORT.md). Every kind of sink takes them from here.

use super::{cursor::Mark, entry, json, names, rule_name};
use crate::{
    domain::{Event, principal::Principal, registry::Event as E},
    service::Entry,
};

/// A record, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which it is.
    pub mark: Mark,
    /// Its time, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The kind of its event, such as `pairing_approved`.
    pub kind: &'static str,
    /// Whether somebody should look at it, and not only be able to.
    pub is_warning: bool,
    /// The document that `audit log --json` prints.
    pub json: String,
    /// Its attributes, by name.
    pub attributes: Vec<(&'static str, String)>,
}

/// Renders a record.
pub fn line(told: &Entry) -> Line {
    let Event::Registry(event) = &told.record.event;
    let mark = Mark { seq: told.record.seq.0, hash: names::hex(&told.leaf_hash) };
    Line {
        at: told.record.at.0,
        kind: event.kind(),
        is_warning: matches!(
            event,
            E::LockedOut { .. } | E::Recovered { .. } | E::Restored { .. } | E::ReviewBegun { .. }
        ),
        json: json::record(&entry(told)).to_string(),
        attributes: attributes(told, event, &mark),
        mark,
    }
}

fn attributes(told: &Entry, event: &E, mark: &Mark) -> Vec<(&'static str, String)> {
    let record = &told.record;
    let principal = match &record.principal {
        Principal::System(rule) => format!("rule:{}", rule_name(*rule)),
        other => other.reference(),
    };
    let person = match &record.principal {
        Principal::Person(name) => Some(name.clone()),
        _ => None,
    };
    let device = event.device().map(|(device, _)| device.to_string());
    let all = [
        ("event.name", Some(format!("doorward.{}", event.kind()))),
        ("user.id", person),
        ("client.address", record.via.address.clone()),
        ("network.protocol.name", Some(record.via.transport.name().to_owned())),
        ("log.record.uid", Some(format!("{}-{}", mark.seq, mark.hash))),
        ("doorward.principal", Some(principal)),
        ("doorward.device.id", device),
        ("doorward.authority_seq", Some(record.authority.0.to_string())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
