//! Backups of a ledger in memory: what goes in comes out, and nothing else is believed.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use super::{
    BackupError, CHECKPOINT, CONFIG, KEY, MANIFEST, SHARED_TOKEN, read,
    write::{Contents, write},
};
use crate::{
    ledger::{memory::MemoryStore, tests::fixtures},
    support::keys::GatewayKey,
};

/// More than two parts' worth.
const SIZE: u64 = 20_000;

/// A backup of a ledger with so many records, and the stored values of that ledger.
fn backup(key: &Arc<GatewayKey>, size: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
    let store = MemoryStore::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (note, ledger) = runtime.block_on(async {
        let handle = fixtures::running(&store, size, key).await;
        let note = handle.checkpoint().await.unwrap();
        // What comes after the checkpoint is not in it.
        handle.append(size, fixtures::records(size..size + 3, key)).await.unwrap();
        (note, handle.reader())
    });
    let files = vec![(SHARED_TOKEN, b"a-token\n".to_vec()), (CONFIG, b"{}".to_vec())];
    let contents = Contents { note, key: key.to_pem().unwrap().expose().clone(), files };
    let bytes = write(Vec::new(), &ledger, contents).unwrap();
    let values = store.content().log.values().take(size as usize).cloned().collect();
    (bytes, values)
}

fn read_all(bytes: &[u8]) -> Result<(read::Backup, Vec<Vec<u8>>), BackupError> {
    let mut values = Vec::new();
    let backup = read::read(bytes, [3], &mut |step| {
        values.push(step.value.to_vec());
        Ok(())
    })?;
    Ok((backup, values))
}

/// The parts of a tar, with where their bytes lie.
fn parts(bytes: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    entries
        .map(|mut entry| {
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let at = entry.raw_file_position() as usize;
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (name, at, content)
        })
        .collect()
}

fn tar_of(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in parts {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn what_goes_in_comes_out_byte_for_byte() {
    let key = Arc::new(GatewayKey::generate());
    let (bytes, stored) = backup(&key, SIZE);
    let names: Vec<_> = parts(&bytes).into_iter().map(|(name, ..)| name).collect();
    let expected = [
        CHECKPOINT,
        KEY,
        SHARED_TOKEN,
        CONFIG,
        "records/00000000",
        "records/00000001",
        "records/00000002",
        MANIFEST,
    ];
    assert_eq!(names, expected);
    let (read, values) = read_all(&bytes).unwrap();
    assert!(values == stored, "the same records, links included");
    assert_eq!(read.checkpoint.size, SIZE);
    assert_eq!(read.key.public(), key.public());
    assert_eq!(read.shared_token.unwrap().expose(), b"a-token\n");
    assert_eq!(read.config.unwrap().expose(), b"{}");
    assert_eq!(read::claims(bytes.as_slice()).unwrap(), read.checkpoint);
}

#[test]
fn a_flipped_bit_in_any_part_is_found_and_the_part_is_named() {
    let (bytes, _) = backup(&Arc::new(GatewayKey::generate()), 50);
    for (name, at, content) in parts(&bytes) {
        for place in [at, at + content.len() / 2, at + content.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            let error = read_all(&flipped).map(drop).unwrap_err().to_string();
            let names = name.trim_end_matches(".json").trim_end_matches("s/00000000");
            let told = error.contains(names) || name == KEY && error.contains(CHECKPOINT);
            let told = told || name == MANIFEST && error.contains("what the manifest says");
            assert!(told, "{name} at {place}: {error}");
        }
    }
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_no_backup() {
    let (bytes, _) = backup(&Arc::new(GatewayKey::generate()), 50);
    let (_, manifest, content) = parts(&bytes).pop().unwrap();
    // Also right before the manifest, where the file looks like a whole tar.
    for end in (0..manifest + content.len()).step_by(97).chain([manifest - 512]) {
        assert!(read_all(&bytes[..end]).is_err(), "cut off at {end}");
    }
}

/// Whoever changes a part and the manifest with it is stopped by the signature.
#[test]
fn a_manifest_that_was_made_to_fit_does_not_help() {
    let key = Arc::new(GatewayKey::generate());
    let (mine, _) = backup(&key, 50);
    let (shorter, _) = backup(&key, 40);
    let (foreign, _) = backup(&Arc::new(GatewayKey::generate()), 50);
    let plain = |bytes: &[u8]| -> Vec<(String, Vec<u8>)> {
        parts(bytes).into_iter().map(|(name, _, content)| (name, content)).collect()
    };
    let swapped = |other: &[u8], names: &[&str]| {
        let other = plain(other);
        let mut all = plain(&mine);
        for (name, content) in &mut all {
            if names.contains(&name.as_str()) {
                let theirs = other.iter().find(|(theirs, _)| theirs == name).unwrap();
                content.clone_from(&theirs.1);
            }
        }
        let parts: Vec<_> = all[..all.len() - 1]
            .iter()
            .map(|(name, content)| super::Part {
                name: name.clone(),
                bytes: content.len() as u64,
                sha256: super::sha256(content),
            })
            .collect();
        let mut manifest: super::Manifest = serde_json::from_slice(&all.last().unwrap().1).unwrap();
        manifest.parts = parts;
        all.last_mut().unwrap().1 = serde_json::to_vec(&manifest).unwrap();
        tar_of(&all)
    };
    let records = "records/00000000";
    for (other, names, expected) in [
        (&mine, &[][..], None),
        (&shorter, &[records], Some("not those that its checkpoint signed")),
        (&shorter, &[CHECKPOINT], Some("not those that its checkpoint signed")),
        (&foreign, &[records], Some("not those that its checkpoint signed")),
        (&foreign, &[KEY], Some("checkpoint: it was written by a gateway with another key")),
        (&foreign, &[CHECKPOINT], Some("checkpoint: it was written by a gateway with another key")),
        (&foreign, &[CHECKPOINT, KEY], Some("not those that its checkpoint signed")),
    ] {
        let said = read_all(&swapped(other, names)).map(drop).err().map(|error| error.to_string());
        let as_expected = match (&said, expected) {
            (None, None) => true,
            (Some(said), Some(expected)) => said.contains(expected),
            _ => false,
        };
        assert!(as_expected, "{names:?}: {said:?}");
    }
    let mut all = plain(&mine);
    all.swap(2, 3);
    assert!(read_all(&tar_of(&all)).is_err(), "parts change places");
    let mut all = plain(&mine);
    all.push(("more".into(), vec![]));
    let said = read_all(&tar_of(&all)).map(drop).unwrap_err().to_string();
    assert!(said.contains("behind the manifest"), "{said}");
}

/// A disk that is full says so, and not that all is well.
#[test]
fn trouble_with_writing_is_passed_on() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let key = Arc::new(GatewayKey::generate());
    let store = MemoryStore::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (note, ledger) = runtime.block_on(async {
        let handle = fixtures::running(&store, 50, &key).await;
        (handle.checkpoint().await.unwrap(), handle.reader())
    });
    let contents = || Contents { note: note.clone(), key: vec![], files: vec![] };
    let whole = write(Vec::new(), &ledger, contents()).unwrap().len();
    for room in (0..whole).step_by(701) {
        let outcome = write(Full(room), &ledger, contents()).map(drop);
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull, "room for {room}");
    }
}
