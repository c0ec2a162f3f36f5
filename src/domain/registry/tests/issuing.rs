//! Handing out device tokens (N4).

use super::{
    who::{OWNER, told},
    *,
};

fn issue(
    house: &mut House,
    who: &Standing,
    n: u8,
    renewal: Renewal,
) -> Result<Vec<Event>, Refusal> {
    let command = Command::IssueToken { role: Role::Operator, token: token(n), renewal };
    house.run(who, Operation::IssueToken, command)
}

fn confirm(house: &mut House, who: &Standing, n: u8) -> Result<Vec<Event>, Refusal> {
    let command = Command::ConfirmToken { role: Role::Operator, token: token(n) };
    house.run(who, Operation::ConfirmToken, command)
}

fn rotate(house: &mut House, who: &Standing, n: u8) {
    let (device, role, scopes) = (device(1), Role::Operator, None);
    let command = Command::RotateToken { device, role, scopes, token: token(n) };
    house.run(who, Operation::RotateToken, command).unwrap();
}

/// Which of the tokens 10 to 19 still open the door to device 1.
fn good(house: &House) -> Vec<u8> {
    let grant = house.state.grant(device(1), Role::Operator);
    (10..20).filter(|n| grant.is_some_and(|grant| grant.is_token(token(*n)))).collect()
}

#[test]
fn only_the_device_itself_in_that_role_gets_a_token() {
    for (caller, issued, confirmed) in [
        ("own:read", "1", "0"),
        ("own:", "1", "0"),
        ("node", "WRONG_ROLE", "WRONG_ROLE"),
        ("applicant", "GRANT_ENDED", "GRANT_ENDED"),
        ("host", "GRANT_ENDED", "GRANT_ENDED"),
        ("secret:admin", "DEVICE_IDENTITY_REQUIRED", "DEVICE_IDENTITY_REQUIRED"),
        ("token:admin", "DEVICE_IDENTITY_REQUIRED", "DEVICE_IDENTITY_REQUIRED"),
        ("person:admin", "DEVICE_IDENTITY_REQUIRED", "DEVICE_IDENTITY_REQUIRED"),
    ] {
        let mut house = House::with_an_owner();
        house.paired(1, "read write");
        let who = house.caller(caller);
        assert_eq!(told(&issue(&mut house, &who, 10, Renewal::No)), issued, "{caller}");
        assert_eq!(told(&confirm(&mut house, &who, 10)), confirmed, "{caller}");
    }
}

#[test]
fn n4_a4_2_the_old_token_is_good_until_the_new_one_was_used() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    let admin = house.session(OWNER, "admin");
    let retired = |n| Renewal::Retired(token(n));
    for (what, expected, good_now) in [
        ("issue 10", "1", vec![10]),
        ("issue 11", "0", vec![10]),
        ("renew 11 with 10", "0", vec![10]),
        ("own rotation to 11", "", vec![10, 11]),
        ("confirm 10", "0", vec![10, 11]),
        // The answer was lost: the old one fetches another.
        ("renew 12 with 10", "1", vec![10, 11, 12]),
        ("renew 13 with 9", "0", vec![10, 11, 12]),
        ("confirm 12", "1", vec![12]),
        ("confirm 12", "0", vec![12]),
        ("renew 13 with 10", "0", vec![12]),
        // Somebody else rotates: the device fetches its token when it comes.
        ("other's rotation", "", vec![12]),
        ("renew 13 with 12", "1", vec![12, 13]),
        ("confirm 13", "1", vec![13]),
    ] {
        let words: Vec<_> = what.split(' ').collect();
        let number = |at: usize| words[at].parse::<u8>().unwrap();
        let outcome = match words[0] {
            "issue" => told(&issue(&mut house, &own, number(1), Renewal::No)),
            "renew" => told(&issue(&mut house, &own, number(1), retired(number(3)))),
            "confirm" => told(&confirm(&mut house, &own, number(1))),
            "own" => {
                rotate(&mut house, &own, number(3));
                String::new()
            }
            _ => {
                rotate(&mut house, &admin, 19);
                String::new()
            }
        };
        assert_eq!((outcome.as_str(), good(&house)), (expected, good_now), "{what}");
    }
}

