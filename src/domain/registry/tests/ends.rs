//! Grants with an end, and what lies beneath them (N16).

use super::{
    who::{HOUR, OWNER, token_id, told},
    *,
};

fn until(house: &House, n: u8) -> Option<u64> {
    Some(house.state.grant(device(n), Role::Operator)?.ends.as_ref()?.at.0)
}

#[test]
fn n16_a16_1_a_grant_for_a_while_falls_back_to_the_one_before() {
    for before in [None, Some("read")] {
        let mut house = House::with_an_owner();
        before.map(|scopes| house.paired(1, scopes));
        let session = before.map(|scopes| session::Session {
            standing: house.session(1, scopes),
            asked: ScopeSet::empty(),
            cap: None,
            locality: Locality::Elsewhere,
        });
        let terms = house.for_a_while();
        let end = terms.until.unwrap();
        house.grant_more(1, "read write", terms);
        assert_eq!(house.held(1), Some(set("read write")), "{before:?}");
        assert_eq!(house.sweep(UnixMillis(end.0 - 1)), 0, "too early");
        assert_eq!(house.sweep(end), 1, "{before:?}");
        assert_eq!(house.held(1), before.map(set), "without a new pairing");
        assert_eq!(house.sweep(end.plus(HOUR)), 0, "once");
        if let Some(session) = session {
            let now = house.state.reassess(&session).expect("the live session stays");
            assert_eq!(now.scopes, set("read"), "and is narrowed");
        }
    }
}

#[test]
fn n16_a16_2_a_grant_is_for_good_unless_someone_says_otherwise() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    assert_eq!(until(&house, 1), None);
    house.request(ask(2, "read")).unwrap();
    let over = Terms { until: Some(house.now()), ..Terms::default() };
    assert_eq!(told(&house.approve_on(&host(), 2, over)), "ALREADY_OVER");
}

#[test]
fn n16_a16_3_the_last_admin_does_not_expire() {
    for (others, ended) in [("nobody", 0), ("another for a while", 1), ("an owner", 2)] {
        let mut house = House::new();
        let late = UnixMillis(10 * HOUR);
        let terms = house.for_a_while();
        house.grant_more(1, "admin", terms);
        if others != "nobody" {
            let until = Some(house.now().plus(HOUR));
            house.service_token(2, "admin", until);
        }
        if others == "an owner" {
            house.paired(OWNER, "admin");
        }
        assert_eq!(house.sweep(late), ended, "{others}");
        assert_eq!(house.sweep(late), 0, "{others}, again");
        assert_ne!(house.state.provided(), Admins::Nobody, "{others}");
        if others != "an owner" {
            house.paired(OWNER, "admin");
            assert_eq!(house.sweep(late), 1, "{others}: once somebody else is there, it ends");
        }
    }
}

#[test]
fn n16_a16_3_a_token_that_is_held_back_still_lets_in() {
    let mut house = House::new();
    let until = house.now().plus(HOUR);
    house.service_token(1, "admin", Some(until));
    let present = |house: &House| house.state.present(token(1), None, until);
    assert_eq!(present(&house), Ok(token_id(1)), "nobody else could give another");
    house.paired(OWNER, "admin");
    assert_eq!(present(&house).unwrap_err().code(), "SERVICE_TOKEN_EXPIRED");
}

#[test]
fn what_is_given_for_good_lies_beneath_what_ends() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(1, "approvals", terms);
    house.grant_more(1, "talk", Terms::default());
    assert_eq!(house.held(1), Some(set("read approvals talk")));
    assert_eq!(until(&house, 1), Some(end.0), "not made longer");
    house.sweep(end);
    assert_eq!(house.held(1), Some(set("read talk")), "and nothing of it is left");
}

#[test]
fn asked_again_for_good_what_ended_is_for_good() {
    let mut house = House::with_an_owner();
    let terms = house.for_a_while();
    house.grant_more(1, "approvals", terms);
    let moved =
        Ask { reason: PairingReason::MetadataUpgrade, ..as_request(9, ask(1, "approvals")) };
    house.request(moved).unwrap();
    house.approve(&host(), 9).unwrap();
    assert_eq!(until(&house, 1), None);
}

