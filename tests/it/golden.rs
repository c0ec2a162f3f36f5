//! Golden files: what the house looked like when someone last agreed to it.
//!
//! A difference is either a mistake or a change that a reviewer must see. To agree to it:
//! `DOORWARD_REGENERATE=1 cargo test --test it`, then read the diff.

use std::{fs, path::Path};

/// Compares `found` with `tests/goldens/<name>`.
pub fn assert_matches(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    if wants_regeneration() {
        fs::write(&path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; see tests/it/golden.rs", path.display()));
    let first = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
    let at = first.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    assert!(
        expected == found,
        "{name} differs from line {}:\n  golden: {:?}\n  found:  {:?}\n\
         fix: mend the change, or agree to it: DOORWARD_REGENERATE=1 cargo test --test it",
        at + 1,
        expected.lines().nth(at),
        found.lines().nth(at),
    );
}

/// Whether the caller agrees to what is found.
#[expect(clippy::disallowed_methods, reason = "a test may ask its caller what to do")]
pub fn wants_regeneration() -> bool {
    std::env::var_os("DOORWARD_REGENERATE").is_some()
}
