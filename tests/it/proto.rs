//! The Rust code in `src/proto/` is what the files in `proto/` give.
//!
//! It is committed, so that building needs no generator; this test keeps the two together.

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::golden::wants_regeneration;

/// The command that writes the generated code anew.
const REFRESH: &str = "DOORWARD_REGENERATE=1 cargo test --test it proto";

/// The contract, in the order of its dependencies.
const FILES: &[&str] = &[
    "common",
    "pairing",
    "ledger",
    "gateway",
    "audit",
    "backup",
    "explain",
    "keys",
    "lockouts",
    "review",
    "secret",
    "setup",
    "tokens",
    "sessions",
    "agents",
    "approvals",
];

/// What the generators give for one package: its code, and its descriptors for reflection.
const GENERATED: [&str; 2] = ["doorward.admin.v1.rs", "doorward.admin.v1.binpb"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn contract() -> Vec<PathBuf> {
    let folder = root().join("proto/doorward/admin/v1");
    FILES.iter().map(|name| folder.join(name).with_extension("proto")).collect()
}

/// The contract, compiled.
pub fn descriptors() -> FileDescriptorSet {
    protox::compile(contract(), [root().join("proto")]).unwrap()
}

fn generate(into: &Path) -> [Vec<u8>; 2] {
    let descriptors = descriptors();
    fs::write(into.join(GENERATED[1]), descriptors.encode_to_vec()).unwrap();
    tonic_prost_build::configure().btree_map(".").out_dir(into).compile_fds(descriptors).unwrap();
    GENERATED.map(|name| fs::read(into.join(name)).unwrap())
}

#[test]
fn the_generated_code_is_fresh() {
    let folder = tempfile::tempdir().unwrap();
    for (name, fresh) in GENERATED.iter().zip(generate(folder.path())) {
        let committed = root().join("src/proto").join(name);
        if wants_regeneration() {
            fs::write(&committed, &fresh).unwrap();
        }
        let same = fs::read(&committed).is_ok_and(|bytes| bytes == fresh);
        assert!(same, "{name} is not what proto/ gives; refresh it with: {REFRESH}");
    }
}

#[test]
fn every_file_of_the_contract_is_compiled() {
    let mut found: Vec<_> = fs::read_dir(root().join("proto/doorward/admin/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut listed = contract();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}

/// The documentation of the contract is its only one, so nothing in it may go without.
#[test]
fn everything_in_the_contract_is_explained() {
    for path in contract() {
        let text = fs::read_to_string(&path).unwrap();
        let bare = unexplained(&text);
        assert!(bare.is_empty(), "{}: no comment above {bare:?}", path.display());
    }
}

/// Every declaration whose line above is not a comment.
fn unexplained(text: &str) -> Vec<&str> {
    let declares = |line: &str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        let plain = ["syntax", "package", "import"].contains(&first);
        !line.starts_with("//") && !plain && (line.ends_with('{') || line.ends_with([';', '}']))
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[1] != "}" && declares(pair[1]) && !pair[0].starts_with("//"))
        .map(|pair| pair[1])
        .collect()
}

#[test]
fn a_bare_field_is_noticed() {
    let text = "// A message.\nmessage M {\n  // Explained.\n  string a = 1;\n  string b = 2;\n}\n";
    assert_eq!(unexplained(text), ["string b = 2;"]);
}
