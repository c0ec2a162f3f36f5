//! Rotating a device's token.

use super::{
    who::{OWNER, told},
    *,
};

fn rotate(
    house: &mut House,
    who: &Standing,
    n: u8,
    role: Role,
    scopes: Option<&str>,
) -> Result<Vec<Event>, Refusal> {
    let (device, scopes, token) = (device(n), scopes.map(set), token(99));
    let command = Command::RotateToken { device, role, scopes, token };
    house.run(who, Operation::RotateToken, command)
}

#[test]
fn n4_who_may_rotate_what() {
    let (operator, node) = (Role::Operator, Role::Node);
    // Device 1 holds `read write`, was approved for `read write talk.secrets`, and is a node.
    for (caller, n, role, scopes, expected) in [
        ("host", 1, operator, None, "1"),
        ("host", 1, node, None, "1"),
        ("host", 1, operator, Some("read"), "1"),
        ("host", 1, operator, Some("read talk.secrets"), "1"),
        ("host", 1, operator, Some("admin"), "BEYOND_BASELINE operator.admin"),
        ("host", 3, operator, None, "UNKNOWN_DEVICE"),
        ("host", OWNER, node, None, "NO_GRANT"),
        ("device:admin", 1, operator, None, "1"),
        ("device:admin", 1, node, None, "1"),
        ("device:pairing read write", 1, operator, None, "NOT_YOUR_DEVICE"),
        ("device:read", 1, operator, None, "NOT_YOUR_DEVICE"),
        ("own:read write", 1, operator, None, "1"),
        ("own:read write", 1, operator, Some("read"), "1"),
        ("own:read", 1, operator, None, "BEYOND_APPROVER operator.write"),
        ("own:read", 1, operator, Some("read"), "1"),
        (
            "own:read",
            1,
            operator,
            Some("read talk.secrets"),
            "BEYOND_APPROVER operator.talk.secrets",
        ),
        (
            "own:read write",
            1,
            operator,
            Some("talk.secrets"),
            "BEYOND_APPROVER operator.talk.secrets",
        ),
        ("own:read write", 1, node, None, "BEYOND_APPROVER operator.admin"),
        ("own:read write", OWNER, operator, None, "NOT_YOUR_DEVICE"),
        ("node", 1, operator, None, "BEYOND_APPROVER operator.read"),
        ("node", 1, node, None, "BEYOND_APPROVER operator.admin"),
        ("secret:admin", 1, operator, None, "1"),
        ("secret:pairing write", 1, operator, None, "1"),
        ("secret:pairing", 1, operator, None, "BEYOND_APPROVER operator.read"),
        ("secret:pairing read", 1, operator, Some("read"), "1"),
        ("secret:pairing", 1, operator, Some("read"), "BEYOND_APPROVER operator.read"),
        ("secret:pairing write", 1, node, None, "BEYOND_APPROVER operator.admin"),
        ("secret:write", 1, operator, None, "MISSING_SCOPE operator.pairing"),
        ("token:pairing write", 1, operator, None, "1"),
        ("person:pairing write", 1, operator, None, "1"),
        ("applicant", 1, operator, None, "MISSING_SCOPE operator.pairing"),
    ] {
        let mut house = House::with_an_owner();
        house.paired(1, "read write talk.secrets");
        house.node(1);
        rotate(&mut house, &host(), 1, operator, Some("read write")).unwrap();
        let who = house.caller(caller);
        let outcome = rotate(&mut house, &who, n, role, scopes);
        assert_eq!(told(&outcome), expected, "{caller} rotates {n} {role:?} to {scopes:?}");
    }
}

/// Leave for one's own device is none for another, whatever became of the session meanwhile.
#[test]
fn leave_for_its_own_device_is_no_leave_for_another() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    let (device, role, force) = (device(1), Role::Operator, None);
    let revoke = Command::RevokeToken { device, role, force };
    house.run(&host(), Operation::RevokeToken, revoke).unwrap();
    for (n, expected) in [(1, "GRANT_ENDED"), (OWNER, "NOT_YOUR_DEVICE")] {
        assert_eq!(told(&rotate(&mut house, &own, n, role, None)), expected, "{n}");
    }
}

#[test]
fn the_token_goes_to_the_device_itself_and_to_nobody_else() {
    for (caller, given) in [("host", false), ("device:admin", false), ("own:read", true)] {
        let mut house = House::with_an_owner();
        house.paired(1, "read");
        let who = house.caller(caller);
        let events = rotate(&mut house, &who, 1, Role::Operator, None).unwrap();
        let [Event::TokenRotated { token: found, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(*found, given.then_some(token(99)), "{caller}");
        let held = house.state.grant(device(1), Role::Operator).unwrap();
        assert_eq!(held.token.map(|token| token.hash), given.then_some(token(99)), "{caller}");
    }
}

#[test]
fn n1_a1_7_the_last_admin_is_not_rotated_away() {
    let mut house = House::with_an_owner();
    for caller in ["host", "own:admin"] {
        let who = if caller == "host" { host() } else { house.session(OWNER, "admin") };
        let narrower = rotate(&mut house, &who, OWNER, Role::Operator, Some("read"));
        assert_eq!(told(&narrower), "LAST_ADMIN", "{caller}");
        assert_eq!(told(&rotate(&mut house, &who, OWNER, Role::Operator, None)), "1", "{caller}");
    }
    house.paired(2, "admin");
    assert_eq!(told(&rotate(&mut house, &host(), OWNER, Role::Operator, Some("read"))), "1");
}

#[test]
fn a_rotation_does_not_end_a_session_and_narrows_it() {
    let mut house = House::with_an_owner();
    let standing = house.paired(1, "read write");
    let session = session::Session {
        standing,
        asked: ScopeSet::empty(),
        cap: None,
        locality: Locality::Elsewhere,
    };
    for (scopes, expected) in [(None, "read write"), (Some("read"), "read")] {
        rotate(&mut house, &host(), 1, Role::Operator, scopes).unwrap();
        let now = house.state.reassess(&session).unwrap();
        assert_eq!(now.scopes, set(expected), "{scopes:?}");
    }
}

#[test]
fn what_a_ceiling_hides_is_not_widened_by_who_does_not_hold_it() {
    let mut house = House::with_an_owner();
    house.start(Policy {
        ceilings: [("reader".to_owned(), set("read"))].into_iter().collect(),
        ..policy()
    });
    house.paired(1, "admin");
    rotate(&mut house, &host(), 1, Role::Operator, Some("read")).unwrap();
    house.assign(&host(), 1, Some("reader")).unwrap();
    let own = house.session(1, "read");
    let outcome = rotate(&mut house, &own, 1, Role::Operator, Some("admin"));
    assert_eq!(told(&outcome), "BEYOND_APPROVER operator.admin");
}
