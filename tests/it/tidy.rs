//! The house rules of `docs/ARCHITECTURE.md`, checked over the text of `src/` and `docs/`.
//!
//! Each family of rules is a submodule with functions `check(&[SourceFile]) -> Vec<Violation>`. A
//! violation says where, which rule, and the fix. Each rule has a test beside it that feeds it a
//! small offence and sees it fire: a rule that cannot fail is no rule.
//!
//! This reads words, not types: it finds what a reviewer would see, early and with advice. What
//! can be had from the compiler or from clippy is asked there as well.

mod bans;
mod layers;
mod lexer;
mod monopolies;
mod names;
mod purity;
mod shape;
mod source;

use std::fmt;

use source::SourceFile;

/// A rule: it looks over the house and says what breaks it.
type Rule = fn(&[SourceFile]) -> Vec<Violation>;

/// Every rule of the house.
const RULES: &[Rule] = &[
    layers::check,
    layers::check_crates,
    purity::check,
    monopolies::check,
    bans::check,
    shape::check_docs,
    shape::check_sizes,
];

/// Files that may break one rule for now. The list only shrinks: an entry that is no longer needed
/// fails the test, and a new one needs a reason that a reviewer accepts.
const EXCEPTIONS: &[Exception] = &[];

/// Leave for one file to break one rule.
struct Exception {
    rule: &'static str,
    path: &'static str,
    reason: &'static str,
}

/// One offence against one rule.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    found: String,
    fix: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, found, fix } = self;
        write!(f, "{path}:{line}: [{rule}] {found}\n    fix: {fix}")
    }
}

/// Takes away what the exceptions allow; gives what is left, and the exceptions not needed.
fn settle(
    violations: Vec<Violation>,
    exceptions: &[Exception],
) -> (Vec<Violation>, Vec<&Exception>) {
    let covers = |e: &Exception, v: &Violation| e.rule == v.rule && e.path == v.path;
    let unneeded = exceptions.iter().filter(|e| !violations.iter().any(|v| covers(e, v))).collect();
    let left = violations
        .into_iter()
        .filter(|violation| !exceptions.iter().any(|e| covers(e, violation)))
        .collect();
    (left, unneeded)
}

#[test]
fn the_house_is_tidy() {
    let files = source::house();
    let found = RULES.iter().flat_map(|check| check(&files)).collect();
    let (left, unneeded) = settle(found, EXCEPTIONS);
    let mut report: Vec<String> = left.iter().map(ToString::to_string).collect();
    report.extend(unneeded.iter().map(|Exception { rule, path, reason }| {
        format!("{path}: [{rule}] holds again ({reason})\n    fix: delete this exception")
    }));
    assert!(report.is_empty(), "{} broken rules\n\n{}\n", report.len(), report.join("\n"));
}

#[test]
fn the_walk_sees_the_house() {
    let files = source::house();
    for path in ["src/lib.rs", "src/main.rs", "src/support/mod.rs", "src/support/clock.rs"] {
        assert!(files.iter().any(|file| file.path == path), "{path} was not read");
    }
}

#[test]
fn an_exception_covers_its_file_and_rule_only_and_is_told_when_not_needed() {
    let violation = |rule, path: &str| Violation {
        path: path.into(),
        line: 1,
        rule,
        found: String::new(),
        fix: String::new(),
    };
    let exception = |rule, path| Exception { rule, path, reason: "because" };
    let found =
        vec![violation("size", "a.rs"), violation("docs", "a.rs"), violation("size", "b.rs")];
    let exceptions = [exception("size", "a.rs"), exception("size", "c.rs")];
    let (left, unneeded) = settle(found, &exceptions);
    assert_eq!(left, [violation("docs", "a.rs"), violation("size", "b.rs")]);
    assert_eq!(unneeded.iter().map(|e| e.path).collect::<Vec<_>>(), ["c.rs"]);
}

#[test]
fn a_violation_prints_place_rule_and_fix() {
    let text = Violation {
        path: "src/a.rs".into(),
        line: 7,
        rule: "layers",
        found: "`a` names `b`".into(),
        fix: "turn it round".into(),
    }
    .to_string();
    assert_eq!(text, "src/a.rs:7: [layers] `a` names `b`\n    fix: turn it round");
}
