//! What is granted is what is enforced (N2): for every way in, every role and every request, the
//! scopes of `hello-ok` are exactly what the calls are measured by.

use std::sync::Arc;

use doorward::{
    domain::{
        operation::Requirement,
        scope::{Known, Scope, ScopeSet},
    },
    fronts::{
        cli::client::{self, Auth, ConnectOptions, Refusal, RpcError, Session},
        ws::METHODS,
    },
    support::{device_key::DeviceKey, secret::Secret},
};
use serde_json::json;

use crate::house::{Gateway, block_on, lan_address, shared, with_device_token};

const FULL: &str = "admin read write approvals pairing questions talk talk.secrets";

/// What is asked for, and what comes of it here and from elsewhere.
const ASKED: &[(&str, &str, &str)] = &[
    ("", FULL, "read write"),
    ("read", "read", "read"),
    ("write", "write", "write"),
    ("admin", "admin", "read write"),
    ("pairing", "pairing", ""),
    ("read pairing", "read pairing", "read"),
    ("pairing read", "pairing read", "read"),
    ("talk", "talk", "talk"),
    ("x.unknown", "x.unknown", ""),
];

fn names(short: &str) -> Vec<String> {
    short.split_whitespace().map(|name| format!("operator.{name}")).collect()
}

fn asking(options: &ConnectOptions, short: &str) -> ConnectOptions {
    ConnectOptions { scopes: names(short), ..options.clone() }
}

/// What `hello-ok` says that was asked for and is not held, each with its code and what to do
/// (N2 A2.2). It is left out where nothing is.
fn withheld(session: &Session) -> Vec<String> {
    let Some(narrowed) = session.hello["auth"].get("narrowed") else { return vec![] };
    let narrowed = narrowed.as_array().unwrap();
    assert!(!narrowed.is_empty(), "{}", session.hello);
    let name = |withheld: &serde_json::Value| {
        assert_eq!(withheld["code"], "NOT_GRANTED", "{withheld}");
        assert!(withheld["remedy"].as_str().is_some_and(|text| text.len() > 10), "{withheld}");
        withheld["scope"].as_str().unwrap().to_owned()
    };
    narrowed.iter().map(name).collect()
}

/// Connects, compares the scopes of `hello-ok`, and calls every served method.
async fn check(url: &str, options: &ConnectOptions, expected: &str, what: &str) {
    let mut session =
        client::connect(url, options).await.unwrap_or_else(|no| panic!("{what}: {no}"));
    let held = session.hello["auth"]["scopes"].clone();
    assert_eq!(held, json!(names(expected)), "{what}");
    let held: ScopeSet = names(expected).iter().map(|name| Scope::parse(name).unwrap()).collect();
    let lost = options.scopes.iter().filter(|name| !held.satisfies(&Scope::parse(name).unwrap()));
    assert_eq!(withheld(&session), lost.cloned().collect::<Vec<_>>(), "{what}");
    for method in METHODS {
        let denied = denied(&mut session, method.name).await;
        let (scope, own) = match method.operation.requirement() {
            Requirement::Anyone => {
                assert!(denied.is_none(), "{what}: {}", method.name);
                continue;
            }
            Requirement::Scope(scope) | Requirement::ScopeOrNode(scope) => (Some(scope), false),
            Requirement::ScopeOrOwn(scope) => (Some(scope), true),
            Requirement::Dynamic => (Some(Known::Admin), false),
            Requirement::DeviceKey => (None, true),
            Requirement::Node | Requirement::Root => panic!("{} is not served", method.name),
        };
        // A paired device may always try its own affairs.
        let allowed = scope.is_some_and(|scope| held.satisfies_known(scope))
            || (own && options.device.is_some());
        assert_eq!(denied.is_none(), allowed, "{what}: {} with {held}", method.name);
        let Some(denied) = denied else { continue };
        let Some(scope) = scope.map(Known::name) else {
            assert_eq!(denied.details["code"], "DEVICE_IDENTITY_REQUIRED", "{what}");
            continue;
        };
        assert_eq!(denied.message, format!("missing scope: {scope}"), "{what}");
        assert_eq!(denied.details["code"], "MISSING_SCOPE", "{what}");
        assert_eq!(denied.details["missingScope"], scope, "{what}");
        assert_eq!(denied.details["requiredScopes"], json!([scope]), "{what}");
    }
}

