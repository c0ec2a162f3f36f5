//! From the configuration of a trusted proxy to who may enter and what they hold.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::policy::scopes;
use crate::{
    config::{Auth, Identity, Settings},
    domain::{registry::Policy, scope::ScopeSet},
    service::Vouching,
};

/// What people hold by name, and what everyone else holds, if everyone else may enter. Who may enter
/// and is not given scopes holds what the shared secret would, from anywhere.
pub(super) fn people(
    settings: &Settings,
) -> anyhow::Result<(BTreeMap<String, ScopeSet>, Option<ScopeSet>)> {
    let Auth::TrustedProxy(identity) = &settings.auth else { return Ok((BTreeMap::new(), None)) };
    let usual = scopes(&settings.shared_scopes)?;
    let mut given = BTreeMap::new();
    for (name, held) in &identity.scopes {
        given.insert(one_form(name)?, scopes(held)?);
    }
    if identity.allow_users.is_empty() {
        return Ok((given, Some(usual)));
    }
    let mut people = BTreeMap::new();
    for name in &identity.allow_users {
        let name = one_form(name)?;
        let held = given.get(&name).unwrap_or(&usual).clone();
        people.insert(name, held);
    }
    Ok((people, None))
}

fn one_form(name: &str) -> anyhow::Result<String> {
    Policy::person_name(name).with_context(|| format!("{name:?} is not a person's name"))
}

/// How a proxy names people, if that is asked for.
pub(super) fn vouching(settings: &Settings) -> Option<Vouching> {
    let Auth::TrustedProxy(identity) = &settings.auth else { return None };
    let Identity { user_header, required_headers, allow_loopback, .. } = identity.clone();
    Some(Vouching { user_header, required_headers, allow_loopback })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, Overrides, load};

    fn settings(auth: &str) -> Settings {
        let state = tempfile::tempdir().unwrap();
        let text = format!(
            "{{gateway: {{trustedProxies: ['10.0.0.1'], auth: {{mode: 'trusted-proxy', {auth}}}}}}}"
        );
        std::fs::write(state.path().join("doorward.json"), text).unwrap();
        let state_dir = Some(state.path().to_owned());
        let overrides = Overrides { state_dir, ..Overrides::default() };
        load(&Env::default(), &overrides).unwrap().settings
    }

    /// Who is named and allowed holds what is written; who is only allowed, and where nobody is
    /// listed everyone else, what the shared secret holds; who is not allowed, nothing.
    #[test]
    fn people_row_by_row() {
        let scopes = "identityScopes: {'Ann@X.org': ['operator.admin'], bob: []}";
        for (allow, name, expected) in [
            ("", "ann@x.org", Some("operator.admin")),
            ("", "bob", Some("(none)")),
            ("", "eve", Some("operator.read operator.write")),
            ("'ann@x.org', 'Eve'", "ann@x.org", Some("operator.admin")),
            ("'ann@x.org', 'Eve'", "Eve", Some("operator.read operator.write")),
            ("'ann@x.org', 'Eve'", "eve", None),
            ("'ann@x.org', 'Eve'", "bob", None),
        ] {
            let auth =
                format!("{scopes}, trustedProxy: {{userHeader: 'x', allowUsers: [{allow}]}}");
            let (people, others) = people(&settings(&auth)).unwrap();
            let held = people.get(name).or(others.as_ref()).map(ToString::to_string);
            assert_eq!(held.as_deref(), expected, "{name} with {allow}");
        }
    }
}
