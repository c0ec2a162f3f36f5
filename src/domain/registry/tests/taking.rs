//! Taking away: grants, devices, and the last holder of `operator.admin`.

use super::{
    who::{OWNER, token_id, told},
    *,
};

fn revoke(
    house: &mut House,
    who: &Standing,
    n: u8,
    role: Role,
    force: Option<&str>,
) -> Result<Vec<Event>, Refusal> {
    let (device, force) = (device(n), force.map(str::to_owned));
    house.run(who, Operation::RevokeToken, Command::RevokeToken { device, role, force })
}

fn remove(
    house: &mut House,
    who: &Standing,
    n: u8,
    force: Option<&str>,
) -> Result<Vec<Event>, Refusal> {
    let (device, force) = (device(n), force.map(str::to_owned));
    house.run(who, Operation::RemoveDevice, Command::RemoveDevice { device, force })
}

#[test]
fn n10_who_may_revoke_what() {
    let (operator, node) = (Role::Operator, Role::Node);
    for (caller, n, role, expected) in [
        ("host", 1, operator, "1"),
        ("host", 1, node, "1"),
        ("host", 3, operator, "UNKNOWN_DEVICE"),
        ("host", OWNER, node, "0"),
        ("device:admin", 1, operator, "1"),
        ("device:admin", 1, node, "1"),
        ("device:pairing read write", 1, operator, "NOT_YOUR_DEVICE"),
        ("own:read", 1, operator, "1"),
        ("own:read", 1, node, "1"),
        ("own:read", OWNER, operator, "NOT_YOUR_DEVICE"),
        ("node", 1, operator, "1"),
        ("node", 1, node, "1"),
        ("secret:admin", 1, node, "1"),
        ("secret:pairing write", 1, operator, "1"),
        ("secret:pairing read", 1, operator, "BEYOND_APPROVER operator.write"),
        ("secret:pairing write", OWNER, operator, "BEYOND_APPROVER operator.admin"),
        ("secret:pairing write", 1, node, "MISSING_SCOPE operator.admin"),
        ("secret:write", 1, operator, "MISSING_SCOPE operator.pairing"),
        ("token:pairing write", 1, operator, "1"),
        ("person:pairing", 1, operator, "BEYOND_APPROVER operator.read"),
        ("applicant", 1, operator, "MISSING_SCOPE operator.pairing"),
    ] {
        let mut house = House::with_an_owner();
        house.paired(2, "admin");
        house.paired(1, "read write");
        house.node(1);
        let who = house.caller(caller);
        let outcome = revoke(&mut house, &who, n, role, None);
        assert_eq!(told(&outcome), expected, "{caller} revokes {n} {role:?}");
        let gone = n == 1 && expected == "1";
        assert_eq!(house.state.grant(device(1), role).is_none(), gone, "{caller} {role:?}");
    }
}

#[test]
fn n10_who_may_remove_whom() {
    for (caller, n, expected) in [
        ("host", 1, "1"),
        ("host", 3, "UNKNOWN_DEVICE"),
        ("device:admin", 1, "1"),
        ("device:pairing read write", 1, "NOT_YOUR_DEVICE"),
        ("own:", 1, "1"),
        ("own:read", OWNER, "NOT_YOUR_DEVICE"),
        ("node", 1, "1"),
        ("secret:pairing", 1, "1"),
        ("secret:write", 1, "MISSING_SCOPE operator.pairing"),
        ("token:pairing", 1, "1"),
        ("person:read", 1, "MISSING_SCOPE operator.pairing"),
        ("applicant", 1, "MISSING_SCOPE operator.pairing"),
    ] {
        let mut house = House::with_an_owner();
        house.paired(1, "read write");
        let who = house.caller(caller);
        let outcome = remove(&mut house, &who, n, None);
        assert_eq!(told(&outcome), expected, "{caller} removes {n}");
        assert_eq!(house.state.device(device(1)).is_none(), expected == "1", "{caller}");
    }
}

#[test]
fn n10_a10_1_what_a_device_asks_for_goes_with_it() {
    for whole in [false, true] {
        let mut house = House::with_an_owner();
        house.paired(1, "read");
        house.request(as_request(2, ask(1, "admin"))).unwrap();
        house.request(Ask { role: Role::Node, ..as_request(3, ask(1, "")) }).unwrap();
        let outcome = match whole {
            true => remove(&mut house, &host(), 1, None),
            false => revoke(&mut house, &host(), 1, Role::Operator, None),
        };
        assert_eq!(told(&outcome), if whole { "3" } else { "2" });
        assert_eq!(told(&house.approve(&host(), 2)), "REQUEST_CLOSED", "whole: {whole}");
        let node = told(&house.approve(&host(), 3));
        assert_eq!(node, if whole { "REQUEST_CLOSED" } else { "1" }, "whole: {whole}");
        assert!(whole == house.state.is_barred(device(1)), "a person's approval lifts the bar");
    }
}

#[test]
fn no_rule_undoes_a_persons_word() {
    let local = |id| Ask { locality: Locality::DirectLoopback, ..as_request(id, ask(1, "read")) };
    for whole in [false, true] {
        let mut house = House::with_an_owner();
        house.approve_locally(local(1)).unwrap();
        match whole {
            true => remove(&mut house, &host(), 1, None).unwrap(),
            false => revoke(&mut house, &host(), 1, Role::Operator, None).unwrap(),
        };
        assert_eq!(told(&house.approve_locally(local(2))), "HOST_ONLY", "whole: {whole}");
    }
}

