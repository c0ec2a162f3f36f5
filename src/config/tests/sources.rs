//! Which source wins, and what the environment and the command line may say.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

use super::{errors, load_with, shown};
use crate::{
    config::{Auth, Bind, Env, Loaded, Overrides, load, state_dir},
    support::secret::Secret,
};

fn flags(change: impl FnOnce(&mut Overrides)) -> Overrides {
    let mut overrides = Overrides::default();
    change(&mut overrides);
    overrides
}

fn token_flag() -> Overrides {
    flags(|flags| flags.token = Some(Secret::new(String::from("from-the-flag"))))
}

/// The mode and secret in one word, for tables.
fn auth(loaded: &Loaded) -> String {
    match &loaded.settings.auth {
        Auth::Token(None) => String::from("token"),
        Auth::Token(Some((token, _))) => format!("token {}", token.expose()),
        Auth::Password((password, _)) => format!("password {}", password.expose()),
        Auth::None => String::from("none"),
        Auth::TrustedProxy(_) => String::from("trusted-proxy"),
    }
}

#[test]
fn the_strongest_source_of_a_port_wins() {
    let file = "{gateway: {port: 4}}";
    let env = [("DOORWARD_PORT", "2"), ("OPENCLAW_GATEWAY_PORT", "3")];
    let port = |text, env: &[_], flags| load_with(text, env, flags).unwrap().settings.port;
    assert_eq!(port(file, &env, flags(|flags| flags.port = Some(1))), 1);
    assert_eq!(port(file, &env, Overrides::default()), 2);
    assert_eq!(port(file, &env[1..], Overrides::default()), 3);
    assert_eq!(port(file, &[], Overrides::default()), 4);
    assert_eq!(port("{}", &[], Overrides::default()), 18789);
    assert_eq!(port(file, &[("DOORWARD_PORT", "")], Overrides::default()), 4);
}

#[test]
fn the_strongest_source_of_an_address_and_a_log_level_wins() {
    let file = "{gateway: {bind: '10.0.0.1', auth: {}}, logging: {level: 'warn'}}";
    let env = [("DOORWARD_BIND", "lan"), ("DOORWARD_LOG", "doorward=debug")];
    let flag = flags(|flags| flags.bind = Some(String::from("loopback")));
    let loaded = load_with(file, &env, flag).unwrap();
    assert_eq!(loaded.settings.bind, Bind::Loopback);
    assert_eq!(loaded.settings.log_level.as_deref(), Some("doorward=debug"));
    let loaded = load_with(file, &env, Overrides::default()).unwrap();
    assert_eq!(loaded.settings.bind, Bind::Lan);
    let other = [("OPENCLAW_GATEWAY_BIND", "lan"), ("OPENCLAW_GATEWAY_LOG", "trace")];
    let loaded = load_with(file, &other, Overrides::default()).unwrap();
    assert_eq!(loaded.settings.bind.address().to_string(), "10.0.0.1");
    assert_eq!(loaded.settings.log_level.as_deref(), Some("warn"));
}

/// The text of `gateway.auth`, the environment, the flags, and what comes of them.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a Overrides, &'a str);

/// Which mode and which secret, from environment, file and flags together.
#[test]
fn which_secret_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "from-the-password-file\n").unwrap();
    let password_flag = flags(|flags| flags.password_file = Some(file));
    let auth_flag = |mode: &str| flags(|flags| flags.auth = Some(mode.to_owned()));
    let none = Overrides::default();

    let own_token = ("DOORWARD_TOKEN", "own-token-of-env");
    let own_password = ("DOORWARD_PASSWORD", "own-password-of-env");
    let its_token = ("OPENCLAW_GATEWAY_TOKEN", "its-token-of-env");
    let its_password = ("OPENCLAW_GATEWAY_PASSWORD", "its-password-of-env");
    let (file_token, file_password) = ("token: 'file-token-1'", "password: 'file-password-1'");
    let (both, token_mode) =
        ("token: 'file-token-1', password: 'file-password-1'", "mode: 'token'");

    let rows: &[Row] = &[
        // The order of sources.
        (file_token, &[own_token, its_token], &token_flag(), "token from-the-flag"),
        (file_token, &[own_token, its_token], &none, "token own-token-of-env"),
        (file_token, &[its_token], &none, "token its-token-of-env"),
        (file_token, &[], &none, "token file-token-1"),
        // With no mode named: a token before a password, wherever it was given.
        ("", &[its_password], &none, "password its-password-of-env"),
        ("", &[own_password, its_password], &none, "password own-password-of-env"),
        (file_password, &[], &none, "password file-password-1"),
        (file_token, &[its_password], &none, "token file-token-1"),
        ("", &[its_token, its_password], &none, "token its-token-of-env"),
        (both, &[], &none, "token file-token-1"),
        // With a mode named.
        (token_mode, &[its_password], &none, "token"),
        ("mode: 'password'", &[its_token, its_password], &none, "password its-password-of-env"),
        ("mode: 'none'", &[own_token], &none, "none"),
        // The command line names a mode, or gives the secret of one.
        (both, &[], &auth_flag("password"), "password file-password-1"),
        (both, &[], &auth_flag("none"), "none"),
        ("mode: 'none'", &[], &token_flag(), "token from-the-flag"),
        (both, &[own_token], &password_flag, "password from-the-password-file"),
    ];
    for (text, env, flags, expected) in rows {
        let text = format!("{{gateway: {{auth: {{{text}}}}}}}");
        let loaded = load_with(&text, env, (*flags).clone())
            .unwrap_or_else(|error| panic!("{text} {env:?}: {error}"));
        assert_eq!(auth(&loaded), *expected, "{text} {env:?} {flags:?}");
    }
}

