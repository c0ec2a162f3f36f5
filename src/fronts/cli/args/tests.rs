//! What can be typed, and what cannot.

use std::path::Path;

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn what_is_global_is_taken_before_and_after_the_command() {
    for line in [
        "doorward --state-dir /s --config /c --json devices list",
        "doorward devices --state-dir /s --config /c --json list",
        "doorward devices list --state-dir /s --config /c --json",
        "doorward --json devices --config=/c list --state-dir=/s",
    ] {
        let globals = parse(line).unwrap().globals;
        assert_eq!(globals.state_dir.as_deref(), Some(Path::new("/s")), "{line}");
        assert_eq!(globals.config.as_deref(), Some(Path::new("/c")), "{line}");
        assert!(globals.json, "{line}");
    }
}

#[test]
fn proofs_row_by_row() {
    for (line, accepted) in [
        ("doorward audit verify --since /c", true),
        ("doorward audit prove", false),
        ("doorward audit prove --seq 3 --out /p", true),
        ("doorward audit check /p", false),
        ("doorward audit check /p --key K", true),
        ("doorward recover", false),
        ("doorward recover --from-tiles --checkpoint /c --yes", true),
    ] {
        assert_eq!(parse(line).is_ok(), accepted, "{line}");
    }
}

#[test]
fn talk_row_by_row() {
    for (line, accepted) in [
        ("doorward agent -m hi --agent ops --session-key x --model p/m --timeout 9", true),
        ("doorward agent", false),
        ("doorward doctor --json", true),
        ("doorward doctor ollama", false),
        ("doorward agents list", true),
        ("doorward sessions", false),
        ("doorward sessions list --active 120 --agent main --archived --limit all", true),
        ("doorward sessions list --limit few", false),
        ("doorward sessions show main --agent ops --limit 3", true),
        ("doorward sessions show", false),
        ("doorward sessions export main --to /f", true),
        ("doorward sessions reset main", true),
        ("doorward sessions delete", false),
        ("doorward sessions delete a b --agent ops --yes", true),
        ("doorward sessions delete a --dry-run", true),
        ("doorward sessions delete a --dry-run --yes", false),
    ] {
        assert_eq!(parse(line).is_ok(), accepted, "{line}");
    }
}

#[test]
fn lines_row_by_row() {
    for (line, accepted) in [
        ("doorward run", true),
        ("doorward run --port 0 --bind lan --auth token --token T", true),
        ("doorward run --bind 192.168.1.5 --auth password --password-file /p", true),
        ("doorward run --port 65536", false),
        ("doorward run --auth magic", false),
        ("doorward devices", false),
        ("doorward devices approve", true),
        ("doorward devices approve 3f2a --scopes operator.read,operator.write", true),
        ("doorward devices approve --scopes operator.read", false),
        ("doorward devices reject", false),
        ("doorward devices reject 3f2a", true),
        ("doorward devices approve 3f2a --until 1h --role auditor --ephemeral", true),
        ("doorward devices approve 3f2a --until never", false),
        ("doorward devices approve --until 1h", false),
        ("doorward devices list --stale 30d", true),
        ("doorward devices remove 3f2a", true),
        ("doorward devices remove 3f2a --force", false),
        ("doorward devices remove 3f2a --force --reason moved", true),
        ("doorward devices rename 3f2a Kitchen", true),
        ("doorward devices rotate 3f2a --scope operator.read", true),
        ("doorward devices revoke 3f2a --as node", true),
        ("doorward devices revoke 3f2a --as king", false),
        ("doorward devices clear", false),
        ("doorward devices clear --yes --pending", true),
        ("doorward bootstrap", true),
        ("doorward bootstrap --url wss://gateway.example --no-qr", true),
        ("doorward devices setup-code", true),
        ("doorward devices setup-code --for node", true),
        ("doorward devices setup-code --for king", false),
        ("doorward devices role 3f2a auditor", true),
        ("doorward devices role 3f2a", false),
        ("doorward devices role 3f2a --none", true),
        ("doorward tokens create --name x --scope operator.read --ttl 90d", true),
        ("doorward tokens create --name x", false),
        ("doorward tokens revoke x", true),
        ("doorward auth rotate", true),
        ("doorward keys apply /f --dry-run", true),
        ("doorward explain --method health", true),
        ("doorward explain --method health --operation x", false),
        ("doorward explain", false),
        ("doorward lockouts", true),
        ("doorward lockouts clear", true),
        ("doorward lockouts clear --address ::1 --class shared-secret", true),
        ("doorward lockouts clear --address home", false),
        ("doorward lockouts clear --class magic", false),
        ("doorward audit log --from 3 --limit 4 --follow", true),
        ("doorward audit log -f", true),
        ("doorward audit log --from x", false),
        ("doorward audit verify", true),
        ("doorward audit as-of", false),
        ("doorward audit as-of 12", true),
        ("doorward status", true),
        ("doorward status --url ws://h:1 --token T", true),
        ("doorward status --token T", false),
        ("doorward whoami", true),
        ("doorward whoami --url ws://h:1 --token T", true),
        ("doorward whoami --token T", false),
        ("doorward config check --strict", true),
        ("doorward bench --json --only health-lone", true),
        ("doorward bench --pid 1", false),
        ("doorward completions zsh", true),
        ("doorward completions csh", false),
        ("doorward", false),
    ] {
        assert_eq!(parse(line).is_ok(), accepted, "{line}");
    }
}

#[test]
fn lines_about_approvals() {
    for (line, accepted) in [
        ("doorward approvals", false),
        ("doorward approvals list", true),
        ("doorward approvals show", false),
        ("doorward approvals show 3f2a", true),
        ("doorward approvals approve 3f2a --always", true),
        ("doorward approvals deny 3f2a", true),
        ("doorward approvals deny 3f2a --always", false),
        ("doorward approvals history --json", true),
    ] {
        assert_eq!(parse(line).is_ok(), accepted, "{line}");
    }
}

#[test]
fn scopes_are_split_at_commas() {
    let cli = parse("doorward devices approve 3f2a --scopes a,b").unwrap();
    let Command::Devices(DevicesCommand::Approve { scopes, .. }) = cli.command else {
        panic!("another command")
    };
    assert_eq!(scopes.unwrap(), ["a", "b"]);
}

#[test]
fn a_secret_on_the_line_is_not_shown() {
    let cli = parse("doorward status --url ws://h --token hunter2hunter2").unwrap();
    assert!(!format!("{cli:?}").contains("hunter2"));
}

/// Walks every command: help that only repeats its name teaches nothing.
#[test]
fn every_command_says_what_it_does_and_shows_an_example() {
    fn walk(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no words", command.get_name());
        if !command.has_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let shown = help.contains("Example:") && help.contains(command.get_name());
            assert!(shown, "{} has no example", command.get_name());
        }
        command.get_subcommands().for_each(walk);
    }
    Cli::command().get_subcommands().for_each(walk);
}

#[test]
fn reviews_row_by_row() {
    for (line, expected) in [
        ("doorward review list", true),
        ("doorward review release grafana", true),
        ("doorward review release --all", true),
        ("doorward review release", false),
        ("doorward review release grafana --all", false),
    ] {
        let parsed = parse(line);
        assert_eq!(parsed.is_ok(), expected, "{line}: {parsed:?}");
    }
}
