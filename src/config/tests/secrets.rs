//! Secrets: where they come from, which are refused, and that none is shown.

use std::path::Path;

use super::{SECRET, errors, load_text, load_with};
use crate::config::{Auth, Env, Loaded, Overrides};

/// A file whose token is this JSON5 text.
fn token(value: &str) -> String {
    format!("{{gateway: {{auth: {{token: {value}}}}}}}")
}

#[track_caller]
fn assert_token(loaded: &Loaded, expected: &str) {
    match &loaded.settings.auth {
        Auth::Token(Some((token, _))) => assert_eq!(token.expose(), expected),
        other => panic!("no token: {other:?}"),
    }
}

#[test]
fn secrets_that_are_refused() {
    let long = "xy".repeat(2049);
    let rows = [
        ("", "is empty"),
        ("  ", "is empty"),
        ("short-7", "is shorter than 8 characters"),
        ("éèéèéèé", "is shorter than 8 characters"),
        ("changeme", "is a placeholder"),
        ("Change-Me", "is a placeholder"),
        ("CHANGE_ME!", "is a placeholder"),
        ("REDACTED", "is a placeholder"),
        ("__OPENCLAW_REDACTED__", "is a placeholder"),
        ("x__OPENCLAW_REDACTED__x", "is a placeholder"),
        ("<token>", "is a placeholder"),
        ("<your gateway token>", "is a placeholder"),
        ("***", "is a placeholder"),
        ("********", "is a placeholder"),
        ("...", "is a placeholder"),
        ("xxxxxxxxxxxx", "is a placeholder"),
        ("your-token-here", "is a placeholder"),
        ("undefined", "is a placeholder"),
        ("two\\nlines-of-it", "must be one line"),
        ("nul\\0inside-it", "must be one line"),
        ("${lower_case}", "looks like a reference"),
        ("${A}-and-more", "looks like a reference"),
        (long.as_str(), "is longer than 4096 bytes"),
    ];
    for (secret, expected) in rows {
        let errors = errors(load_text(&token(&format!("'{secret}'"))));
        let wanted = format!("doorward.json:1: gateway.auth.token: {expected}");
        assert!(errors.len() == 1 && errors[0].starts_with(&wanted), "{secret}: {errors:?}");
        assert!(secret.trim().len() < 4 || !errors[0].contains(secret), "{errors:?}");
    }
}

#[test]
fn secrets_that_are_accepted() {
    for (secret, expected) in [
        ("eight-ch", "eight-ch"),
        ("éèéèéèéa", "éèéèéèéa"),
        ("  padded-secret\\n", "padded-secret"),
        ("$lower-case-is-not-a-reference", "$lower-case-is-not-a-reference"),
        ("my-token-is-not-a-placeholder", "my-token-is-not-a-placeholder"),
        (&"xy".repeat(2048), &"xy".repeat(2048)),
    ] {
        assert_token(&load_text(&token(&format!("'{secret}'"))).unwrap(), expected);
    }
}

#[test]
fn references_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{SECRET}\r\n")).unwrap();
    let path = path.display();
    for value in [
        String::from("'${MY_TOKEN_2}'"),
        String::from("'$MY_TOKEN_2'"),
        String::from("{source: 'env', id: 'MY_TOKEN_2'}"),
        String::from("{source: 'env', provider: 'default', id: 'MY_TOKEN_2'}"),
        format!("{{source: 'file', id: '{path}'}}"),
    ] {
        let env = [("MY_TOKEN_2", SECRET)];
        let loaded = load_with(&token(&value), &env, Overrides::default()).unwrap();
        assert_token(&loaded, SECRET);
    }
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (absent, bad) = (dir.path().join("absent"), dir.path().join("bad"));
    std::fs::write(&bad, "changeme\n").unwrap();
    let file = |path: &Path| format!("{{source: 'file', id: '{}'}}", path.display());
    let rows = [
        (String::from("'${UNSET}'"), "the environment variable UNSET is not set"),
        (String::from("'${EMPTY}'"), "the environment variable EMPTY is not set"),
        (String::from("'${BAD}'"), "in the environment variable BAD: is a placeholder"),
        (String::from("{source: 'env', id: 'UNSET'}"), "the environment variable UNSET is not"),
        (String::from("{source: 'env', id: ''}"), "a reference must be"),
        (String::from("{source: 'env'}"), "a reference must be"),
        (String::from("{source: 'exec', id: 'pass'}"), "a reference must be"),
        (String::from("{source: 'env', provider: 'vault', id: 'A'}"), "secret providers are not"),
        (String::from("{source: 'file', id: 'relative'}"), "the path of a secret file must be"),
        (file(&absent), "absent: No such file"),
        (file(&bad), "bad: is a placeholder"),
        (file(Path::new("/dev/zero")), "/dev/zero: is longer than 4096 bytes"),
        (String::from("12345678"), "must be a string or a reference object, but is a number"),
    ];
    for (value, expected) in rows {
        let env = [("EMPTY", ""), ("BAD", "<token>")];
        let errors = errors(load_with(&token(&value), &env, Overrides::default()));
        assert!(errors.len() == 1 && errors[0].contains(expected), "{value}: {errors:?}");
        assert!(errors[0].starts_with("doorward.json:1: gateway.auth.token: "), "{errors:?}");
    }
}

