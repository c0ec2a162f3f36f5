//! `doorward.roles`: the ceilings that can be put on a grant, by name (N17 A17.1).

use super::{
    file_layer::scopes_of,
    findings::Report,
    layer::checked,
    reader::{Given, Section},
};

/// How many roles a file may name; more would not fit into the record of a policy.
const ROLES_MAX: usize = 64;

/// The longest name of a role, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Every role with its scopes, in the order of their names.
pub(super) type Roles = Vec<(String, Vec<String>)>;

/// Reads the section, if it is there.
pub(super) fn read(own: &mut Section, report: &mut Report) -> Option<Roles> {
    let given = own.value("roles")?;
    let written = own.section("roles", report).lists(report);
    if written.len() > ROLES_MAX {
        report.error(&given.place, format!("names more than {ROLES_MAX} roles"));
    }
    let named = |(key, list): (&str, Given<_>)| {
        let name = checked(name(key), list.place.clone(), report)?.value;
        Some((name, scopes_of(list, report)))
    };
    let mut roles: Roles = written.into_iter().filter_map(named).collect();
    roles.sort();
    Some(roles)
}

fn name(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match text {
        "auditor" => Err("\"auditor\" is built in: it reads the ledger and does nothing else"),
        _ if !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(plain) => {
            Ok(text.to_owned())
        }
        _ => Err("must be a role's name: lowercase letters, digits and \"-\", 64 at most"),
    }
}
