//! `hello-ok`: what a client learns when it is let in. Shape: `HelloOk` of the published schema.
//!
//! No `server.buildId`: the console compares it with its own build and stops at a foreign one.

use std::sync::OnceLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{catalog, limits, wire};
use crate::{
    domain::registry::AuthMode,
    domain::scope::{Known, Role, ScopeSet},
    service::{Entered, Service, limits as house},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hello<'a> {
    r#type: &'static str,
    protocol: u64,
    server: Server<'a>,
    features: &'static RawValue,
    snapshot: Snapshot<'a>,
    auth: Auth<'a>,
    policy: &'static RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server<'a> {
    version: &'a str,
    boot_id: &'a str,
    conn_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot<'a> {
    presence: &'a RawValue,
    health: &'a RawValue,
    state_version: &'a RawValue,
    uptime_ms: u64,
    session_defaults: &'static RawValue,
    #[serde(flatten)]
    for_admins: Option<ForAdmins<'a>>,
}

/// docs/PROTOCOL.md (b): only sent to sessions that hold admin.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ForAdmins<'a> {
    config_path: std::borrow::Cow<'a, str>,
    state_dir: std::borrow::Cow<'a, str>,
    auth_mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Auth<'a> {
    role: &'static str,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at_ms: Option<u64>,
}

/// The whole answer to `connect`. `asked` gives the order of the scopes.
pub fn frame(
    id: &str,
    service: &Service,
    connection: &str,
    entered: &Entered,
    asked: &[String],
) -> String {
    let standing = &entered.standing;
    let info = service.info();
    let board = service.board();
    let sees_presence =
        standing.role == Role::Operator && standing.scopes.satisfies_known(Known::Read);
    let presence = match sees_presence {
        true => board.rendered(|board| wire::presence_list(board, info)),
        false => "[]",
    };
    let (health, version) = (wire::health(service), wire::state_version(service, board.version));
    let hello = Hello {
        r#type: "hello-ok",
        protocol: limits::PROTOCOL,
        server: Server { version: info.version, boot_id: &info.boot_id, conn_id: connection },
        features: features(),
        snapshot: Snapshot {
            presence: raw(presence),
            health: raw(&health),
            state_version: raw(&version),
            uptime_ms: info.uptime.elapsed_millis(),
            session_defaults: session_defaults(),
            for_admins: standing.scopes.satisfies_known(Known::Admin).then(|| ForAdmins {
                config_path: info.config_path.to_string_lossy(),
                state_dir: info.state_dir.to_string_lossy(),
                auth_mode: auth_mode(service.auth_mode()),
            }),
        },
        auth: Auth {
            role: standing.role.name(),
            scopes: in_order(&standing.scopes, asked),
            device_token: entered.device_token.as_ref().map(|token| token.expose().as_str()),
            issued_at_ms: entered.issued_at.map(|at| at.0),
        },
        policy: policy(),
    };
    let hello = serde_json::to_string(&hello).expect("plain data becomes JSON");
    let mut out = String::with_capacity(hello.len() + id.len() + 48);
    super::frame::open_answer(&mut out, id);
    out.push_str(&hello);
    super::frame::close_answer(&mut out);
    out
}

/// What a session holds, in the order in which the client asked; what it did not name comes after.
fn in_order(held: &ScopeSet, asked: &[String]) -> Vec<String> {
    let held: Vec<_> = held.iter().map(|scope| scope.name().to_owned()).collect();
    let mut names: Vec<String> = Vec::with_capacity(held.len());
    for name in asked.iter().chain(&held) {
        if held.contains(name) && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn auth_mode(mode: AuthMode) -> &'static str {
    match mode {
        AuthMode::Token => "token",
        AuthMode::Password => "password",
        AuthMode::None => "none",
    }
}

fn features() -> &'static RawValue {
    static FEATURES: OnceLock<Box<RawValue>> = OnceLock::new();
    FEATURES.get_or_init(|| {
        let methods: Vec<_> = catalog::METHODS.iter().map(|method| method.name).collect();
        kept(&serde_json::json!({"methods": methods, "events": catalog::EVENTS}))
    })
}

fn policy() -> &'static RawValue {
    static POLICY: OnceLock<Box<RawValue>> = OnceLock::new();
    POLICY.get_or_init(|| {
        kept(&serde_json::json!({
            "maxPayload": limits::MESSAGE_BYTES_MAX,
            "maxBufferedBytes": limits::BUFFERED_BYTES_MAX,
            "tickIntervalMs": house::TICK_INTERVAL.as_millis() as u64,
        }))
    })
}

/// Clients need a session to start from; there is one agent, `main`, until agents are configured.
fn session_defaults() -> &'static RawValue {
    static DEFAULTS: OnceLock<Box<RawValue>> = OnceLock::new();
    DEFAULTS.get_or_init(|| {
        kept(&serde_json::json!({
            "defaultAgentId": "main",
            "modelConfigured": false,
            "mainKey": "main",
            "mainSessionKey": "agent:main:main",
            "scope": "per-sender",
        }))
    })
}

fn kept(value: &serde_json::Value) -> Box<RawValue> {
    to_raw_value(value).expect("plain data becomes JSON")
}

/// Text that was rendered as JSON here, without reading it again.
fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).expect("rendered by this front")
}
