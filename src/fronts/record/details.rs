//! An event's details as text. `proto/doorward/admin/v1/ledger.proto` lists them.

use std::collections::BTreeMap;

use super::role;
use crate::{
    domain::{
        Event,
        ids::{PublicKey, TokenHash},
        principal::{SecretKind, Subject},
        refusal::PairingReason,
        registry::{
            self, Approval, ApprovedBy, LockKey, Policy, Profile, approvals,
            digest::TranscriptDigest, hold::Lost,
        },
        scope::ScopeSet,
    },
    proto::v1,
    support::keys,
};

/// The version of every kind's details; each may move on alone.
const FIRST_VERSION: u32 = 1;

/// What happened, in the contract's words.
pub(super) fn told(event: &Event) -> v1::Event {
    let Event::Registry(event) = event;
    let (device, acting) = event.device().unzip();
    v1::Event {
        kind: event.kind().into(),
        version: FIRST_VERSION,
        device_id: device.map(|device| device.to_string()),
        role: acting.flatten().map(|acting| role(acting).into()),
        details: describe(event).0,
    }
}

/// An event's details besides device and role.
fn describe(event: &registry::Event) -> Details {
    use registry::Event as E;
    let details = Details::default();
    match event {
        E::Begun { gateway_key } => details.key("gateway_key", *gateway_key),
        E::PolicyAdopted(policy) => details.policy(policy),
        E::PairingRequested { .. }
        | E::PairingSuperseded { .. }
        | E::PairingApproved(_)
        | E::PairingRejected { .. }
        | E::PairingExpired { .. } => pairing(event),
        E::TokenIssued { .. }
        | E::TokenConfirmed { .. }
        | E::DeviceDescribed { .. }
        | E::DeviceSeen { .. }
        | E::TokenRotated { .. }
        | E::GrantRevoked { .. }
        | E::DeviceRemoved { .. }
        | E::DeviceRenamed { .. }
        | E::GrantExpired { .. }
        | E::CeilingAssigned { .. } => device(event),
        E::Approval(event) => asked_of_a_person(event),
        _ => credential(event),
    }
}

fn pairing(event: &registry::Event) -> Details {
    use registry::Event as E;
    let details = Details::default();
    match event {
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
            details.profile(profile).maybe("address", address.as_ref())
        }
        E::PairingSuperseded { request_id, device: _, by } => {
            details.with("request_id", request_id).with("by", by)
        }
        E::PairingApproved(approval) => details.approval(approval),
        E::PairingRejected { request_id, device: _, role: _, withdrawn } => {
            let details = details.with("request_id", request_id);
            details.with("withdrawn", withdrawn)
        }
        E::PairingExpired { request_id, device: _, role: _ } => {
            details.with("request_id", request_id)
        }
        _ => details,
    }
}

fn device(event: &registry::Event) -> Details {
    use registry::Event as E;
    let details = Details::default();
    match event {
        E::TokenIssued { device: _, role: _, token } => details.hash("token_hash", *token),
        E::TokenConfirmed { device: _, role: _ } => details,
        E::DeviceDescribed { device: _, profile } => details.profile(profile),
        E::DeviceSeen { device: _ } => details,
        E::TokenRotated { device: _, role: _, scopes, token } => {
            let details = details.scopes("scopes", scopes);
            match token {
                Some(token) => details.hash("token_hash", *token),
                None => details,
            }
        }
        E::GrantRevoked { device: _, role: _, reason, bars } => {
            details.with("bars", bars).maybe("reason", reason.as_ref())
        }
        E::DeviceRemoved { device: _, reason, bars } => {
            details.with("bars", bars).maybe("reason", reason.as_ref())
        }
        E::DeviceRenamed { device: _, label } => details.with("label", label),
        E::GrantExpired { device: _, role: _, scopes } => {
            let left = scopes.clone().unwrap_or_default();
            details.scopes("scopes", &left)
        }
        E::CeilingAssigned { subject, ceiling } => {
            let details = match subject {
                Subject::Token(id) => details.with("token_id", id),
                _ => details,
            };
            details.maybe("ceiling", ceiling.as_ref())
        }
        _ => details,
    }
}

