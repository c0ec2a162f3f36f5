//! What no file may do.

use super::{Violation, source::SourceFile};

pub const RULE: &str = "ban";

/// Words banned everywhere, and what to do instead.
const WORDS: &[(&str, &str)] = &[
    ("do_send", "it ignores the bound of the mailbox: use `try_send` and handle a full one"),
    ("unsafe", "find the safe way, or a crate whose job it is"),
];

/// The roots of the two crates, which forbid it to the compiler as well.
const ROOTS: &[&str] = &["src/lib.rs", "src/main.rs"];

pub fn check(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().flat_map(|file| words(file).chain(forbids_unsafe(file))).collect()
}

fn words(file: &SourceFile) -> impl Iterator<Item = Violation> {
    file.tokens.iter().filter_map(|token| {
        let (word, fix) = WORDS.iter().find(|(word, _)| token.is_word(word))?;
        Some(file.violation(RULE, token.line, format!("`{word}`"), *fix))
    })
}

fn forbids_unsafe(file: &SourceFile) -> Option<Violation> {
    let missing = ROOTS.contains(&file.path.as_str())
        && !file.text.lines().any(|line| line == "#![forbid(unsafe_code)]");
    missing.then(|| {
        let found = "this root of a crate does not forbid unsafe code";
        file.violation(RULE, 1, found, "add `#![forbid(unsafe_code)]` after its `//!`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_words_and_missing_forbids_are_seen() {
        for (path, text, expected) in [
            ("src/actors/hub.rs", "fn f() { addr.do_send(x); addr.try_send(x) }", 1),
            ("src/actors/hub.rs", "// do_send, unsafe\nfn f() {}", 0),
            ("src/support/keys.rs", "unsafe fn f() {}\nfn g() { unsafe { f() } }", 2),
            ("src/support/keys.rs", "fn f() {}", 0),
            ("src/lib.rs", "//! Unsafe.\n#![forbid(unsafe_code)]\n", 0),
            ("src/lib.rs", "//! Unsafe.\n", 1),
            ("src/main.rs", "//! Unsafe.\n// #![forbid(unsafe_code)]\n", 1),
        ] {
            assert_eq!(check(&[SourceFile::new(path, text)]).len(), expected, "{path}: {text}");
        }
    }
}
