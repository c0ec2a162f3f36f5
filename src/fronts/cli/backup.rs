//! `doorward backup`: everything in one file, and back.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    Session,
    admin::{self, Admin, NoConnection},
    exit::{ExitStatusCode, Trouble},
    proofs, unopened, words,
};
use crate::{
    service::{self, Backup, BackupError},
    support::{clock, keys, new_file::NewFile},
};

/// `backup create`
///
/// # Errors
/// What the gateway said instead, or that the file cannot be written; then there is none.
pub async fn create(
    session: &mut Session<'_>,
    to: Option<PathBuf>,
) -> Result<ExitStatusCode, Trouble> {
    let path = target(to);
    let unwritten = |error: io::Error| not_written(&path, &error);
    let mut file = NewFile::create(&path).map_err(unwritten)?;
    let state_dir = session.state_dir()?;
    match admin::connect(&state_dir).await {
        Ok(stream) => {
            let mut pieces = Admin::over(stream).await?.back_up().await?;
            while let Some(piece) = pieces.next().await? {
                file.file().write_all(&piece).map_err(unwritten)?;
            }
        }
        Err(NoConnection::NotRunning) => {
            let shown = state_dir.display();
            session.out.note(&format!("no gateway is running; reading the files in {shown}"));
            let ledger = service::offline(&state_dir).map_err(|error| unopened(&error))?;
            let named = session.globals.config.clone();
            let config = named.or_else(|| session.env.path("DOORWARD_CONFIG"));
            let config = config.unwrap_or_else(|| state_dir.join("doorward.json"));
            ledger.back_up(&state_dir, &config, file.file()).map_err(unwritten)?;
        }
        Err(no) => return Err(session.unreachable(&state_dir, no)),
    }
    session.out.note("written; reading it once more to check it");
    let backup = open(file.temporary()).and_then(|read| checked(&path, read))?;
    file.finish().map_err(unwritten)?;
    session.out.note(
        "it holds the gateway's key and token in the clear: whoever has it can be this gateway",
    );
    let shown = path.display().to_string();
    let document = || {
        let mut document = document(&backup);
        document["file"] = shown.clone().into();
        document
    };
    session.out.done("backed up:", || format!("{shown}\n\n{}", text(&backup)), document)?;
    Ok(ExitStatusCode::OK)
}

/// `backup verify`
///
/// # Errors
/// What is wrong with the backup, or that it cannot be read.
pub fn verify(
    session: &mut Session<'_>,
    file: &Path,
    key: Option<&str>,
) -> Result<ExitStatusCode, Trouble> {
    let key = key.map(proofs::public_key).transpose()?;
    let backup = open(file).and_then(|read| checked(file, read))?;
    if let Some(key) = key {
        service::backup_is_of(&backup, &key).map_err(|error| broken(file, &error))?;
    }
    session.out.result(|| format!("ok\n{}", text(&backup)), || document(&backup))?;
    Ok(ExitStatusCode::OK)
}

/// The file to write: the named one, or one named by the time in the named directory.
fn target(to: Option<PathBuf>) -> PathBuf {
    let dir = to.unwrap_or_else(|| PathBuf::from("."));
    let time = words::time(clock::unix_millis()).replace(':', "-");
    if dir.is_dir() { dir.join(format!("doorward-{time}.tar")) } else { dir }
}

fn not_written(path: &Path, error: &io::Error) -> Trouble {
    let what = format!("{}: {error}; there is no backup", path.display());
    Trouble::new(ExitStatusCode::NOT_DONE, what)
}

fn open(file: &Path) -> Result<BufReader<File>, Trouble> {
    File::open(file).map(BufReader::new).map_err(|error| {
        Trouble::new(ExitStatusCode::USAGE, format!("{}: {error}", file.display()))
    })
}

fn checked(file: &Path, read: BufReader<File>) -> Result<Backup, Trouble> {
    service::check_backup(read).map_err(|error| broken(file, &error))
}

fn broken(file: &Path, error: &BackupError) -> Trouble {
    Trouble::new(ExitStatusCode::BROKEN, words::line(&format!("{}: {error}", file.display())))
}

/// What a backup is.
pub fn text(backup: &Backup) -> String {
    let (checkpoint, last_at) = (backup.checkpoint, words::time(backup.last_at.0));
    format!(
        "made:      {}\nrecords:   {}, the last of {last_at}\nroot hash: {}\ngateway:   {}\n",
        words::time(backup.created_at.0),
        checkpoint.size,
        words::hex(&checkpoint.root),
        keys::to_base64url(&backup.key.public()),
    )
}

/// The same for programs.
pub fn document(backup: &Backup) -> Value {
    json!({
        "ok": true,
        "createdAtMs": backup.created_at.0,
        "size": backup.checkpoint.size,
        "lastAtMs": backup.last_at.0,
        "rootHash": words::hex(&backup.checkpoint.root),
        "gatewayKey": keys::to_base64url(&backup.key.public()),
    })
}
