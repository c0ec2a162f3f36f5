//! What is refused as a shared secret, wherever it comes from: nothing, next to nothing, and what
//! stands in examples.

use zeroize::Zeroizing;

use super::secret::Secret;

/// The fewest characters of a secret, which opens the gateway to whoever guesses it. Eight is
/// what NIST SP 800-63B (revision 3, section 5.1.1.1) asks of a password that a person chose.
pub const MIN_CHARS: usize = 8;

/// The most bytes of a secret. It travels in the first frame, which may be 64 KiB; and a secret
/// file that is larger than this is some other file.
pub const MAX_BYTES: usize = 4096;

/// Words that stand in examples where a secret belongs, as lowercase letters and digits.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "changethis",
    "example",
    "openclawredacted",
    "password",
    "placeholder",
    "redacted",
    "replaceme",
    "replacethis",
    "secret",
    "token",
    "undefined",
    "yourpassword",
    "yourpasswordhere",
    "yoursecret",
    "yoursecrethere",
    "yourtoken",
    "yourtokenhere",
];

/// What stands in the place of a secret wherever a configuration is shown. It must never come back
/// as one (N4 A4.5).
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// Trims a secret.
///
/// # Errors
/// Why it cannot be meant as one, without repeating it.
pub fn check(text: &str) -> Result<Secret<String>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > MAX_BYTES {
        return Err("is longer than 4096 bytes");
    }
    if text.chars().any(char::is_control) {
        return Err("must be one line without control characters");
    }
    if is_placeholder(text) {
        return Err("is a placeholder, not a secret; a good one is made by `openssl rand -hex 32`");
    }
    if text.chars().count() < MIN_CHARS {
        return Err("is shorter than 8 characters");
    }
    Ok(Secret::new(text.to_owned()))
}

fn is_placeholder(text: &str) -> bool {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    let word = Zeroizing::new(letters.map(|c| c.to_ascii_lowercase()).collect::<String>());
    let mut chars = text.chars();
    let first = chars.next();
    PLACEHOLDERS.contains(&word.as_str())
        || text.contains(REDACTED)
        || (text.starts_with('<') && text.ends_with('>'))
        || chars.all(|c| Some(c) == first)
}