/// Calls a method with parameters that change nothing; gives the refusal if it was not allowed to.
async fn denied(session: &mut Session, method: &str) -> Option<Refusal> {
    let params = match method {
        "device.pair.approve" | "device.pair.reject" => json!({"requestId": "nothing"}),
        _ => json!({"nothing": true}),
    };
    let refused = match session.request(method, params).await {
        Ok(_) => return None,
        Err(RpcError::Refused(refused)) => refused,
        Err(other) => panic!("{method}: {other}"),
    };
    if refused.code != "INVALID_REQUEST" || refused.details["code"] == "WRONG_ROLE" {
        return Some(refused);
    }
    let passed = refused.message.starts_with(&format!("invalid {method} params"))
        || refused.message == "unknown requestId";
    assert!(passed, "{method}: {}", refused.message);
    None
}

/// N2 A2.1, A2.3, A2.4 for clients that prove the shared secret and no device: token and password,
/// on this machine and from elsewhere; and for a gateway that asks for nothing.
#[test]
fn n2_a2_1_device_less_clients() {
    block_on(async {
        let token = Gateway::start("{gateway: {bind: 'lan'}}");
        let password = Gateway::start(
            "{gateway: {bind: 'lan', auth: {mode: 'password', password: 'a-shared-password'}}}",
        );
        let open = Gateway::start("{gateway: {auth: {mode: 'none'}}}");
        let by_password = ConnectOptions {
            auth: Auth {
                password: Some(Secret::new("a-shared-password".into())),
                ..Auth::default()
            },
            ..ConnectOptions::operator(None, &[])
        };
        for (asked, here, elsewhere) in ASKED {
            for (gateway, options, what) in
                [(&token, shared(&[]), "token"), (&password, by_password.clone(), "password")]
            {
                let options = asking(&options, asked);
                let local = format!("{what} here asks {asked:?}");
                check(&gateway.url(), &options, here, &local).await;
                let far = format!("{what} elsewhere asks {asked:?}");
                check(&gateway.url_at(lan_address()), &options, elsewhere, &far).await;
            }
            let options = asking(&ConnectOptions::operator(None, &[]), asked);
            check(&open.url(), &options, here, &format!("mode none asks {asked:?}")).await;
        }
    });
}

/// The same for every kind of client that the real gateway let in with nothing (oc#27494, #46650).
#[test]
fn n2_the_kind_of_client_makes_no_difference() {
    block_on(async {
        let gateway = Gateway::start("{}");
        for (id, mode) in [
            ("cli", "cli"),
            ("cli", "probe"),
            ("gateway-client", "backend"),
            ("gateway-client", "cli"),
            ("test", "test"),
            ("openclaw-tui", "ui"),
        ] {
            let options = ConnectOptions {
                client_id: id.into(),
                mode: mode.into(),
                ..shared(&["operator.read"])
            };
            check(&gateway.url(), &options, "read", &format!("{id}/{mode}")).await;
        }
    });
}

/// N2 A2.1 for a paired device, by its token and by the shared secret, and for a node.
#[test]
fn n2_a2_1_paired_devices() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let device = Arc::new(DeviceKey::generate());
        let by_secret = shared(&["operator.read", "operator.pairing"]).with_device(device.clone());
        let session = gateway.connect(&by_secret).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let by_token = with_device_token(&by_secret, &token);
        for (asked, expected) in [
            ("", "read pairing"),
            ("read", "read"),
            ("pairing", "pairing"),
            ("pairing read", "pairing read"),
        ] {
            for (options, what) in [(&by_token, "device token"), (&by_secret, "device and secret")]
            {
                let options = asking(options, asked);
                check(&gateway.url(), &options, expected, &format!("{what} asks {asked:?}")).await;
            }
        }
        let beyond = asking(&by_token, "read admin");
        let refused = gateway.connect(&beyond).await.err().unwrap();
        assert_eq!(refused.details_code(), Some("AUTH_SCOPE_MISMATCH"));
        as_a_node(&gateway).await;
    });
}

