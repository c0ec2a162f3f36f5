//! The paths that a file names: `a::b::c`, with the groups of a `use` spread out, and `crate`,
//! `self` and `super` resolved to `crate::room::...`.
//!
//! A path that begins with a local name (`use crate::a; a::b()`) stays as it is written. The rules
//! see its beginning where it was imported.

use super::lexer::{Kind, Token};

/// One path at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub line: usize,
    /// The steps; the last may be `*`. `core` and `alloc` are written `std`.
    pub steps: Vec<String>,
    /// Named by a `use`.
    pub imported: bool,
    /// Followed by `as`.
    pub renamed: bool,
}

impl Name {
    /// Whether this names `target` or something in it, or imports all of it or the module that it
    /// lies in, through which it could be named unseen.
    pub fn reaches(&self, target: &[&str]) -> bool {
        let steps = self.steps();
        let starts = |long: &[&str], short: &[&str]| long.get(..short.len()) == Some(short);
        if let Some((&"*", module)) = steps.split_last() {
            return starts(module, target) || starts(target, module);
        }
        starts(&steps, target) || (self.imported && steps.len() > 1 && starts(target, &steps))
    }

    /// Whether this names crate `name` or one of its companions (`tokio` has `tokio_util`).
    pub fn is_of_crate(&self, name: &str) -> bool {
        self.steps[0]
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    /// Whether `parent::child` occurs in it, for one of `children`, or all of them are imported.
    pub fn has_pair(&self, parent: &str, children: &[&str]) -> bool {
        let steps = self.steps();
        steps
            .windows(2)
            .any(|pair| pair[0] == parent && (children.contains(&pair[1]) || pair[1] == "*"))
    }

    pub fn steps(&self) -> Vec<&str> {
        self.steps.iter().map(String::as_str).collect()
    }

    pub fn text(&self) -> String {
        self.steps.join("::")
    }
}

/// All paths of two steps or more, and those of one step that a `use` names.
pub fn find(module: &[String], tokens: &[Token]) -> Vec<Name> {
    let mut finder = Finder {
        module,
        tokens,
        at: 0,
        depth: 0,
        inline: Vec::new(),
        importing: false,
        found: Vec::new(),
    };
    while finder.at < tokens.len() {
        finder.step();
    }
    finder.found
}

struct Finder<'a> {
    module: &'a [String],
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// The inline modules around this place, each with the depth of its braces.
    inline: Vec<(String, usize)>,
    importing: bool,
    found: Vec<Name>,
}

