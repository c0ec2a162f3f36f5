//! Which credential holds what over HTTP.

use std::sync::Arc;

use doorward::support::device_key::DeviceKey;
use serde_json::{Value, json};

use super::{
    CALLS, HELLO,
    client::{Answer, bearer, send, send_to},
};
use crate::house::{Gateway, TOKEN, block_on, lan_address, shared};

/// What both calls come to: `ok`, or the status and the code.
pub fn come_to(gateway: &Gateway, headers: &[&str]) -> [String; 2] {
    CALLS.map(|(line, _)| told(&send(gateway, line, headers, HELLO)))
}

fn told(answer: &Answer) -> String {
    match (answer.status, answer.code()) {
        (200, "") => "ok".into(),
        (status, code) => format!("{status} {code}"),
    }
}

/// openclaw #56763: the same secret was let in and held nothing.
#[test]
fn n2_a2_6_the_shared_bearer_and_no_other_header_is_enough() {
    let gateway = Gateway::start("{ gateway: { bind: 'lan' } }");
    for address in ["127.0.0.1".parse().unwrap(), lan_address()] {
        let token = bearer(TOKEN);
        let [models, completion] =
            CALLS.map(|(line, _)| send_to(address, &gateway, line, &[&token], HELLO));
        assert_eq!(models.status, 200, "{address}: {models:?}");
        let names = models.body["data"].as_array().unwrap().iter().map(|model| &model["id"]);
        assert!(names.eq(["openclaw", "openclaw/default", "openclaw/main"]), "{address}");
        assert_eq!(completion.status, 200, "{address}: {completion:?}");
        assert_eq!(completion.body["object"], "chat.completion");
    }
}

#[test]
fn credentials_row_by_row() {
    let gateway = Gateway::start("{}");
    let missing = "401 AUTH_TOKEN_MISSING";
    let mismatch = "401 AUTH_TOKEN_MISMATCH";
    for (headers, expected) in [
        (vec![bearer(TOKEN)], "ok"),
        (vec![format!("authorization: bearer   {TOKEN}  ")], "ok"),
        (vec![], missing),
        (vec!["Authorization: Basic dXNlcjpwYXNz".into()], missing),
        (vec!["Authorization: Bearer ".into()], missing),
        (vec![format!("Authorization: {TOKEN}")], missing),
        (vec![format!("X-Api-Key: {TOKEN}")], missing),
        (vec![bearer("something-else")], mismatch),
        (vec![bearer(&TOKEN.to_uppercase())], mismatch),
        (vec![bearer(&format!("{TOKEN}x"))], mismatch),
        (vec![bearer("dwst_nobody-made-this-one")], "401 SERVICE_TOKEN_INVALID"),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(come_to(&gateway, &headers), [expected, expected], "{headers:?}");
    }
}

/// N6 A6.1: what is missing, who can grant it, what to run; and the challenge of RFC 9110, 11.6.1.
#[test]
fn a_401_says_what_to_do() {
    let gateway = Gateway::start("{}");
    let answer = send(&gateway, "GET /v1/models", &[], "");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let error = &answer.body["error"];
    assert_eq!(error["type"], "unauthorized");
    assert_eq!(error["missing"], "the gateway's shared token");
    assert_eq!(error["grantors"], "whoever configures the gateway host");
    let remedy = error["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("doorward status"), "{remedy}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Unauthorized") && message.contains(remedy), "{message}");
}

/// N2 A2.4: the words that clients look for, and the object that the WebSocket has.
#[test]
fn a_403_carries_the_missing_scope() {
    let gateway = Gateway::start(
        "{ gateway: { auth: { sharedSecret: { loopbackScopes: ['operator.pairing'] ,
           scopes: ['operator.pairing'] } } } }",
    );
    for (line, scope) in CALLS {
        let answer = send(&gateway, line, &[&bearer(TOKEN)], HELLO);
        assert_eq!(answer.status, 403, "{line}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), None);
        let error = &answer.body["error"];
        assert_eq!(error["type"], "forbidden");
        assert_eq!(error["message"], format!("missing scope: {scope}"));
        let details: Value =
            json!({"code": "MISSING_SCOPE", "missingScope": scope, "requiredScopes": [scope]});
        assert_eq!(error["details"], details);
        let remedy = error["remedy"].as_str().unwrap();
        assert!(remedy.contains(&format!("--scope {scope}")), "{remedy}");
    }
}

