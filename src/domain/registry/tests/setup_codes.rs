//! Setup codes: a grant that waits for the first device that comes with the code (N1 A1.1).

use super::{
    super::setup_code::{CODE_TTL_MS, CODES_MAX},
    who::told,
    *,
};
use crate::domain::ids::CodeId;

impl House {
    /// Makes setup code `n`, whose secret hashes to `token(n)`.
    pub(super) fn make_code(
        &mut self,
        who: &Standing,
        n: u8,
        access: Access,
    ) -> Result<Vec<Event>, Refusal> {
        let (id, code, until) = (CodeId([n; 16]), token(n), self.now().plus(CODE_TTL_MS));
        let command = Command::CreateCode { id, code, access, until };
        self.run(who, Operation::CreateCode, command)
    }

    fn redeem(&mut self, n: u8, ask: Ask) -> Result<Vec<Event>, Refusal> {
        self.approve_by(ask, Basis::SetupCode(token(n)))
    }
}

#[test]
fn who_may_make_a_code() {
    for (caller, access, expected) in [
        ("host", Access::Full, "1"),
        ("host", Access::Node, "1"),
        ("device:admin", Access::Full, "1"),
        ("device:admin", Access::Node, "1"),
        ("device:pairing write", Access::Limited, "MISSING_SCOPE operator.admin"),
        ("secret:admin", Access::Limited, "1"),
        ("token:admin", Access::Full, "1"),
        ("person:pairing", Access::Node, "MISSING_SCOPE operator.admin"),
        ("node", Access::Node, "WRONG_ROLE"),
        ("applicant", Access::Limited, "MISSING_SCOPE operator.admin"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        assert_eq!(told(&house.make_code(&who, 1, access)), expected, "{caller} {access:?}");
    }
}

#[test]
fn n1_a1_1_the_first_device_with_the_owners_code_is_the_owner_and_no_second_one() {
    let mut house = House::new();
    house.make_code(&host(), 1, Access::Full).unwrap();
    let events = house.redeem(1, ask(1, "admin")).unwrap();
    let redeemed = events.iter().filter(|event| matches!(event, Event::CodeRedeemed { .. }));
    assert_eq!(redeemed.count(), 1);
    assert_eq!(house.held(1), Some(set("admin")));
    assert_eq!(told(&house.redeem(1, ask(2, "admin"))), "SETUP_CODE_USED");
    assert_eq!(told(&house.redeem(1, as_request(9, ask(1, "admin")))), "SETUP_CODE_USED");
}

#[test]
fn what_a_code_is_worth() {
    let (operator, node) = (Role::Operator, Role::Node);
    let full = "admin read write approvals pairing questions talk talk.secrets";
    let limited = "read write approvals questions talk";
    for (access, role, asked, expected) in [
        (Access::Full, operator, "", Ok(full)),
        (Access::Full, operator, "read", Ok("read")),
        (Access::Limited, operator, "", Ok(limited)),
        (Access::Limited, operator, "admin", Ok(limited)),
        (Access::Limited, operator, "write pairing", Ok("write")),
        (Access::Limited, operator, "pairing", Err("AUTH_SCOPE_MISMATCH")),
        (Access::Node, node, "", Ok("")),
        (Access::Node, node, "admin", Ok("")),
        (Access::Node, operator, "", Err("WRONG_ROLE")),
        (Access::Full, node, "", Ok("")),
        (Access::Limited, node, "admin", Ok("")),
    ] {
        let mut house = House::with_an_owner();
        house.make_code(&host(), 1, access).unwrap();
        let outcome = house.redeem(1, Ask { role, ..ask(1, asked) });
        let found = outcome.map_err(|refusal| refusal.code());
        let held = found.map(|_| house.state.grant(device(1), role).unwrap().scopes.clone());
        assert_eq!(held, expected.map(set), "{access:?} as {role:?} for {asked:?}");
    }
}

/// docs/PROTOCOL.md (b): a node that comes with a code for everything is the operator's device as well.
#[test]
fn what_a_node_is_given_besides() {
    for (access, held, expected) in [
        (Access::Full, "", Some("admin read write approvals pairing questions talk talk.secrets")),
        (Access::Limited, "", Some("read write approvals questions talk")),
        (Access::Limited, "pairing", Some("pairing read write approvals questions talk")),
        (Access::Node, "", None),
        (Access::Node, "pairing", Some("pairing")),
    ] {
        let mut house = House::with_an_owner();
        house.make_code(&host(), 1, access).unwrap();
        if !held.is_empty() {
            house.paired(1, held);
        }
        house.request(as_request(8, ask(1, "admin"))).unwrap();
        let events =
            house.redeem(1, Ask { role: Role::Node, ..as_request(9, ask(1, "")) }).unwrap();
        assert_eq!(house.held(1), expected.map(set), "{access:?}, {held}");
        let asked = house.state.pending(request(8));
        assert_eq!(asked.is_some(), access == Access::Node, "it is answered by that: {access:?}");
        let node = house.state.grant(device(1), Role::Node).unwrap();
        assert_eq!(node.token.map(|token| token.hash), Some(token(7)));
        let operator = house.state.grant(device(1), Role::Operator);
        assert!(operator.is_none_or(|grant| grant.token.is_none()), "{events:?}");
        assert_eq!(told(&house.redeem(1, as_request(10, ask(1, "")))), "SETUP_CODE_USED");
    }
}

#[test]
fn until_when_a_code_is_good() {
    for (late, expected) in [(CODE_TTL_MS - 1, "3"), (CODE_TTL_MS, "SETUP_CODE_EXPIRED")] {
        let mut house = House::with_an_owner();
        house.make_code(&host(), 1, Access::Full).unwrap();
        let basis = Basis::SetupCode(token(1));
        let made = UnixMillis(house.now().0 - 1);
        let command = Command::ApproveByRule {
            ask: Box::new(ask(1, "read")),
            basis,
            token: token(7),
            now: made.plus(late),
        };
        let who = house.state.rule_standing(basis).unwrap();
        let outcome = house.run(&who, Operation::ApprovePairing, command);
        assert_eq!(told(&outcome), expected, "after {late} ms");
    }
    let mut house = House::new();
    assert_eq!(told(&house.redeem(1, ask(1, "read"))), "AUTH_BOOTSTRAP_TOKEN_INVALID");
}

#[test]
fn leave_for_one_code_is_no_leave_for_another() {
    let mut house = House::with_an_owner();
    house.make_code(&host(), 1, Access::Limited).unwrap();
    house.make_code(&host(), 2, Access::Full).unwrap();
    let who = house.state.rule_standing(Basis::SetupCode(token(1))).unwrap();
    let (basis, now) = (Basis::SetupCode(token(2)), house.now());
    let command =
        Command::ApproveByRule { ask: Box::new(ask(1, "admin")), basis, token: token(7), now };
    assert_eq!(told(&house.run(&who, Operation::ApprovePairing, command)), "GRANT_ENDED");
}

/// Nobody who was thrown out comes back by a code.
#[test]
fn n10_a_code_is_good_only_while_its_maker_still_holds_what_it_gives() {
    type Change = fn(&mut House);
    let revoke: Change = |house| {
        let (device, role, force) = (device(1), Role::Operator, None);
        let revoke = Command::RevokeToken { device, role, force };
        house.run(&host(), Operation::RevokeToken, revoke).unwrap();
    };
    let revoked_and_approved: Change = |house| {
        let remove = Command::RemoveDevice { device: device(1), force: None };
        house.run(&host(), Operation::RemoveDevice, remove).unwrap();
        house.paired_again(1, "admin");
    };
    let narrowed: Change = |house| {
        let (device, role, scopes) = (device(1), Role::Operator, Some(set("pairing read")));
        let rotate = Command::RotateToken { device, role, scopes, token: token(9) };
        house.run(&host(), Operation::RotateToken, rotate).unwrap();
    };
    let for_a_while_again: Change = |house| {
        let (device, role, scopes) = (device(1), Role::Operator, Some(set("pairing read")));
        let rotate = Command::RotateToken { device, role, scopes, token: token(9) };
        house.run(&host(), Operation::RotateToken, rotate).unwrap();
        let terms = house.for_a_while();
        house.grant_more(1, "admin", terms);
    };
    let under_a_ceiling: Change =
        |house| drop(house.assign(&host(), 1, Some(Policy::AUDITOR)).unwrap());
    let other_secret: Change = |house| {
        let rotate = Command::RotateSecret { kind: SecretKind::Token, fingerprint: token(77) };
        house.run(&host(), Operation::RotateSecret, rotate).unwrap();
    };
    let gone = "AUTH_BOOTSTRAP_TOKEN_INVALID";
    for (what, maker, change, access, expected) in [
        ("nothing", "own:admin", (|_| {}) as Change, Access::Full, "3"),
        ("revoked", "own:admin", revoke, Access::Full, gone),
        ("revoked and approved", "own:admin", revoked_and_approved, Access::Limited, gone),
        ("narrowed", "own:admin", narrowed, Access::Limited, gone),
        ("narrowed", "own:admin", narrowed, Access::Node, gone),
        ("held for a while", "own:admin", for_a_while_again, Access::Full, gone),
        ("held for a while", "own:admin", for_a_while_again, Access::Node, gone),
        ("under a ceiling", "own:admin", under_a_ceiling, Access::Full, gone),
        ("revoked", "secret:admin", revoke, Access::Full, "3"),
        ("another secret", "secret:admin", other_secret, Access::Full, gone),
        ("another secret", "own:admin", other_secret, Access::Full, "3"),
        ("revoked", "host", revoke, Access::Full, "3"),
    ] {
        let mut house = House::with_an_owner();
        // Or the one that is held for a while would be the last admin.
        house.paired(3, "admin");
        house.paired(1, "admin");
        let who = house.caller(maker);
        house.make_code(&who, 1, access).unwrap();
        change(&mut house);
        let role = if access == Access::Node { Role::Node } else { Role::Operator };
        let outcome = house.redeem(1, Ask { role, ..ask(2, "") });
        assert_eq!(told(&outcome), expected, "{maker}'s code, {what}: {access:?}");
    }
}

#[test]
fn a_code_overrides_that_a_device_was_turned_down_because_a_person_made_it() {
    let mut house = House::with_an_owner();
    house.request(ask(1, "read")).unwrap();
    house.reject(&host(), 1).unwrap();
    house.make_code(&host(), 1, Access::Limited).unwrap();
    let local = Ask { locality: Locality::DirectLoopback, ..as_request(2, ask(1, "read")) };
    assert_eq!(told(&house.approve_locally(local.clone())), "HOST_ONLY");
    assert_eq!(told(&house.redeem(1, local)), "3");
    assert!(!house.state.is_barred(device(1)));
}

#[test]
fn a_code_gives_a_known_device_more_and_another_token() {
    let mut house = House::with_an_owner();
    let session = house.paired(1, "talk");
    house.issue(&session, 8).unwrap();
    house.request(as_request(2, ask(1, "admin"))).unwrap();
    house.make_code(&host(), 1, Access::Limited).unwrap();
    let events = house.redeem(1, as_request(3, ask(1, "read"))).unwrap();
    assert_eq!(events.len(), 4, "what it asked for before is answered by this: {events:?}");
    assert_eq!(house.held(1), Some(set("read talk")));
    let grant = house.state.grant(device(1), Role::Operator).unwrap();
    assert!(grant.is_token(token(7)) && grant.is_token(token(8)), "the old one until it is used");
}

#[test]
fn how_many_codes_are_remembered() {
    let mut house = House::with_an_owner();
    for n in 0..=CODES_MAX as u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let mut code = [0; 32];
        code[..2].copy_from_slice(&n.to_be_bytes());
        let (id, code, until) = (CodeId(id), TokenHash(code), house.now().plus(CODE_TTL_MS));
        let command = Command::CreateCode { id, code, access: Access::Node, until };
        house.run(&host(), Operation::CreateCode, command).unwrap();
    }
    assert_eq!(house.state.setup_code(CodeId([0; 16])), None, "the oldest made room");
    let mut second = [0; 16];
    second[1] = 1;
    assert!(house.state.setup_code(CodeId(second)).is_some());
}
