//! A file with a JSON document per line, as `doorward audit export` writes it.
//!
//! It is opened for each batch, so that one that was moved away (log rotation) is begun anew, and a
//! line that a kill cut short is taken off before anything is added.

use std::{io::Write, path::Path};

use super::{super::record::line::Line, Failed, Origin, task::on_a_thread};
use crate::support::whole_lines;

pub(super) fn encode(_: &Origin, lines: &[Line]) -> Vec<Vec<u8>> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    vec![text.into_bytes()]
}

/// Adds a batch and syncs it.
pub(super) async fn append(path: &Path, payload: &[Vec<u8>]) -> Result<(), Failed> {
    let (path, bytes) = (path.to_owned(), payload.concat());
    on_a_thread(move || {
        let written = whole_lines::open(&path).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_data()
        });
        written.map_err(|error| Failed::passing(format!("{}: {error}", path.display())))
    })
    .await
}
