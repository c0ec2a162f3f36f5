//! Records of the ledger, from the domain's language to the contract's, and from there to JSON.
//!
//! The names in here are the contract's word: programs look for them. `proto/` lists them, and a
//! test holds the two together. No secret is in an event, so none can be told here.
//!
//! [`mod@line`] is a record as the export gives it, [`cursor`] how far an export came.
//!
//! It is no front but what several of them say in the same words: the admin API, the command line,
//! and the sinks of the export.
//!
//! Start with [`entry`]; [`details`] has the kinds of events, [`json`] the documents.

pub mod cursor;
mod details;
pub mod json;
pub mod line;
pub mod names;
#[cfg(test)]
mod tests;

use crate::{
    domain::{
        origin::Locality,
        principal::{Principal, Rule, SecretKind},
        scope::{Role, ScopeSet},
    },
    proto::v1::{self, principal::Kind, via::Transport as WireTransport},
    service::{Entry, Record, Transport, Via},
};

/// One record with its leaf hash.
pub(super) fn entry(entry: &Entry) -> v1::LedgerRecord {
    let Entry { record, leaf_hash } = entry;
    let Record { seq, at, principal: who, authority, via: door, before, after, event } = record;
    v1::LedgerRecord {
        seq: seq.0,
        time_ms: at.0,
        principal: Some(principal(who)),
        authority_seq: authority.0,
        via: Some(via(door)),
        before: Some(scopes(before)),
        after: Some(scopes(after)),
        event: Some(details::told(event)),
        leaf_hash: leaf_hash.to_vec(),
    }
}

pub(super) fn role(role: Role) -> v1::Role {
    match role {
        Role::Operator => v1::Role::Operator,
        Role::Node => v1::Role::Node,
    }
}

pub(super) fn scopes(scopes: &ScopeSet) -> v1::Scopes {
    v1::Scopes { names: scopes.iter().map(|scope| scope.name().to_owned()).collect() }
}

pub(super) fn principal(principal: &Principal) -> v1::Principal {
    use v1::principal as wire;
    let kind = match principal {
        Principal::Host { uid } => Kind::Host(wire::Host { uid: *uid }),
        Principal::SharedSecret(secret) => {
            let proof = match secret {
                SecretKind::Token => v1::AuthMode::Token,
                SecretKind::Password => v1::AuthMode::Password,
            };
            Kind::SharedSecret(wire::SharedSecret { proof: proof.into() })
        }
        Principal::Open => Kind::Open(wire::Open {}),
        Principal::Device(id, acting) => Kind::Device(wire::PairedDevice {
            device_id: id.to_string(),
            role: role(*acting).into(),
        }),
        Principal::Applicant(id) => Kind::Applicant(wire::Applicant { device_id: id.to_string() }),
        Principal::System(rule) => Kind::System(wire::System { rule: rule_name(*rule).into() }),
        Principal::Token(id) => Kind::ServiceToken(wire::ServiceToken { token_id: id.to_string() }),
        Principal::Person(name) => Kind::Person(wire::Person { name: name.clone() }),
    };
    v1::Principal { kind: Some(kind) }
}

/// The rule with a name, for what callers ask about.
pub(super) fn rule(name: &str) -> Option<Rule> {
    Rule::ALL.iter().copied().find(|rule| rule_name(*rule) == name)
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Startup => "startup",
        Rule::LocalPolicy => "local_policy",
        Rule::Expiry => "expiry",
        Rule::TrustedCidr => "trusted_cidr",
        Rule::KeyList => "key_list",
        Rule::SetupCode => "setup_code",
        Rule::RateLimit => "rate_limit",
        Rule::AgentRun => "agent_run",
        Rule::Retention => "retention",
    }
}

fn via(via: &Via) -> v1::Via {
    let Via { transport, address, locality, connection, request } = via.clone();
    let transport = match transport {
        Transport::WebSocket => WireTransport::WebSocket,
        Transport::Http => WireTransport::Http,
        Transport::AdminSocket => WireTransport::AdminSocket,
        Transport::Internal => WireTransport::Internal,
        Transport::Grpc => WireTransport::Grpc,
    };
    v1::Via {
        transport: transport.into(),
        address,
        direct_loopback: locality == Locality::DirectLoopback,
        connection,
        request,
    }
}
