//! `hello-ok`: what a client learns when it is let in. Shape: `HelloOk` of the published schema.
//!
//! No `server.buildId`: the console compares it with its own build and stops at a foreign one.

use std::sync::OnceLock;

use serde::Serialize;
use serde_json::Value;

use super::{catalog, limits, wire};
use crate::{
    domain::{
        principal::{Principal, Standing},
        registry::narrowing::{Bound, Withheld},
        scope::{Known, Role, ScopeSet},
        talk::{AgentId, SessionKey},
    },
    service::{Entered, RoleToken, Service, limits as house},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server<'a> {
    version: &'a str,
    boot_id: &'a str,
    conn_id: &'a str,
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
    method: &'static str,
    role: &'static str,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    device_tokens: Vec<DeviceToken<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    narrowed: Vec<Narrowed>,
}

/// What the device was given in another role with its setup code. docs/PROTOCOL.md (b).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceToken<'a> {
    device_token: &'a str,
    role: &'static str,
    scopes: Value,
    issued_at_ms: u64,
}

impl<'a> DeviceToken<'a> {
    fn of(token: &'a RoleToken) -> Self {
        Self {
            device_token: token.secret.expose().as_str(),
            role: token.role.name(),
            scopes: wire::scopes(&token.scopes),
            issued_at_ms: token.issued_at.0,
        }
    }
}

/// A scope that the client asked for and may not use: by what, and what to do (N2 A2.2).
#[derive(Serialize)]
struct Narrowed {
    scope: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    remedy: String,
}

impl Narrowed {
    fn of(withheld: &Withheld, principal: &Principal) -> Self {
        let Withheld { scope, by } = withheld;
        let role = match by {
            Bound::Ceiling(role) => Some(role.clone()),
            Bound::Grant | Bound::Request => None,
        };
        let remedy = withheld.remedy(principal);
        Self { scope: scope.name().to_owned(), code: by.code(), role, remedy }
    }
}

/// The whole answer to `connect`. `asked` gives the order of the scopes.
pub fn frame(
    id: &str,
    service: &Service,
    connection: &str,
    entered: &Entered,
    asked: &[String],
) -> String {
    let standing = &entered.session.standing;
    let info = service.info();
    let board = service.board();
    let sees_presence =
        standing.role == Role::Operator && standing.scopes.satisfies_known(Known::Read);
    let presence = match sees_presence {
        true => board.rendered(|board| wire::presence_list(board, info)),
        false => "[]",
    };
    let server = Server { version: info.version, boot_id: &info.boot_id, conn_id: connection };
    let narrowed = entered.withheld.iter();
    let auth = Auth {
        method: entered.method,
        role: standing.role.name(),
        scopes: in_order(&standing.scopes, asked),
        device_token: entered.device_token.as_ref().map(|token| token.expose().as_str()),
        issued_at_ms: entered.issued_at.map(|at| at.0),
        device_tokens: entered.others.iter().map(DeviceToken::of).collect(),
        narrowed: narrowed.map(|withheld| Narrowed::of(withheld, &standing.principal)).collect(),
    };
    let admin = standing.scopes.satisfies_known(Known::Admin).then(|| ForAdmins {
        config_path: info.config_path.to_string_lossy(),
        state_dir: info.state_dir.to_string_lossy(),
        auth_mode: service.auth_mode().name(),
    });
    // Put together by hand from parts that are JSON already: the presence list can be long, and it
    // was rendered once for everyone.
    let mut out = String::with_capacity(presence.len() + 2048);
    super::frame::open_answer(&mut out, id);
    let protocol = limits::PROTOCOL;
    out.push_str(&format!(r#"{{"type":"hello-ok","protocol":{protocol},"server":"#));
    push(&mut out, &server);
    out.push_str(r#","features":"#);
    out.push_str(features());
    out.push_str(r#","snapshot":{"presence":"#);
    out.push_str(presence);
    out.push_str(r#","health":"#);
    out.push_str(&wire::health(service));
    out.push_str(r#","stateVersion":"#);
    out.push_str(&wire::state_version(service, board.version));
    out.push_str(&format!(r#","uptimeMs":{},"sessionDefaults":"#, info.uptime.elapsed_millis()));
    push(&mut out, &session_defaults(service, standing));
    if let Some(admin) = admin {
        // Its fields stand beside the others, so its opening brace becomes a comma.
        let at = out.len();
        push(&mut out, &admin);
        out.replace_range(at..=at, ",");
    } else {
        out.push('}');
    }
    out.push_str(r#","auth":"#);
    push(&mut out, &auth);
    out.push_str(r#","policy":"#);
    out.push_str(policy());
    out.push('}');
    super::frame::close_answer(&mut out);
    out
}

fn push(out: &mut String, value: &impl Serialize) {
    out.push_str(&serde_json::to_string(value).expect("plain data becomes JSON"));
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

fn features() -> &'static str {
    static FEATURES: OnceLock<String> = OnceLock::new();
    FEATURES.get_or_init(|| {
        let methods: Vec<_> = catalog::METHODS.iter().map(|method| method.name).collect();
        serde_json::json!({"methods": methods, "events": catalog::EVENTS}).to_string()
    })
}

fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        serde_json::json!({
            "maxPayload": limits::MESSAGE_BYTES_MAX,
            "maxBufferedBytes": limits::BUFFERED_BYTES_MAX,
            "tickIntervalMs": house::TICK_INTERVAL.as_millis() as u64,
        })
        .to_string()
    })
}

/// Where a client starts. Every agent has something that answers, the embedded one an echo, so a page
/// that could set a model up has nothing to ask first. Whoever may not know the agents is told of the
/// name alone that the default one usually has.
fn session_defaults(service: &Service, standing: &Standing) -> Value {
    let default = service.agents(standing).map(|agents| agents.default_id().clone());
    let default = default.unwrap_or_else(|_| AgentId::main());
    serde_json::json!({
        "defaultAgentId": default.as_str(),
        "modelConfigured": true,
        "mainKey": "main",
        "mainSessionKey": SessionKey::main_of(&default).as_str(),
        "scope": "per-sender",
    })
}
