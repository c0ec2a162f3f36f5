//! The file without its secrets, fit to be shown to a reader of `config.get`.
//!
//! It goes by the names of keys, and errs on the side of hiding: a channel's configuration is
//! somebody else's schema. What it cannot see is a secret under an innocent name, for example
//! after a flag in a list of arguments.

use serde_json::{Map, Value};

pub(super) use crate::support::strength::REDACTED;

/// A key is secret-looking if its letters and digits, in lower case, contain one of these.
const SECRET_PARTS: &[&str] = &[
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
    "webhook",
];

/// A copy of the file's value without the secrets in it.
pub(super) fn redact(value: &Value) -> Value {
    let Value::Object(sections) = value else { return redact_value(value) };
    let redacted = |(name, section): (&String, &Value)| {
        // `env` holds environment variables under names of the operator's own choosing.
        let section =
            if name == "env" { hide_strings(section) } else { redact_entry(name, section) };
        (name.clone(), section)
    };
    Value::Object(sections.iter().map(redacted).collect())
}

fn redact_value(value: &Value) -> Value {
    match value {
        Value::Object(map) => redact_map(map),
        Value::Array(elements) => elements.iter().map(redact_value).collect(),
        Value::String(text) if has_user_info(text) => REDACTED.into(),
        _ => value.clone(),
    }
}

fn redact_map(map: &Map<String, Value>) -> Value {
    map.iter().map(|(key, value)| (key.clone(), redact_entry(key, value))).collect()
}

fn redact_entry(key: &str, value: &Value) -> Value {
    let name: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    match value {
        // Not secrets: a switch, an absent value, a count such as `maxTokens`, and the policy
        // object `gateway.auth.sharedSecret`, which says what the secret may do.
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if name.contains("tokens") => value.clone(),
        Value::Object(policy) if name == "sharedsecret" => redact_map(policy),
        _ if is_secret_name(&name) => REDACTED.into(),
        _ => redact_value(value),
    }
}

fn is_secret_name(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part))
        || ["key", "keys", "pass", "pwd"].iter().any(|end| name.ends_with(end))
}

/// Whether a string may be a URL with a user and password in it.
fn has_user_info(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// The same shape with every string and number hidden.
fn hide_strings(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), hide_strings(value))).collect()
        }
        Value::Array(elements) => elements.iter().map(hide_strings).collect(),
        Value::String(_) | Value::Number(_) => REDACTED.into(),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}
