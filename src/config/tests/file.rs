//! Finding, reading and parsing the file.

use super::{errors, load_text, shown};
use crate::config::{Env, Overrides, load};

/// SHA-256 of no bytes (FIPS 180-4 example).
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_missing_default_file_is_fine_and_a_missing_named_one_is_not() {
    let state = tempfile::tempdir().unwrap();
    let state_dir = Some(state.path().to_owned());
    let overrides = Overrides { state_dir, ..Overrides::default() };
    let loaded = load(&Env::default(), &overrides).unwrap();
    assert_eq!(loaded.file.path, state.path().join("doorward.json"));
    assert!(!loaded.file.exists);
    assert_eq!(loaded.file.hash, EMPTY_HASH);
    assert_eq!(loaded.file.redacted, serde_json::json!({}));

    let absent = state.path().join("absent.json5");
    let named = Overrides { config: Some(absent.clone()), ..overrides.clone() };
    let by_env = Env::from_pairs([("DOORWARD_CONFIG", absent.clone())]);
    for (env, overrides) in [(&Env::default(), &named), (&by_env, &overrides)] {
        let errors = errors(load(env, overrides));
        let expected = format!("absent.json5: cannot read {}: No such file", absent.display());
        assert!(errors.len() == 1 && errors[0].starts_with(&expected), "{errors:?}");
    }
}

#[test]
fn a_named_file_wins_over_the_one_in_the_state_directory() {
    let state = tempfile::tempdir().unwrap();
    let write = |name: &str, port: u16| {
        let path = state.path().join(name);
        std::fs::write(&path, format!("{{gateway: {{port: {port}}}}}")).unwrap();
        path
    };
    let (_, env, flag) = (write("doorward.json", 1), write("env.json", 2), write("flag.json", 3));
    let state_dir = Some(state.path().to_owned());
    let overrides = Overrides { state_dir, ..Overrides::default() };
    let by_env = Env::from_pairs([("DOORWARD_CONFIG", env)]);
    let by_flag = Overrides { config: Some(flag.clone()), ..overrides.clone() };
    let port = |env: &Env, overrides: &Overrides| load(env, overrides).unwrap().settings.port;
    assert_eq!(port(&Env::default(), &overrides), 1);
    assert_eq!(port(&by_env, &overrides), 2);
    assert_eq!(port(&by_env, &by_flag), 3);
    assert_eq!(load(&by_env, &by_flag).unwrap().file.path, flag);
}

#[test]
fn a_file_that_is_there_is_described() {
    let loaded = load_text("{ }").unwrap();
    assert!(loaded.file.exists);
    // `printf '{ }' | sha256sum`
    assert_eq!(
        loaded.file.hash,
        "257c1be96ae69f4b01c2c69bdb6d78605f59175819fb007d0bf245bf48444c4a"
    );
}

#[test]
fn a_file_that_is_not_json5_is_refused_with_line_and_column() {
    let deep = |levels: usize| format!("{{x:\n{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let rows = [
        (
            "{\n  gateway: {\n    port 1 } }",
            "doorward.json:3: column 10: not valid JSON5: expected colon",
        ),
        ("{\r\n a: 1,\r\n b: 01 }", "doorward.json:3: column 5: not valid JSON5: leading zero"),
        ("{\n a: [1, 2\n", "doorward.json:2: column 5: not valid JSON5: EOF parsing array"),
        ("{} {}", "doorward.json:1: column 4: not valid JSON5: trailing characters"),
        ("\n // x\n", "doorward.json:3: column 1: not valid JSON5: EOF parsing value"),
        ("", "doorward.json:1: column 1: not valid JSON5: EOF parsing value"),
        (&deep(64), "doorward.json:2: is nested deeper than 64 levels"),
        (&deep(400_000), "doorward.json:2: is nested deeper than 64 levels"),
        (&" ".repeat((1 << 20) + 1), "doorward.json: is larger than 1048576 bytes"),
    ];
    for (text, expected) in rows {
        assert_eq!(errors(load_text(text)), [expected], "{:.40}", text);
    }
    assert!(load_text(&deep(63)).is_ok());
}

#[test]
fn a_file_that_is_not_text_is_refused_with_its_line() {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("doorward.json"), b"{\n a: 1,\n b: '\xff' }").unwrap();
    let state_dir = Some(state.path().to_owned());
    let overrides = Overrides { state_dir, ..Overrides::default() };
    let errors = errors(load(&Env::default(), &overrides));
    assert_eq!(errors, ["doorward.json:3: is not valid UTF-8"]);
}

#[test]
fn a_broken_file_does_not_hide_errors_elsewhere() {
    let env = [("DOORWARD_PORT", "x")];
    let errors = errors(super::load_with("{", &env, Overrides::default()));
    assert_eq!(errors.len(), 2, "{errors:?}");
}

/// What JSON5 adds to JSON, with the lines of what follows it.
#[test]
fn json5_is_read_with_the_right_lines() {
    let text = "\u{feff}// a comment with { and \"
/* one over
   two lines: { [ */ {
  gateway: { 'port': +0x1F90, /* here */ \"bi\\u006ed\": 'l\\
an', // a string over two lines
    one: .5, two: 5., three: -Infinity, four: NaN, \"it's\": 'say \"}\" \\' // not a comment',
    f\\u0069ve: [1, 2,], },
  sí$_x: null, // a null is still a key
}
";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.settings.port, 8080);
    assert_eq!(loaded.settings.bind, crate::config::Bind::Lan);
    let unknown =
        |line: usize, path: &str| format!("doorward.json:{line}: {path}: unknown key, ignored");
    let mut warnings = shown(&loaded.warnings);
    warnings.sort();
    let expected = [
        unknown(6, "gateway.four"),
        unknown(6, "gateway.one"),
        unknown(6, "gateway.three"),
        unknown(6, "gateway.two"),
        unknown(6, "gateway[\"it's\"]"),
        unknown(7, "gateway.five"),
        unknown(8, "[\"sí$_x\"]"),
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn a_key_written_twice_has_the_line_of_the_one_that_counts() {
    let text = "{\n gateway: { port: 1, x: 1 },\n gateway: {\n y: 1, port: 'a' },\n}";
    let found = load_text(text).unwrap_err();
    assert_eq!(found.errors[0].line, Some(4));
    assert_eq!(
        shown(&found.warnings),
        [
            "doorward.json:3: gateway: written more than once; this last one counts",
            "doorward.json:4: gateway.y: unknown key, ignored",
        ]
    );
}