#[test]
fn a_secret_without_effect_is_warned_about_wherever_it_was_given() {
    let text = "{gateway: {auth: {\nmode: 'none',\npassword: 'file-password-1'}}}";
    let env = [("DOORWARD_TOKEN", "own-token-of-env")];
    let loaded = load_with(text, &env, Overrides::default()).unwrap();
    assert_eq!(
        shown(&loaded.warnings),
        [
            "DOORWARD_TOKEN: gateway.auth.token: not used: the auth mode is \"none\"",
            "doorward.json:3: gateway.auth.password: not used: the auth mode is \"none\"",
        ]
    );
}

#[test]
fn what_the_environment_and_the_flags_may_not_say() {
    let rows = [
        (("DOORWARD_PORT", "http"), "DOORWARD_PORT: gateway.port: must be a whole number"),
        (("OPENCLAW_GATEWAY_PORT", "65536"), "OPENCLAW_GATEWAY_PORT: gateway.port: must be"),
        (("DOORWARD_BIND", "wan"), "DOORWARD_BIND: gateway.bind: must be"),
        (("DOORWARD_BIND", "custom"), "DOORWARD_BIND: gateway.bind: \"custom\" needs"),
        (("DOORWARD_TOKEN", "changeme"), "DOORWARD_TOKEN: gateway.auth.token: is a placeh"),
        (("DOORWARD_TOKEN", "   "), "DOORWARD_TOKEN: gateway.auth.token: is empty"),
        (
            ("OPENCLAW_GATEWAY_PASSWORD", "short"),
            "OPENCLAW_GATEWAY_PASSWORD: gateway.auth.password: is shorter",
        ),
    ];
    for (variable, expected) in rows {
        let errors = errors(load_with("{}", &[variable], Overrides::default()));
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{variable:?}: {errors:?}");
    }
    let rows = [
        (flags(|f| f.bind = Some("wan".into())), "--bind: gateway.bind: must be"),
        (flags(|f| f.auth = Some("basic".into())), "--auth: gateway.auth.mode: must be"),
        (flags(|f| f.auth = Some("password".into())), "gateway.auth.mode: mode \"password\" needs"),
        (
            flags(|f| (f.auth, f.bind) = (Some("none".into()), Some("lan".into()))),
            "--auth: gateway.auth.mode: mode \"none\" would let everyone in",
        ),
        (
            flags(|f| f.token = Some(Secret::new("tiny".into()))),
            "--token: gateway.auth.token: is sh",
        ),
        (
            flags(|f| f.password_file = Some("/absent/file".into())),
            "--password-file: gateway.auth.password: /absent/file: No such file",
        ),
    ];
    for (flags, expected) in rows {
        let errors = errors(load_with("{}", &[], flags));
        assert!(errors.len() == 1 && errors[0].contains(expected), "{expected}: {errors:?}");
    }
}

#[test]
fn a_variable_that_is_not_text_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let pairs = [("DOORWARD_TOKEN", OsString::from_vec(b"not-\xff-text".to_vec()))];
    let overrides = flags(|flags| flags.state_dir = Some(state.path().to_owned()));
    let errors = errors(load(&Env::from_pairs(pairs), &overrides));
    assert_eq!(errors, ["DOORWARD_TOKEN: gateway.auth.token: is not valid UTF-8"]);
}

#[test]
fn where_the_state_directory_is() {
    let all = [("DOORWARD_STATE_DIR", "/env"), ("HOME", "/home/me")];
    let flag = flags(|flags| flags.state_dir = Some("/flag".into()));
    let dir = |env: &[(&str, &str)], flags: &Overrides| {
        state_dir(&Env::from_pairs(env.iter().copied()), flags)
    };
    assert_eq!(dir(&all, &flag), Ok(PathBuf::from("/flag")));
    assert_eq!(dir(&all, &Overrides::default()), Ok(PathBuf::from("/env")));
    assert_eq!(dir(&all[1..], &Overrides::default()), Ok(PathBuf::from("/home/me/.doorward")));
    let error = dir(&[("HOME", "")], &Overrides::default()).unwrap_err();
    assert!(error.to_string().starts_with("no state directory: HOME is not set"), "{error}");
}

#[test]
fn without_a_state_directory_the_other_errors_still_come() {
    let found = errors(load(&Env::from_pairs([("DOORWARD_PORT", "x")]), &Overrides::default()));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn no_color_counts_only_if_it_is_not_empty() {
    for (pairs, expected) in [
        (vec![], false),
        (vec![("NO_COLOR", "")], false),
        (vec![("NO_COLOR", "1")], true),
        (vec![("NO_COLOR", "0")], true),
    ] {
        assert_eq!(Env::from_pairs(pairs.clone()).no_color(), expected, "{pairs:?}");
    }
}

#[test]
fn the_process_environment_is_captured() {
    // Cargo sets this variable for every test it runs.
    assert!(Env::capture().get("CARGO_MANIFEST_DIR").is_some());
}
