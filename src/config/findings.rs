//! What there is to say about a configuration: errors and warnings, each with its place.
//!
//! A message never repeats the value that it is about, because the value may be a secret that
//! was written at the wrong key.

use std::fmt;

/// One error or warning.
///
/// Shown as `doorward.json:12: gateway.foo: unknown key`, or with the name of the variable or
/// flag (`DOORWARD_PORT: gateway.port: ...`) where it does not come from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name, the variable or the flag; empty if it is about something not given.
    pub origin: String,
    /// The key, as in `gateway.auth.token`; empty if it is about the whole.
    pub path: String,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Something that was accepted and should be looked at.
pub type Warning = Finding;

/// Something that must be put right before the gateway starts.
pub type ConfigError = Finding;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.origin.is_empty() {
            f.write_str(&self.origin)?;
            self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
            f.write_str(": ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a configuration, never empty.
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    /// The errors, in the order of the file.
    pub errors: Vec<ConfigError>,
    /// The warnings that were found beside them.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} error(s)", self.errors.len())?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Where a value was given.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub origin: String,
    pub path: String,
    pub line: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { origin, path, line } = self;
        match line {
            Some(line) => write!(f, "{path} ({origin}:{line})"),
            None if origin.is_empty() => f.write_str(path),
            None => write!(f, "{path} ({origin})"),
        }
    }
}

impl Place {
    /// A value that a flag or a variable gave for a key.
    pub fn outside(origin: &str, path: &str) -> Self {
        Self { origin: origin.to_owned(), path: path.to_owned(), line: None }
    }

    /// A key that nobody gave.
    pub fn missing(path: &str) -> Self {
        Self::outside("", path)
    }

    /// Something to say about this place.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        let Self { origin, path, line } = self.clone();
        Finding { origin, path, line, message: message.into() }
    }
}

/// Collects findings while the sources are read.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub errors: Vec<ConfigError>,
    pub warnings: Vec<Warning>,
}

impl Report {
    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.errors.push(place.finding(message));
    }

    pub fn warn(&mut self, place: &Place, message: impl Into<String>) {
        self.warnings.push(place.finding(message));
    }

    pub fn into_warnings(mut self) -> Vec<Warning> {
        self.warnings.sort_by_key(|warning| warning.line);
        self.warnings
    }

    pub fn into_errors(mut self) -> ConfigErrors {
        self.errors.sort_by_key(|error| error.line);
        let errors = std::mem::take(&mut self.errors);
        ConfigErrors { errors, warnings: self.into_warnings() }
    }
}
