//! What is known about a device beside what it holds, and the shared secret.

use super::{
    who::{OWNER, told},
    *,
};

#[test]
fn n12_who_may_name_whom() {
    for (caller, n, expected) in [
        ("host", 1, "1"),
        ("host", 3, "UNKNOWN_DEVICE"),
        ("device:admin", 1, "1"),
        ("device:pairing", 1, "NOT_YOUR_DEVICE"),
        ("own:", 1, "1"),
        ("own:", OWNER, "NOT_YOUR_DEVICE"),
        ("node", 1, "1"),
        ("secret:pairing", 1, "1"),
        ("secret:write", 1, "MISSING_SCOPE operator.pairing"),
        ("token:pairing", 1, "1"),
        ("person:pairing", 1, "1"),
        ("applicant", 1, "MISSING_SCOPE operator.pairing"),
    ] {
        let mut house = House::with_an_owner();
        house.paired(1, "read");
        let who = house.caller(caller);
        let command = || Command::RenameDevice { device: device(n), label: "kitchen".into() };
        let outcome = house.run(&who, Operation::RenameDevice, command());
        assert_eq!(told(&outcome), expected, "{caller} names {n}");
        if outcome.is_ok() {
            let again = house.run(&who, Operation::RenameDevice, command());
            assert_eq!(told(&again), "0", "{caller}: it has that name already");
        }
    }
}

#[test]
fn a_name_survives_what_a_device_says_and_a_new_approval() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    let rename = Command::RenameDevice { device: device(1), label: "kitchen".into() };
    house.run(&host(), Operation::RenameDevice, rename).unwrap();
    let own = house.session(1, "read");
    let profile = Profile { display_name: Some("x".into()), ..Profile::default() };
    house.run(&own, Operation::DescribeDevice, Command::Describe { profile }).unwrap();
    house.grant_more(1, "write", Terms::default());
    assert_eq!(house.state.device(device(1)).unwrap().label.as_deref(), Some("kitchen"));
}

#[test]
fn n4_a4_3_what_a_device_says_of_itself_is_one_event_and_no_approval() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    let before = house.state.grant(device(1), Role::Operator).cloned();
    let profile = || Profile { version: "2".into(), platform: "ios".into(), ..Profile::default() };
    for expected in ["1", "0"] {
        let command = Command::Describe { profile: profile() };
        assert_eq!(told(&house.run(&own, Operation::DescribeDevice, command)), expected);
    }
    assert_eq!(house.state.device(device(1)).unwrap().profile, profile());
    assert_eq!(house.state.grant(device(1), Role::Operator).cloned(), before);
    let seen = house.run(&own, Operation::DescribeDevice, Command::NoteSeen);
    assert_eq!(told(&seen), "1");
    for (who, expected) in [
        (Standing::applicant(device(3), Role::Operator), "UNKNOWN_DEVICE"),
        (house.shared("admin"), "DEVICE_IDENTITY_REQUIRED"),
        (host(), "DEVICE_IDENTITY_REQUIRED"),
    ] {
        for command in [Command::Describe { profile: profile() }, Command::NoteSeen] {
            let outcome = house.run(&who, Operation::DescribeDevice, command);
            assert_eq!(told(&outcome), expected, "{who:?}");
        }
    }
}

#[test]
fn n10_a10_2_who_may_replace_the_shared_secret() {
    for (caller, expected) in [
        ("host", "1"),
        ("device:admin", "1"),
        ("device:pairing write", "MISSING_SCOPE operator.admin"),
        ("secret:admin", "1"),
        ("token:admin", "1"),
        ("token:pairing", "MISSING_SCOPE operator.admin"),
        ("person:admin", "1"),
        ("node", "WRONG_ROLE"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        let rotate = |n| Command::RotateSecret { kind: SecretKind::Token, fingerprint: token(n) };
        let outcome = house.run(&who, Operation::RotateSecret, rotate(77));
        assert_eq!(told(&outcome), expected, "{caller}");
        let fingerprint = house.state.secret().unwrap().fingerprint;
        assert_eq!(fingerprint == token(77), outcome.is_ok(), "{caller}");
    }
}

#[test]
fn a_secret_that_is_in_force_already_changes_nothing() {
    let mut house = House::new();
    for (kind, n, expected) in [
        (SecretKind::Token, 9, "0"),
        (SecretKind::Password, 9, "1"),
        (SecretKind::Password, 10, "1"),
        (SecretKind::Password, 10, "0"),
    ] {
        let command = Command::RotateSecret { kind, fingerprint: token(n) };
        let outcome = house.run(&host(), Operation::RotateSecret, command);
        assert_eq!(told(&outcome), expected, "{kind:?} {n}");
    }
}
