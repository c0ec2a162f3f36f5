//! Who is warned of what, when, and how often (N16 A16.2).

use super::{
    super::warning::{Warnings, thresholds_passed},
    who::{HOUR, token_id},
    *,
};
use crate::domain::principal::Subject;

const DAY: u64 = 24 * HOUR;

#[test]
fn n16_a16_2_thresholds_row_by_row() {
    for (whole, left, expected) in [
        (10 * HOUR, 10 * HOUR, 0),
        (10 * HOUR, HOUR + 1, 0),
        (10 * HOUR, HOUR, 1),
        (10 * HOUR, 0, 1),
        // Of what is given for a day, the last day says nothing.
        (DAY, DAY, 0),
        (DAY, DAY / 10, 1),
        (DAY + 1, DAY + 1, 0),
        (DAY + 1, DAY, 1),
        (2 * DAY, DAY, 1),
        (2 * DAY, DAY / 5, 2),
        // Of what is given for long, the tenth comes first.
        (90 * DAY, 9 * DAY + 1, 0),
        (90 * DAY, 9 * DAY, 1),
        (90 * DAY, DAY, 2),
    ] {
        let (from, until) = (UnixMillis(7 * HOUR), UnixMillis(7 * HOUR + whole));
        let passed = thresholds_passed(from, until, UnixMillis(until.0 - left));
        assert_eq!(passed, expected, "{whole} {left}");
    }
    let (late, early) = (UnixMillis(5), UnixMillis(3));
    assert_eq!(thresholds_passed(early, late, UnixMillis(9)), 1, "over");
}

#[test]
fn n16_a16_2_each_threshold_is_told_once() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    let until = house.now().plus(2 * DAY);
    house.grant_more(2, "read", Terms { until: Some(until), ..Terms::default() });
    let by_rename = Command::RenameDevice { device: device(2), label: "guest".into() };
    house.run(&host(), Operation::RenameDevice, by_rename).unwrap();
    house.service_token(3, "read", Some(until.plus(DAY)));
    let mut warnings = Warnings::default();
    let device = ("guest", Subject::Device(device(2), Role::Operator), until);
    let token = ("token 3", Subject::Token(token_id(3)), until.plus(DAY));
    for (left, expected) in [
        (2 * DAY, vec![]),
        (DAY + 1, vec![]),
        (DAY, vec![&device]),
        (DAY - 1, vec![]),
        // Of what was given a few records after the clock was read.
        (DAY / 5 - 100, vec![&device]),
        (DAY / 5 - 101, vec![]),
        // A clock that is set back begins nothing anew.
        (2 * DAY, vec![]),
        (1, vec![]),
        (0, vec![&token]),
    ] {
        let told = warnings.due(&house.state, UnixMillis(until.0 - left));
        let told: Vec<_> =
            told.into_iter().map(|it| (it.name.unwrap(), it.subject, it.until)).collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, subject, until)| ((*name).to_owned(), subject.clone(), *until))
            .collect();
        assert_eq!(told, expected, "{left} before the end of the device");
    }
    // After a restart, the two that were passed are one warning.
    let late = UnixMillis(until.0 - 1);
    let again = Warnings::default().due(&house.state, late);
    assert_eq!(again.len(), 1, "{again:?}");
    // What is given anew is warned of anew.
    assert_eq!(house.sweep(until), 1);
    let later = until.plus(10 * DAY);
    house.grant_more(2, "read", Terms { until: Some(later), ..Terms::default() });
    assert_eq!(warnings.due(&house.state, later), [], "over");
    let told = warnings.due(&house.state, UnixMillis(later.0 - DAY));
    assert_eq!(told.iter().map(|it| it.until).collect::<Vec<_>>(), [later]);
}

/// N16 A16.3: what does not end is no reason to warn, until it does.
#[test]
fn nobody_is_warned_of_the_last_admin() {
    let mut house = House::new();
    let until = house.now().plus(HOUR);
    house.grant_more(1, "admin", Terms { until: Some(until), ..Terms::default() });
    let mut warnings = Warnings::default();
    let late = UnixMillis(until.0 - 1);
    assert_eq!(warnings.due(&house.state, late), []);
    house.paired(2, "admin");
    assert_eq!(warnings.due(&house.state, late).len(), 1);
    assert_eq!(warnings.due(&house.state, late), []);
}
