//! Reads a backup from beginning to end and believes nothing of it: names, hashes, links, records,
//! and the signature.

use std::io::{self, Read};

use super::{
    BackupError, CHECKPOINT, CONFIG, FORMAT, KEY, MANIFEST, Manifest, PART_BYTES_MAX, Part,
    SHARED_TOKEN, bad, records_name, sha256,
};
use crate::{
    domain::time::UnixMillis,
    ledger::{
        chain::HeadState, checkpoint::Checkpoint, merkle::Hash, record::Record, walk::Walker,
    },
    support::{
        keys::{self, GatewayKey},
        secret::Secret,
    },
};

/// A backup that was read and found whole.
pub struct Backup {
    /// When it was begun.
    pub created_at: UnixMillis,
    /// What was signed, and is there.
    pub checkpoint: Checkpoint,
    /// The time of its last record.
    pub last_at: UnixMillis,
    /// The key that signed it.
    pub key: GatewayKey,
    /// The same, as its file has it.
    pub key_pem: Secret<Vec<u8>>,
    /// The shared token's file, if it is there.
    pub shared_token: Option<Secret<Vec<u8>>>,
    /// The configuration, if it is there.
    pub config: Option<Secret<Vec<u8>>>,
    walker: Walker,
}

impl Backup {
    /// The root when there were `size` records, if that was to be remembered and it has so many.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.walker.root_at(size)
    }
}

/// A record that fits behind those before it, and the head with it.
pub struct Step<'a> {
    /// As stored.
    pub value: &'a [u8],
    /// What it says.
    pub record: Record,
    /// The head after it.
    pub head: &'a HeadState,
}

/// Takes a record; what it says instead ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(Step<'_>) -> Result<(), String>;

/// Reads a backup and shows its records to `take`, in order. Nothing that `take` made of them may be
/// used if this fails. The roots at the sizes `remember` can be asked for afterwards.
///
/// # Errors
/// What is wrong with it.
pub fn read(
    from: impl Read,
    remember: impl IntoIterator<Item = u64>,
    take: Take<'_>,
) -> Result<Backup, BackupError> {
    let mut archive = tar::Archive::new(from);
    let mut reading = Reading { walker: Walker::remembering(remember), ..Reading::default() };
    for entry in archive.entries().map_err(BackupError::Unreadable)? {
        let entry = entry.map_err(BackupError::Unreadable)?;
        reading.part(entry, take)?;
    }
    reading.finish()
}

/// What the note at the front of a backup says. It is not checked.
///
/// # Errors
/// If there is none.
pub fn claims(from: impl Read) -> Result<Checkpoint, BackupError> {
    let mut archive = tar::Archive::new(from);
    let mut entries = archive.entries().map_err(BackupError::Unreadable)?;
    let first = entries.next().ok_or_else(|| bad(CHECKPOINT, "it is missing"))?;
    let (name, bytes) = bytes_of(first.map_err(BackupError::Unreadable)?)?;
    if name != CHECKPOINT {
        return Err(bad(CHECKPOINT, "it is missing"));
    }
    Checkpoint::parse_unverified(&String::from_utf8_lossy(&bytes)).map_err(BackupError::Checkpoint)
}

#[derive(Default)]
struct Reading {
    walker: Walker,
    found: Vec<Part>,
    note: Option<String>,
    key: Option<Secret<Vec<u8>>>,
    shared_token: Option<Secret<Vec<u8>>>,
    config: Option<Secret<Vec<u8>>>,
    /// How many parts with records there were.
    records: u64,
    manifest: Option<Manifest>,
}