impl Finder<'_> {
    fn mark(&self, ahead: usize, mark: char) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.is_mark(mark))
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead).and_then(Token::word)
    }

    fn step(&mut self) {
        let after_dot = self.at > 0 && self.tokens[self.at - 1].is_mark('.');
        match &self.tokens[self.at].kind {
            Kind::Mark('{') => self.depth += 1,
            Kind::Mark('}') => {
                self.depth = self.depth.saturating_sub(1);
                self.inline.retain(|(_, depth)| *depth <= self.depth);
            }
            Kind::Mark(';') => self.importing = false,
            Kind::Word(word) if word == "use" => self.importing = !self.mark(1, '<'),
            Kind::Word(word) if word == "mod" => return self.module_item(),
            Kind::Word(_) if !after_dot => return self.path(Vec::new()),
            _ => {}
        }
        self.at += 1;
    }

    /// `mod name;` names nothing, `mod name {` is one step down.
    fn module_item(&mut self) {
        if let (Some(name), true) = (self.word(1), self.mark(2, '{')) {
            self.inline.push((name.into(), self.depth + 1));
        }
        self.at += 2;
    }

    /// Reads one path from here on, with the groups in it.
    fn path(&mut self, mut steps: Vec<String>) {
        let line = self.tokens[self.at].line;
        loop {
            match self.tokens.get(self.at).map(|token| &token.kind) {
                Some(Kind::Word(word)) => steps.push(word.clone()),
                Some(Kind::Mark('*')) => steps.push("*".into()),
                Some(Kind::Mark('{')) => return self.group(&steps),
                _ => break,
            }
            self.at += 1;
            match self.tokens.get(self.at) {
                Some(token) if token.kind == Kind::PathSep => self.at += 1,
                _ => break,
            }
        }
        self.record(line, steps);
    }

    /// `{a, b::c, d as e}` after a common beginning.
    fn group(&mut self, beginning: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() && !self.mark(0, '}') {
            if self.mark(0, ',') {
                self.at += 1;
                continue;
            }
            self.path(beginning.to_vec());
            while self.at < self.tokens.len() && !self.mark(0, ',') && !self.mark(0, '}') {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    fn record(&mut self, line: usize, mut steps: Vec<String>) {
        if steps.len() > 1 && steps.last().is_some_and(|step| step == "self") {
            steps.pop();
        }
        let renamed = self.word(0) == Some("as");
        if !steps.is_empty() && (steps.len() > 1 || self.importing) {
            let steps = self.resolve(steps);
            self.found.push(Name { line, steps, imported: self.importing, renamed });
        }
        if renamed && self.importing {
            self.at += 2;
        }
    }

    fn resolve(&self, steps: Vec<String>) -> Vec<String> {
        let mut base: Vec<String> = self.module.to_vec();
        base.extend(self.inline.iter().map(|(name, _)| name.clone()));
        let mut rest = steps.as_slice();
        match rest[0].as_str() {
            "crate" | "doorward" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {}
            "core" | "alloc" => {
                return std::iter::once("std".into()).chain(rest[1..].iter().cloned()).collect();
            }
            _ => return steps,
        }
        while let Some((_, after)) = rest.split_first().filter(|(step, _)| *step == "super") {
            base.pop();
            rest = after;
        }
        std::iter::once("crate".into()).chain(base).chain(rest.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::source::SourceFile, *};

    fn named(path: &str, text: &str) -> Vec<String> {
        SourceFile::new(path, text).names.iter().map(Name::text).collect()
    }

    fn name(text: &str) -> Name {
        SourceFile::new("src/a/b.rs", text).names.remove(0)
    }

    #[test]
    fn paths_are_found_and_resolved() {
        for (text, expected) in [
            (
                "use crate::{c::D, e::{self, F as G}, h::*};",
                "crate::c::D crate::e crate::e::F crate::h::*",
            ),
            ("use {crate::c, std::fs};", "crate::c std::fs"),
            ("use super::{c, super::d::E};", "crate::a::c crate::d::E"),
            ("use super::super::d::E;", "crate::d::E"),
            (
                "mod t { use super::super::c; mod u { fn f() { super::super::super::d::e() } } }",
                "crate::a::c crate::a::d::e",
            ),
            ("mod t { fn f() {} mod u {} use super::super::c; }", "crate::a::c"),
            ("mod t { mod u {} } fn f() { self::g::h() }", "crate::a::b::g::h"),
            (
                "fn f(x: crate::c::D<e::F>) -> ::tonic::Status { x.g::<h::I>() }",
                "crate::c::D e::F tonic::Status h::I",
            ),
            ("pub(crate) mod c; pub(in crate::a) fn f() {}", "crate::a"),
            ("for i in 0..crate::c::D {}", "crate::c::D"),
            ("use doorward::c; use core::time::Duration;", "crate::c std::time::Duration"),
            ("#[derive(serde::Serialize)] struct S;", "serde::Serialize"),
            ("use crate::c as d; use self::e as _;", "crate::c crate::a::b::e"),
            ("fn f() { a.b; c() }", ""),
        ] {
            assert_eq!(named("src/a/b.rs", text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_target_is_reached_by_name_by_parent_and_by_glob() {
        let target = ["std", "time", "Instant"];
        for (text, expected) in [
            ("std::time::Instant::now()", true),
            ("use std::time::Instant;", true),
            ("use std::time;", true),
            ("use std::time::*;", true),
            ("use std::*;", true),
            ("std::time::Duration::ZERO", false),
            ("use std::time::Duration;", false),
            ("use std::fmt::*;", false),
        ] {
            assert_eq!(name(text).reaches(&target), expected, "{text}");
        }
    }

    #[test]
    fn crates_and_pairs_are_recognised() {
        assert!(name("tokio::spawn(x)").is_of_crate("tokio"));
        assert!(name("use tokio_util::sync;").is_of_crate("tokio"));
        assert!(!name("use tokios::sync;").is_of_crate("tokio"));
        assert!(name("env::var(x)").has_pair("env", &["var"]));
        assert!(name("use std::env::*;").has_pair("env", &["var"]));
        assert!(!name("env::args()").has_pair("env", &["var"]));
    }
}
