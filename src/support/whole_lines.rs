//! Files of lines that are added to, also after a kill in the middle of one.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Opens the file to add to it (0600 if it is new); what follows its last line goes.
///
/// # Errors
/// What the system says, or that it is no file.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
    }
    let mut end = found.len();
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..usize::try_from(end - start).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        match part.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => {
                end = start + at as u64 + 1;
                break;
            }
            None => end = start,
        }
    }
    file.set_len(end)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn what_a_kill_cut_short_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let long = "x".repeat(10_000);
        for (was, is) in [
            ("", ""),
            ("{}", ""),
            ("{}\n", "{}\n"),
            ("{}\n{\"a\"", "{}\n"),
            (&*format!("{{}}\n{long}"), "{}\n"),
            (&*long, ""),
        ] {
            fs::write(&path, was).unwrap();
            open(&path).unwrap().write_all(b"+").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{is}+"), "{was:.20}");
        }
    }
}
