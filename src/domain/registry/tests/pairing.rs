//! Requests, approvals, rejections, tokens.

use super::*;

#[test]
fn the_ledger_begins_once_and_a_policy_is_written_when_it_changes() {
    let mut house = House { state: Registry::default(), seq: 0 };
    assert_eq!(house.start(policy()), 3, "the first record, the policy and the secret");
    assert_eq!(house.start(policy()), 0, "the same start again");
    assert_eq!(house.start(Policy { auto_approve_local: false, ..policy() }), 1, "another policy");
}

#[test]
fn n1_a1_3_an_identical_retry_keeps_its_request() {
    let mut house = House::new();
    assert_eq!(house.request(ask(1, "read")).unwrap().len(), 1);
    for retry in 2..102 {
        let events = house.request(as_request(retry, ask(1, "read"))).unwrap();
        assert_eq!(events, vec![], "retry {retry}");
    }
    assert_eq!(house.state.request_of(device(1), Role::Operator).unwrap().0, request(1));
    house.approve(&host(), 1).expect("approving it works the first time");
}

#[test]
fn n1_a1_4_changed_scopes_supersede_and_the_old_id_names_the_new_one() {
    let mut house = House::new();
    house.request(ask(1, "read")).unwrap();
    let events = house.request(as_request(2, ask(1, "read write"))).unwrap();
    assert!(matches!(events[0], Event::PairingSuperseded { by, .. } if by == request(2)));
    house.request(as_request(3, ask(1, "admin"))).unwrap();
    for old in [1, 2] {
        let refused = house.approve(&host(), old).unwrap_err();
        assert_eq!(refused, Refusal::RequestSuperseded { by: request(3) }, "id {old}");
    }
    assert_eq!(house.state.grant(device(1), Role::Operator), None, "nothing was followed silently");
}

#[test]
fn an_approver_that_saw_something_else_is_told() {
    let mut house = House::new();
    house.request(ask(1, "read")).unwrap();
    let (request_id, expected, now) = (request(1), Some(set("read write")), house.now());
    let terms = Terms::default();
    let command = Command::ApprovePairing { request_id, expected, terms, now };
    let refused = house.run(&host(), Operation::ApprovePairing, command).unwrap_err();
    assert_eq!(refused, Refusal::RequestChanged { now: set("read") });
}

#[test]
fn who_may_approve_what() {
    // Approver, what the request asks for, in which role, and what comes of it.
    let missing = |scope: &str| Some(format!("MISSING_SCOPE scope operator.{scope}"));
    let beyond = |scope: &str| Some(format!("BEYOND_APPROVER scope operator.{scope}"));
    let rows: &[(&str, &str, Role, Option<String>)] = &[
        ("host", "admin", Role::Operator, None),
        ("host", "", Role::Node, None),
        ("secret:pairing read", "read", Role::Operator, None),
        ("secret:pairing", "read", Role::Operator, beyond("read")),
        ("secret:pairing read", "admin", Role::Operator, beyond("admin")),
        ("secret:read write", "read", Role::Operator, missing("pairing")),
        ("secret:pairing", "", Role::Node, beyond("admin")),
        ("secret:admin", "", Role::Node, None),
        ("secret:admin", "talk.secrets", Role::Operator, None),
        ("device:admin", "write", Role::Operator, None),
        (
            "device:pairing read",
            "read",
            Role::Operator,
            Some("NOT_YOUR_DEVICE scope operator.admin".into()),
        ),
        ("device:read", "read", Role::Operator, missing("pairing")),
    ];
    for (approver, scopes, role, expected) in rows {
        let mut house = House::new();
        let who = match approver.split_once(':') {
            None => host(),
            Some(("secret", held)) => house.shared(held),
            Some((_, held)) => house.paired(5, held),
        };
        house.request(Ask { role: *role, ..ask(1, scopes) }).unwrap();
        let outcome = house.approve(&who, 1);
        let told = outcome.as_ref().err().map(|no| format!("{} {}", no.code(), no.missing()));
        assert_eq!(told, *expected, "{approver} approves {scopes:?} as {role:?}");
        let granted = house.state.grant(device(1), *role).map(|grant| grant.scopes.clone());
        assert_eq!(granted, expected.is_none().then(|| set(scopes)), "{approver} {scopes:?}");
    }
}

