//! Everything that the command line does, another program can do: each command is calls of the admin
//! API, or has a reason why it is not.

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory as _;
use doorward::fronts::cli::args::Cli;

use crate::proto;

/// What a command does its work with.
enum By {
    /// These calls.
    Calls(&'static [&'static str]),
    /// None: it is about this machine, or about no gateway at all.
    Itself(&'static str),
}

use By::{Calls, Itself};

const ROWS: &[(&str, By)] = &[
    ("run", Itself("it is the gateway")),
    ("config check", Itself("reads a file before a gateway does")),
    ("doctor", Itself("looks at this machine before a gateway runs on it")),
    ("audit check", Itself("judges files of another gateway, trusting none")),
    ("recover", Itself("rebuilds what no gateway can open")),
    ("backup verify", Itself("reads a file that needs no gateway")),
    ("backup restore", Itself("works on the files of a gateway that is stopped")),
    ("backup create", Calls(&["BackupService/CreateBackup"])),
    ("bench", Itself("measures gateways that it starts itself")),
    ("completions", Itself("prints a script for a shell")),
    ("bootstrap", Calls(&["SetupService/CreateCode"])),
    ("devices list", Calls(&["PairingService/ListDevices"])),
    ("devices approve", Calls(&["PairingService/ApprovePairing", "PairingService/ListDevices"])),
    ("devices setup-code", Calls(&["SetupService/CreateCode"])),
    ("devices reject", Calls(&["PairingService/RejectPairing"])),
    ("devices remove", Calls(&["PairingService/RemoveDevice"])),
    ("devices rename", Calls(&["PairingService/RenameDevice"])),
    ("devices rotate", Calls(&["PairingService/RotateToken"])),
    ("devices revoke", Calls(&["PairingService/RevokeToken"])),
    (
        "devices clear",
        Calls(&[
            "PairingService/ListDevices",
            "PairingService/RejectPairing",
            "PairingService/RemoveDevice",
        ]),
    ),
    ("devices role", Calls(&["PairingService/AssignCeiling"])),
    ("tokens list", Calls(&["TokenService/ListTokens"])),
    ("tokens create", Calls(&["TokenService/CreateToken"])),
    ("tokens rotate", Calls(&["TokenService/RotateServiceToken"])),
    ("tokens revoke", Calls(&["TokenService/RevokeServiceToken"])),
    ("tokens role", Calls(&["PairingService/AssignCeiling"])),
    ("auth rotate", Calls(&["SecretService/RotateSecret"])),
    ("keys apply", Calls(&["KeyService/CompareKeys", "KeyService/AdoptKeys"])),
    ("explain", Calls(&["ExplainService/Explain"])),
    ("agent", Calls(&["AgentService/RunAgent"])),
    ("agents list", Calls(&["AgentService/ListAgents"])),
    ("sessions list", Calls(&["SessionService/ListSessions"])),
    ("sessions show", Calls(&["SessionService/GetSession"])),
    ("sessions export", Calls(&["SessionService/ExportSession"])),
    ("sessions reset", Calls(&["SessionService/ResetSession"])),
    ("sessions delete", Calls(&["SessionService/GetSession", "SessionService/DeleteSession"])),
    ("audit log", Calls(&["LedgerService/Tail"])),
    ("audit watch", Calls(&["LedgerService/Tail"])),
    ("audit export", Calls(&["LedgerService/Tail"])),
    ("audit sinks", Calls(&["GatewayService/ListSinks"])),
    ("audit access", Calls(&["AuditService/ListAccess"])),
    ("audit why", Calls(&["AuditService/Resolve", "AuditService/Why"])),
    ("audit who-can", Calls(&["AuditService/StreamWhoCan"])),
    ("audit diff", Calls(&["AuditService/StreamDiff"])),
    ("audit replay", Calls(&["AuditService/StreamReplay"])),
    ("audit verify", Calls(&["LedgerService/Verify"])),
    ("audit prove", Calls(&["LedgerService/Prove"])),
    ("audit as-of", Calls(&["LedgerService/StreamStateAsOf"])),
    ("approvals list", Calls(&["ApprovalService/ListApprovals"])),
    ("approvals show", Calls(&["ApprovalService/GetApproval"])),
    ("approvals approve", Calls(&["ApprovalService/DecideApproval"])),
    ("approvals deny", Calls(&["ApprovalService/DecideApproval"])),
    ("approvals history", Calls(&["ApprovalService/ListEndedApprovals"])),
    ("review list", Calls(&["ReviewService/ListHeld"])),
    ("review release", Calls(&["AuditService/Resolve", "ReviewService/ReleaseHeld"])),
    ("lockouts", Calls(&["LockoutService/ListLockouts"])),
    ("lockouts clear", Calls(&["LockoutService/ClearLockouts"])),
    ("status", Calls(&["GatewayService/Status"])),
    ("whoami", Calls(&["GatewayService/Whoami"])),
];

/// Calls that no command needs, and who does.
const FOR_OTHERS: &[&str] = &[
    // Programs that hand out codes ask whether one was used.
    "SetupService/CodeStatus",
    // Programs whose answers fit into one message need not put pieces together.
    "AuditService/WhoCan",
    "AuditService/Diff",
    "AuditService/Replay",
    "LedgerService/StateAsOf",
];

/// Every command that can be run, by its words.
fn commands(command: &clap::Command, words: &str, found: &mut BTreeSet<String>) {
    let runs = command.get_subcommands().next().is_none() || !command.is_subcommand_required_set();
    if runs && !words.is_empty() {
        found.insert(words.trim().to_owned());
    }
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        commands(one, &format!("{words} {}", one.get_name()), found);
    }
}

#[test]
fn every_command_is_calls_or_has_a_reason() {
    let mut found = BTreeSet::new();
    commands(&Cli::command(), "", &mut found);
    let rows: BTreeSet<_> = ROWS.iter().map(|(words, _)| (*words).to_owned()).collect();
    assert_eq!(found, rows);
    for (words, by) in ROWS {
        let (Calls([_, ..]) | Itself(_)) = by else { panic!("{words} has no call") };
        let Itself(reason) = by else { continue };
        assert!(reason.len() > 10, "{words}");
    }
}

/// The calls of a row are calls of the contract, and none is left without a use. That a command has no
/// other way to its work, the rules of the house see to: `fronts::cli` names no ledger and no actor.
#[test]
fn the_commands_use_the_whole_contract_and_nothing_else() {
    let mut contract = BTreeSet::new();
    for service in proto::descriptors().file.iter().flat_map(|file| &file.service) {
        let calls = service.method.iter();
        contract.extend(calls.map(|call| format!("{}/{}", service.name(), call.name())));
    }
    let calls = ROWS.iter().filter_map(|(_, by)| match by {
        Calls(calls) => Some(calls.iter().map(|call| (*call).to_owned())),
        Itself(_) => None,
    });
    let used: BTreeSet<_> = calls.flatten().collect();
    let others = FOR_OTHERS.iter().map(|call| (*call).to_owned()).collect();
    assert_eq!(&used | &others, contract);
    let admin = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fronts/cli/admin");
    let files = fs::read_dir(admin).unwrap().map(|entry| entry.unwrap().path());
    let client: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    for call in contract {
        let method = snake(call.split_once('/').unwrap().1);
        let calls = client.contains(&format!(".{method}("));
        assert_eq!(calls, used.contains(&call), "whether the client calls {call}");
    }
}

/// `ListDevices` as Rust calls it: `list_devices`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