#[test]
fn a_token_of_before_is_dead_once_the_grant_was_revoked() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    issue(&mut house, &own, 10, Renewal::No).unwrap();
    rotate(&mut house, &own, 11);
    let (device, role, force) = (device(1), Role::Operator, None);
    let revoke = Command::RevokeToken { device, role, force };
    house.run(&host(), Operation::RevokeToken, revoke).unwrap();
    assert_eq!(good(&house), Vec::<u8>::new());
    let again = house.paired_again(1, "read");
    assert_eq!(good(&house), Vec::<u8>::new(), "and stays dead when it is approved again");
    let renewal = Renewal::Retired(token(10));
    assert_eq!(told(&issue(&mut house, &again, 12, renewal)), "1", "as one without a token");
    assert_eq!(good(&house), vec![12]);
}

/// A token is worth all that its grant holds, so a session with less gets no other one for nothing.
#[test]
fn an_upgrade_brings_one_token_and_a_narrow_session_no_more() {
    let mut house = House::with_an_owner();
    let narrow = house.paired(1, "read");
    issue(&mut house, &narrow, 10, Renewal::No).unwrap();
    house.grant_more(1, "write pairing", Terms::default());
    let upgraded =
        |house: &mut House, who: &Standing, n| told(&issue(house, who, n, Renewal::Upgraded));
    assert_eq!(upgraded(&mut house, &narrow, 11), "1", "its grant grew");
    assert_eq!(good(&house), vec![10, 11], "the old one dies when the new one was used");
    assert_eq!(upgraded(&mut house, &narrow, 12), "1", "the answer was lost");
    confirm(&mut house, &narrow, 12).unwrap();
    assert_eq!(upgraded(&mut house, &narrow, 13), "BEYOND_APPROVER operator.write");
    let whole = house.session(1, "read write pairing");
    assert_eq!(upgraded(&mut house, &whole, 13), "1");
    confirm(&mut house, &narrow, 13).unwrap();
    // What was given beneath a grant with an end is growth, too.
    let terms = house.for_a_while();
    house.grant_more(1, "talk.secrets", terms);
    assert_eq!(upgraded(&mut house, &narrow, 14), "1");
    confirm(&mut house, &narrow, 14).unwrap();
    house.grant_more(1, "approvals", Terms::default());
    assert_eq!(upgraded(&mut house, &narrow, 15), "1");
    confirm(&mut house, &narrow, 15).unwrap();
    assert_eq!(upgraded(&mut house, &narrow, 16), "BEYOND_APPROVER operator.write");
}

/// Where a session may not fetch the token by itself, asking again leads to somebody who can say so.
#[test]
fn a_narrow_session_asks_for_what_its_device_holds_and_needs_a_person_only_where_nothing_is_due() {
    for (session, used, asks) in [
        ("read write", true, false),
        ("read", false, false),
        ("read", true, true),
        ("", true, true),
    ] {
        let mut house = House::with_an_owner();
        let whole = house.paired(1, "read write");
        issue(&mut house, &whole, 10, Renewal::No).unwrap();
        rotate(&mut house, &whole, 11);
        if used {
            confirm(&mut house, &whole, 11).unwrap();
        }
        let who = house.session(1, session);
        let ask = Ask { request_id: request(2), ..ask(1, "read write") };
        let upgrade = Command::RequestPairing(Box::new(ask.clone()));
        let requested = house.run(&who, Operation::RequestPairing, upgrade).unwrap();
        assert_eq!(requested.len(), usize::from(asks), "{session}, {used}");
        if asks {
            house.approve(&host(), 2).unwrap();
        }
        assert_eq!(told(&issue(&mut house, &who, 12, Renewal::Upgraded)), "1", "{session}");
        assert_eq!(house.request(ask).unwrap(), vec![], "at the door nobody has to say anything");
    }
}

#[test]
fn a_grant_that_fell_back_keeps_its_token() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    issue(&mut house, &own, 10, Renewal::No).unwrap();
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(1, "write", terms);
    house.sweep(end);
    assert_eq!(good(&house), vec![10]);
}

#[test]
fn a_bearer_is_the_current_token_of_an_operator_and_no_other() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    house.node(2);
    let node = Standing::applicant(device(2), Role::Node);
    let node = Standing { principal: Principal::Device(device(2), Role::Node), ..node };
    issue(&mut house, &own, 10, Renewal::No).unwrap();
    house
        .run(
            &node,
            Operation::IssueToken,
            Command::IssueToken { role: Role::Node, token: token(20), renewal: Renewal::No },
        )
        .unwrap();
    let whose = |house: &House, n| house.state.bearer(token(n));
    assert_eq!([10, 11, 20].map(|n| whose(&house, n)), [Some(device(1)), None, None]);
    rotate(&mut house, &own, 11);
    assert_eq!([10, 11].map(|n| whose(&house, n)), [None, Some(device(1))]);
}
