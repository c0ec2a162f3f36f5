//! Writes a backup, one part after the other.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use super::{CHECKPOINT, FORMAT, KEY, MANIFEST, Manifest, PART_BYTES, Part, records_name, sha256};
use crate::{
    ledger::{audit::LedgerReader, checkpoint::Checkpoint},
    support::clock,
};

/// What goes into a backup besides the records.
pub struct Contents {
    /// The signed checkpoint; as many records go in as it signs.
    pub note: String,
    /// The gateway's key, PKCS#8 PEM.
    pub key: Vec<u8>,
    /// Other files, by name.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

/// Writes a backup of the ledger to `out`, and gives `out` back. The ledger may grow meanwhile.
///
/// # Errors
/// If the ledger cannot be read, or `out` takes no more.
pub fn write<W: Write>(out: W, ledger: &LedgerReader, contents: Contents) -> io::Result<W> {
    let Contents { note, key, files } = contents;
    let signed = Checkpoint::verify(&note, ledger.public_key()).map_err(io::Error::other)?;
    let mut parts = Parts::new(out);
    parts.add(CHECKPOINT, note.as_bytes())?;
    parts.add(KEY, &key)?;
    for (name, bytes) in files {
        parts.add(name, &bytes)?;
    }
    parts.records(ledger, signed.size)?;
    parts.finish(signed.size)
}

struct Parts<W: Write> {
    tar: tar::Builder<W>,
    created_at_ms: u64,
    listed: Vec<Part>,
}

impl<W: Write> Parts<W> {
    fn new(out: W) -> Self {
        let created_at_ms = clock::unix_millis();
        Self { tar: tar::Builder::new(out), created_at_ms, listed: Vec::new() }
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.created_at_ms / 1000);
        self.tar.append_data(&mut header, name, bytes)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes)?;
        let (name, length) = (name.to_owned(), bytes.len() as u64);
        self.listed.push(Part { name, bytes: length, sha256: sha256(bytes) });
        Ok(())
    }

    fn records(&mut self, ledger: &LedgerReader, size: u64) -> io::Result<()> {
        let (mut part, mut number, mut taken) = (Vec::with_capacity(PART_BYTES), 0, 0);
        let mut outcome = Ok(());
        let read = ledger.read_values(0, size, &mut |value| {
            let length = u32::try_from(value.len()).expect("a record has less than 64 KiB");
            part.extend_from_slice(&length.to_be_bytes());
            part.extend_from_slice(value);
            taken += 1;
            if part.len() < PART_BYTES {
                return ControlFlow::Continue(());
            }
            outcome = self.add(&records_name(number), &part);
            part.clear();
            number += 1;
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome?;
        read.map_err(io::Error::other)?;
        if taken != size {
            return Err(io::Error::other(format!("the ledger gave {taken} of {size} records")));
        }
        if part.is_empty() { Ok(()) } else { self.add(&records_name(number), &part) }
    }

    fn finish(mut self, size: u64) -> io::Result<W> {
        let Self { created_at_ms, listed, .. } = &mut self;
        let manifest = Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").into(),
            created_at_ms: *created_at_ms,
            size,
            parts: std::mem::take(listed),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        self.put(MANIFEST, &text)?;
        self.tar.into_inner()
    }
}
