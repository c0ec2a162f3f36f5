//! A file that is written piece by piece and gets its name when it is whole; readable by its owner
//! alone. Until then, and if it never is, there is no file of that name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{entropy, private_file};

/// The file as it is written.
pub struct NewFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file that will be `path`.
    ///
    /// # Errors
    /// If there is a file of that name, or the directory takes none.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.new", entropy::uuid()));
        let temporary = PathBuf::from(temporary);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Self { file, temporary, path: path.to_owned() })
    }

    /// To write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it lies until it is whole, to read it once more.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Syncs it and gives it its name; a file that got that name meanwhile stays as it is.
    ///
    /// # Errors
    /// If it cannot be synced or named; then there is no such file.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::hard_link(&self.temporary, &self.path)?;
        private_file::sync_parent(&self.path)
    }
}

/// The name that it had while it was written goes, whatever became of it.
impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn it_has_its_name_when_it_is_whole_and_never_replaces_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tar");
        let count = || fs::read_dir(dir.path()).unwrap().count();
        let mut one = NewFile::create(&path).unwrap();
        one.file().write_all(b"one").unwrap();
        assert!(!path.exists());
        let two = NewFile::create(&path).unwrap();
        one.finish().unwrap();
        assert_eq!(two.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        drop(NewFile::create(&dir.path().join("y.tar")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(
            NewFile::create(&path).map(drop).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(count(), 1, "nothing else is left");
    }
}