fn credential(event: &registry::Event) -> Details {
    use registry::Event as E;
    let details = Details::default();
    match event {
        E::SecretAdopted { kind, fingerprint } => {
            let proof = match kind {
                SecretKind::Token => "token",
                SecretKind::Password => "password",
            };
            details.with("proof", proof).hash("fingerprint", *fingerprint)
        }
        E::ServiceTokenCreated { id, name, scopes, token, until, ranges, creator: _ } => {
            let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
            let details = details.with("token_id", id).with("name", name).scopes("scopes", scopes);
            let details = details.hash("token_hash", *token).with("ranges", ranges.join(" "));
            let until = until.map(|until| until.0.to_string());
            details.maybe("until", until.as_ref())
        }
        E::ServiceTokenRotated { id, token } => {
            details.with("token_id", id).hash("token_hash", *token)
        }
        E::ServiceTokenRevoked { id, reason } => {
            details.with("token_id", id).maybe("reason", reason.as_ref())
        }
        E::ServiceTokenExpired { id } => details.with("token_id", id),
        E::CodeCreated { id, code, access, scopes, until, creator: _ } => {
            let details = details.with("code_id", id).hash("code_hash", *code);
            let details = details.with("access", access.name()).scopes("scopes", scopes);
            details.with("until", until.0)
        }
        E::CodeRedeemed { id, device: _, address } => {
            details.with("code_id", id).maybe("address", address.as_ref())
        }
        E::KeysAdopted(list) => {
            let details = details.hash("file_hash", TokenHash(list.file_hash));
            details.with("keys", list.keys.len())
        }
        E::LockedOut { key, failures, until } => {
            let failures: Vec<_> =
                failures.iter().map(|(code, times)| format!("{code}={times}")).collect();
            let details = details.lock_key(key).with("failures", failures.join(" "));
            details.with("until", until.0)
        }
        E::LockoutCleared { key } => details.lock_key(key),
        E::Recovered { lost, unsigned, fault } => {
            details.with("lost", lost).with("unsigned", unsigned).with("fault", fault)
        }
        E::Restored { size, root, newest } => {
            let newest = newest.map(|newest| newest.to_string());
            let details = details.with("size", size).hash("root", TokenHash(*root));
            details.maybe("newest", newest.as_ref())
        }
        E::SessionDeleted(digest) | E::SessionReset(digest) => {
            let TranscriptDigest { key, transcript, messages, sha256 } = digest;
            let details = details.with("session", key).with("transcript", transcript);
            details.with("messages", messages).hash("digest", TokenHash(*sha256))
        }
        E::ReviewBegun { lost: Lost { from, until }, root } => {
            let details = details.with("lost_from", from).with("lost_until", until);
            match root {
                Some(root) => details.hash("root", TokenHash(*root)),
                None => details,
            }
        }
        E::ReviewEnded { item } => details.with("item", item.reference()),
        _ => details,
    }
}

fn asked_of_a_person(event: &approvals::Event) -> Details {
    use approvals::Event as E;
    let details = Details::default().with("approval_id", event.id());
    match event {
        E::Requested(request) => details.request(request),
        E::Decided { id: _, decision, by } => {
            details.with("decision", decision.name()).with("by", by.reference())
        }
        E::Expired { id: _ } => details,
        E::Withdrawn { id: _, why } => details.with("why", why.name()),
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
        ApprovedBy::TrustedCidr => "trusted_cidr",
        ApprovedBy::KeyList => "key_list",
        ApprovedBy::SetupCode => "setup_code",
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
        self.with(key, names(value))
    }

    fn lock_key(self, LockKey { class, address }: &LockKey) -> Self {
        let address = address.map(|address| address.to_string());
        self.with("class", class.name()).maybe("address", address.as_ref())
    }

    fn request(self, request: &approvals::Request) -> Self {
        let approvals::Request { id: _, kind, asker, presentation, offered, until } = request;
        let approvals::Asker { agent, session, run } = asker;
        let approvals::Presentation { tool, title, description, detail, whole } = presentation;
        let offered: Vec<_> = offered.iter().map(|decision| decision.name()).collect();
        let details = self
            .with("kind", kind.name())
            .maybe("agent", agent.as_ref().map(ToString::to_string).as_ref())
            .maybe("session", session.as_ref().map(ToString::to_string).as_ref())
            .maybe("run", run.as_ref().map(ToString::to_string).as_ref())
            .maybe("tool", tool.as_ref())
            .with("title", title)
            .with("description", description)
            .maybe("detail", detail.as_ref())
            .with("offered", offered.join(" "))
            .with("until", until.0);
        match whole {
            Some(approvals::Whole { digest, bytes }) => {
                details.hash("whole_hash", TokenHash(*digest)).with("whole_bytes", bytes)
            }
            None => details,
        }
    }

    fn approval(self, approval: &Approval) -> Self {
        let Approval {
            request_id,
            device: _,
            public_key,
            role: _,
            scopes,
            profile,
            by,
            approver: _,
            until,
            ceiling,
            ephemeral,
        } = approval;
        let until = until.map(|until| until.0.to_string());
        self.with("request_id", request_id)
            .key("public_key", *public_key)
            .scopes("scopes", scopes)
            .with("approved_by", approver(*by))
            .with("ephemeral", ephemeral)
            .maybe("until", until.as_ref())
            .maybe("ceiling", ceiling.as_ref())
            .profile(profile)
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
        let Policy {
            auth_mode,
            shared_scopes,
            loopback_scopes,
            auto_approve_local,
            auto_approve_cidrs,
            people,
            others,
            ceilings,
        } = policy;
        let ranges: Vec<_> = auto_approve_cidrs.iter().map(ToString::to_string).collect();
        self.with("auth_mode", auth_mode.name())
            .scopes("shared_scopes", shared_scopes)
            .scopes("loopback_scopes", loopback_scopes)
            .with("auto_approve_local", auto_approve_local)
            .with("auto_approve_cidrs", ranges.join(" "))
            .with("people", named(people))
            .with("roles", named(ceilings))
            .maybe("others", others.as_ref().map(names).as_ref())
    }
}

fn names(scopes: &ScopeSet) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    names.join(" ")
}

fn named(sets: &BTreeMap<String, ScopeSet>) -> String {
    let sets: Vec<_> =
        sets.iter().map(|(name, scopes)| format!("{name}: {}", names(scopes))).collect();
    sets.join("; ")
}