/// `x-openclaw-scopes` takes away and never gives.
#[test]
fn a_cap_only_narrows() {
    let all = Gateway::start("{}");
    let reads = Gateway::start(
        "{ gateway: { auth: { sharedSecret: { loopbackScopes: ['operator.read'], scopes: ['operator.read'] } } } }",
    );
    let no = "403 MISSING_SCOPE";
    for (caps, of_all, of_reader) in [
        (&[][..], ["ok", "ok"], ["ok", no]),
        (&["operator.read"], ["ok", no], ["ok", no]),
        (&["operator.write"], ["ok", "ok"], ["ok", no]),
        (&["operator.admin"], ["ok", "ok"], ["ok", no]),
        (&["operator.read, operator.write"], ["ok", "ok"], ["ok", no]),
        (&["operator.pairing"], [no, no], [no, no]),
        (&[""], [no, no], [no, no]),
        (&["Nonsense Here"], [no, no], [no, no]),
        (&["operator.write", "operator.read"], ["ok", no], ["ok", no]),
        (&["operator.read", "operator.write"], ["ok", no], ["ok", no]),
        (&["operator.write", "operator.pairing"], [no, no], [no, no]),
    ] {
        let lines: Vec<_> = caps.iter().map(|cap| format!("X-OpenClaw-Scopes: {cap}")).collect();
        let token = bearer(TOKEN);
        let headers: Vec<&str> = lines.iter().map(String::as_str).chain([token.as_str()]).collect();
        assert_eq!(come_to(&all, &headers), of_all, "{caps:?}");
        assert_eq!(come_to(&reads, &headers), of_reader, "{caps:?}, of a reader");
    }
}

/// openclaw #58357: with nothing asked for, the call was refused for want of a scope all the same.
#[test]
fn modes_row_by_row() {
    let password = "a-password-for-tests";
    let open = Gateway::start_with("{ gateway: { auth: { mode: 'none' } } }", None);
    let config =
        format!("{{ gateway: {{ auth: {{ mode: 'password', password: '{password}' }} }} }}");
    let locked = Gateway::start_with(&config, None);
    for (gateway, headers, expected) in [
        (&open, vec![], "ok"),
        (&open, vec![bearer("whatever-it-is")], "ok"),
        (&locked, vec![bearer(password)], "ok"),
        (&locked, vec![], "401 AUTH_PASSWORD_MISSING"),
        (&locked, vec![bearer(TOKEN)], "401 AUTH_PASSWORD_MISMATCH"),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(come_to(gateway, &headers), [expected, expected], "{headers:?}");
    }
}

/// N7 A7.3: a proxy that nobody told the gateway of; what it presents is not even looked at.
#[test]
fn a_request_that_cannot_be_attributed_is_refused_first() {
    let gateway = Gateway::start("{}");
    for (line, _) in CALLS {
        let forwarded = ["X-Forwarded-For: 203.0.113.9", &bearer(TOKEN)];
        let answer = send(&gateway, line, &forwarded, HELLO);
        assert_eq!(answer.status, 403, "{line}");
        assert_eq!(answer.body["error"]["type"], "proxy_attribution_required");
    }
}

/// A device's token is worth to a bearer what the device holds, and ends with it.
#[test]
fn n10_a_device_token_is_a_bearer_while_it_is_current() {
    let gateway = Gateway::start("{}");
    let options = shared(&["operator.read"]).with_device(Arc::new(DeviceKey::generate()));
    block_on(async {
        let mut session = gateway.connect(&options).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        let reader = ["ok", "403 MISSING_SCOPE"];
        let nobody = ["401 AUTH_TOKEN_MISMATCH"; 2];
        assert_eq!(come_to(&gateway, &[&bearer(&token)]), reader);
        let whose = json!({"deviceId": options.device.as_ref().unwrap().id(), "role": "operator"});
        let rotated = session.request("device.token.rotate", whose.clone()).await.unwrap();
        assert_eq!(come_to(&gateway, &[&bearer(&token)]), nobody);
        let token = rotated["token"].as_str().unwrap();
        assert_eq!(come_to(&gateway, &[&bearer(token)]), reader);
        let mut owner = gateway.connect(&shared(&["operator.admin"])).await.unwrap();
        owner.request("device.token.revoke", whose).await.unwrap();
        assert_eq!(come_to(&gateway, &[&bearer(token)]), nobody);
    });
}
