//! The parameters of every served method, row by row: what is missing, of the wrong type, too long,
//! too many, unknown. The words are those of the published schema's validator, after the method's
//! name (docs/PROTOCOL.md (d2)); what a method says in words of its own stands whole.

mod approvals;
mod talk;

use std::{collections::BTreeSet, sync::Arc};

use doorward::{
    fronts::cli::client::{RpcError, Session},
    support::device_key::DeviceKey,
};
use serde_json::{Value, json};

use crate::house::{Gateway, block_on, shared};

/// What is wrong: in the validator's words, or in the method's own.
#[derive(Debug, Clone, Copy)]
enum Says {
    Validator(&'static str),
    Itself(&'static str),
}

use Says::{Itself, Validator};

type Row = (&'static str, Value, Says);

/// Methods that take no parameters at all, and those that the real gateway lets take any.
const WITHOUT: &[&str] = &[
    "agents.list",
    "config.get",
    "device.pair.list",
    "doorward.lockouts.list",
    "doorward.tokens.list",
    "doorward.whoami",
    "gateway.identity.get",
    "sessions.subscribe",
];
const WHATEVER: &[&str] = &["health", "status", "system-presence"];

fn missing(name: &'static str) -> Says {
    Validator(match name {
        "deviceId" => "must have required property 'deviceId'",
        "id" => "must have required property 'id'",
        "label" => "must have required property 'label'",
        "name" => "must have required property 'name'",
        "requestId" => "must have required property 'requestId'",
        "role" => "must have required property 'role'",
        "scopes" => "must have required property 'scopes'",
        "setupId" => "must have required property 'setupId'",
        other => panic!("{other}"),
    })
}

const UNEXPECTED: Says = Validator("at root: unexpected property 'more'");

/// Methods that take one id and nothing else.
fn of_one_id() -> Vec<Row> {
    let mut rows = vec![];
    for (method, name, number, empty, unknown) in [
        (
            "device.pair.approve",
            "requestId",
            "at /requestId: must be string",
            "at /requestId: must not have fewer than 1 characters",
            "unknown requestId",
        ),
        (
            "device.pair.reject",
            "requestId",
            "at /requestId: must be string",
            "at /requestId: must not have fewer than 1 characters",
            "unknown requestId",
        ),
        (
            "device.scopes.waitUpgrade",
            "requestId",
            "at /requestId: must be string",
            "at /requestId: must not have fewer than 1 characters",
            "unknown requestId",
        ),
        (
            "device.pair.remove",
            "deviceId",
            "at /deviceId: must be string",
            "at /deviceId: must not have fewer than 1 characters",
            "unknown deviceId",
        ),
        (
            "device.pair.setupStatus",
            "setupId",
            "at /setupId: must be string",
            "at /setupId: must not have fewer than 1 characters",
            "unknown setupId",
        ),
        (
            "doorward.tokens.revoke",
            "id",
            "at /id: must be string",
            "at /id: must not have fewer than 1 characters",
            "unknown service token",
        ),
        (
            "doorward.tokens.rotate",
            "id",
            "at /id: must be string",
            "at /id: must not have fewer than 1 characters",
            "unknown service token",
        ),
    ] {
        rows.extend([
            (method, json!({}), missing(name)),
            (method, json!({name: 7}), Validator(number)),
            (method, json!({name: null}), Validator(number)),
            (method, json!({name: ""}), Validator(empty)),
            (method, json!({name: "x", "more": 1}), UNEXPECTED),
            (method, json!([name]), Validator("must be object")),
            (method, json!({name: "x"}), Itself(unknown)),
        ]);
    }
    let long = Validator("at /setupId: must not have more than 128 characters");
    rows.push(("device.pair.setupStatus", json!({"setupId": "x".repeat(129)}), long));
    rows
}

/// Methods about a paired device.
fn of_devices() -> Vec<Row> {
    let (id, long) = ("0".repeat(64), "x".repeat(65));
    let role = Validator("at /role: must be equal to one of the allowed values");
    let mut rows = vec![
        ("device.pair.rename", json!({"label": "x"}), missing("deviceId")),
        ("device.pair.rename", json!({"deviceId": id}), missing("label")),
        (
            "device.pair.rename",
            json!({"deviceId": id, "label": ["x"]}),
            Validator("at /label: must be string"),
        ),
        (
            "device.pair.rename",
            json!({"deviceId": id, "label": ""}),
            Validator("at /label: must not have fewer than 1 characters"),
        ),
        (
            "device.pair.rename",
            json!({"deviceId": id, "label": long}),
            Validator("at /label: must not have more than 64 characters"),
        ),
        ("device.pair.rename", json!({"deviceId": id, "label": " \t"}), Itself("label required")),
        (
            "device.pair.rename",
            json!({"deviceId": id, "label": &long[..64]}),
            Itself("unknown deviceId"),
        ),
        ("device.pair.rename", json!({"deviceId": id, "label": "x", "more": 1}), UNEXPECTED),
        (
            "device.token.rotate",
            json!({"deviceId": id, "role": "operator", "scopes": "operator.read"}),
            Validator("at /scopes: must be array"),
        ),
        (
            "device.token.rotate",
            json!({"deviceId": id, "role": "operator", "scopes": [7]}),
            Validator("at /scopes/0: must be string"),
        ),
        (
            "device.token.rotate",
            json!({"deviceId": id, "role": "operator", "scopes": ["operator.read", "A B"]}),
            Validator("at /scopes/1: must be a scope name"),
        ),
    ];
    for method in ["device.token.rotate", "device.token.revoke"] {
        rows.extend([
            (method, json!({"role": "operator"}), missing("deviceId")),
            (
                method,
                json!({"deviceId": 7, "role": "operator"}),
                Validator("at /deviceId: must be string"),
            ),
            (method, json!({"deviceId": id}), missing("role")),
            (method, json!({"deviceId": id, "role": "worker"}), role),
            (method, json!({"deviceId": id, "role": 7}), role),
            (method, json!({"deviceId": id, "role": "node", "more": 1}), UNEXPECTED),
            (method, json!({"deviceId": id, "role": "node"}), Itself("unknown deviceId")),
        ]);
    }
    rows
}

/// What is made: setup codes, service tokens, secrets; and what is asked for or lifted.
fn of_new_things() -> Vec<Row> {
    let upgrade = "device.scopes.requestUpgrade";
    let setup = "device.pair.setupCode";
    let token = "doorward.tokens.create";
    let clear = "doorward.lockouts.clear";
    let scopes = |count: usize| (0..count).map(|n| format!("plugin.x{n}")).collect::<Vec<_>>();
    let named = |more: Value| {
        let mut order = json!({"name": "x", "scopes": ["operator.read"]});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    vec![
        (upgrade, json!({}), missing("scopes")),
        (upgrade, json!({"scopes": "x"}), Validator("at /scopes: must be array")),
        (upgrade, json!({"scopes": []}), Validator("at /scopes: must not have fewer than 1 items")),
        (
            upgrade,
            json!({"scopes": scopes(9)}),
            Validator("at /scopes: must not have more than 8 items"),
        ),
        (
            upgrade,
            json!({"scopes": ["plugin.x", "plugin.x"]}),
            Validator("at /scopes: must not have duplicate items"),
        ),
        (
            upgrade,
            json!({"scopes": [""]}),
            Validator("at /scopes/0: must not have fewer than 1 characters"),
        ),
        (upgrade, json!({"scopes": ["A"]}), Validator("at /scopes/0: must be a scope name")),
        (upgrade, json!({"scopes": ["plugin.x"], "more": 1}), UNEXPECTED),
        (setup, json!({"publicUrl": 7}), Validator("at /publicUrl: must be string")),
        (
            setup,
            json!({"preferRemoteUrl": "yes"}),
            Validator("at /preferRemoteUrl: must be boolean"),
        ),
        (setup, json!({"includeQr": 1}), Validator("at /includeQr: must be boolean")),
        (
            setup,
            json!({"bootstrapProfile": "full"}),
            Validator("at /bootstrapProfile: must be equal to one of the allowed values"),
        ),
        (setup, json!({"joinUrl": false}), Validator("at /joinUrl: must be equal to constant")),
        (
            setup,
            json!({"bootstrapProfile": "limited", "joinUrl": true}),
            Itself("Join URLs require bootstrapProfile=node."),
        ),
        (setup, json!({"more": 1}), UNEXPECTED),
        (token, json!({"scopes": []}), missing("name")),
        (token, json!({"name": "x"}), missing("scopes")),
        (token, named(json!({"name": 7})), Validator("at /name: must be string")),
        (
            token,
            named(json!({"name": "x".repeat(65)})),
            Validator("at /name: must not have more than 64 characters"),
        ),
        (token, named(json!({"name": " "})), Itself("name required")),
        (token, named(json!({"scopes": [null]})), Validator("at /scopes/0: must be string")),
        (token, named(json!({"expiresAtMs": 0})), Validator("at /expiresAtMs: must be >= 1")),
        (token, named(json!({"expiresAtMs": 1.5})), Validator("at /expiresAtMs: must be integer")),
        (token, named(json!({"expiresAtMs": "1"})), Validator("at /expiresAtMs: must be integer")),
        (token, named(json!({"expiresAtMs": 1})), Itself("the end lies in the past")),
        (token, named(json!({"ranges": "10.0.0.0/8"})), Validator("at /ranges: must be array")),
        (
            token,
            named(json!({"ranges": ["10.0.0.0/8", "home"]})),
            Validator("at /ranges/1: must be an address or a range of them"),
        ),
        (token, named(json!({"more": 1})), UNEXPECTED),
        (clear, json!({"class": 7}), Validator("at /class: must be string")),
        (
            clear,
            json!({"class": "magic"}),
            Validator("at /class: must be equal to one of the allowed values"),
        ),
        (clear, json!({"address": "home"}), Validator("at /address: must be an IP address")),
        (clear, json!({"more": 1}), UNEXPECTED),
        (clear, json!([]), Validator("must be object")),
        ("doorward.auth.rotate", json!({"secret": 7}), Validator("at /secret: must be string")),
        ("doorward.auth.rotate", json!({"more": 1}), UNEXPECTED),
    ]
}

fn rows() -> Vec<Row> {
    let without = WITHOUT.iter().chain(approvals::WITHOUT).flat_map(|method| {
        [
            (*method, json!({"more": 1}), UNEXPECTED),
            (*method, json!([]), Validator("must be object")),
            (*method, json!(7), Validator("must be object")),
        ]
    });
    without
        .chain(of_one_id())
        .chain(of_devices())
        .chain(of_new_things())
        .chain(approvals::rows())
        .chain(talk::rows())
        .collect()
}

/// An admin with a device, so that nothing is refused for want of a right.
async fn admin(gateway: &Gateway) -> (Session, String) {
    let device = Arc::new(DeviceKey::generate());
    let own = device.id().to_owned();
    let options = shared(&["operator.admin"]).with_device(device);
    let refused = gateway.connect(&options).await.map(drop).unwrap_err();
    let id = refused.refusal().unwrap().details["requestId"].as_str().unwrap().to_owned();
    gateway.json(&["devices", "approve", &id]);
    (gateway.connect(&options).await.unwrap(), own)
}

#[test]
fn parameters_row_by_row() {
    block_on(async {
        let gateway = Gateway::start("{gateway: {nodes: {pairing: {autoApproveLocal: false}}}}");
        let (mut session, own) = admin(&gateway).await;
        let size = gateway.json(&["status"])["ledgerSize"].clone();
        let mut with_a_row: BTreeSet<_> = WHATEVER.iter().copied().collect();
        let mut wrong = vec![];
        for (method, params, says) in rows() {
            with_a_row.insert(method);
            let what = format!("{method} {params}");
            let refused = match session.request(method, params).await {
                Err(RpcError::Refused(refusal)) => (refusal.code, refusal.message),
                other => (format!("{other:?}"), String::new()),
            };
            let expected = match says {
                Validator(words) => format!("invalid {method} params: {words}"),
                Itself(words) => words.to_owned(),
            };
            if refused != ("INVALID_REQUEST".to_owned(), expected) {
                wrong.push(format!("{what}: {refused:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        // An id has one spelling.
        let shouted = json!({"deviceId": own.to_uppercase(), "label": "x"});
        let refused = session.request("device.pair.rename", shouted).await.unwrap_err();
        assert_eq!(refused.refusal().unwrap().message, "unknown deviceId");
        for method in WHATEVER {
            session.request(method, json!({"more": [1]})).await.unwrap();
        }
        let served = session.hello["features"]["methods"].as_array().unwrap();
        let served: BTreeSet<_> = served.iter().map(|method| method.as_str().unwrap()).collect();
        assert_eq!(with_a_row, served, "every served method has a row");
        assert_eq!(gateway.json(&["status"])["ledgerSize"], size, "nothing was changed");
    });
}