#[test]
fn nothing_gets_a_later_end_by_something_else_that_is_given() {
    let hours = |n: u64| n * HOUR;
    for (first, then, asked, expected) in [
        (1, 2, "talk", 1),
        (2, 1, "talk", 1),
        // Asked for again, it is given anew.
        (1, 2, "approvals talk", 2),
        (2, 1, "approvals talk", 1),
    ] {
        let mut house = House::with_an_owner();
        let terms = |n| Terms { until: Some(UnixMillis(hours(n))), ..Terms::default() };
        house.grant_more(1, "approvals", terms(first));
        house.grant_more(1, asked, terms(then));
        assert_eq!(until(&house, 1), Some(hours(expected)), "{first} h, then {asked} for {then} h");
        assert_eq!(house.held(1), Some(set("approvals talk")), "{first} {then} {asked}");
    }
}

#[test]
fn what_was_rotated_away_does_not_come_back_by_an_end() {
    let mut house = House::with_an_owner();
    house.paired(1, "read write");
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(1, "approvals", terms);
    let (device, role, scopes) = (device(1), Role::Operator, Some(set("read approvals")));
    let rotate = Command::RotateToken { device, role, scopes, token: token(9) };
    house.run(&host(), Operation::RotateToken, rotate).unwrap();
    house.sweep(end);
    assert_eq!(house.held(1), Some(set("read")));
}

/// What ends would live on in what it gave.
#[test]
fn nobody_gives_for_longer_than_they_hold_it() {
    type Gift = fn(&mut House, &Standing, Option<UnixMillis>) -> Result<Vec<Event>, Refusal>;
    let gifts: [(&str, Gift); 4] = [
        ("approval", |house, who, until| {
            house.request(ask(2, "write")).unwrap();
            house.approve_on(who, 2, Terms { until, ..Terms::default() })
        }),
        ("service token", |house, who, until| {
            let new = service_token::NewToken { until, ..house.new_token(3, "write") };
            house.create(who, new)
        }),
        ("another's service token", |house, who, until| {
            house.service_token(4, "write", until);
            let command = Command::RotateServiceToken { id: token_id(4), token: token(44) };
            house.run(who, Operation::RotateServiceToken, command)
        }),
        ("a wider rotation", |house, who, until| {
            let terms = Terms { until, ..Terms::default() };
            house.grant_more(2, "read write", terms);
            for (who, scopes) in [(&host(), "read"), (who, "read write")] {
                let (device, role, scopes) = (device(2), Role::Operator, Some(set(scopes)));
                let command = Command::RotateToken { device, role, scopes, token: token(9) };
                let outcome = house.run(who, Operation::RotateToken, command);
                if who.principal != host().principal {
                    return outcome;
                }
            }
            unreachable!("the last one returns")
        }),
    ];
    let missing = "BEYOND_APPROVER operator.write";
    for (what, give) in gifts {
        for (giver, length, expected) in [
            ("for an hour", Some(HOUR / 2), "1"),
            ("for an hour", Some(2 * HOUR), missing),
            ("for an hour", None, missing),
            ("for good beneath", None, "1"),
            ("for good", None, "1"),
        ] {
            let mut house = House::with_an_owner();
            let terms = house.for_a_while();
            match giver {
                "for an hour" => house.grant_more(1, "admin", terms),
                "for good" => drop(house.paired(1, "admin")),
                _ => {
                    house.paired(1, "pairing write read");
                    house.grant_more(1, "admin", terms);
                }
            }
            let who = house.session(1, "admin");
            let until = length.map(|length| house.now().plus(length));
            let outcome = give(&mut house, &who, until);
            assert_eq!(told(&outcome), expected, "{giver} gives {what} for {length:?}");
        }
    }
}

