//! Shared secrets: where one comes from, and what is refused as one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    env::Env,
    findings::Report,
    reader::{Document, Given, Section, wrong_kind},
};
use crate::support::{
    secret::Secret,
    strength::{MAX_BYTES, REDACTED, check},
};

/// Where a secret comes from. Only the one that is used is looked up.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// It was given as it is.
    Inline(Secret<String>),
    /// An environment variable holds it.
    Env(String),
    /// A file holds it.
    File(PathBuf),
}

impl Source {
    /// Reads a string or a reference object from the file's value.
    pub fn parse(
        section: &mut Section,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Given<Self>> {
        let given = section.value(key)?;
        Self::of(section.document(), given, report)
    }

    /// The same of a value that was found already.
    pub fn of(
        document: &Document,
        given: Given<&Value>,
        report: &mut Report,
    ) -> Option<Given<Self>> {
        let source = match given.value {
            Value::String(text) => from_text(text),
            Value::Object(_) => from_reference(Section::of(document, &given, report), report),
            _ => return wrong_kind("a string or a reference object", &given, report),
        };
        match source {
            Ok(source) => Some(given.with(source)),
            Err(message) => {
                report.error(&given.place, message);
                None
            }
        }
    }

    /// The secret itself, looked up and checked as one that opens this gateway.
    pub fn resolve(&self, env: &Env) -> Result<Secret<String>, String> {
        self.look_up(env, check)
    }

    /// The secret itself, looked up and checked as one that opens somebody else's door.
    pub fn resolve_foreign(&self, env: &Env) -> Result<Secret<String>, String> {
        self.look_up(env, check_foreign)
    }

    fn look_up(&self, env: &Env, check: Check) -> Result<Secret<String>, String> {
        match self {
            Self::Inline(secret) => Ok(check(secret.expose())?),
            Self::Env(name) => {
                let value = env
                    .get(name)
                    .ok_or_else(|| format!("the environment variable {name} is not set"))?;
                check(value.to_str().ok_or(NOT_TEXT)?)
                    .map_err(|error| format!("in the environment variable {name}: {error}"))
            }
            Self::File(path) => {
                read(path, check).map_err(|error| format!("{}: {error}", path.display()))
            }
        }
    }
}

/// How a secret is judged, and trimmed.
type Check = fn(&str) -> Result<Secret<String>, &'static str>;

/// How strong it is, its issuer decided: local model servers take `ollama` or `none`.
fn check_foreign(text: &str) -> Result<Secret<String>, &'static str> {
    match text.trim() {
        "" => Err("is empty"),
        text if text.len() > MAX_BYTES => Err("is longer than 4096 bytes"),
        text if text.contains(REDACTED) => Err("is what stands in the place of a secret"),
        text if !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) => {
            Err("must be one line of printable ASCII: it goes into a header")
        }
        text => Ok(Secret::new(text.to_owned())),
    }
}

const NOT_TEXT: &str = "is not valid UTF-8";

const SHAPE: &str = "a reference must be \"${NAME}\", {\"source\": \"env\", \"id\": \"NAME\"} \
                     or {\"source\": \"file\", \"id\": \"/path\"}";

/// A string: `${NAME}` and `$NAME` refer to a variable, as they do in OpenClaw.
fn from_text(text: &str) -> Result<Source, String> {
    let text = text.trim();
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match name.or_else(|| text.strip_prefix('$')) {
        Some(name) if is_variable(name) => Ok(Source::Env(name.to_owned())),
        _ if text.contains("${") => Err(format!("looks like a reference; {SHAPE}")),
        _ => Ok(Source::Inline(Secret::new(text.to_owned()))),
    }
}

/// Variables are named in upper case here, so that a secret that begins with `$` can still be
/// told from a reference.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A reference object, which may carry OpenClaw's `provider` if that is the default one.
fn from_reference(mut reference: Section, report: &mut Report) -> Result<Source, String> {
    let source = reference.text("source", report);
    let id = reference.text("id", report);
    let provider = reference.text("provider", report);
    reference.leave(&[], report);
    if provider.is_some_and(|provider| provider.value != "default") {
        return Err(String::from("secret providers are not supported by this version"));
    }
    match (source.map(|source| source.value), id.map(|id| id.value)) {
        (Some("env"), Some(name)) if !name.is_empty() => Ok(Source::Env(name.to_owned())),
        (Some("file"), Some(path)) if Path::new(path).is_absolute() => {
            Ok(Source::File(path.into()))
        }
        (Some("file"), Some(_)) => Err(String::from("the path of a secret file must be absolute")),
        _ => Err(String::from(SHAPE)),
    }
}

/// Reads a secret file. White space around the secret, such as the last line's end, is not part
/// of it.
fn read(path: &Path, check: Check) -> Result<Secret<String>, String> {
    // The buffer never grows, because growing would leave copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_BYTES));
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    io::Read::read_to_end(&mut io::Read::take(file, MAX_BYTES as u64 + 1), &mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(check(std::str::from_utf8(&bytes).map_err(|_| NOT_TEXT)?)?)
}
