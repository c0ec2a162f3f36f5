//! The five threads of openclaw/openclaw that doorward was born from, each lived through again as
//! its author told it, against the real binary.
//!
//! A file is named after its thread, tells what happened there, and then takes the same steps. What
//! an agent would have to answer is answered by the embedded one; what is not served yet is an
//! `unknown method`; what never comes back is the thread's own error.

mod oc27494_headless_hub;
mod oc46422_repair_and_rotate;
mod oc46650_loopback_cli;
mod oc57434_dingtalk_bearer;
mod oc77138_container_bootstrap;

use std::{collections::BTreeSet, path::Path};

use doorward::fronts::cli::client::{Refusal, RpcError, Session};
use serde_json::{Value, json};

/// What the threads' authors called, and this version does not have yet.
const LATER: &[&str] = &["cron.add", "cron.runs"];

/// How the gateway refused a call.
async fn refusal(session: &mut Session, method: &str) -> Refusal {
    let refused = session.request(method, json!({})).await;
    match refused {
        Err(RpcError::Refused(refusal)) => refusal,
        other => panic!("{method}: {other:?}"),
    }
}

/// The calls of `oc#46422` and `oc#46650`, each of which failed with `missing scope: operator.read`.
async fn reads(session: &mut Session, what: &str) {
    for method in ["status", "system-presence", "config.get"] {
        let answer = session.request(method, json!({})).await;
        answer.unwrap_or_else(|error| panic!("{what}: {method}: {error}"));
    }
}

/// What `hello-ok` says that a session holds.
fn held(session: &Session) -> BTreeSet<String> {
    names(&session.hello["auth"]["scopes"])
}

fn names(scopes: &Value) -> BTreeSet<String> {
    let scopes = scopes.as_array().unwrap_or_else(|| panic!("no list of scopes: {scopes}"));
    scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect()
}

/// The full names of operator scopes.
fn set(short: &str) -> BTreeSet<String> {
    short.split_whitespace().map(|name| format!("operator.{name}")).collect()
}

/// The README tells of these threads and no others.
#[test]
fn every_thread_of_the_readme_is_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let told: BTreeSet<String> = readme
        .split("github.com/openclaw/openclaw/issues/")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
        .collect();
    let here: BTreeSet<String> = std::fs::read_dir(root.join("tests/it/threads"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_prefix("oc")?.split('_').next()?.to_owned())
        })
        .collect();
    assert_eq!(told, here);
    assert_eq!(here.len(), 5);
}
