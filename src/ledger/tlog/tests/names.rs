//! What a file is called, and what no file is called.

use crate::ledger::tlog::name::{Content::*, Resource};

#[test]
fn a_name_has_one_spelling() {
    let tile = |content, index, width| Some(Resource::tile(content, index, width));
    for (path, expected) in [
        ("checkpoint", Some(Resource::Checkpoint)),
        ("tile/0/000", tile(Hashes(0), 0, 256)),
        ("tile/0/999.p/1", tile(Hashes(0), 999, 1)),
        ("tile/1/x001/000", tile(Hashes(1), 1000, 256)),
        ("tile/0/x001/x234/067", tile(Hashes(0), 1_234_067, 256)),
        ("tile/entries/x001/x234/067.p/255", tile(Entries, 1_234_067, 255)),
        ("tile/entries/000", tile(Entries, 0, 256)),
        ("tile/7/000.p/9", tile(Hashes(7), 0, 9)),
        ("", None),
        ("/checkpoint", None),
        ("checkpoint/", None),
        ("checkpoint/..", None),
        ("tile/0/../../checkpoint", None),
        ("tile/0/..", None),
        ("tile/../000", None),
        ("tile/0/000/", None),
        ("tile/0//000", None),
        ("tile//0/000", None),
        ("tile/00/000", None),
        ("tile/8/000", None),
        ("tile/-1/000", None),
        ("tile/+1/000", None),
        ("tile/0/0", None),
        ("tile/0/0000", None),
        ("tile/0/000/001", None),
        ("tile/0/x000/001", None),
        ("tile/0/x001", None),
        ("tile/0/001/x001", None),
        ("tile/0/\u{661}\u{662}\u{663}", None),
        ("tile/0/000.p/0", None),
        ("tile/0/000.p/01", None),
        ("tile/0/000.p/256", None),
        ("tile/0/000.p/", None),
        ("tile/0/000.p", None),
        ("tile/0/x018/x446/x744/x073/x709/x551/616", None),
        ("tile/entry/000", None),
        ("tile/0/000.new", None),
    ] {
        assert_eq!(Resource::parse(path), expected, "{path}");
        if let Some(resource) = expected {
            assert_eq!(resource.path(), path);
        }
    }
}

#[test]
fn a_tile_is_there_when_its_last_record_is() {
    for (resource, records) in [
        (Resource::Checkpoint, 0),
        (Resource::tile(Entries, 0, 1), 1),
        (Resource::tile(Entries, 3, 256), 1024),
        (Resource::tile(Hashes(0), 3, 7), 775),
        (Resource::tile(Hashes(1), 0, 2), 512),
        (Resource::tile(Hashes(2), 1, 1), 257 * 65_536),
        (Resource::tile(Hashes(7), u64::MAX, 256), u64::MAX),
    ] {
        assert_eq!(resource.records(), records, "{resource:?}");
    }
}
