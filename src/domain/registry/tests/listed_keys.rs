//! Keys that need no approval, written down in a file (N17 A17.2).

use super::{
    super::keys::{KEYS_MAX, KeyList, ListedKey},
    who::{HOUR, OWNER, told},
    *,
};

impl House {
    fn adopt(&mut self, who: &Standing, keys: &[(u8, Role, &str)]) -> Result<Vec<Event>, Refusal> {
        let keys = keys.iter().map(|(n, role, scopes)| {
            let listed = ListedKey { label: format!("key {n}"), role: *role, scopes: set(scopes) };
            (PublicKey([*n; 32]), listed)
        });
        let list = KeyList { file_hash: [1; 32], keys: keys.collect() };
        self.run(who, Operation::AdoptKeys, Command::AdoptKeys(list))
    }

    /// Lists device `n` alone, and has it approved by that.
    pub(super) fn listed(&mut self, n: u8, role: Role, scopes: &str) {
        self.adopt(&host(), &[(n, role, scopes)]).unwrap();
        self.knock(n, role, scopes).unwrap();
    }

    fn knock(&mut self, n: u8, role: Role, scopes: &str) -> Result<Vec<Event>, Refusal> {
        let id = 100 + (self.seq % 100) as u8;
        let ask = Ask { role, secret: None, ..as_request(id, ask(n, scopes)) };
        self.approve_by(ask, Basis::KeyList)
    }
}

#[test]
fn only_the_host_adopts_a_list() {
    for (caller, expected) in [
        ("host", "1"),
        ("device:admin", "HOST_ONLY"),
        ("secret:admin", "HOST_ONLY"),
        ("token:admin", "HOST_ONLY"),
        ("node", "HOST_ONLY"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        let outcome = house.adopt(&who, &[(1, Role::Operator, "read")]);
        assert_eq!(told(&outcome), expected, "{caller}");
    }
}

#[test]
fn n17_a17_2_adopting_the_same_list_again_changes_nothing() {
    let mut house = House::with_an_owner();
    let list = [(1, Role::Operator, "read"), (2, Role::Node, "")];
    assert_eq!(told(&house.adopt(&host(), &list)), "1");
    assert_eq!(told(&house.adopt(&host(), &list)), "0");
    assert_eq!(told(&house.adopt(&host(), &list[..1])), "1");
}

#[test]
fn how_many_keys_a_list_may_have() {
    for (count, expected) in [(KEYS_MAX, "1"), (KEYS_MAX + 1, "LIMIT_REACHED")] {
        let keys = (0..count as u16).map(|n| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&n.to_be_bytes());
            let (label, role, scopes) = (String::new(), Role::Node, ScopeSet::empty());
            (PublicKey(key), ListedKey { label, role, scopes })
        });
        let list = KeyList { file_hash: [1; 32], keys: keys.collect() };
        let outcome = House::new().run(&host(), Operation::AdoptKeys, Command::AdoptKeys(list));
        assert_eq!(told(&outcome), expected, "{count}");
    }
}

#[test]
fn n17_a17_2_what_a_listed_key_is_given() {
    let (operator, node) = (Role::Operator, Role::Node);
    for (listed, n, role, asked, expected) in [
        ((operator, "read write"), 1, operator, "", Ok("read write")),
        ((operator, "read write"), 1, operator, "read", Ok("read")),
        ((operator, "read write"), 1, operator, "admin", Err("HOST_ONLY")),
        ((operator, "read write"), 1, node, "", Err("HOST_ONLY")),
        ((operator, "read write"), 2, operator, "", Err("HOST_ONLY")),
        ((node, ""), 1, node, "", Ok("")),
        // Nodes hold no scopes, whatever a list says.
        ((node, "read"), 1, node, "", Ok("")),
        ((node, ""), 1, operator, "", Err("HOST_ONLY")),
    ] {
        let mut house = House::with_an_owner();
        house.adopt(&host(), &[(1, listed.0, listed.1)]).unwrap();
        let found = house.knock(n, role, asked).map_err(|refusal| refusal.code());
        let held = found.map(|_| house.state.grant(device(n), role).unwrap().scopes.clone());
        assert_eq!(held, expected.map(set), "{listed:?}: {n} as {role:?} for {asked:?}");
    }
}