impl Reading {
    fn part(
        &mut self,
        entry: tar::Entry<'_, impl Read>,
        take: Take<'_>,
    ) -> Result<(), BackupError> {
        let (name, bytes) = bytes_of(entry)?;
        if self.manifest.is_some() {
            return Err(bad(&name, "it lies behind the manifest"));
        }
        if name == MANIFEST {
            let read = serde_json::from_slice(&bytes).map_err(|error| bad(MANIFEST, error))?;
            self.manifest = Some(read);
            return Ok(());
        }
        let length = bytes.len() as u64;
        self.found.push(Part { name: name.clone(), bytes: length, sha256: sha256(&bytes) });
        match (self.found.len(), name.as_str()) {
            (1, CHECKPOINT) => {
                let note = String::from_utf8(bytes).map_err(|error| bad(CHECKPOINT, error))?;
                self.note = Some(note);
            }
            (2, KEY) => self.key = Some(Secret::new(bytes)),
            (3.., SHARED_TOKEN) => self.shared_token = Some(Secret::new(bytes)),
            (3.., CONFIG) => self.config = Some(Secret::new(bytes)),
            (3.., _) if name == records_name(self.records) => {
                self.records += 1;
                self.take_records(&name, &bytes, take)?;
            }
            _ => return Err(bad(&name, "it does not belong there")),
        }
        Ok(())
    }

    fn take_records(
        &mut self,
        part: &str,
        mut bytes: &[u8],
        take: Take<'_>,
    ) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            let cut_off = || bad(part, "it ends in the middle of a record");
            let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_off)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let (value, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
            let seq = self.walker.head().size();
            let record = self.walker.step(seq, value);
            let record = record.map_err(|fault| BackupError::Record { seq, fault })?;
            let step = Step { value, record, head: self.walker.head() };
            take(step).map_err(BackupError::NotTaken)?;
            bytes = rest;
        }
        Ok(())
    }

    fn finish(self) -> Result<Backup, BackupError> {
        let Self { walker, found, note, key, shared_token, config, records: _, manifest } = self;
        let missing = |part| bad(part, "it is missing; was the file cut off?");
        let manifest = manifest.ok_or_else(|| missing(MANIFEST))?;
        if manifest.format != FORMAT {
            let what =
                format!("layout {} is unknown: written by a later doorward?", manifest.format);
            return Err(bad(MANIFEST, what));
        }
        let note = note.ok_or_else(|| missing(CHECKPOINT))?;
        let key_pem = key.ok_or_else(|| missing(KEY))?;
        let text = String::from_utf8_lossy(key_pem.expose());
        let key = GatewayKey::from_pem(&text).map_err(|error| bad(KEY, error))?;
        let signed = Checkpoint::verify(&note, &key.public()).map_err(BackupError::Checkpoint)?;
        compare(&manifest.parts, &found)?;
        let head = walker.head();
        let is = Checkpoint { size: head.size(), root: head.root() };
        if is != signed || manifest.size != is.size {
            return Err(BackupError::OtherRecords { size: is.size });
        }
        Ok(Backup {
            created_at: UnixMillis(manifest.created_at_ms),
            checkpoint: signed,
            last_at: head.time,
            key,
            key_pem,
            shared_token,
            config,
            walker,
        })
    }
}

/// Whether it is the backup of the gateway with this key.
///
/// # Errors
/// [`BackupError::OtherGateway`].
pub fn is_of(backup: &Backup, key: &[u8; 32]) -> Result<(), BackupError> {
    let found = backup.key.public();
    if found == *key {
        return Ok(());
    }
    Err(BackupError::OtherGateway { found: keys::to_base64url(&found) })
}

fn compare(listed: &[Part], found: &[Part]) -> Result<(), BackupError> {
    for (listed, found) in listed.iter().zip(found) {
        if listed != found {
            return Err(bad(&found.name, "it is not what the manifest says"));
        }
    }
    let extra = listed.get(found.len()).map(|part| bad(&part.name, "it is missing"));
    let extra = extra.or_else(|| found.get(listed.len()).map(|part| bad(&part.name, "unlisted")));
    extra.map_or(Ok(()), Err)
}

fn bytes_of(mut entry: tar::Entry<'_, impl Read>) -> Result<(String, Vec<u8>), BackupError> {
    let name = entry.path().map_err(BackupError::Unreadable)?.to_string_lossy().into_owned();
    if !entry.header().entry_type().is_file() {
        return Err(bad(&name, "it is no plain file"));
    }
    if entry.size() > PART_BYTES_MAX {
        return Err(bad(&name, "it is too long"));
    }
    let mut bytes = Vec::new();
    let read = entry.read_to_end(&mut bytes).map_err(BackupError::Unreadable)?;
    if read as u64 != entry.size() {
        return Err(BackupError::Unreadable(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok((name, bytes))
}
