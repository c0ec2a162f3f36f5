//! What is refused, and that nothing is lost by it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{back_up, elsewhere, error, gateway, restore, restored};
use crate::house::{Gateway, files_under};

/// Where each part of a tar lies: its name, its first byte and its length.
fn parts(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while bytes[at] != 0 {
        let text = |from: usize, length: usize| {
            let field = &bytes[at + from..at + from + length];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
            String::from_utf8(field[..end].to_vec()).unwrap()
        };
        let length = usize::from_str_radix(text(124, 12).trim(), 8).unwrap();
        found.push((text(0, 100), at + 512, length));
        at += 512 + length.div_ceil(512) * 512;
    }
    found
}

/// What is there, but for the log of the test itself.
fn state(gateway: &Gateway) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files_under(gateway.state.path());
    files.retain(|(path, _)| !path.ends_with("test.log"));
    files.sort();
    files
}

#[test]
fn a_backup_that_was_tampered_with_is_refused_part_by_part_and_nothing_is_lost() {
    let mut gateway = gateway();
    let dir = TempDir::new().unwrap();
    let file = back_up(&gateway, dir.path());
    gateway.terminate();
    let (whole, before) = (std::fs::read(&file).unwrap(), state(&gateway));
    let names: Vec<_> = parts(&whole).into_iter().map(|(name, ..)| name).collect();
    let expected = [
        "checkpoint",
        "gateway.key",
        "shared-token",
        "doorward.json",
        "records/00000000",
        "manifest.json",
    ];
    assert_eq!(names, expected);
    let bad = dir.path().join("bad.tar");
    let refused = |what: &str, bytes: &[u8]| {
        std::fs::write(&bad, bytes).unwrap();
        let verified = gateway.doorward(&["backup", "verify", bad.to_str().unwrap(), "--json"]);
        let (code, said) = error(&verified);
        assert_eq!(code, Some(5), "{what}: {said}");
        assert!(said.contains("damaged") || said.contains("cannot be read"), "{what}: {said}");
        let (code, _) = error(&restore(&gateway, &bad, &["--replace", "--yes"]));
        assert_eq!(code, Some(5), "{what}");
    };
    for (name, at, length) in parts(&whole) {
        let mut flipped = whole.clone();
        flipped[at + length / 2] ^= 1;
        refused(&name, &flipped);
    }
    let (_, at, length) = parts(&whole)[4];
    refused("cut off", &whole[..at + length / 2]);
    refused("no tar", b"not a tar at all");
    refused("empty", b"");
    assert!(state(&gateway) == before, "nothing was changed");
}

#[test]
fn a_ledger_is_not_put_aside_unasked_and_another_gateways_state_never() {
    let (mut one, mut two) = (gateway(), gateway());
    let dir = TempDir::new().unwrap();
    let file = back_up(&one, dir.path());
    one.terminate();
    two.terminate();
    let before = (state(&one), state(&two));
    let (code, what) = error(&restore(&one, &file, &["--yes"]));
    assert_eq!(code, Some(1));
    assert!(what.contains("--replace"), "{what}");
    let (code, what) = error(&restore(&two, &file, &["--yes", "--replace", "--accept-loss"]));
    assert_eq!(code, Some(1));
    assert!(what.contains("another gateway"), "{what}");
    assert!((state(&one), state(&two)) == before, "nothing was changed");
    let key = one.json(&["backup", "verify", file.to_str().unwrap()])["gatewayKey"].clone();
    let other = back_up_of_files(&two, dir.path());
    let named = format!("--key={}", key.as_str().unwrap());
    let verify = |file: &Path| one.doorward(&["backup", "verify", file.to_str().unwrap(), &named]);
    assert_eq!(verify(&file).status.code(), Some(0));
    assert_eq!(verify(&other).status.code(), Some(5), "of another gateway than was named");
}

/// A backup of a gateway that is not running.
fn back_up_of_files(gateway: &Gateway, dir: &Path) -> PathBuf {
    let told = gateway.json(&["backup", "create", "--to", dir.to_str().unwrap()]);
    PathBuf::from(told["file"].as_str().unwrap())
}

#[test]
fn a_backup_of_files_is_as_good_and_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut gateway = gateway();
    gateway.terminate();
    let dir = TempDir::new().unwrap();
    let file = back_up_of_files(&gateway, dir.path());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(restored(&elsewhere(), &file, &[])["loss"], serde_json::Value::Null);
}

#[test]
fn a_target_that_takes_no_file_is_told_and_nothing_is_left() {
    let gateway = gateway();
    let dir = TempDir::new().unwrap();
    let there = dir.path().join("there.tar");
    std::fs::write(&there, "mine").unwrap();
    for target in [there.clone(), there.join("in-a-file.tar"), dir.path().join("no/such/x.tar")] {
        let words = ["backup", "create", "--json", "--to", target.to_str().unwrap()];
        let (code, what) = error(&gateway.doorward(&words));
        assert_eq!(code, Some(1), "{what}");
        assert!(what.contains("there is no backup") && what.contains("tar"), "{what}");
    }
    // A file that may not grow is what a full disk is to its writer.
    let full = dir.path().join("full.tar");
    let bin = env!("CARGO_BIN_EXE_doorward");
    let script = "ulimit -f 1; trap '' XFSZ; exec \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh", bin, "--state-dir"]).arg(gateway.state.path());
    command.args(["backup", "create", "--json", "--to"]).arg(&full);
    let (code, what) = error(&command.output().unwrap());
    assert_eq!(code, Some(1), "{what}");
    assert!(what.contains("full.tar") && what.contains("there is no backup"), "{what}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
}
