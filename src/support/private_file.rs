//! Files that only their owner may read, written so that a crash leaves the old or the new one: of a
//! file that was not there before, nothing or all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::entropy;

/// Makes `path` and its parents, each new one readable by its owner alone (0700).
pub fn create_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a new file with mode 0600 and syncs it and its directory; fails if it exists.
///
/// It gets its name when it is whole: a neighbouring temporary file is written and synced, and then
/// linked to `path`, which unlike renaming never replaces a file. The file system must know hard
/// links. What a crash leaves of the temporary file is in nobody's way.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    name_when_whole(path, |temporary| write_synced(temporary, bytes))
}

fn name_when_whole(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_for(path);
    let linked = write(&temporary).and_then(|()| fs::hard_link(&temporary, path));
    // The other name goes, whatever became of the file. It may stay if it must.
    let _ = fs::remove_file(&temporary);
    linked?;
    sync_parent(path)
}

/// A name beside `path` that nobody has: not another process that writes the same file, and not a
/// crash before, whose temporary file may be `path` itself by its other name.
fn temporary_for(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", entropy::uuid()));
    name.into()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces `path` whole: a neighbouring temporary file is written, synced and renamed over it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, &[bytes])
}

/// As [`replace`], with several pieces one after another.
pub fn replace_with(path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Syncs the directory that holds `path`, without which a new name may not survive a power cut.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::fs::PermissionsExt};

    use super::*;

    fn names(dir: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_stands_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        write_new(&path, b"secret").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names(dir.path()), ["gateway.key"]);
    }

    #[test]
    fn a_file_that_exists_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        fs::write(&path, "old").unwrap();
        let error = write_new(&path, b"new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["gateway.key"]);
    }

    #[test]
    fn a_file_has_no_name_until_it_is_whole_and_none_if_it_fails() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        let disk_is_full = |temporary: &Path| {
            write_synced(temporary, b"ha")?;
            assert!(!path.exists());
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = name_when_whole(&path, disk_is_full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn a_crash_before_the_link_leaves_no_file_and_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        let left = temporary_for(&path);
        assert_eq!(left.parent(), Some(dir.path()), "a link needs the same file system");
        write_synced(&left, b"").unwrap();
        write_new(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_crash_after_the_link_leaves_a_name_that_nobody_writes_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.key");
        let left = temporary_for(&path);
        write_synced(&left, b"whole").unwrap();
        fs::hard_link(&left, &path).unwrap();
        write_new(&path, b"another").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        fs::remove_file(&path).unwrap();
        write_new(&path, b"another").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another");
        assert_eq!(fs::read(&left).unwrap(), b"whole");
    }
}
