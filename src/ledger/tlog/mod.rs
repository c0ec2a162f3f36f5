//! The ledger as other tools read it: C2SP `tlog-tiles`, plain files in `<state>/tlog/`.
//!
//! The hashes are those of the ledger's own tree and the entries are the records as stored, so
//! everything here can be made again from the store, and the records from here. Nothing in this
//! room stands in the way of a commit: [`follow`] comes after it, on a thread of its own, and a
//! disk that is full or a directory that may not be written stops nothing but the copy.
//!
//! [`name`] says which file is what, [`bundle`] what records look like in one, [`publisher`] writes
//! them, and [`resume`] finds out what is there already. [`proof`] is what the tree is
//! for, and [`survey`] what a damaged ledger can be made of.

mod bundle;
pub mod follow;
mod hashes;
pub mod name;
pub mod proof;
mod publisher;
mod resume;
pub mod survey;
#[cfg(test)]
mod tests;
mod tree;

use std::{fs, io, path::Path};

use name::Resource;

/// How many hashes or entries a full tile or bundle has.
pub const WIDTH: u64 = 256;

/// The published checkpoint's name in the directory.
const CHECKPOINT: &str = "checkpoint";

/// The bytes of a file in `dir`; `None` if there is none.
///
/// # Errors
/// If it cannot be read.
pub fn read(dir: &Path, name: &Resource) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(name.path())) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