#[test]
fn only_the_secret_that_is_used_is_looked_up() {
    let text = token("'changeme', password: '${UNSET}'");
    let env = [("DOORWARD_TOKEN", SECRET)];
    assert_token(&load_with(&text, &env, Overrides::default()).unwrap(), SECRET);
}

#[test]
fn which_keys_look_like_those_of_secrets() {
    let hidden = "accessKeyId apiKeyOverride api_key_2 AUTHORIZATION bearer sessionCookie credentials \
                  passcode passphrase passwd dbPassword clientSecret bot_token incoming-webhook key \
                  private-key signingKeys smtpPass pwd";
    let visible = "author keyPath keyboard monkeys2 name path passive tok url";
    for (keys, expected) in [(hidden, "__OPENCLAW_REDACTED__"), (visible, "value")] {
        for key in keys.split_whitespace() {
            let text = format!("{{channels: [{{'{key}': 'value'}}]}}");
            let file = load_text(&text).unwrap().file;
            assert_eq!(file.redacted["channels"][0][key], expected, "{key}");
        }
    }
}

/// Every kind of secret at once: none may be in what the loader hands out.
#[test]
fn nothing_that_is_handed_out_shows_a_secret() {
    let text = r#"{
      gateway: {
        auth: { token: "hidden-1-token", password: "hidden-2-password",
          sharedSecret: { scopes: ["operator.read"] } },
        remote: { url: "wss://me:hidden-3@host", token: { source: "env", id: "hidden-4" } },
      },
      channels: [ { botToken: "hidden-5", deep: [ { clientSecret: "hidden-6" } ] } ],
      models: { providers: { x: { apiKey: "hidden-7", "api-key": 77077, maxTokens: 4096 } } },
      hooks: { webhookUrl: "https://hidden-8", key: "hidden-9", KEYS: ["hidden-10"] },
      tools: { headers: { Authorization: "hidden-11", "Set-Cookie": "hidden-12" } },
      env: { ANY: "hidden-13", vars: { OTHER: ["hidden-14", 14041] }, shellEnv: { enabled: true } },
      secrets: { providers: { x: "hidden-15" } },
      plain: { name: "visible", token: null, password: false },
    }"#;
    let env = [("DOORWARD_PASSWORD", "hidden-16-password")];
    let loaded = load_with(text, &env, Overrides::default()).unwrap();
    let shown = format!("{loaded:?} {loaded:#?} {}", loaded.file.redacted);
    for secret in ["hidden", "77077", "14041"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let redacted = &loaded.file.redacted;
    assert_eq!(redacted["gateway"]["auth"]["token"], "__OPENCLAW_REDACTED__");
    assert_eq!(redacted["gateway"]["remote"]["token"], "__OPENCLAW_REDACTED__");
    assert_eq!(redacted["channels"][0]["deep"][0]["clientSecret"], "__OPENCLAW_REDACTED__");
    assert_eq!(redacted["gateway"]["auth"]["sharedSecret"]["scopes"][0], "operator.read");
    assert_eq!(redacted["models"]["providers"]["x"]["maxTokens"], 4096);
    assert_eq!(redacted["env"]["shellEnv"]["enabled"], true);
    let plain = serde_json::json!({"name": "visible", "token": null, "password": false});
    assert_eq!(redacted["plain"], plain);
}

#[test]
fn errors_and_inputs_show_no_secret_either() {
    let text = "{gateway: {bind: 'hidden-1', auth: {mode: 'hidden-2', token: 'hidden',
        password: ['hidden-6']}}, logging: {level: 'hidden-3'}}";
    let overrides = Overrides {
        token: Some(crate::support::secret::Secret::new(String::from("hidden"))),
        ..Overrides::default()
    };
    let pairs = [("DOORWARD_PORT", "hidden-4"), ("OTHER", "hidden-5")];
    let given = format!("{overrides:?} {:?}", Env::from_pairs(pairs));
    let errors = load_with(text, &pairs, overrides).unwrap_err();
    let shown = format!("{given} {errors} {errors:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert_eq!(errors.errors.len(), 6, "{errors}");
}
