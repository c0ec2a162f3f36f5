//! What the first nineteen records mean.

use super::{DEVICE, Example, REQUEST, profile, scopes};
use crate::domain::{
    ids::{PublicKey, RequestId, TokenHash},
    principal::{Principal, Rule, SecretKind},
    refusal::PairingReason,
    registry::{Approval, ApprovedBy, AuthMode, Event as Registry, Policy, Profile},
    scope::{Role, ScopeSet},
};

pub(super) fn examples() -> Vec<Example> {
    let host = Principal::Host { uid: 1000 };
    let startup = Principal::System(Rule::Startup);
    let applicant = Principal::Applicant(DEVICE);
    let operator = Principal::Device(DEVICE, Role::Operator);
    let token = Principal::SharedSecret(SecretKind::Token);
    let password = Principal::SharedSecret(SecretKind::Password);
    vec![
        ("begun", startup.clone(), begun()),
        ("policy-token", startup.clone(), policy(AuthMode::Token)),
        ("policy-password", startup.clone(), policy(AuthMode::Password)),
        ("policy-none", startup, policy(AuthMode::None)),
        ("requested-not-paired", applicant.clone(), requested(PairingReason::NotPaired)),
        ("requested-role", applicant.clone(), requested(PairingReason::RoleUpgrade)),
        ("requested-scope", operator.clone(), requested(PairingReason::ScopeUpgrade)),
        ("requested-metadata", operator.clone(), requested(PairingReason::MetadataUpgrade)),
        ("superseded", applicant.clone(), superseded()),
        ("approved-by-host", host, approved(ApprovedBy::Host)),
        ("approved-by-operator", operator, approved(ApprovedBy::Operator)),
        (
            "approved-by-policy",
            Principal::System(Rule::LocalPolicy),
            approved(ApprovedBy::LocalPolicy),
        ),
        ("rejected-by-token", token, rejected(false)),
        ("rejected-by-password", password, rejected(false)),
        ("rejected-in-open-mode", Principal::Open, rejected(false)),
        ("withdrawn", applicant, rejected(true)),
        ("expired", Principal::System(Rule::Expiry), expired()),
        ("token-issued", Principal::Device(DEVICE, Role::Node), token_issued()),
        ("described", Principal::Device(DEVICE, Role::Node), described()),
    ]
}

fn begun() -> Registry {
    Registry::Begun { gateway_key: PublicKey([0x9a; 32]) }
}

fn policy(auth_mode: AuthMode) -> Registry {
    Registry::PolicyAdopted(Policy {
        auth_mode,
        shared_scopes: scopes(),
        loopback_scopes: ScopeSet::full_operator(),
        auto_approve_local: auth_mode != AuthMode::None,
        auto_approve_cidrs: vec![],
        people: Default::default(),
        others: None,
        ceilings: Default::default(),
    })
}

fn requested(reason: PairingReason) -> Registry {
    let role = if reason == PairingReason::RoleUpgrade { Role::Node } else { Role::Operator };
    Registry::PairingRequested {
        request_id: REQUEST,
        device: DEVICE,
        public_key: PublicKey([0x7b; 32]),
        role,
        scopes: scopes(),
        reason,
        profile: profile(),
        address: Some("2001:db8::7".into()),
    }
}

fn superseded() -> Registry {
    Registry::PairingSuperseded { request_id: REQUEST, device: DEVICE, by: RequestId([0x2f; 16]) }
}

fn approved(by: ApprovedBy) -> Registry {
    Registry::PairingApproved(Box::new(Approval {
        request_id: REQUEST,
        device: DEVICE,
        public_key: PublicKey([0x7b; 32]),
        role: Role::Operator,
        scopes: scopes(),
        profile: profile(),
        by,
        approver: None,
        until: None,
        ceiling: None,
        ephemeral: false,
    }))
}

fn rejected(withdrawn: bool) -> Registry {
    Registry::PairingRejected { request_id: REQUEST, device: DEVICE, role: Role::Node, withdrawn }
}

fn expired() -> Registry {
    Registry::PairingExpired { request_id: REQUEST, device: DEVICE, role: Role::Operator }
}

fn token_issued() -> Registry {
    Registry::TokenIssued { device: DEVICE, role: Role::Node, token: TokenHash([0x70; 32]) }
}

fn described() -> Registry {
    let profile = Profile { device_family: Some("tablet".into()), display_name: None, ..profile() };
    Registry::DeviceDescribed { device: DEVICE, profile }
}
