//! Approval by rule: fresh nodes from known addresses, and what no rule may do.

use super::{
    who::{OWNER, told},
    *,
};

fn node_ask(id: u8, n: u8, from: Option<&str>) -> Ask {
    let address = from.map(|from| from.parse().unwrap());
    Ask { role: Role::Node, address, secret: None, ..as_request(id, ask(n, "")) }
}

fn with_ranges() -> House {
    let mut house = House::with_an_owner();
    let auto_approve_cidrs = vec!["10.1.0.0/16".parse().unwrap()];
    house.start(Policy { auto_approve_cidrs, ..policy() });
    house
}

#[test]
fn fresh_nodes_without_scopes_from_the_named_addresses() {
    let (inside, outside) = (Some("10.1.2.3"), Some("10.2.2.3"));
    let fresh = |from| node_ask(1, 1, from);
    for (what, ask, expected) in [
        ("a fresh node", fresh(inside), "2"),
        ("from elsewhere", fresh(outside), "HOST_ONLY"),
        ("from nowhere", fresh(None), "HOST_ONLY"),
        // Scopes are for operators; a node holds none, whatever it names.
        ("with scopes", Ask { scopes: set("admin"), ..fresh(inside) }, "2"),
        ("an operator", Ask { role: Role::Operator, ..fresh(inside) }, "HOST_ONLY"),
        ("a known device", node_ask(1, OWNER, inside), "HOST_ONLY"),
        (
            "for another platform",
            Ask { reason: PairingReason::MetadataUpgrade, ..fresh(inside) },
            "HOST_ONLY",
        ),
    ] {
        let mut house = with_ranges();
        let (device, role) = (ask.device, ask.role);
        let outcome = house.approve_by(ask, Basis::TrustedCidr);
        assert_eq!(told(&outcome), expected, "{what}");
        if outcome.is_ok() {
            let grant = house.state.grant(device, role).unwrap();
            assert_eq!((grant.by, &grant.scopes), (ApprovedBy::TrustedCidr, &set("")), "{what}");
        }
    }
    let mut house = House::with_an_owner();
    assert_eq!(told(&house.approve_by(fresh(inside), Basis::TrustedCidr)), "HOST_ONLY");
}

#[test]
fn a_rule_acts_under_its_own_name_and_does_nothing_else() {
    let mut house = with_ranges();
    for (rule, basis, expected) in [
        (Rule::TrustedCidr, Basis::TrustedCidr, "2"),
        (Rule::LocalPolicy, Basis::TrustedCidr, "HOST_ONLY"),
        (Rule::KeyList, Basis::TrustedCidr, "HOST_ONLY"),
        (Rule::Expiry, Basis::TrustedCidr, "HOST_ONLY"),
    ] {
        let mut house = with_ranges();
        let who = Standing {
            principal: Principal::System(rule),
            ..house.state.rule_standing(Basis::TrustedCidr).unwrap()
        };
        let ask = Box::new(node_ask(1, 1, Some("10.1.2.3")));
        let (token, now) = (token(7), house.now());
        let command = Command::ApproveByRule { ask, basis, token, now };
        let outcome = house.run(&who, Operation::ApprovePairing, command);
        assert_eq!(told(&outcome), expected, "{rule:?}");
    }
    let rule = house.state.rule_standing(Basis::LocalPolicy).unwrap();
    for operation in Operation::ALL {
        let may = permit::authorize(&rule, *operation).is_ok();
        let scoped = matches!(
            operation.requirement(),
            crate::domain::operation::Requirement::Scope(_)
                | crate::domain::operation::Requirement::ScopeOrNode(_)
                | crate::domain::operation::Requirement::ScopeOrOwn(_)
                | crate::domain::operation::Requirement::Anyone
        );
        // It holds what it may grant, so gate 1 lets it; only approving has a command for it.
        assert_eq!(may, scoped, "{operation:?}");
    }
    house.request(ask(3, "read")).unwrap();
    let outcome = house.reject(&rule, 3);
    assert_eq!(told(&outcome), "1", "a rule's permit is a permit");
}

#[test]
fn which_rule_applies() {
    let mut house = with_ranges();
    house.listed(1, Role::Operator, "read");
    let local = |n| Ask { locality: Locality::DirectLoopback, ..ask(n, "read") };
    for (what, ask, expected) in [
        ("local", local(2), Some(Basis::LocalPolicy)),
        ("near", node_ask(1, 3, Some("10.1.2.3")), Some(Basis::TrustedCidr)),
        ("listed", Ask { secret: None, ..ask(1, "read") }, Some(Basis::KeyList)),
        ("anyone", ask(4, "read"), None),
    ] {
        assert_eq!(house.state.basis_for(&ask, house.now()), expected, "{what}");
    }
}

#[test]
fn inv_4_a_node_asks_for_its_role_and_not_for_scopes() {
    let mut house = House::with_an_owner();
    let node = |id, scopes| Ask { role: Role::Node, ..as_request(id, ask(1, scopes)) };
    house.request(node(1, "admin")).unwrap();
    assert_eq!(told(&house.request(node(2, "read"))), "0", "an identical retry");
    house.approve(&host(), 1).unwrap();
    assert_eq!(house.state.grant(device(1), Role::Node).unwrap().scopes, set(""));
    assert_eq!(told(&house.request(node(3, "admin"))), "0", "it is granted");
}

#[test]
fn what_a_rule_gives_for_good_does_not_make_permanent_what_ends() {
    let mut house = House::with_an_owner();
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(1, "approvals", terms);
    let local = Ask { locality: Locality::DirectLoopback, ..as_request(9, ask(1, "talk")) };
    house.approve_locally(local).unwrap();
    assert_eq!(house.held(1), Some(set("approvals talk")));
    house.sweep(end);
    assert_eq!(house.held(1), Some(set("talk")));
}
