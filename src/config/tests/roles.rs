//! Roles: what is read, and what is refused.

use super::{errors, load_text};

#[test]
fn roles_are_read_by_name() {
    let text = "{doorward: {roles: {reader: ['operator.read'], 'night-watch': []}}}";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.warnings, []);
    let reader = ("reader".to_owned(), vec!["operator.read".to_owned()]);
    assert_eq!(loaded.settings.roles, [("night-watch".to_owned(), vec![]), reader]);
    assert_eq!(load_text("{}").unwrap().settings.roles, []);
}

#[test]
fn what_is_refused() {
    for (roles, fault) in [
        ("{auditor: ['operator.read']}", "is built in"),
        ("{'Night Watch': []}", "must be a role's name"),
        ("{reader: 'operator.read'}", "must be a list of strings"),
        ("{reader: ['read']}", "must be an operator scope"),
    ] {
        let found = errors(load_text(&format!("{{doorward: {{roles: {roles}}}}}")));
        assert!(found.iter().any(|error| error.contains(fault)), "{roles}: {found:?}");
    }
}
