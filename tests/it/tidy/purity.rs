//! The domain is a pure function: no I/O, clock, chance, waiting, or order that changes by run.
//!
//! Time, ids and random bytes arrive inside the command. What is banned by crate is in `layers`.

use super::{Violation, names::Name, source::SourceFile};

pub const RULE: &str = "purity";

/// Paths that the domain may not reach, and what to do instead.
const PATHS: &[(&[&str], &str)] = &[
    (&["std", "fs"], IO),
    (&["std", "io"], IO),
    (&["std", "os"], IO),
    (&["std", "process"], IO),
    (&["std", "thread"], "let the caller wait: `decide` and `apply` return at once"),
    (&["std", "env"], "take the setting as part of the state or the command"),
    (&["std", "time", "SystemTime"], CLOCK),
    (&["std", "time", "Instant"], CLOCK),
    (&["crate", "support", "clock"], CLOCK),
    (&["crate", "support", "entropy"], "let the service draw it and pass it in the command"),
    (&["crate", "support", "private_file"], IO),
    (&["crate", "support", "shutdown"], "let the caller wait: `decide` and `apply` return at once"),
];

const IO: &str = "do the I/O in a room above and pass the result in the command";
const CLOCK: &str = "take the time from the command, as `domain::time` has it";

/// Words that the domain may not use.
const WORDS: &[(&str, &str)] = &[
    ("async", "nothing waits in the domain: make it a plain function"),
    ("await", "nothing waits in the domain: take the result in the command"),
    ("HashMap", ORDER),
    ("HashSet", ORDER),
];

const ORDER: &str =
    "its order differs by run, and replay must not: use BTreeMap, BTreeSet or OrdMap";

/// Of `std::net` the domain may have addresses as values, and no sockets.
const ADDRESSES: &[&str] = &[
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
    "AddrParseError",
];

pub fn check(files: &[SourceFile]) -> Vec<Violation> {
    let domain = files.iter().filter(|file| file.belongs_to("domain/"));
    domain.flat_map(|file| paths(file).chain(words(file))).collect()
}

fn paths(file: &SourceFile) -> impl Iterator<Item = Violation> {
    file.names.iter().filter_map(|name| {
        let fix = fix_for(name)?;
        Some(file.violation(RULE, name.line, format!("the domain names `{}`", name.text()), fix))
    })
}

fn fix_for(name: &Name) -> Option<&'static str> {
    let steps = name.steps();
    if steps.starts_with(&["std", "net"]) {
        return (!steps.get(2).is_some_and(|item| ADDRESSES.contains(item))).then_some(IO);
    }
    PATHS.iter().find(|(path, _)| name.reaches(path)).map(|(_, fix)| *fix)
}

fn words(file: &SourceFile) -> impl Iterator<Item = Violation> {
    file.tokens.iter().filter_map(|token| {
        let (word, fix) = WORDS.iter().find(|(word, _)| token.is_word(word))?;
        Some(file.violation(RULE, token.line, format!("the domain says `{word}`"), *fix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> usize {
        check(&[SourceFile::new(path, text)]).len()
    }

    #[test]
    fn every_banned_path_and_word_is_seen_in_the_domain_and_only_there() {
        let paths = PATHS.iter().map(|(path, _)| format!("use {};", path.join("::")));
        let words = WORDS.iter().map(|(word, _)| format!("type X = {word};"));
        for text in paths.chain(words) {
            assert_eq!(violations("src/domain/a.rs", &text), 1, "{text}");
            assert_eq!(violations("src/actors/a.rs", &text), 0, "{text}");
        }
    }

    #[test]
    fn purity_is_judged_by_what_is_reached() {
        for (text, expected) in [
            ("use std::{net::{IpAddr, TcpStream}, fs::File};", 2),
            ("fn f(a: std::net::SocketAddr) {}", 0),
            ("use std::net;", 1),
            ("use std::time;", 1),
            ("use std::time::*;", 1),
            ("use std::time::Duration;", 0),
            ("use crate::support;", 1),
            ("use crate::support::secret::digest;", 0),
            ("use std::collections::{BTreeMap, HashMap};", 1),
            ("async fn f() { g().await }", 2),
            ("/// Unlike a HashMap, async or std::fs.\nfn f() -> &str { \"await\" }", 0),
        ] {
            assert_eq!(violations("src/domain/a.rs", text), expected, "{text}");
        }
    }
}