#[test]
fn n1_a1_5_an_upgrade_keeps_what_was_held() {
    let mut house = House::new();
    house.paired(1, "read pairing");
    house.request(as_request(2, ask(1, "write"))).unwrap();
    house.approve(&host(), 2).unwrap();
    let held = house.state.grant(device(1), Role::Operator).unwrap().scopes.clone();
    assert!(held.covers(&set("read pairing write")), "{held}");
}

#[test]
fn n1_a1_6_a_device_withdraws_its_own_request_with_no_scope() {
    let mut house = House::new();
    let mut session = house.paired(1, "read");
    session.scopes = ScopeSet::empty();
    house.request(as_request(2, ask(1, "admin"))).unwrap();
    house.request(ask(3, "read")).unwrap();
    let refused = house.reject(&session, 3).unwrap_err();
    assert_eq!(
        (refused.code(), refused.missing().as_str()),
        ("MISSING_SCOPE", "scope operator.pairing")
    );
    house.reject(&session, 2).unwrap();
    assert_eq!(house.state.pending(request(2)), None);
    assert!(!house.state.is_barred(device(1)), "withdrawing is not held against it");
}

#[test]
fn what_became_of_a_request_is_remembered() {
    let mut house = House::new();
    house.request(ask(1, "read")).unwrap();
    house.approve(&host(), 1).unwrap();
    house.request(ask(2, "read")).unwrap();
    house.reject(&host(), 2).unwrap();
    house.request(ask(3, "read")).unwrap();
    expire(&mut house, 3, 0, PENDING_TTL_MS + 5000);
    for (id, expected) in [
        (1, Refusal::RequestClosed { how: "approved" }),
        (2, Refusal::RequestClosed { how: "rejected" }),
        (3, Refusal::RequestClosed { how: "expired" }),
        (4, Refusal::UnknownRequest),
    ] {
        assert_eq!(house.approve(&host(), id).unwrap_err(), expected, "id {id}");
    }
}

fn expire(house: &mut House, id: u8, last_asked: u64, now: u64) -> usize {
    let command = Command::ExpirePairing {
        request_id: request(id),
        last_asked: UnixMillis(last_asked),
        now: UnixMillis(now),
    };
    let rule = Standing::system(Rule::Expiry);
    house.run(&rule, Operation::ExpirePairing, command).unwrap().len()
}

#[test]
fn a_request_expires_five_minutes_after_its_last_retry() {
    for (last_asked, now, expected) in [
        (2000, 2000 + PENDING_TTL_MS - 1, 0),
        (2000, 2000 + PENDING_TTL_MS, 1),
        // The request itself is younger than what the sweeper remembers.
        (0, 1003 + PENDING_TTL_MS - 1, 0),
    ] {
        let mut house = House::new();
        house.request(ask(1, "read")).unwrap();
        assert_eq!(expire(&mut house, 1, last_asked, now), expected, "{last_asked} {now}");
    }
}

#[test]
fn the_local_policy_approves_only_what_it_covers() {
    let local = |scopes| Ask { locality: Locality::DirectLoopback, ..ask(1, scopes) };
    let plugin =
        Ask { scopes: [Scope::parse("plugin.scope").unwrap()].into_iter().collect(), ..local("") };
    for (what, ask, covered) in [
        ("a local client with the secret", local("admin"), true),
        ("a local node", Ask { role: Role::Node, ..local("") }, true),
        ("a remote client", ask(1, "read"), false),
        ("no secret", Ask { secret: None, ..local("read") }, false),
        ("a scope outside the secret's grant", plugin, false),
    ] {
        let mut house = House::new();
        assert_eq!(house.approve_locally(ask).is_ok(), covered, "{what}");
    }
    let mut house = House::new();
    house.start(Policy { auto_approve_local: false, ..policy() });
    assert!(house.approve_locally(local("read")).is_err(), "switched off");
}

#[test]
fn the_local_policy_never_undoes_a_rejection() {
    let mut house = House::new();
    let local = Ask { locality: Locality::DirectLoopback, ..ask(1, "read") };
    house.request(ask(1, "read")).unwrap();
    house.reject(&host(), 1).unwrap();
    assert!(house.state.is_barred(device(1)));
    assert!(house.approve_locally(local.clone()).is_err(), "a person said no");
    house.request(as_request(2, ask(1, "read"))).unwrap();
    house.approve(&host(), 2).unwrap();
    let more = Ask { request_id: request(3), scopes: set("write"), ..local };
    assert!(house.approve_locally(more).is_ok(), "a person has said yes since");
}

