//! From the configuration to what the domain and the service go by.

use std::time::Duration;

use anyhow::Context as _;

use super::people;
use crate::{
    config::{Auth, RateLimit, Settings},
    domain::{
        registry::{AuthMode, Policy},
        scope::{Scope, ScopeSet},
    },
    service::Limits,
};

/// The policy that a configuration asks for.
///
/// # Errors
/// If a scope or a name in it is none.
pub fn policy(settings: &Settings) -> anyhow::Result<Policy> {
    let (people, others) = people::people(settings)?;
    Ok(Policy {
        auth_mode: match &settings.auth {
            Auth::Token(_) => AuthMode::Token,
            Auth::Password(_) => AuthMode::Password,
            Auth::None => AuthMode::None,
            Auth::TrustedProxy(_) => AuthMode::TrustedProxy,
        },
        shared_scopes: scopes(&settings.shared_scopes)?,
        loopback_scopes: scopes(&settings.loopback_scopes)?,
        auto_approve_local: settings.auto_approve_local,
        auto_approve_cidrs: settings.auto_approve_cidrs.clone(),
        people,
        others,
        ceilings: settings
            .roles
            .iter()
            .map(|(name, names)| Ok((name.clone(), scopes(names)?)))
            .collect::<anyhow::Result<_>>()?,
    })
}

/// How many failures are borne.
pub(super) fn rate_limits(settings: &Settings) -> Limits {
    let RateLimit { max_attempts, global_max_attempts, window_ms, lockout_ms, exempt_loopback } =
        settings.rate_limit;
    Limits {
        max_attempts,
        global_max_attempts,
        window: Duration::from_millis(window_ms),
        lockout: Duration::from_millis(lockout_ms),
        exempt_loopback,
    }
}

/// Scopes by their names.
pub(super) fn scopes(names: &[String]) -> anyhow::Result<ScopeSet> {
    let read =
        |name: &String| Scope::parse(name).with_context(|| format!("{name:?} is not a scope name"));
    names.iter().map(read).collect()
}