#[test]
fn n17_a17_2_what_the_list_gave_it_takes_back_and_nothing_else() {
    type Before = fn(&mut House);
    type List<'a> = &'a [(u8, Role, &'a str)];
    let rows: [(&str, Before, List, Option<&str>); 6] = [
        ("off the list", |house| house.listed(1, Role::Operator, "read"), &[], None),
        (
            "less",
            |house| house.listed(1, Role::Operator, "read write"),
            &[(1, Role::Operator, "read")],
            None,
        ),
        (
            "more",
            |house| house.listed(1, Role::Operator, "read"),
            &[(1, Role::Operator, "read write")],
            Some("read"),
        ),
        (
            "a person has given more since",
            |house| {
                house.listed(1, Role::Operator, "read");
                house.grant_more(1, "talk", Terms::default());
            },
            &[],
            Some("read talk"),
        ),
        ("a person gave it", |house| drop(house.paired(1, "read")), &[], Some("read")),
        (
            "a person gave more for a while",
            |house| {
                house.listed(1, Role::Operator, "read");
                let terms = house.for_a_while();
                house.grant_more(1, "talk", terms);
            },
            &[],
            None,
        ),
    ];
    for (what, before, list, expected) in rows {
        let mut house = House::with_an_owner();
        before(&mut house);
        house.adopt(&host(), list).unwrap();
        house.sweep(UnixMillis(10 * HOUR));
        assert_eq!(house.held(1), expected.map(set), "{what}");
        assert!(!house.state.is_barred(device(1)), "{what}: no person took it away");
    }
}

#[test]
fn the_list_adds_nothing_to_what_a_person_gave() {
    let mut house = House::with_an_owner();
    house.paired(1, "talk");
    house.adopt(&host(), &[(1, Role::Operator, "read")]).unwrap();
    assert_eq!(told(&house.knock(1, Role::Operator, "read")), "HOST_ONLY", "a person has to");
    // What a person gave for a while is on top of what the list gives, and apart from it.
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(2, "talk", terms);
    house.adopt(&host(), &[(2, Role::Operator, "read")]).unwrap();
    assert_eq!(told(&house.knock(2, Role::Operator, "read")), "2");
    assert_eq!(house.held(2), Some(set("read talk")));
    house.sweep(end);
    assert_eq!(house.held(2), Some(set("read")));
}

/// A code's maker need not hold what the list gives, so the code does not make that stay.
#[test]
fn a_code_makes_nothing_permanent_of_what_the_list_gave() {
    for (listed, access, asked, after, off_the_list) in [
        ("admin", Access::Limited, "", "admin", None),
        ("read write", Access::Limited, "read", "read write", None),
        ("read", Access::Limited, "write", "write", Some("write")),
        ("audit read", Access::Limited, "talk", "talk", Some("talk")),
        ("audit", Access::Full, "admin", "admin", Some("admin")),
    ] {
        let mut house = House::with_an_owner();
        house.listed(1, Role::Operator, listed);
        house.make_code(&host(), 9, access).unwrap();
        let (ask, basis, now) =
            (as_request(60, ask(1, asked)), Basis::SetupCode(token(9)), house.now());
        let redeem = Command::ApproveByRule { ask: Box::new(ask), basis, token: token(8), now };
        let rule = house.state.rule_standing(basis).unwrap();
        let events = house.run(&rule, Operation::ApprovePairing, redeem).unwrap();
        let what = format!("listed {listed}, asks {asked} with {access:?}");
        assert!(events.iter().any(|event| matches!(event, Event::CodeRedeemed { .. })), "{what}");
        assert!(events.iter().any(|event| matches!(event, Event::TokenIssued { .. })), "{what}");
        assert_eq!(house.held(1), Some(set(after)), "{what}");
        house.adopt(&host(), &[]).unwrap();
        assert_eq!(house.held(1), off_the_list.map(set), "{what}, then off the list");
    }
}

#[test]
fn a_device_that_a_person_turned_down_is_not_approved_by_the_list() {
    let mut house = House::with_an_owner();
    house.adopt(&host(), &[(1, Role::Operator, "read")]).unwrap();
    house.request(ask(1, "read")).unwrap();
    house.reject(&house.session(OWNER, "admin"), 1).unwrap();
    assert_eq!(told(&house.knock(1, Role::Operator, "read")), "HOST_ONLY");
}

#[test]
fn without_a_list_nobody_is_listed() {
    let mut house = House::with_an_owner();
    assert_eq!(told(&house.knock(1, Role::Operator, "read")), "HOST_ONLY");
    house.adopt(&host(), &[(1, Role::Node, "")]).unwrap();
    for (n, role, expected) in
        [(1, Role::Node, true), (1, Role::Operator, false), (2, Role::Node, false)]
    {
        assert_eq!(house.state.is_listed(&PublicKey([n; 32]), role), expected, "{n} {role:?}");
    }
}
