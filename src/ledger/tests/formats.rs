//! Hostile bytes for the codec and the checkpoint.

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;

use super::fixtures::record;
use crate::{
    domain::{
        Event,
        ids::DeviceId,
        registry::{Event as Registry, Profile},
        scope::{Scope, ScopeSet},
    },
    ledger::{
        Record,
        chain::HeadState,
        checkpoint::{Checkpoint, CheckpointError, origin},
        codec::{self, CodecError, RECORD_BYTES_MAX},
    },
    support::keys::GatewayKey,
};

fn described(name_bytes: usize) -> Record {
    let key = GatewayKey::generate();
    let display_name = Some("n".repeat(name_bytes));
    let profile = Profile { display_name, ..Profile::default() };
    let event = Registry::DeviceDescribed { device: DeviceId([1; 32]), profile };
    Record { event: Event::Registry(event), ..record(1, &key) }
}

#[test]
fn a_record_has_at_most_64_kib() {
    let empty = codec::encode_record(&described(0)).unwrap().len();
    // A length from 251 to 65535 takes two bytes more than a shorter one.
    let longest = RECORD_BYTES_MAX - empty - 2;
    let bytes = codec::encode_record(&described(longest)).unwrap();
    assert_eq!(bytes.len(), RECORD_BYTES_MAX);
    let too_long = CodecError::TooLong(RECORD_BYTES_MAX + 1);
    assert_eq!(codec::encode_record(&described(longest + 1)), Err(too_long.clone()));
    assert_eq!(codec::decode_record(&[bytes, vec![0]].concat()), Err(too_long));
}

#[test]
fn nothing_may_be_left_over_or_missing() {
    let bytes = codec::encode_record(&described(3)).unwrap();
    for extra in 1..4 {
        let longer = [&bytes[..], &vec![0; extra]].concat();
        assert_eq!(codec::decode_record(&longer), Err(CodecError::TrailingBytes(extra)));
    }
    for length in 0..bytes.len() {
        let cut = codec::decode_record(&bytes[..length]);
        assert!(matches!(cut, Err(CodecError::Malformed(_))), "{length}: {cut:?}");
    }
    let head = codec::encode_head(&HeadState::default()).unwrap();
    assert_eq!(codec::decode_head(&head), Ok(HeadState::default()));
    let longer = [&head[..], &[0]].concat();
    assert_eq!(codec::decode_head(&longer), Err(CodecError::TrailingBytes(1)));
}

#[test]
fn a_few_bytes_cannot_ask_for_much_memory() {
    // A head whose list of peaks claims to have 2^64 - 1 entries.
    let mut head = vec![1, 0];
    head.extend([0; 32]);
    head.push(0);
    head.push(253);
    head.extend([0xff; 8]);
    assert!(matches!(codec::decode_head(&head), Err(CodecError::Malformed(_))));
}

#[test]
fn a_later_shape_is_named_and_not_guessed() {
    let bytes = codec::encode_record(&record(1, &GatewayKey::generate())).unwrap();
    let body = 16 + 32 + 1;
    let (version, kind) = (bytes.len() - body - 1, bytes.len() - body - 2);
    assert_eq!((bytes[kind], bytes[version]), (7, 1), "where kind and version stand");
    for (place, unknown) in [(version, (7, 9)), (kind, (99, 1))] {
        let mut later = bytes.clone();
        later[place] = if place == kind { 99 } else { 9 };
        let (kind, version) = unknown;
        assert_eq!(codec::decode_record(&later), Err(CodecError::UnknownEvent { kind, version }));
    }
    let mut format = bytes;
    format[0] = 2;
    assert!(matches!(codec::decode_record(&format), Err(CodecError::Malformed(_))));
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let mut record = described(1);
    record.after = ScopeSet::from_iter([Scope::Other("operator.future".into())]);
    assert!(codec::encode_record(&record).is_ok());
    for name in ["Not A Scope", "operator.read"] {
        record.after = ScopeSet::from_iter([Scope::Other(name.into())]);
        assert_eq!(codec::encode_record(&record), Err(CodecError::NotFaithful), "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_codec_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = codec::decode_head(&bytes);
        if let Ok(record) = codec::decode_record(&bytes) {
            prop_assert!(codec::encode_record(&record).is_ok());
        }
    }

    #[test]
    fn no_flipped_bit_makes_the_codec_panic(place in 0usize..500, bit in 0u8..8) {
        let mut bytes = codec::encode_record(&described(40)).unwrap();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let _ = codec::decode_record(&bytes);
    }
}

#[test]
fn a_checkpoint_is_a_signed_note() {
    let key = GatewayKey::generate();
    let checkpoint = Checkpoint { size: 42, root: [5; 32] };
    let note = checkpoint.sign(&key);
    let name = origin(&key.public());
    let lines: Vec<_> = note.split('\n').collect();
    assert_eq!(lines[..4], [&name[..], "42", &BASE64_STANDARD.encode([5; 32]), ""]);
    let signature = lines[4].strip_prefix(&format!("\u{2014} {name} ")).unwrap();
    assert_eq!(BASE64_STANDARD.decode(signature).unwrap().len(), 4 + 64);
    assert_eq!(lines[5..], [""]);
    assert_eq!(Checkpoint::verify(&note, &key.public()), Ok(checkpoint));
    assert_eq!(Checkpoint::parse_unverified(&note), Ok(checkpoint));
}

#[test]
fn a_checkpoint_that_was_touched_is_refused() {
    use CheckpointError::*;
    let key = GatewayKey::generate();
    let note = Checkpoint { size: 42, root: [5; 32] }.sign(&key);
    let name = origin(&key.public());
    let (text, signature) = note.split_once("\n\n").unwrap();
    let other = GatewayKey::generate();
    let by_other = Checkpoint { size: 42, root: [5; 32] }.sign(&other);
    let forged_line = by_other.replace(&origin(&other.public()), &name);
    for (what, touched, expected) in [
        ("size", note.replace("\n42\n", "\n41\n"), BadSignature),
        ("size spelled otherwise", note.replace("\n42\n", "\n042\n"), Malformed),
        ("size with a sign", note.replace("\n42\n", "\n+42\n"), Malformed),
        ("an extension line", format!("{text}\nmore\n\n{signature}"), Malformed),
        ("no signature", format!("{text}\n\n"), Malformed),
        ("other key", by_other, OtherOrigin),
        ("other key under our name", forged_line, Unsigned),
        ("root", note.replace("BQUF", "BQUG"), BadSignature),
        ("cut", note[..note.len() - 1].to_owned(), Malformed),
        ("empty", String::new(), Malformed),
    ] {
        assert_eq!(Checkpoint::verify(&touched, &key.public()), Err(expected), "{what}");
    }
    let witnessed = format!("{note}\u{2014} witness.example AAAAAAAA\n");
    assert!(Checkpoint::verify(&witnessed, &key.public()).is_ok(), "a witness may sign too");
}

proptest! {
    #[test]
    fn no_flipped_byte_of_a_checkpoint_passes(place in 0usize..400, flip in 1u8..128) {
        let key = GatewayKey::generate();
        let note = Checkpoint { size: 42, root: [5; 32] }.sign(&key);
        let mut bytes = note.clone().into_bytes();
        let place = place % bytes.len();
        bytes[place] ^= flip;
        if let Ok(touched) = String::from_utf8(bytes) {
            prop_assert!(Checkpoint::verify(&touched, &key.public()).is_err());
        }
    }
}
