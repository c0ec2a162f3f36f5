//! The body of the events about transcripts that went: deleted and reset sessions have the same.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        registry::digest::TranscriptDigest,
        talk::{SessionId, SessionKey},
    },
    ledger::codec::{self, CodecError},
};

#[derive(Encode, Decode)]
struct Digest {
    key: String,
    transcript: [u8; 16],
    messages: u64,
    sha256: [u8; 32],
}

/// Appends the body.
pub(super) fn put(digest: &TranscriptDigest, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let TranscriptDigest { key, transcript, messages, sha256 } = digest;
    let (key, transcript) = (key.to_string(), transcript.0);
    codec::put(&Digest { key, transcript, messages: *messages, sha256: *sha256 }, out)
}

/// The digest in this body.
pub(super) fn take(body: &[u8]) -> Result<TranscriptDigest, CodecError> {
    let Digest { key, transcript, messages, sha256 } = codec::take_all(body)?;
    let key = SessionKey::stored(&key);
    let key = key.ok_or_else(|| CodecError::Malformed("no key of a session".into()))?;
    Ok(TranscriptDigest { key, transcript: SessionId(transcript), messages, sha256 })
}