#[test]
fn a_local_approval_hands_out_the_token_with_the_grant() {
    let mut house = House::new();
    let local = Ask { locality: Locality::DirectLoopback, ..ask(1, "read") };
    let events = house.approve_locally(local.clone()).unwrap();
    let [Event::PairingApproved(approval), Event::TokenIssued { token: issued, .. }] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((approval.by, *issued), (ApprovedBy::LocalPolicy, token(7)));
    assert_eq!(approval.approver, Some(Principal::System(Rule::LocalPolicy)));
    let again = Ask { request_id: request(2), scopes: set("write"), ..local };
    assert_eq!(house.approve_locally(again).unwrap().len(), 1, "an upgrade keeps the token");
}

#[test]
fn a_token_is_issued_once_and_only_to_its_own_device() {
    let mut house = House::new();
    let session = house.paired(1, "read");
    assert_eq!(house.issue(&session, 1).unwrap().len(), 1);
    assert_eq!(house.issue(&session, 2).unwrap().len(), 0);
    let stranger = Standing::applicant(device(2), Role::Operator);
    assert_eq!(house.issue(&stranger, 3).unwrap_err(), Refusal::GrantEnded);
}

#[test]
fn a_permit_for_one_thing_is_no_permit_for_another() {
    let house = House::new();
    let permit = permit::authorize(&house.shared("pairing read"), Operation::ListPairings).unwrap();
    let (request_id, expected, now) = (request(1), None, house.now());
    let terms = Terms::default();
    let command = Command::ApprovePairing { request_id, expected, terms, now };
    assert_eq!(house.state.decide(&permit, command).unwrap_err(), Refusal::HostOnly);
}

#[test]
fn the_list_of_waiting_requests_is_bounded() {
    let mut house = House::new();
    for n in 0..PENDING_MAX {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let mut request_id = [1; 16];
        request_id[..8].copy_from_slice(&n.to_be_bytes());
        let ask = Ask { device: DeviceId(id), request_id: RequestId(request_id), ..ask(1, "read") };
        house.request(ask).unwrap();
    }
    assert_eq!(house.request(ask(77, "read")).unwrap_err(), Refusal::TooManyPending);
}

#[test]
fn a_retry_that_comes_after_the_approval_makes_no_new_request() {
    let mut house = House::new();
    house.paired(1, "read write");
    assert_eq!(house.request(as_request(2, ask(1, "read"))).unwrap(), vec![], "it is granted");
    let asks_more = as_request(3, ask(1, "admin"));
    assert_eq!(house.request(asks_more).unwrap().len(), 1, "it is not");
    let moved = Ask { reason: PairingReason::MetadataUpgrade, ..as_request(4, ask(1, "read")) };
    assert_eq!(house.request(moved).unwrap().len(), 2, "another platform is another question");
}

#[test]
fn racing_first_connects_of_one_local_device_are_one_approval() {
    let mut house = House::new();
    let local = |id| Ask { locality: Locality::DirectLoopback, ..as_request(id, ask(1, "read")) };
    assert_eq!(house.approve_locally(local(1)).unwrap().len(), 2);
    for id in 2..200 {
        assert_eq!(house.approve_locally(local(id)).unwrap(), vec![], "connect {id}");
    }
}

#[test]
fn what_a_device_holds_stays_within_what_a_record_can_name() {
    let mut house = House::new();
    let named = |from: usize, count: usize| -> ScopeSet {
        (from..from + count).map(|n| Scope::parse(&format!("operator.x{n}")).unwrap()).collect()
    };
    let local = |id, scopes| Ask {
        scopes,
        locality: Locality::DirectLoopback,
        ..as_request(id, ask(1, ""))
    };
    assert!(house.approve_locally(local(1, named(0, ScopeSet::LEN_MAX))).is_ok());
    assert_eq!(house.approve_locally(local(2, named(40, 1))).unwrap_err(), Refusal::TooManyScopes);
    house.request(Ask { scopes: named(40, 1), ..as_request(3, ask(1, "")) }).unwrap();
    assert_eq!(house.approve(&host(), 3).unwrap_err(), Refusal::TooManyScopes);
}
