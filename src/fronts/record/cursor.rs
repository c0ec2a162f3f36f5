//! How far an export came: the last record that is safely where it belongs, by its number and its
//! hash. The file moves only after that, so that a kill at any moment repeats records and never leaves
//! one out.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::support::private_file;

/// A record, by which to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub seq: u64,
    /// Its leaf hash in hex.
    pub hash: String,
}

/// The file of a cursor.
#[derive(Debug, Clone)]
pub struct Cursor(PathBuf);

/// Why a cursor cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// There is something else in it.
    #[error("{} is no cursor of an export", .0.display())]
    NoCursor(PathBuf),
    /// The system says why.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

impl Cursor {
    /// The cursor in this file, which need not be there yet.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The last record that is safely where it belongs; none if nothing was exported yet.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn read(&self) -> Result<Option<Mark>, CursorError> {
        let text = match fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| CursorError::Io(self.0.clone(), error))?,
        };
        let text = String::from_utf8_lossy(&text);
        let mark = text.trim_end().split_once(' ').and_then(|(seq, hash)| {
            let whole = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            whole.then_some(Mark { seq: seq.parse().ok()?, hash: hash.to_owned() })
        });
        mark.map(Some).ok_or_else(|| CursorError::NoCursor(self.path().to_owned()))
    }

    /// Moves it; the old place or the new one survives a power cut.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, Mark { seq, hash }: &Mark) -> io::Result<()> {
        private_file::replace(&self.0, format!("{seq} {hash}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_row_by_row() {
        let dir = tempfile::tempdir().unwrap();
        let cursor = Cursor::at(dir.path().join("audit.jsonl.cursor"));
        assert_eq!(cursor.read().unwrap(), None);
        let hash = "ab".repeat(32);
        for (text, expected) in [
            (format!("7 {hash}\n"), Some(7)),
            (format!("7 {hash}"), Some(7)),
            (format!("7 {}", &hash[1..]), None),
            (format!("7 {}", hash.replace('a', "x")), None),
            (format!("x {hash}\n"), None),
            ("7".into(), None),
            (String::new(), None),
        ] {
            fs::write(cursor.path(), &text).unwrap();
            assert_eq!(cursor.read().ok().flatten().map(|mark| mark.seq), expected, "{text}");
        }
        fs::write(cursor.path(), [0xff]).unwrap();
        assert!(matches!(cursor.read(), Err(CursorError::NoCursor(_))));
        let mark = Mark { seq: 9, hash };
        cursor.write(&mark).unwrap();
        assert_eq!(cursor.read().unwrap(), Some(mark));
    }
}
