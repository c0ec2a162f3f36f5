//! People whom a proxy vouches for: `gateway.auth.trustedProxy` and `gateway.auth.identityScopes`.

use std::collections::BTreeMap;

use super::{
    file_layer::scopes_of,
    findings::Report,
    known,
    layer::checked,
    reader::{Given, Section},
};

/// The most people that a file may name, and the longest name of one, in bytes: what fits into one
/// record of the ledger with all of their scopes.
const PEOPLE_MAX: usize = 128;
const NAME_BYTES_MAX: usize = 256;

/// By which headers a proxy names people, and which of them may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The header with a person's name, in lower case.
    pub user_header: String,
    /// Headers that must be there and not blank, in lower case.
    pub required_headers: Vec<String>,
    /// Who may enter; nobody named means everyone whom the proxy names.
    pub allow_users: Vec<String>,
    /// Whether a proxy on loopback may name people.
    pub allow_loopback: bool,
    /// What people hold, by name: `operator.*` names, shape checked. Who is not in here holds what
    /// the shared secret would.
    pub scopes: BTreeMap<String, Vec<String>>,
}

/// `gateway.auth.trustedProxy` as it is written.
#[derive(Debug, Default)]
pub(super) struct Written {
    user_header: Option<String>,
    required_headers: Vec<String>,
    allow_users: Vec<String>,
    allow_loopback: bool,
}

/// `gateway.auth.identityScopes` as it is written.
pub(super) type WrittenScopes = Vec<(Given<String>, Vec<String>)>;

impl Written {
    /// Reads the section, if it is there.
    pub fn parse(auth: &mut Section, report: &mut Report) -> Option<Given<Self>> {
        let given = auth.value("trustedProxy")?;
        let mut section = auth.section("trustedProxy", report);
        let user_header = section.text("userHeader", report);
        let user_header =
            user_header.and_then(|given| checked(header(given.value), given.place, report));
        let mut list = |key, check: fn(&str) -> Result<String, &'static str>| -> Vec<String> {
            let list = section.list(key, report).map(|given| given.value).unwrap_or_default();
            let checked = |given: Given<&str>| checked(check(given.value), given.place, report);
            list.into_iter().filter_map(checked).map(|given| given.value).collect()
        };
        let required_headers = list("requiredHeaders", header);
        let allow_users = list("allowUsers", name);
        let allow_loopback = section.switch("allowLoopback", report);
        section.leave(known::TRUSTED_PROXY, report);
        if allow_users.len() > PEOPLE_MAX {
            report.error(&given.place, format!("names more than {PEOPLE_MAX} people"));
        }
        Some(given.with(Self {
            user_header: user_header.map(|given| given.value),
            required_headers,
            allow_users,
            allow_loopback: allow_loopback.is_some_and(|given| given.value),
        }))
    }

    /// With the scopes of people; `None` if the report says what is missing.
    pub fn resolve(
        given: &Given<Self>,
        scopes: &[(Given<String>, Vec<String>)],
        report: &mut Report,
    ) -> Option<Identity> {
        let Self { user_header, required_headers, allow_users, allow_loopback } = &given.value;
        let Some(user_header) = user_header.clone() else {
            report.error(&given.place, NO_HEADER);
            return None;
        };
        for (person, _) in scopes {
            let named = |user: &String| same(user, &person.value);
            if !allow_users.is_empty() && !allow_users.iter().any(named) {
                report.warn(&person.place, "not used: allowUsers does not name this person");
            }
        }
        Some(Identity {
            user_header,
            required_headers: required_headers.clone(),
            allow_users: allow_users.clone(),
            allow_loopback: *allow_loopback,
            scopes: scopes.iter().map(|(who, held)| (who.value.clone(), held.clone())).collect(),
        })
    }
}

/// Reads `identityScopes`, if it is there.
pub(super) fn scopes(auth: &mut Section, report: &mut Report) -> Option<Given<WrittenScopes>> {
    let given = auth.value("identityScopes")?;
    let people = auth.section("identityScopes", report).lists(report);
    if people.len() > PEOPLE_MAX {
        report.error(&given.place, format!("names more than {PEOPLE_MAX} people"));
    }
    let mut read: WrittenScopes = Vec::new();
    for (key, list) in people {
        let place = list.place.clone();
        let Some(who) = checked(name(key), place, report) else { continue };
        if read.iter().any(|(other, _)| same(&other.value, &who.value)) {
            report.error(&who.place, "names one person twice, in other letters");
        }
        read.push((who, scopes_of(list, report)));
    }
    Some(given.with(read))
}

pub(super) const NO_HEADER: &str = "mode \"trusted-proxy\" needs userHeader, the header in which the proxy \
                         names the person, such as \"x-forwarded-user\"";

/// Whether two names are of one person: e-mail addresses are, whatever their case.
fn same(one: &str, other: &str) -> bool {
    one == other || (one.contains('@') && one.to_lowercase() == other.to_lowercase())
}

fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err("must be a person's name, of 256 bytes at most");
    }
    Ok(text.to_owned())
}

/// The name of a header, in lower case (RFC 9110, section 5.6.2).
fn header(text: &str) -> Result<String, &'static str> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || !text.chars().all(token) {
        return Err("must be the name of a header, such as \"x-forwarded-user\"");
    }
    Ok(text.to_ascii_lowercase())
}
