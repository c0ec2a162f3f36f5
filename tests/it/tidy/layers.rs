//! Which room may name which, and which crates stay out of which room.
//!
//! This is `docs/ARCHITECTURE.md`, section 2, as data. A room that is not in the table may not be
//! built: draw it there first.

use super::{Violation, names::Name, source::SourceFile};

pub const RULE: &str = "layers";
pub const CRATES_RULE: &str = "crates";

/// Each room with the rooms that it may name besides itself.
///
/// `telemetry` is named by any room but `domain` and `support`. `config` is read by `fronts` and
/// `boot` only: what lies below is handed its settings. `proto` is the generated gRPC contract.
const ROOMS: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("domain", &["support"]),
    ("telemetry", &["support", "domain"]),
    ("ledger", &["support", "domain", "telemetry"]),
    ("config", &["support", "domain", "telemetry"]),
    ("transcripts", &["support", "domain", "telemetry"]),
    ("runtimes", &["support", "domain", "telemetry"]),
    ("actors", &["support", "domain", "ledger", "transcripts", "runtimes", "telemetry"]),
    ("service", &["support", "domain", "ledger", "transcripts", "runtimes", "actors", "telemetry"]),
    ("proto", &[]),
    ("fronts", &["support", "domain", "actors", "service", "config", "telemetry"]),
    (
        "boot",
        &[
            "support",
            "domain",
            "ledger",
            "transcripts",
            "runtimes",
            "actors",
            "service",
            "fronts",
            "config",
            "telemetry",
        ],
    ),
];

/// Rooms of `fronts/`, which know nothing of each other.
const FRONTS: &[&str] = &["ws", "http", "grpc", "console", "cli", "sinks"];

/// The fronts on either side of the gRPC contract, and `record`, which they share.
const SPEAK_PROTO: &[&str] = &["grpc", "cli", "record"];

/// Crates that a room does without, and why.
const CRATES: &[(&str, &[&str], &str)] = &[
    (
        "domain",
        &[
            "serde",
            "tokio",
            "actix",
            "futures",
            "sled",
            "bincode",
            "tonic",
            "prost",
            "tracing",
            "getrandom",
            "rand",
        ],
        "the domain is a pure function: take the result of that work as part of the command",
    ),
    (
        "ledger",
        &["actix", "tonic", "prost", "tokio_tungstenite"],
        "the ledger is told what to keep and knows neither actors nor wires: convert above it",
    ),
    (
        "transcripts",
        &["actix", "tonic", "prost", "bincode"],
        "transcripts are told what to keep: convert above",
    ),
    (
        "runtimes",
        &["actix", "tonic", "prost", "sled", "bincode"],
        "a runtime answers a turn and keeps nothing: what it needs comes with the turn",
    ),
    (
        "actors",
        &["serde_json", "tonic", "prost", "sled"],
        "actors pass domain values: convert in the front, store through `ledger::store`",
    ),
    (
        "service",
        &["sled", "bincode", "tonic", "prost", "actix_web", "actix_ws", "tokio_tungstenite"],
        "the service speaks domain values: convert in the front, store through `ledger`",
    ),
    (
        "config",
        &["actix", "tonic", "prost", "sled", "bincode"],
        "config turns text into values: use them in `boot` and `fronts`",
    ),
    ("fronts", &["sled", "bincode"], "a front parses and renders: ask the service"),
];

/// A room names itself and what lies below it; a front no other front.
pub fn check(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().filter(|file| is_layered(file)).flat_map(check_file).collect()
}

/// The composition root and the floor plan see every room.
fn is_layered(file: &SourceFile) -> bool {
    file.path.starts_with("src/") && !matches!(file.room(), "main" | "lib")
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let Some((room, below)) = ROOMS.iter().find(|(room, _)| *room == file.room()) else {
        let found = format!("`{}` is no room of the house", file.room());
        let fix =
            "move the file into a room, or draw a new one in docs/ARCHITECTURE.md and in ROOMS";
        return vec![file.violation(RULE, 1, found, fix)];
    };
    let check = |name| check_name(file, room, below, name);
    file.names.iter().filter(|name| name.steps[0] == "crate").filter_map(check).collect()
}

fn check_name(file: &SourceFile, room: &str, below: &[&str], name: &Name) -> Option<Violation> {
    let steps = name.steps();
    let target = match steps.get(1) {
        None if !name.renamed => return None,
        None | Some(&"*") => return Some(root(file, name)),
        Some(target) => *target,
    };
    if !ROOMS.iter().any(|(room, _)| *room == target) {
        return Some(root(file, name));
    }
    let front = front_of(file);
    if target == room {
        let other = steps.get(2).filter(|step| FRONTS.contains(step))?;
        return (room == "fronts" && front.is_some_and(|front| front != *other))
            .then(|| other_front(file, name));
    }
    let speaks_proto = target == "proto" && part_of(file).is_some_and(|f| SPEAK_PROTO.contains(&f));
    (!below.contains(&target) && !speaks_proto).then(|| {
        let found = format!("`{room}` names `{}`", name.text());
        let fix = format!(
            "`{room}` may name only [{}]: let `{target}` call or convert, or move what both need \
             into a room below both",
            below.join(", ")
        );
        file.violation(RULE, name.line, found, fix)
    })
}

fn root(file: &SourceFile, name: &Name) -> Violation {
    let found = format!("`{}` is named through the root of the crate", name.text());
    file.violation(RULE, name.line, found, "write `crate::<room>::...`: the root holds rooms only")
}

