//! The environment, captured once: the only file of the crate that reads environment variables.
//!
//! Everything else gets an [`Env`], which a test makes from a list. It may hold secrets, so its
//! `Debug` shows nothing of the values.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// The environment variables as they were when the process started.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// Reads the environment of this process. All of it: a configuration file may name any
    /// variable as the source of a secret.
    pub fn capture() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// An environment of these variables and no others.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's value. An empty variable counts as unset: compose files pass variables on
    /// as `${NAME:-}`, and no setting here has a use for an empty value.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Whether output must stay without colour (<https://no-color.org>: set and not empty).
    pub fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Env({} variables)", self.0.len())
    }
}
