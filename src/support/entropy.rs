//! The only source of random bytes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::secret::Secret;

/// `N` random bytes from the operating system.
///
/// # Panics
/// If the operating system cannot give random bytes: no secret made after that could be trusted.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0u8; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes");
    out
}

/// A random version 4 UUID (RFC 9562), the form of every id that goes over the wire.
pub fn uuid() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// A bearer token: 32 random bytes as 43 characters of unpadded base64url, the form that the
/// protocol's own device tokens have.
pub fn token() -> Secret<String> {
    Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>()))
}
