//! Tests of the whole room through [`load`]; [`lines`] and [`env`](super::env) also by themselves.

mod agents;
mod control_ui;
mod endpoints;
mod export;
mod file;
mod grpc_tls;
mod identity;
mod lines;
mod proxies;
mod rate_limit;
mod retention;
mod roles;
mod rules;
mod secrets;
mod sources;

use super::{ConfigErrors, Env, Finding, Loaded, Overrides, load};

/// A good secret, for rows that are about something else.
const SECRET: &str = "correct-horse-battery";

/// Loads a file with this text from a fresh state directory.
fn load_with(
    text: &str,
    env: &[(&str, &str)],
    overrides: Overrides,
) -> Result<Loaded, ConfigErrors> {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("doorward.json"), text).unwrap();
    let overrides = Overrides { state_dir: Some(state.path().to_owned()), ..overrides };
    load(&Env::from_pairs(env.iter().copied()), &overrides)
}

/// Loads a file with this text, with no environment and no flags.
fn load_text(text: &str) -> Result<Loaded, ConfigErrors> {
    load_with(text, &[], Overrides::default())
}

/// Findings as they are shown.
fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

/// The errors of a load that must fail, as they are shown.
#[track_caller]
fn errors(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    shown(&result.expect_err("the load must fail").errors)
}