async fn as_a_node(gateway: &Gateway) {
    // A node holds no scopes, whatever it names.
    for asked in [&[][..], &["operator.admin"]] {
        let options = ConnectOptions {
            client_id: "node-host".into(),
            mode: "node".into(),
            role: "node".into(),
            ..shared(asked).with_device(Arc::new(DeviceKey::generate()))
        };
        let mut node = gateway.connect(&options).await.unwrap();
        assert_eq!(node.hello["auth"]["scopes"], json!([]), "{asked:?}");
        assert_eq!(node.hello["snapshot"]["presence"], json!([]), "{asked:?}");
        assert_eq!(node.hello["snapshot"]["stateDir"], json!(null), "{asked:?}");
        for method in METHODS {
            let told = denied(&mut node, method.name).await.map(|no| no.message);
            let its_own = matches!(
                method.operation.requirement(),
                Requirement::Anyone
                    | Requirement::ScopeOrNode(_)
                    | Requirement::ScopeOrOwn(_)
                    | Requirement::DeviceKey
            );
            let expected = (!its_own).then_some("unauthorized role: node");
            assert_eq!(told.as_deref(), expected, "{asked:?}: {}", method.name);
        }
    }
}

/// N1 A1.2: with too little, an approval is refused, and the refusal says who could and how.
#[test]
fn n1_a1_2_an_under_scoped_approval_names_who_can_and_the_host_can() {
    block_on(async {
        let gateway = Gateway::start("{gateway: {nodes: {pairing: {autoApproveLocal: false}}}}");
        let applicant = shared(&["operator.admin"]).with_device(Arc::new(DeviceKey::generate()));
        let waiting = gateway.connect(&applicant).await.err().unwrap();
        let id = waiting.refusal().unwrap().details["requestId"].as_str().unwrap().to_owned();

        let mut weak = gateway.connect(&shared(&["operator.pairing"])).await.unwrap();
        let refused = weak.request("device.pair.approve", json!({"requestId": id})).await;
        let refused = refused.unwrap_err();
        let refusal = refused.refusal().unwrap();
        assert_eq!(refusal.code, "FORBIDDEN");
        assert_eq!(refusal.details["missingScope"], "operator.admin");
        let hint = refusal.details["remediationHint"].as_str().unwrap();
        assert!(
            hint.contains("the gateway host") && hint.contains("doorward devices approve"),
            "{hint}"
        );

        let approved = gateway.json(&["devices", "approve", &id]);
        assert_eq!(approved["scopes"], json!(["operator.admin"]), "{approved}");
        let session = gateway.connect(&applicant).await.unwrap();
        assert_eq!(session.hello["auth"]["scopes"], json!(["operator.admin"]));
    });
}

/// The shared token lies in a file of its own, readable by its owner alone, if none is configured.
#[test]
fn a_fresh_state_directory_gets_a_token() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Gateway::start_without_token();
    let file = gateway.state.path().join("shared-token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    let options = ConnectOptions::operator(Some(Secret::new(token.trim().to_owned())), &[]);
    block_on(async { check(&gateway.url(), &options, FULL, "the token in the file").await });
    assert!(gateway.log().contains("shared-token"), "it says where the token lies");
    assert!(!gateway.log().contains(token.trim()), "and does not say the token");
    let wrong = block_on(async { gateway.connect(&shared(&[])).await.err().unwrap() });
    assert_eq!(wrong.details_code(), Some("AUTH_TOKEN_MISMATCH"));
}
