//! `doorward auth`: the shared secret.

use std::{
    io::{self, Read},
    path::Path,
};

use serde_json::json;

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    words,
};
use crate::support::strength;

/// `auth rotate`
///
/// # Errors
/// If the file cannot be read, or what the gateway said instead.
pub async fn rotate(
    session: &mut Session<'_>,
    from_file: Option<&Path>,
) -> Result<ExitStatusCode, Trouble> {
    let secret = from_file.map(read).transpose()?;
    let rotated = session.admin().await?.rotate_secret(secret).await?;
    let proof = words::auth_mode(rotated.proof);
    session.out.done(
        "rotated",
        || match rotated.seq {
            Some(seq) => format!(
                "the shared {proof}; its sessions have ended (record {seq})\nIt lies in {}",
                rotated.path
            ),
            None => format!("nothing: this shared {proof} is in force already"),
        },
        || json!({"rotated": rotated.seq.is_some(), "proof": proof, "path": rotated.path, "seq": rotated.seq}),
    )?;
    Ok(ExitStatusCode::OK)
}

/// The secret in a file, without the white space around it. Whether it is strong enough is for the
/// gateway to say.
fn read(path: &Path) -> Result<String, Trouble> {
    let failed = |error: io::Error| {
        let what = format!("{}: {error}", path.display());
        Trouble::new(ExitStatusCode::USAGE, what)
    };
    let file: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    let mut text = String::with_capacity(2 * strength::MAX_BYTES);
    file.take(strength::MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}
