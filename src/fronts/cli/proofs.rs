//! `doorward audit verify`, `prove` and `check`: the ledger for those who do not take its word.

use std::{fs, path::Path};

use super::{
    Session, audit,
    exit::{ExitStatusCode, Trouble},
    json, quoted, words,
};
use crate::{
    proto::v1::VerifyResponse,
    service::{self, Proven},
    support::keys,
};

/// `audit verify`
///
/// # Errors
/// What the gateway said instead, or that the old checkpoint cannot be read.
pub async fn verify(
    session: &mut Session<'_>,
    since: Option<&Path>,
) -> Result<ExitStatusCode, Trouble> {
    let note = since.map(read).transpose()?;
    let verdict = session.ledger().await?.verify(note.clone()).await?;
    if verdict.broken.is_none() && !note.as_ref().is_none_or(|note| has_grown(note, &verdict)) {
        let what = "the gateway could not prove that the old checkpoint begins its ledger";
        return Err(Trouble::new(ExitStatusCode::BROKEN, what));
    }
    let growth = match (since, &verdict.broken) {
        (Some(file), None) => format!("it begins with all that {} signed\n", file.display()),
        _ => String::new(),
    };
    session.out.result(|| audit::verdict_text(&verdict) + &growth, || json::verdict(&verdict))?;
    Ok(match verdict.broken {
        None => ExitStatusCode::OK,
        Some(_) => ExitStatusCode::BROKEN,
    })
}

/// The gateway's word is not taken: its hashes must add up.
fn has_grown(note: &str, verdict: &VerifyResponse) -> bool {
    let hash = |bytes: &Vec<u8>| <[u8; 32]>::try_from(bytes.as_slice()).ok();
    let path: Option<Vec<_>> = verdict.consistency.iter().map(hash).collect();
    let parts = hash(&verdict.root_hash).zip(path);
    parts.is_some_and(|(root, path)| service::has_grown(note, verdict.size, root, &path))
}

/// `audit prove`
///
/// # Errors
/// What the gateway said instead, or that the file cannot be written.
pub async fn prove(
    session: &mut Session<'_>,
    seq: u64,
    out: Option<&Path>,
) -> Result<ExitStatusCode, Trouble> {
    let proof = session.ledger().await?.prove(seq).await?;
    let name = match out {
        Some(file) => {
            fs::write(file, &proof.proof).map_err(|error| {
                let what = format!("{}: {error}", file.display());
                Trouble::new(ExitStatusCode::NOT_DONE, what)
            })?;
            quoted(&file.to_string_lossy())
        }
        None => "FILE".into(),
    };
    let key = keys::to_base64url(&proof.gateway_key);
    session.out.note(&format!("to check it anywhere: doorward audit check {name} --key={key}"));
    match out {
        Some(_) if !session.out.is_json() => {}
        _ => session.out.result(|| proof.proof.clone(), || json::proof(seq, &proof))?,
    }
    Ok(ExitStatusCode::OK)
}

/// `audit check`
///
/// # Errors
/// If the proof or the key cannot be read, or the proof proves nothing.
pub fn check(session: &mut Session<'_>, file: &Path, key: &str) -> Result<ExitStatusCode, Trouble> {
    let (proof, key) = (read(file)?, public_key(key)?);
    let Proven { entry, checkpoint } = service::check_proof(&proof, &key).map_err(|error| {
        let what = format!("{} proves nothing: {error}", file.display());
        Trouble::new(ExitStatusCode::BROKEN, what)
    })?;
    let record = (session.rooms.record)(&entry);
    let text = || {
        let (head, line) = (audit::HEAD, audit::line(&record));
        let (seq, size) = (record.seq, checkpoint.size);
        format!(
            "ok: record {seq} is in the ledger of {size} records that was signed\n\n{head}{line}"
        )
    };
    let document = || {
        serde_json::json!({
            "ok": true,
            "size": checkpoint.size,
            "rootHash": words::hex(&checkpoint.root),
            "record": json::record(&record),
        })
    };
    session.out.result(text, document)?;
    Ok(ExitStatusCode::OK)
}

fn read(file: &Path) -> Result<String, Trouble> {
    fs::read_to_string(file).map_err(|error| {
        Trouble::new(ExitStatusCode::USAGE, format!("{}: {error}", file.display()))
    })
}

/// The key itself, or what the file of that name holds.
///
/// # Errors
/// If it is neither.
pub fn public_key(given: &str) -> Result<[u8; 32], Trouble> {
    let unfit = || {
        let what = "--key: not an Ed25519 public key in base64url or hex, nor a file with one";
        Trouble::new(ExitStatusCode::USAGE, what)
    };
    match key_in(given) {
        Some(key) => Ok(key),
        None => key_in(fs::read_to_string(given).map_err(|_| unfit())?.trim()).ok_or_else(unfit),
    }
}

fn key_in(text: &str) -> Option<[u8; 32]> {
    keys::from_base64url(text).or_else(|| from_hex(text))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    let bytes: Vec<_> = pairs.iter().map(byte).collect::<Option<_>>()?;
    rest.is_empty().then(|| bytes.try_into().ok()).flatten()
}