#[test]
fn n1_a1_7_the_last_admin_stays_unless_the_host_says_why() {
    let gone = Some("it was stolen");
    for (caller, force, expected) in [
        ("host", None, "LAST_ADMIN"),
        ("host", gone, "1"),
        ("own:admin", None, "LAST_ADMIN"),
        ("own:admin", gone, "HOST_ONLY"),
        ("secret:admin", None, "LAST_ADMIN"),
        ("secret:admin", gone, "HOST_ONLY"),
    ] {
        for what in ["device", "grant", "service token"] {
            let mut house = House::new();
            if what == "service token" {
                house.service_token(1, "admin", None);
            } else {
                house.paired(1, "admin");
            }
            let who = if caller == "own:admin" && what == "service token" {
                house.state.standing_of(&Subject::Token(token_id(1)), Locality::Elsewhere).unwrap()
            } else {
                house.caller(caller)
            };
            let outcome = match what {
                "device" => remove(&mut house, &who, 1, force),
                "grant" => revoke(&mut house, &who, 1, Role::Operator, force),
                _ => {
                    let (id, force) = (token_id(1), force.map(Into::into));
                    let command = Command::RevokeServiceToken { id, force };
                    house.run(&who, Operation::RevokeServiceToken, command)
                }
            };
            assert_eq!(told(&outcome), expected, "{caller} {force:?}: {what}");
            if let Ok(events) = outcome {
                let why = match &events[..] {
                    [
                        Event::GrantRevoked { reason, .. }
                        | Event::DeviceRemoved { reason, .. }
                        | Event::ServiceTokenRevoked { reason, .. },
                    ] => reason.as_deref(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(why, force, "the reason is on record");
            }
        }
    }
}

#[test]
fn a_reason_is_on_record_only_where_one_was_needed() {
    let mut house = House::with_an_owner();
    house.paired(1, "admin");
    let events = revoke(&mut house, &host(), 1, Role::Operator, Some("why not")).unwrap();
    assert!(matches!(&events[..], [Event::GrantRevoked { reason: None, bars: true, .. }]));
}

/// Every way in which an admin may go, with who else is there.
#[test]
fn n1_a1_7_every_way_to_lose_the_last_admin_is_refused() {
    type Way = fn(&mut House) -> Result<Vec<Event>, Refusal>;
    let ways: [(&str, Way); 8] = [
        ("revoke", |house| revoke(house, &host(), 1, Role::Operator, None)),
        ("remove", |house| remove(house, &host(), 1, None)),
        ("ceiling", |house| house.assign(&host(), 1, Some(Policy::AUDITOR))),
        ("narrower rotation", |house| {
            let (device, role, scopes) = (device(1), Role::Operator, Some(set("read")));
            let command = Command::RotateToken { device, role, scopes, token: token(99) };
            house.run(&host(), Operation::RotateToken, command)
        }),
        ("approval under a ceiling", |house| {
            // The ask is within what it holds, so it takes a new platform to make it a request.
            let moved = PairingReason::MetadataUpgrade;
            house.request(Ask { reason: moved, ..as_request(21, ask(1, "audit")) }).unwrap();
            let ceiling = Some(Policy::AUDITOR.to_owned());
            house.approve_on(&host(), 21, Terms { ceiling, ..Terms::default() })
        }),
        ("for a while under a ceiling", |house| {
            let moved = PairingReason::MetadataUpgrade;
            house.request(Ask { reason: moved, ..as_request(21, ask(1, "audit")) }).unwrap();
            let ceiling = Some(Policy::AUDITOR.to_owned());
            let terms = Terms { ceiling, ..house.for_a_while() };
            house.approve_on(&host(), 21, terms)
        }),
        ("key list", |house| {
            let list = keys::KeyList { file_hash: [1; 32], keys: Default::default() };
            house.run(&host(), Operation::AdoptKeys, Command::AdoptKeys(list))
        }),
        ("service token", |house| {
            let command = Command::RevokeServiceToken { id: token_id(1), force: None };
            house.run(&host(), Operation::RevokeServiceToken, command)
        }),
    ];
    for (way, take) in ways {
        for (else_there, expected) in [
            ("nobody", false),
            ("for a while", false),
            ("token for a while", false),
            ("token", true),
            ("owner", true),
        ] {
            let mut house = House::new();
            match way {
                "key list" => house.listed(1, Role::Operator, "admin"),
                "service token" => drop(house.service_token(1, "admin", None)),
                _ => drop(house.paired(1, "admin")),
            }
            match else_there {
                "nobody" => {}
                "for a while" => {
                    let terms = house.for_a_while();
                    house.grant_more(3, "admin", terms);
                }
                "token for a while" => {
                    let until = house.for_a_while().until;
                    house.service_token(2, "admin", until);
                }
                "token" => drop(house.service_token(2, "admin", None)),
                _ => drop(house.paired(OWNER, "admin")),
            }
            let outcome = take(&mut house);
            assert_eq!(outcome.is_ok(), expected, "{way}, {else_there} else: {}", told(&outcome));
            assert!(expected || told(&outcome) == "LAST_ADMIN", "{way}: {}", told(&outcome));
        }
    }
}

#[test]
fn where_all_admins_are_for_a_while_one_of_them_stays() {
    let mut house = House::new();
    for n in [1, 2] {
        let terms = house.for_a_while();
        house.grant_more(n, "admin", terms);
    }
    assert_eq!(told(&revoke(&mut house, &host(), 1, Role::Operator, None)), "1");
    assert_eq!(told(&revoke(&mut house, &host(), 2, Role::Operator, None)), "LAST_ADMIN");
}