fn other_front(file: &SourceFile, name: &Name) -> Violation {
    let found = format!("a front names another: `{}`", name.text());
    let fix = "move what both need into `service` or `domain`, or into a file of `fronts/` itself";
    file.violation(RULE, name.line, found, fix)
}

/// The front that the file belongs to, if it lies in one.
fn front_of(file: &SourceFile) -> Option<&str> {
    part_of(file).filter(|step| FRONTS.contains(step))
}

/// The front, or what fronts share, that the file belongs to.
fn part_of(file: &SourceFile) -> Option<&str> {
    Some(file.path.strip_prefix("src/fronts/")?.split('/').next()?.trim_end_matches(".rs"))
}

/// A room does without the crates that its neighbours are for.
pub fn check_crates(files: &[SourceFile]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        for (_, crates, fix) in CRATES.iter().filter(|(room, ..)| *room == file.room()) {
            let banned = |name: &&Name| crates.iter().any(|one| name.is_of_crate(one));
            violations.extend(file.names.iter().filter(banned).map(|name| {
                let found = format!("`{}` names `{}`", file.room(), name.text());
                file.violation(CRATES_RULE, name.line, found, *fix)
            }));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> usize {
        check(&[SourceFile::new(path, text)]).len()
    }

    #[test]
    fn a_name_goes_down_and_never_up() {
        for (path, text, expected) in [
            ("src/domain/ids.rs", "use crate::support::secret::Secret;", 0),
            ("src/support/keys.rs", "use crate::domain::ids::Id;", 1),
            ("src/domain/ids.rs", "use crate::ledger::record::Record;", 1),
            ("src/domain/ids.rs", "use crate::telemetry::count;", 1),
            ("src/ledger/writer.rs", "use crate::telemetry::count;", 0),
            ("src/ledger/writer.rs", "use crate::{domain::ids, actors::{hub, conn}};", 2),
            ("src/actors/hub.rs", "fn f(x: super::super::service::X) {}", 1),
            ("src/actors/hub.rs", "fn f() { crate::fronts::ws::f() }", 1),
            ("src/actors/tests.rs", "mod t { use super::super::super::service; }", 1),
            ("src/service/mod.rs", "use crate::{actors::hub, ledger::audit, domain};", 0),
            ("src/service/mod.rs", "use crate::config::Config;", 1),
            ("src/config/mod.rs", "use crate::domain::scope::ScopeSet;", 0),
            ("src/config/mod.rs", "use crate::actors::limits;", 1),
            ("src/fronts/http/mod.rs", "use crate::ledger::record::Record;", 1),
            ("src/fronts/http/mod.rs", "use crate::{service, config::Config, actors::conn};", 0),
            ("src/fronts/http/mod.rs", "use crate::boot::run;", 1),
            ("src/boot.rs", "use crate::{ledger, actors, fronts::{ws, http}};", 0),
            ("src/boot/mod.rs", "use crate::ledger::sled::SledStore;", 0),
            ("src/main.rs", "use doorward::{boot, fronts::cli};", 0),
            ("src/cellar/mod.rs", "", 1),
        ] {
            assert_eq!(violations(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn a_front_names_no_other_front() {
        for (path, text, expected) in [
            ("src/fronts/ws/socket.rs", "use crate::fronts::http::health;", 1),
            ("src/fronts/ws/mod.rs", "use super::http;", 1),
            ("src/fronts/ws/mod.rs", "use crate::fronts::{peer, ws::frame};", 0),
            ("src/fronts/console.rs", "use super::ws;", 1),
            ("src/fronts/mod.rs", "pub use self::{ws::serve, http::health};", 0),
        ] {
            assert_eq!(violations(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn the_contract_is_for_both_of_its_sides_only() {
        let text = "use crate::proto::admin::v1::ListRequest;";
        for (path, expected) in [
            ("src/fronts/grpc/pairing.rs", 0),
            ("src/fronts/cli/devices.rs", 0),
            ("src/fronts/record/json.rs", 0),
            ("src/fronts/ws/frame.rs", 1),
            ("src/fronts/sinks/mod.rs", 1),
            ("src/fronts/proxy.rs", 1),
            ("src/service/pairing.rs", 1),
            ("src/boot.rs", 1),
        ] {
            assert_eq!(violations(path, text), expected, "{path}");
        }
    }

    #[test]
    fn the_root_is_no_side_door() {
        for (text, expected) in [
            ("use crate::*;", 1),
            ("use crate as root;", 1),
            ("use super::super::{self as root};", 1),
            ("use crate::Shortcut;", 1),
            ("pub(crate) fn f() {}", 0),
        ] {
            assert_eq!(violations("src/actors/hub.rs", text), expected, "{text}");
        }
    }

    #[test]
    fn each_room_does_without_its_crates() {
        for (room, crates, _) in CRATES {
            for name in *crates {
                let text = format!("//! {name}::x\nuse {name}::thing;\nfn f() {{ {name}::g() }}");
                let file = SourceFile::new(&format!("src/{room}/x.rs"), &text);
                let lines: Vec<_> = check_crates(&[file]).iter().map(|v| v.line).collect();
                assert_eq!(lines, [2, 3], "{room}: {name}");
            }
        }
        let allowed = SourceFile::new("src/actors/hub.rs", "use actix::Actor; use tokio::sync;");
        assert_eq!(check_crates(&[allowed]), []);
    }
}
