//! How values are said to people.
//!
//! What a device says about itself goes through [`plain`] before it reaches a terminal: a name can
//! hold escape sequences, and a list of devices is where one would be tried.

pub use super::super::record::names::{auth_mode, hex, role, transport};
use crate::{
    domain::{registry::warning::thresholds_passed, time::UnixMillis},
    proto::v1::{ApprovedBy, PairingReason, Principal, Scopes, Via, principal::Kind},
};

/// The longest name of a stranger that is shown, in characters: what fits into a column.
const PLAIN_MAX: usize = 40;

/// The longest sentence of a stranger that is shown, in characters.
const LINE_MAX: usize = 400;

/// A stranger's text, safe to print: one line, no control or direction characters, not too long.
pub fn plain(text: &str) -> String {
    safe(text, PLAIN_MAX)
}

/// As [`plain`], for a sentence.
pub fn line(text: &str) -> String {
    safe(text, LINE_MAX)
}

fn safe(text: &str, length: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(length)
        .map(|c| if c.is_control() || hides(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(length).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that reorder or hide what is beside them.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The beginning of an id, enough to tell devices apart by eye; commands take request ids only.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// A fingerprint in groups of eight, to compare with what another screen shows.
pub fn grouped(id: &str) -> String {
    let groups: Vec<_> = id.as_bytes().chunks(8).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

/// A point in time, in UTC.
pub fn time(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a day counted from 1970-01-01, by whole years and then months.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    // 146,097 days are 400 years exactly.
    let mut year = 1970 + days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}

/// A span of time, in its two largest units.
pub fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// How long ago something was.
pub fn ago(then_ms: u64, now_ms: u64) -> String {
    format!("{} ago", span(now_ms.saturating_sub(then_ms)))
}

/// Scopes with their full names; `(none)` if there are none.
pub fn scopes(scopes: Option<&Scopes>) -> String {
    match scopes {
        Some(scopes) if !scopes.names.is_empty() => scopes.names.join(" "),
        _ => "(none)".into(),
    }
}

/// Scopes for a narrow column: `operator.` is left out, which the head of the column says.
pub fn scopes_short(scopes: Option<&Scopes>) -> String {
    let names = scopes.map(|scopes| scopes.names.as_slice()).unwrap_or_default();
    if names.is_empty() {
        return "-".into();
    }
    let short: Vec<_> =
        names.iter().map(|name| name.strip_prefix("operator.").unwrap_or(name)).collect();
    short.join(" ")
}

/// Why a device has to ask, in the protocol's words.
pub fn reason(reason: i32) -> &'static str {
    match PairingReason::try_from(reason) {
        Ok(PairingReason::NotPaired) => "not-paired",
        Ok(PairingReason::RoleUpgrade) => "role-upgrade",
        Ok(PairingReason::ScopeUpgrade) => "scope-upgrade",
        Ok(PairingReason::MetadataUpgrade) => "metadata-upgrade",
        Ok(PairingReason::Unspecified) | Err(_) => "unknown",
    }
}

/// On whose word.
pub fn approved_by(by: i32) -> &'static str {
    match ApprovedBy::try_from(by) {
        Ok(ApprovedBy::Host) => "host",
        Ok(ApprovedBy::Operator) => "operator",
        Ok(ApprovedBy::LocalPolicy) => "local-policy",
        Ok(ApprovedBy::TrustedCidr) => "trusted-cidr",
        Ok(ApprovedBy::KeyList) => "key-list",
        Ok(ApprovedBy::SetupCode) => "setup-code",
        Ok(ApprovedBy::Unspecified) | Err(_) => "unknown",
    }
}

/// A time that long from now, by this machine's clock, in milliseconds since the Unix epoch.
pub fn from_now(span: std::time::Duration) -> u64 {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    crate::support::clock::unix_millis().saturating_add(ms)
}

/// Whether what was given at `from_ms` and ends at `at_ms` is about to (N16 A16.2).
pub fn ends_soon(from_ms: u64, at_ms: u64, now_ms: u64) -> bool {
    thresholds_passed(UnixMillis(from_ms), UnixMillis(at_ms), UnixMillis(now_ms)) > 0
}

/// By which door, and from where.
pub fn via(via: Option<&Via>) -> String {
    let Some(via) = via else { return "unknown".into() };
    let door = transport(via.transport);
    via.address.as_ref().map_or_else(|| door.into(), |address| format!("{door} {}", plain(address)))
}

/// Who did it.
pub fn principal(principal: Option<&Principal>) -> String {
    match principal.and_then(|principal| principal.kind.as_ref()) {
        Some(Kind::Host(host)) => format!("host uid {}", host.uid),
        Some(Kind::SharedSecret(secret)) => format!("shared {}", auth_mode(secret.proof)),
        Some(Kind::Open(_)) => "anyone".into(),
        Some(Kind::Device(device)) => {
            format!("{} {}", role(device.role), short(&device.device_id))
        }
        Some(Kind::Applicant(applicant)) => format!("applicant {}", short(&applicant.device_id)),
        Some(Kind::System(system)) => format!("rule {}", plain(&system.rule)),
        Some(Kind::ServiceToken(token)) => format!("token {}", short(&token.token_id)),
        Some(Kind::Person(person)) => format!("person {}", plain(&person.name)),
        None => "unknown".into(),
    }
}

/// A path as a shell takes it.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_cannot_move_the_cursor() {
        for (text, expected) in [
            ("Kitchen iPad", "Kitchen iPad"),
            ("Küche", "Küche"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("a\nb\tc", "a\u{fffd}b\u{fffd}c"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("\u{9b}31m", "\u{fffd}31m"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
        assert_eq!(plain(&"x".repeat(41)).chars().count(), 41);
        assert!(plain(&"x".repeat(4100)).ends_with("x…"));
    }

    #[test]
    fn times_row_by_row() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_000, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(time(ms), expected, "{ms}");
        }
    }

    #[test]
    fn what_is_about_to_end() {
        const HOUR: u64 = 3_600_000;
        for (whole, left, expected) in [
            (10 * HOUR, 2 * HOUR, false),
            (10 * HOUR, HOUR, true),
            (72 * HOUR, 25 * HOUR, false),
            (72 * HOUR, 24 * HOUR, true),
            (HOUR, 0, true),
        ] {
            let (from, at) = (5 * HOUR, 5 * HOUR + whole);
            assert_eq!(ends_soon(from, at, at - left), expected, "{whole} {left}");
        }
    }

    #[test]
    fn spans_row_by_row() {
        for (ms, expected) in [
            (999, "0s"),
            (59_999, "59s"),
            (61_000, "1m 1s"),
            (3_600_000, "1h 0m"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(span(ms), expected, "{ms}");
        }
        assert_eq!(ago(5_000, 4_000), "0s ago", "a clock that was set back shows no underflow");
    }

    #[test]
    fn a_path_survives_the_shell() {
        for (path, expected) in [
            ("/var/lib/doorward", "/var/lib/doorward"),
            ("/my dir", "'/my dir'"),
            ("/it's", r"'/it'\''s'"),
            ("/a$b", "'/a$b'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(path), expected);
        }
    }
}