#[test]
fn whoever_holds_it_for_a_while_makes_no_code_no_secret_and_lifts_no_ceiling() {
    let mut house = House::with_an_owner();
    house.start(Policy {
        ceilings: [("reader".to_owned(), set("read"))].into_iter().collect(),
        ..policy()
    });
    house.paired(2, "write");
    house.assign(&host(), 2, Some("reader")).unwrap();
    let terms = house.for_a_while();
    house.grant_more(1, "admin", terms);
    let who = house.session(1, "admin");
    let rotate = Command::RotateSecret { kind: SecretKind::Token, fingerprint: token(77) };
    for (what, outcome) in [
        ("code", house.make_code(&who, 1, Access::Full)),
        ("node's code", house.make_code(&who, 2, Access::Node)),
        ("secret", house.run(&who, Operation::RotateSecret, rotate)),
        ("ceiling", house.assign(&who, 2, None)),
    ] {
        assert!(told(&outcome).starts_with("BEYOND_APPROVER"), "{what}: {}", told(&outcome));
    }
    assert_eq!(told(&house.assign(&who, 2, Some(Policy::AUDITOR))), "1", "taking away is allowed");
}

#[test]
fn the_last_admin_may_give_what_it_cannot_lose() {
    let mut house = House::new();
    let terms = house.for_a_while();
    house.grant_more(1, "admin", terms);
    let who = house.session(1, "admin");
    house.request(ask(2, "admin")).unwrap();
    assert_eq!(told(&house.approve(&who, 2)), "1");
}

#[test]
fn n12_a_device_enrolled_for_one_connection_vanishes_and_nobody_turned_it_down() {
    let ephemeral = || Terms { ephemeral: true, ..Terms::default() };
    let end = |house: &mut House| {
        let rule = Standing::system(Rule::Expiry);
        house.run(&rule, Operation::EndGrant, Command::EndEnrolment { device: device(1) })
    };
    let mut house = House::with_an_owner();
    house.grant_more(1, "read", ephemeral());
    house.request(as_request(2, ask(1, "write"))).unwrap();
    assert_eq!(told(&end(&mut house)), "2", "with what it asked for");
    assert_eq!(house.state.device(device(1)), None);
    assert!(!house.state.is_barred(device(1)));
    // Who is here for good stays, whatever was said of something more.
    house.paired(1, "read");
    house.grant_more(1, "write", ephemeral());
    assert_eq!(told(&end(&mut house)), "0");
    // Nor does a rule make it stay.
    house = House::with_an_owner();
    house.grant_more(1, "read", ephemeral());
    let local = Ask { locality: Locality::DirectLoopback, ..as_request(3, ask(1, "write")) };
    house.approve_locally(local).unwrap();
    assert_eq!(told(&end(&mut house)), "1");
    // A person does.
    house.grant_more(1, "read", ephemeral());
    house.grant_more(1, "write", Terms::default());
    assert_eq!(told(&end(&mut house)), "0");
}

#[test]
fn the_last_admin_does_not_vanish_either() {
    let mut house = House::new();
    house.grant_more(1, "admin", Terms { ephemeral: true, ..Terms::default() });
    let rule = Standing::system(Rule::Expiry);
    let end = Command::EndEnrolment { device: device(1) };
    assert_eq!(told(&house.run(&rule, Operation::EndGrant, end)), "0");
}

#[test]
fn whoever_holds_it_for_a_while_replaces_no_ceiling_for_good_by_an_approval() {
    for (until, named, expected) in [
        (None, "worker", "BEYOND_APPROVER operator.pairing"),
        (Some(0), "worker", "1"),
        (Some(1), "worker", "BEYOND_APPROVER operator.pairing"),
        (None, Policy::AUDITOR, "BEYOND_APPROVER operator.audit"),
        (None, "reader", "1"),
    ] {
        let mut house = House::with_an_owner();
        let roles = [("reader", "read"), ("worker", "read pairing")];
        let ceilings = roles.map(|(name, most)| (name.to_owned(), set(most)));
        house.start(Policy { ceilings: ceilings.into_iter().collect(), ..policy() });
        house.paired(2, "admin");
        house.assign(&host(), 2, Some("reader")).unwrap();
        let terms = house.for_a_while();
        house.grant_more(1, "admin", terms.clone());
        house.request(as_request(9, ask(2, "pairing"))).unwrap();
        let until = until.and_then(|later| Some(terms.until?.plus(later)));
        let terms = Terms { until, ceiling: Some(named.into()), ..Terms::default() };
        let outcome = house.approve_on(&house.session(1, "admin"), 9, terms);
        assert_eq!(told(&outcome), expected, "{named} until {until:?}");
    }
}
