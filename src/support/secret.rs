//! A value that must not be seen: never printed, wiped when dropped, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Wraps a secret so that `{:?}` cannot show it and its memory is wiped on drop.
///
/// There is no `Display` and no serde on purpose: a secret leaves only through [`Secret::expose`],
/// which is easy to look for in a review.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Call it at the last moment, and never in the arguments of a log line.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl Secret<String> {
    /// Whether `candidate` is this secret, in time that does not depend on where they differ.
    ///
    /// Both sides are hashed first, so that not even the length is measurable.
    pub fn matches(&self, candidate: &str) -> bool {
        digest(self.0.as_bytes()).ct_eq(&digest(candidate.as_bytes())).into()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a token, the form in which tokens are stored.
///
/// A plain hash is enough here and a slow one is not needed: tokens are 32 random bytes, so there
/// is nothing to guess.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether two digests are equal, in constant time.
pub fn same_digest(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        assert_eq!(format!("{:?}", Secret::new(String::from("hunter2hunter2"))), "Secret(…)");
    }

    #[test]
    fn matches_only_the_whole_secret() {
        let secret = Secret::new(String::from("correct horse"));
        for (candidate, expected) in [
            ("correct horse", true),
            ("correct hors", false),
            ("correct horse ", false),
            ("", false),
        ] {
            assert_eq!(secret.matches(candidate), expected, "{candidate:?}");
        }
    }
}
