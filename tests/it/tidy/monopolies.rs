//! What exactly one file may do, so that there is one place to read, to fake and to review.

use super::{Violation, lexer::Token, names::Name, source::SourceFile};

pub const RULE: &str = "monopoly";

/// Something that only its owners may name.
struct Monopoly {
    what: &'static str,
    /// Modules under `src/` with their submodules: `x.rs` stands for `x/` as well.
    owners: &'static [&'static str],
    signs: &'static [Sign],
    fix: &'static str,
}

/// How it shows in the text.
enum Sign {
    /// A crate or its companions.
    Crate(&'static str),
    /// This path, or what lies in it.
    Path(&'static [&'static str]),
    /// `parent::child`, wherever parent comes from.
    Pair(&'static str, &'static [&'static str]),
    /// Anything of this type: `Type::...`. Naming the type itself is free.
    Of(&'static str),
    /// The word itself.
    Word(&'static str),
    /// A macro of this name.
    Macro(&'static str),
}

const MONOPOLIES: &[Monopoly] = &[
    Monopoly {
        what: "the system clock",
        owners: &["support/clock.rs"],
        signs: &[
            Sign::Word("SystemTime"),
            Sign::Word("UNIX_EPOCH"),
            Sign::Pair("Instant", &["now"]),
            Sign::Pair("Utc", &["now"]),
            Sign::Pair("Local", &["now"]),
        ],
        fix: "use `support::clock::unix_millis` or `Stopwatch`",
    },
    Monopoly {
        what: "random bytes",
        owners: &["support/entropy.rs"],
        signs: &[
            Sign::Crate("getrandom"),
            Sign::Crate("rand"),
            Sign::Crate("fastrand"),
            Sign::Word("OsRng"),
            Sign::Word("new_v4"),
            Sign::Word("now_v7"),
        ],
        fix: "use `support::entropy`",
    },
    Monopoly {
        what: "sled",
        owners: &["support/embedded.rs", "ledger/sled.rs", "transcripts/sled.rs"],
        signs: &[Sign::Crate("sled")],
        fix: "use the port `ledger::store::Store`; for our own module write `self::sled` or \
              `crate::ledger::sled`",
    },
    Monopoly {
        what: "bincode",
        owners: &["ledger/codec.rs", "ledger/schema.rs"],
        signs: &[Sign::Crate("bincode")],
        fix: "encode and decode through `ledger::codec`",
    },
    Monopoly {
        what: "the environment",
        owners: &["config/env.rs"],
        signs: &[Sign::Pair("env", &["var", "var_os", "vars", "vars_os", "set_var", "remove_var"])],
        fix: "read it in `config/env.rs` and pass the value on",
    },
    Monopoly {
        what: "printing",
        owners: &["fronts/cli/output.rs"],
        signs: &[
            Sign::Macro("print"),
            Sign::Macro("println"),
            Sign::Macro("eprint"),
            Sign::Macro("eprintln"),
            Sign::Macro("dbg"),
            Sign::Pair("io", &["stdout"]),
        ],
        fix: "print through `fronts::cli::output`, or log through `tracing`",
    },
    Monopoly {
        what: "standard error",
        // Logs go to standard error, so that standard output stays clean for answers.
        owners: &["fronts/cli/output.rs", "telemetry.rs"],
        signs: &[Sign::Pair("io", &["stderr"])],
        fix: "print through `fronts::cli::output`, or log through `tracing`",
    },
    Monopoly {
        what: "ending the process",
        owners: &["main.rs"],
        signs: &[Sign::Pair("process", &["exit", "abort"]), Sign::Of("ExitCode")],
        fix: "return the outcome to `main.rs`, so that everything is dropped in order",
    },
    Monopoly {
        what: "tonic::Status",
        // Where refusals become statuses, and where the client reads them.
        owners: &["fronts/grpc/error.rs", "fronts/cli/error.rs"],
        signs: &[Sign::Path(&["tonic", "Status"])],
        fix: "map refusals in `fronts/grpc/error.rs` and use the alias that it exports",
    },
];

pub fn check(files: &[SourceFile]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        for monopoly in MONOPOLIES {
            if !monopoly.owners.iter().any(|owner| file.belongs_to(owner)) {
                violations.extend(monopoly.breaches(file));
            }
        }
    }
    violations
}

impl Monopoly {
    fn breaches(&self, file: &SourceFile) -> Vec<Violation> {
        let names = file.names.iter().filter(|name| self.signs.iter().any(|s| s.in_name(name)));
        let words = (0..file.tokens.len())
            .filter(|at| self.signs.iter().any(|s| s.in_tokens(&file.tokens[*at..])));
        let mut places: Vec<(usize, String)> = names.map(|name| (name.line, name.text())).collect();
        places.extend(words.map(|at| {
            let token = &file.tokens[at];
            (token.line, token.word().unwrap_or_default().to_owned())
        }));
        let owners = self.owners.join(" and ");
        let report = |(line, text)| {
            let found = format!("`{text}`: {} is for {owners} only", self.what);
            file.violation(RULE, line, found, self.fix)
        };
        places.into_iter().map(report).collect()
    }
}

impl Sign {
    fn in_name(&self, name: &Name) -> bool {
        match self {
            Self::Crate(one) => name.is_of_crate(one),
            Self::Path(path) => name.reaches(path),
            Self::Pair(parent, children) => name.has_pair(parent, children),
            Self::Of(kind) => {
                let before_last = name.steps.len() - 1;
                name.steps[..before_last].iter().any(|step| step == kind)
            }
            Self::Word(_) | Self::Macro(_) => false,
        }
    }

    fn in_tokens(&self, tokens: &[Token]) -> bool {
        match self {
            Self::Word(word) => tokens[0].is_word(word),
            Self::Macro(word) => {
                tokens[0].is_word(word) && tokens.get(1).is_some_and(|next| next.is_mark('!'))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each monopoly with texts that break it everywhere but at its owners.
    const BREACHES: &[(&str, &[&str])] = &[
        (
            "the system clock",
            &[
                "use std::time::SystemTime;",
                "fn f() { std::time::Instant::now() }",
                "fn f() { Instant::now() }",
                "fn f() { UNIX_EPOCH.elapsed() }",
                "fn f() { chrono::Utc::now() }",
                "fn f() { chrono::Local::now() }",
            ],
        ),
        (
            "random bytes",
            &[
                "fn f() { getrandom::fill(x) }",
                "use rand_core::RngCore;",
                "fn f() { fastrand::u8(..) }",
                "fn f() { OsRng.fill(x) }",
                "fn f() { Uuid::new_v4() }",
                "fn f() { Uuid::now_v7() }",
            ],
        ),
        ("sled", &["use sled::Db;", "fn f() { sled::open(x) }"]),
        ("bincode", &["#[derive(bincode::Encode)] struct S;", "use bincode::config;"]),
        (
            "the environment",
            &["fn f() { std::env::var(x) }", "fn f() { env::vars_os() }", "use std::env::*;"],
        ),
        (
            "printing",
            &[
                "fn f() { println!(\"x\") }",
                "fn f() { eprintln!() }",
                "fn f() { print!(x) }",
                "fn f() { eprint!(x) }",
                "fn f() { dbg!(x) }",
                "use std::io::{Write, stdout};",
            ],
        ),
        ("standard error", &["fn f() { std::io::stderr() }"]),
        (
            "ending the process",
            &[
                "fn f() { std::process::exit(1) }",
                "use std::process::abort;",
                "fn f() { ExitCode::from(2) }",
            ],
        ),
        ("tonic::Status", &["use tonic::{Request, Status};", "fn f(x: tonic::Status) {}"]),
    ];

    fn violations(path: &str, text: &str) -> usize {
        check(&[SourceFile::new(path, text)]).len()
    }

    #[test]
    fn every_monopoly_is_guarded_and_its_owners_are_free() {
        for monopoly in MONOPOLIES {
            let (_, texts) = BREACHES.iter().find(|(what, _)| *what == monopoly.what).unwrap();
            for text in *texts {
                assert_eq!(violations("src/actors/hub.rs", text), 1, "{text}");
                for owner in monopoly.owners {
                    assert_eq!(violations(&format!("src/{owner}"), text), 0, "{owner}: {text}");
                }
            }
        }
    }

    #[test]
    fn harmless_neighbours_are_left_alone() {
        for text in [
            "fn f(x: Duration) -> Instant { x }",
            "mod sled; pub use self::sled::SledStore;",
            "use crate::ledger::sled::SledStore;",
            "fn f() { std::env::args(); writeln!(x) }",
            "fn f() { Command::new(x).stdout(Stdio::null()) }",
            "fn f() -> std::process::ExitCode { g() }",
            "use tonic::{Code, Request};",
            "// println!(\"x\")\nfn f() -> &str { \"SystemTime\" }",
            "fn f() { crate::support::entropy::uuid() }",
        ] {
            assert_eq!(violations("src/ledger/mod.rs", text), 0, "{text}");
        }
    }
}
