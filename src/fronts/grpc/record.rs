//! Records of the ledger, from the domain's language to the contract's.
//!
//! The names in here are the contract's word: programs look for them. `proto/` lists them, and a
//! test holds the two together.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::convert::{role, scopes};
use crate::{
    domain::{
        Event,
        ids::{PublicKey, TokenHash},
        origin::Locality,
        principal::{Principal, Rule, SecretKind},
        refusal::PairingReason,
        registry::{self, ApprovedBy, Policy, Profile},
        scope::ScopeSet,
    },
    proto::v1::{self, principal::Kind, via::Transport as WireTransport},
    service::{Entry, Record, Transport, Via},
    support::keys,
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
        event: Some(told(event)),
        leaf_hash: leaf_hash.to_vec(),
    }
}

fn principal(principal: &Principal) -> v1::Principal {
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
    };
    v1::Principal { kind: Some(kind) }
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Startup => "startup",
        Rule::LocalPolicy => "local_policy",
        Rule::Expiry => "expiry",
    }
}

fn via(via: &Via) -> v1::Via {
    let Via { transport, address, locality, connection, request } = via.clone();
    let transport = match transport {
        Transport::WebSocket => WireTransport::WebSocket,
        Transport::Http => WireTransport::Http,
        Transport::AdminSocket => WireTransport::AdminSocket,
        Transport::Internal => WireTransport::Internal,
    };
    v1::Via {
        transport: transport.into(),
        address,
        direct_loopback: locality == Locality::DirectLoopback,
        connection,
        request,
    }
}

/// The version of every kind's details; each may move on alone.
const FIRST_VERSION: u32 = 1;

fn told(event: &Event) -> v1::Event {
    let Event::Registry(event) = event;
    let (kind, details) = describe(event);
    let subject = event.subject();
    v1::Event {
        kind: kind.into(),
        version: FIRST_VERSION,
        device_id: subject.map(|(device, _)| device.to_string()),
        role: subject.and_then(|(_, acting)| acting).map(|acting| role(acting).into()),
        details: details.0,
    }
}

/// An event's kind, and its details besides device and role.
fn describe(event: &registry::Event) -> (&'static str, Details) {
    use registry::Event as E;
    let details = Details::default();
    match event {
        E::Begun { gateway_key } => ("ledger_begun", details.key("gateway_key", *gateway_key)),
        E::PolicyAdopted(policy) => ("policy_adopted", details.policy(policy)),
        E::PairingRequested {
            request_id,
            device: _,
            public_key,
            role: _,
            scopes,
            reason,
            profile,
            address,
        } => {
            let details = details.with("request_id", request_id).key("public_key", *public_key);
            let details = details.scopes("scopes", scopes).with("reason", reason_name(*reason));
            ("pairing_requested", details.profile(profile).maybe("address", address.as_ref()))
        }
        E::PairingSuperseded { request_id, device: _, by } => {
            ("pairing_superseded", details.with("request_id", request_id).with("by", by))
        }
        E::PairingApproved { request_id, device: _, public_key, role: _, scopes, profile, by } => {
            let details = details.with("request_id", request_id).key("public_key", *public_key);
            let details = details.scopes("scopes", scopes).with("approved_by", approver(*by));
            ("pairing_approved", details.profile(profile))
        }
        E::PairingRejected { request_id, device: _, role: _, withdrawn } => {
            let details = details.with("request_id", request_id);
            ("pairing_rejected", details.with("withdrawn", withdrawn))
        }
        E::PairingExpired { request_id, device: _, role: _ } => {
            ("pairing_expired", details.with("request_id", request_id))
        }
        E::TokenIssued { device: _, role: _, token } => {
            ("token_issued", details.hash("token_hash", *token))
        }
        E::DeviceDescribed { device: _, profile } => ("device_described", details.profile(profile)),
    }
}

fn reason_name(reason: PairingReason) -> &'static str {
    match reason {
        PairingReason::NotPaired => "not_paired",
        PairingReason::RoleUpgrade => "role_upgrade",
        PairingReason::ScopeUpgrade => "scope_upgrade",
        PairingReason::MetadataUpgrade => "metadata_upgrade",
    }
}

fn approver(by: ApprovedBy) -> &'static str {
    match by {
        ApprovedBy::Host => "host",
        ApprovedBy::Operator => "operator",
        ApprovedBy::LocalPolicy => "local_policy",
    }
}

/// Details as they are put together.
#[derive(Default)]
struct Details(BTreeMap<String, String>);

impl Details {
    fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.0.insert(key.into(), value.to_string());
        self
    }

    fn maybe(self, key: &str, value: Option<&String>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    fn key(self, key: &str, value: PublicKey) -> Self {
        self.with(key, keys::to_base64url(&value.0))
    }

    fn hash(self, key: &str, value: TokenHash) -> Self {
        let hex: String = value.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.with(key, hex)
    }

    /// Unlike the display form, an empty set is an empty text.
    fn scopes(self, key: &str, value: &ScopeSet) -> Self {
        let names: Vec<_> = value.iter().map(|scope| scope.name().to_owned()).collect();
        self.with(key, names.join(" "))
    }

    fn profile(self, profile: &Profile) -> Self {
        let Profile { display_name, client_id, client_mode, version, platform, device_family } =
            profile;
        self.with("client_id", client_id)
            .with("client_mode", client_mode)
            .with("version", version)
            .with("platform", platform)
            .maybe("display_name", display_name.as_ref())
            .maybe("device_family", device_family.as_ref())
    }

    fn policy(self, policy: &Policy) -> Self {
        let Policy { auth_mode, shared_scopes, loopback_scopes, auto_approve_local } = policy;
        self.with("auth_mode", auth_mode.name())
            .scopes("shared_scopes", shared_scopes)
            .scopes("loopback_scopes", loopback_scopes)
            .with("auto_approve_local", auto_approve_local)
    }
}
