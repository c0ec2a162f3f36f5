//! Why a session may not use something that it asked for: what is granted is less, a role's ceiling
//! lies on it, or the request limits itself (N2 A2.2). Told when a client is let in, so that nobody has
//! to find out call by call.

use super::{Registry, session::Session};
use crate::domain::{
    principal::{Principal, Subject},
    scope::{Scope, ScopeSet},
};

/// A scope that a session asked for and may not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Which.
    pub scope: Scope,
    /// By what.
    pub by: Bound,
}

/// What keeps a scope from a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// It was never granted.
    Grant,
    /// The role of this name lies on the grant.
    Ceiling(String),
    /// The request's own limit.
    Request,
}

impl Registry {
    /// What a session asked for, or would hold but for a limit, and may not use.
    pub fn withheld(&self, session: &Session) -> Vec<Withheld> {
        let Some(subject) = session.standing.principal.subject() else { return Vec::new() };
        let held = self.held(&subject, session.locality).map(|held| held.scopes);
        let held = held.unwrap_or_default();
        let (granted, ceiling) = self.granted(&subject).unwrap_or((&held, None));
        let wanted = if session.asked.is_empty() { granted } else { &session.asked };
        let missing = wanted.iter().filter(|scope| !session.standing.scopes.satisfies(scope));
        missing
            .map(|scope| {
                let by = match ceiling {
                    _ if !granted.satisfies(&scope) => Bound::Grant,
                    Some(name) if !held.satisfies(&scope) => Bound::Ceiling(name.to_owned()),
                    _ => Bound::Request,
                };
                Withheld { scope, by }
            })
            .collect()
    }

    /// What a subject was granted before any ceiling, and the ceiling. `None` for those who have none.
    fn granted(&self, subject: &Subject) -> Option<(&ScopeSet, Option<&str>)> {
        match subject {
            Subject::Device(id, role) => {
                let grant = self.grant(*id, *role)?;
                Some((&grant.scopes, grant.ceiling.as_deref()))
            }
            Subject::Token(id) => {
                let token = self.service_token(*id)?;
                Some((&token.scopes, token.ceiling.as_deref()))
            }
            Subject::SharedSecret | Subject::Open | Subject::Person(_) => None,
        }
    }
}

impl Bound {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Grant => "NOT_GRANTED",
            Self::Ceiling(_) => "CEILING",
            Self::Request => "REQUEST_CAP",
        }
    }
}

impl Withheld {
    /// What to do about it.
    pub fn remedy(&self, principal: &Principal) -> String {
        let scope = &self.scope;
        match (&self.by, principal) {
            (Bound::Ceiling(role), _) => {
                format!("widen the role {role} under doorward.roles, or take it off the grant")
            }
            (Bound::Request, _) => format!("let the request's own cap name {scope}"),
            (Bound::Grant, Principal::Device(..)) => {
                format!(
                    "ask for {scope} with device.scopes.requestUpgrade, or connect anew with it"
                )
            }
            (Bound::Grant, Principal::Token(_)) => {
                format!("doorward tokens create --scope {scope}")
            }
            (Bound::Grant, Principal::Person(_)) => {
                format!("name {scope} in gateway.auth.trustedProxy.identityScopes")
            }
            (Bound::Grant, _) => format!(
                "connect with a device key and have it approved, or add {scope} to \
                 gateway.auth.sharedSecret.scopes"
            ),
        }
    }
}
