//! The socket file: made for its owner alone, taken over from a gateway that died, never from one
//! that lives.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
};

use tokio::net::UnixListener;

/// Binds `path` with mode 0600. Must be called inside a tokio runtime.
///
/// Between the bind and the change of mode the file has the mode of the umask; the directory is
/// its owner's alone, and the peer credentials are the proof in any case.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] if a live gateway answers there; [`io::ErrorKind::AlreadyExists`]
/// if something else than a socket lies there; or what the system says.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    clear(path)?;
    let listener = UnixListener::bind(path).map_err(|error| at(path, &error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes away the socket of a gateway that is gone.
fn clear(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(path, &error)),
    };
    if !found.file_type().is_socket() {
        let text = format!("{} is not a socket; move it away", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let text = format!("a gateway is already running and answers on {}", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove(path),
        Err(error) => Err(at(path, &error)),
    }
}

/// Removes the file; that it is gone already is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, &error)),
        _ => Ok(()),
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_socket_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let _listener = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_dead_gateways_socket_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        drop(bind(&path).unwrap());
        assert!(path.exists(), "the file of a gateway that died stays behind");
        let _listener = bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_live_gateways_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let _living = bind(&path).unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
