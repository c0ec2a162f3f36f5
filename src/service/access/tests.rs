//! What is counted, kept, and let go of.

use super::{
    files::{FILE_BYTES_MAX, FILES_MAX, KEPT_MS},
    *,
};

fn key(code: &str, address: &str) -> AccessKey {
    AccessKey {
        kind: AccessKind::Refused,
        code: code.into(),
        transport: Transport::WebSocket,
        who: String::new(),
        what: String::new(),
        address: address.into(),
    }
}

fn log() -> (tempfile::TempDir, AccessLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = AccessLog::new(dir.path().join("access"));
    (dir, log)
}

fn all(log: &AccessLog) -> Vec<(AccessKey, Tally)> {
    log.rows(AccessFilter::default()).unwrap()
}

fn size(dir: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(dir.join("access")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn n5_a5_7_a_million_like_ones_are_one_row_with_an_exact_count() {
    let (dir, log) = log();
    for n in 0..1_000_000 {
        log.note(key("AUTH_TOKEN_MISMATCH", "192.0.2.7"), UnixMillis(n));
        if n % 100_000 == 0 {
            log.write(UnixMillis(n)).unwrap();
        }
    }
    let tally = Tally { count: 1_000_000, first: UnixMillis(0), last: UnixMillis(999_999) };
    assert_eq!(all(&log), [(key("AUTH_TOKEN_MISMATCH", "192.0.2.7"), tally)]);
    assert!(size(dir.path()) < 4096, "{} bytes", size(dir.path()));
}

#[test]
fn what_is_too_various_loses_its_details_and_no_count() {
    let (_dir, log) = log();
    for n in 0..100_000_u32 {
        let address = IpAddr::from(n.to_be_bytes()).to_string();
        log.note(key("AUTH_TOKEN_MISMATCH", &address), UnixMillis(5));
    }
    let rows = all(&log);
    assert_eq!(rows.len(), KEYS_MAX + 1, "and one for all the others");
    assert_eq!(rows.iter().map(|(_, tally)| tally.count).sum::<u64>(), 100_000);
    let rest = rows.iter().find(|(row, _)| row.address.is_empty()).unwrap();
    assert_eq!(rest.1.count, 100_000 - KEYS_MAX as u64);
}

#[test]
fn what_was_written_is_there_after_a_restart_and_a_torn_line_is_not() {
    let (dir, log) = log();
    log.note(key("A", "192.0.2.7"), UnixMillis(5));
    log.note(AccessKey { kind: AccessKind::Entered, ..key("", "192.0.2.8") }, UnixMillis(6));
    log.write(UnixMillis(7)).unwrap();
    log.note(key("A", "192.0.2.7"), UnixMillis(9));
    assert_eq!(all(&log)[1].1, Tally { count: 2, first: UnixMillis(5), last: UnixMillis(9) });
    let file = dir.path().join("access/00000000000000000007.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"kind\":\"ref");
    std::fs::write(&file, text).unwrap();
    let again = AccessLog::new(dir.path().join("access"));
    let rows = all(&again);
    assert_eq!(
        rows.iter().map(|(row, _)| row.kind).collect::<Vec<_>>(),
        [AccessKind::Refused, AccessKind::Entered]
    );
    // The torn line takes nothing with it that is written after it.
    again.note(key("B", "192.0.2.9"), UnixMillis(8));
    again.write(UnixMillis(8)).unwrap();
    let again = AccessLog::new(dir.path().join("access"));
    assert!(all(&again).iter().any(|(row, tally)| row.code == "B" && tally.count == 1));
    let refused = AccessFilter { kind: Some(AccessKind::Refused), since: None };
    assert_eq!(again.rows(refused).unwrap().len(), 2);
    let later = AccessFilter { kind: None, since: Some(UnixMillis(6)) };
    assert_eq!(again.rows(later).unwrap().len(), 2);
}

/// However much comes, so many bytes and no more are kept, and nothing for longer than a month.
#[test]
fn n5_a5_7_growth_is_bounded_in_bytes_and_in_time() {
    let (dir, log) = log();
    let mut now = 0;
    let note_many = |log: &AccessLog, now: &mut u64| {
        for n in 0..2000 {
            log.note(key("A", &format!("{n}.{now}.{}", "x".repeat(400))), UnixMillis(*now));
        }
        *now += 10_000;
        log.write(UnixMillis(*now)).unwrap();
    };
    for _ in 0..120 {
        note_many(&log, &mut now);
    }
    let most = (FILES_MAX as u64) * (FILE_BYTES_MAX + 2000 * 700);
    assert!(size(dir.path()) <= most, "{} bytes of {most}", size(dir.path()));
    assert!(size(dir.path()) > most / 4, "so much was written that some had to go");
    // A month and a day later, what is older goes with the next file that is full.
    now += KEPT_MS + 24 * 3_600_000;
    for _ in 0..10 {
        note_many(&log, &mut now);
    }
    let oldest = all(&log).iter().map(|(_, tally)| tally.last.0).min().unwrap();
    assert!(oldest + KEPT_MS >= now - 200_000, "the oldest is of {oldest}, now is {now}");
}

#[test]
fn what_cannot_be_written_is_counted_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("access"), "in the way").unwrap();
    let log = AccessLog::new(dir.path().join("access"));
    log.note(key("A", "192.0.2.7"), UnixMillis(5));
    assert!(log.write(UnixMillis(6)).is_err());
    log.note(key("A", "192.0.2.7"), UnixMillis(7));
    std::fs::remove_file(dir.path().join("access")).unwrap();
    log.write(UnixMillis(8)).unwrap();
    assert_eq!(all(&log)[0].1.count, 2);
}
