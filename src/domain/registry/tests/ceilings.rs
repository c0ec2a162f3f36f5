//! Roles of the policy as ceilings on what is granted (N17).

use proptest::prelude::*;

use super::{
    who::{OWNER, token_id, told},
    *,
};
use crate::domain::{principal::Subject, scope::Known};

impl House {
    pub(super) fn assign(
        &mut self,
        who: &Standing,
        n: u8,
        ceiling: Option<&str>,
    ) -> Result<Vec<Event>, Refusal> {
        self.assign_to(who, Subject::Device(device(n), Role::Operator), ceiling)
    }

    fn assign_to(
        &mut self,
        who: &Standing,
        subject: Subject,
        ceiling: Option<&str>,
    ) -> Result<Vec<Event>, Refusal> {
        let ceiling = ceiling.map(str::to_owned);
        self.run(who, Operation::AssignRole, Command::AssignCeiling { subject, ceiling })
    }

    /// A house with an owner and two roles: `reader`, and `worker` who also writes and pairs.
    fn with_roles() -> Self {
        let mut house = Self::with_an_owner();
        let roles = [("reader", "read"), ("worker", "read write pairing")];
        let ceilings = roles.map(|(name, most)| (name.to_owned(), set(most)));
        house.start(Policy { ceilings: ceilings.into_iter().collect(), ..policy() });
        house
    }
}

fn under(ceiling: &str) -> Terms {
    Terms { ceiling: Some(ceiling.to_owned()), ..Terms::default() }
}

#[test]
fn n17_a17_1_who_may_put_on_and_take_off_what() {
    let (worker, reader, gone) = (Some("worker"), Some("reader"), Some("gone"));
    for (caller, n, before, ceiling, expected) in [
        ("host", 1, None, reader, "1"),
        ("host", 1, reader, reader, "0"),
        ("host", 1, reader, None, "1"),
        ("host", 1, None, None, "0"),
        ("host", 1, None, gone, "UNKNOWN_ROLE"),
        ("host", 3, None, reader, "UNKNOWN_DEVICE"),
        ("device:admin", 1, worker, reader, "1"),
        ("device:admin", 1, reader, None, "1"),
        ("device:pairing write", 1, None, reader, "MISSING_SCOPE operator.admin"),
        ("own:read", 1, reader, None, "MISSING_SCOPE operator.admin"),
        ("secret:admin", 1, reader, None, "1"),
        ("token:admin", 1, reader, worker, "1"),
        ("person:pairing", 1, None, reader, "MISSING_SCOPE operator.admin"),
        ("node", 1, None, reader, "WRONG_ROLE"),
    ] {
        let mut house = House::with_roles();
        house.paired(1, "read write talk.secrets");
        house.assign(&host(), 1, before).unwrap();
        let ceilings = house.policy().ceilings;
        let who = house.caller(caller);
        house.start(Policy { ceilings, ..house.policy() });
        let outcome = house.assign(&who, n, ceiling);
        assert_eq!(told(&outcome), expected, "{caller}: {before:?} to {ceiling:?} on {n}");
    }
}

#[test]
fn what_is_not_a_grant_has_no_ceiling() {
    let mut house = House::with_roles();
    for (subject, expected) in [
        (Subject::SharedSecret, "UNKNOWN_DEVICE"),
        (Subject::Open, "UNKNOWN_DEVICE"),
        (Subject::Person("ada".into()), "UNKNOWN_DEVICE"),
        (Subject::Token(token_id(9)), "UNKNOWN_TOKEN"),
        (Subject::Device(device(OWNER), Role::Node), "NO_GRANT"),
    ] {
        let outcome = house.assign_to(&host(), subject.clone(), Some("reader"));
        assert_eq!(told(&outcome), expected, "{subject:?}");
    }
}

#[test]
fn n17_a17_1_a_service_token_is_under_its_role_too() {
    let mut house = House::with_roles();
    house.service_token(1, "write pairing", None);
    house.assign_to(&host(), Subject::Token(token_id(1)), Some("reader")).unwrap();
    let held = |house: &House| {
        let subject = Subject::Token(token_id(1));
        house.state.held(&subject, Locality::Elsewhere).unwrap().scopes
    };
    assert_eq!(held(&house), set("read"));
    house.assign_to(&host(), Subject::Token(token_id(1)), None).unwrap();
    assert_eq!(held(&house), set("write pairing"));
}

#[test]
fn n17_a17_1_a_role_that_the_policy_no_longer_has_leaves_nothing() {
    let mut house = House::with_roles();
    house.paired(1, "write");
    house.assign(&host(), 1, Some("reader")).unwrap();
    let roles = house.policy().ceilings;
    house.start(policy());
    assert_eq!(house.held(1), Some(ScopeSet::empty()));
    house.start(Policy { ceilings: roles, ..policy() });
    assert_eq!(house.held(1), Some(set("read")));
}

#[test]
fn a_ceiling_stays_whatever_is_granted_under_it() {
    let local = |id| Ask { locality: Locality::DirectLoopback, ..as_request(id, ask(1, "talk")) };
    type Growth = fn(&mut House, Ask) -> Result<Vec<Event>, Refusal>;
    let growths: [(&str, Growth); 4] = [
        ("approval", |house, ask| {
            let id = ask.request_id.0[0];
            house.request(ask).unwrap();
            house.approve(&host(), id)
        }),
        ("for a while", |house, ask| {
            let id = ask.request_id.0[0];
            house.request(ask).unwrap();
            let terms = house.for_a_while();
            house.approve_on(&host(), id, terms)
        }),
        ("local policy", |house, ask| house.approve_locally(ask)),
        ("setup code", |house, ask| {
            house.make_code(&host(), 1, Access::Full).unwrap();
            house.approve_by(ask, Basis::SetupCode(token(1)))
        }),
    ];
    for (how, grow) in growths {
        let mut house = House::with_roles();
        house.paired(1, "write");
        house.assign(&host(), 1, Some("reader")).unwrap();
        grow(&mut house, local(7)).unwrap();
        assert_eq!(house.held(1), Some(set("read")), "{how}");
        let events = house.assign(&host(), 1, None).unwrap();
        assert_eq!(events.len(), 1, "{how}: it still lay there");
        assert_eq!(house.held(1), Some(set("write talk")), "{how}");
    }
}

#[test]
fn a_ceiling_is_replaced_only_by_who_may_assign_one() {
    let escape = "MISSING_SCOPE operator.admin";
    for (caller, before, named, expected) in [
        ("host", Some("reader"), "worker", "1"),
        ("secret:admin", Some("reader"), "worker", "1"),
        ("secret:pairing write talk", Some("reader"), "worker", escape),
        ("secret:pairing write talk", Some("reader"), "reader", "1"),
        ("secret:pairing write talk", None, "worker", "1"),
        ("secret:pairing write talk", None, "gone", "UNKNOWN_ROLE"),
    ] {
        let mut house = House::with_roles();
        house.paired(1, "write");
        house.assign(&host(), 1, before).unwrap();
        house.request(as_request(2, ask(1, "talk pairing"))).unwrap();
        let who = house.caller(caller);
        let outcome = house.approve_on(&who, 2, under(named));
        assert_eq!(told(&outcome), expected, "{caller} puts {named} for {before:?}");
    }
}

#[test]
fn what_a_ceiling_hides_has_to_be_held_by_who_grants_it() {
    let mut house = House::with_roles();
    house.request(ask(1, "admin")).unwrap();
    let outcome = house.approve_on(&house.shared("pairing read"), 1, under("reader"));
    assert_eq!(told(&outcome), "BEYOND_APPROVER operator.admin");
}

/// `operator.admin` is every scope of the gateway and none of a plugin's.
#[test]
fn what_a_ceiling_hides_has_to_be_held_by_who_takes_it_off() {
    let plugin: ScopeSet = Scope::parse("plugin.x").into_iter().collect();
    for (held, expected) in
        [(set("admin"), "BEYOND_APPROVER plugin.x"), (set("admin").union(&plugin), "1")]
    {
        let mut house = House::with_roles();
        house.request(Ask { scopes: plugin.clone(), ..ask(1, "") }).unwrap();
        house.approve_on(&host(), 1, under("reader")).unwrap();
        house.request(Ask { scopes: held.clone(), ..ask(2, "") }).unwrap();
        house.approve(&host(), 2).unwrap();
        let who = Standing { scopes: held, ..house.session(2, "") };
        assert_eq!(told(&house.assign(&who, 1, None)), expected, "{}", who.scopes);
    }
}

#[test]
fn a_ceiling_for_a_while_goes_with_what_it_was_for() {
    let mut house = House::with_roles();
    house.paired(1, "write");
    house.assign(&host(), 1, Some("reader")).unwrap();
    let terms = Terms { ceiling: Some("worker".into()), ..house.for_a_while() };
    let end = terms.until.unwrap();
    house.grant_more(1, "pairing", terms);
    assert_eq!(
        house.held(1),
        Some(set("write pairing read")).map(|all| all.narrowed_to(&set("read write pairing")))
    );
    house.sweep(end);
    assert_eq!(house.held(1), Some(set("read")), "the ceiling of before lies there again");
}

#[test]
fn a_ceiling_that_comes_with_something_for_good_lies_on_it_at_once() {
    // What lies beneath, what ends on top of it, and the ceiling of what is then given for good.
    for (beneath, top, named, now, left) in [
        (None, None, Some("reader"), "", ""),
        (None, None, None, "approvals pairing", "pairing"),
        (None, Some("worker"), None, "pairing", "pairing"),
        (Some("reader"), Some("worker"), None, "read write pairing", "read"),
        (
            Some("reader"),
            Some("reader"),
            Some("worker"),
            "read write pairing",
            "read write pairing",
        ),
    ] {
        let mut house = House::with_roles();
        if beneath.is_some() {
            house.paired(1, "read write");
            house.assign(&host(), 1, beneath).unwrap();
        }
        let ceiling = top.map(str::to_owned);
        let terms = Terms { ceiling, ..house.for_a_while() };
        let end = terms.until.unwrap();
        house.grant_more(1, "approvals", terms);
        house.grant_more(1, "pairing", named.map(under).unwrap_or_default());
        let what = format!("{beneath:?} {top:?} {named:?}");
        assert_eq!(house.held(1), Some(set(now)), "{what}");
        house.sweep(end);
        assert_eq!(house.held(1), Some(set(left)), "{what}, then");
    }
}

#[test]
fn a_ceiling_on_what_ends_is_kept_and_replaced_by_who_may_assign_one() {
    for (named, until, expected) in [
        (None, true, "1"),
        (Some("reader"), true, "1"),
        (Some("worker"), true, "MISSING_SCOPE operator.admin"),
        (Some("worker"), false, "MISSING_SCOPE operator.admin"),
    ] {
        let mut house = House::with_roles();
        house.paired(1, "read");
        let terms = Terms { ceiling: Some("reader".into()), ..house.for_a_while() };
        house.grant_more(1, "write", terms.clone());
        house.request(as_request(9, ask(1, "pairing"))).unwrap();
        let until = terms.until.filter(|_| until);
        let ceiling = named.map(str::to_owned);
        let who = house.shared("pairing write");
        let outcome = house.approve_on(&who, 9, Terms { until, ceiling, ..Terms::default() });
        assert_eq!(told(&outcome), expected, "{named:?} until {until:?}");
        assert_eq!(house.held(1), Some(set("read")), "{named:?} until {until:?}");
    }
}

#[test]
fn a_ceiling_that_is_assigned_lies_on_what_is_left_as_well() {
    let mut house = House::with_roles();
    house.paired(1, "write");
    let terms = house.for_a_while();
    let end = terms.until.unwrap();
    house.grant_more(1, "approvals", terms);
    house.assign(&host(), 1, Some("reader")).unwrap();
    house.sweep(end);
    assert_eq!(house.held(1), Some(set("read")));
}

/// N17 A17.3: an auditor reads and exports the ledger and does nothing else.
#[test]
fn n17_a17_3_an_auditor_reads_the_ledger_and_nothing_else() {
    let mut house = House::with_an_owner();
    house.request(ask(1, "admin audit")).unwrap();
    house.approve_on(&host(), 1, under(Policy::AUDITOR)).unwrap();
    assert_eq!(house.held(1), Some(set("audit")));
    let auditor = house.session(1, "audit");
    let own = |operation| {
        use Operation::*;
        matches!(
            operation,
            RejectPairing
                | RequestPairing
                | IssueToken
                | ConfirmToken
                | DescribeDevice
                | RemoveDevice
                | RenameDevice
                | RotateToken
                | RevokeToken
        )
    };
    for operation in Operation::ALL {
        let expected = match permit::authorize(&auditor, *operation) {
            Ok(_) if *operation == Operation::WhoAmI => true,
            Ok(permit) if permit.reach() == permit::Reach::Any => {
                *operation == Operation::ReadLedger
            }
            Ok(permit) => permit.reach() == permit::Reach::Own(device(1)) && own(*operation),
            Err(refusal) => {
                *operation != Operation::ReadLedger
                    && !own(*operation)
                    && ["MISSING_SCOPE", "HOST_ONLY"].contains(&refusal.code())
            }
        };
        assert!(expected, "{operation:?}");
    }
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    let known = proptest::collection::vec(proptest::sample::select(Known::ALL), 0..5);
    let other = proptest::collection::vec(
        proptest::sample::select(&["operator.future", "plugin.one"][..]),
        0..2,
    );
    (known, other).prop_map(|(known, other)| {
        let other = other.into_iter().map(|name| Scope::parse(name).unwrap());
        known.into_iter().map(Scope::Known).chain(other).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    /// N17 A17.1: what a session may use satisfies a scope exactly if the grant does, the role does,
    /// the session's cap does, and it asked for it (or for nothing in particular).
    #[test]
    fn n17_a17_1_what_is_in_force_is_what_grant_role_and_session_have_in_common(
        grant in scopes(), role in scopes(), cap in proptest::option::of(scopes()), asked in scopes(),
    ) {
        let mut house = House::with_an_owner();
        let ceilings = [("some".to_owned(), role.clone())].into_iter().collect();
        house.start(Policy { ceilings, ..policy() });
        house.request(Ask { scopes: grant.clone(), ..ask(1, "") }).unwrap();
        house.approve_on(&host(), 1, under("some")).unwrap();
        let profile = Profile { platform: "linux".into(), ..Profile::default() };
        let device =
            admit::ProvenDevice { id: device(1), profile: &profile, profile_signed: true };
        let knock = admit::Knock {
            role: Role::Operator,
            scopes: &asked,
            device: Some(device),
            credential: admit::Credential::Redeemed,
            locality: Locality::Elsewhere,
            cap: cap.as_ref(),
        };
        let Ok(admit::Admission::Enter(standing)) = admit::admit(&house.state, &knock) else {
            panic!("a device that is granted enters");
        };
        let all = Known::ALL.iter().map(|known| Scope::Known(*known));
        let others = ["operator.future", "plugin.one"].map(|name| Scope::parse(name).unwrap());
        for scope in all.chain(others) {
            let limit = |limit: Option<&ScopeSet>| limit.is_none_or(|set| set.satisfies(&scope));
            let expected = grant.satisfies(&scope)
                && role.satisfies(&scope)
                && limit(cap.as_ref())
                && (asked.is_empty() || asked.satisfies(&scope));
            prop_assert_eq!(standing.scopes.satisfies(&scope), expected, "{}", scope);
        }
        let session = session::Session { standing, asked, cap, locality: Locality::Elsewhere };
        prop_assert_eq!(house.state.reassess(&session).unwrap(), session.standing);
    }
}

#[test]
fn a_rule_does_not_write_again_what_a_role_hides() {
    let mut house = House::with_roles();
    let local =
        |id, scopes| Ask { locality: Locality::DirectLoopback, ..as_request(id, ask(1, scopes)) };
    house.approve_locally(local(1, "talk")).unwrap();
    house.assign(&host(), 1, Some("reader")).unwrap();
    for (id, scopes, reason, expected) in [
        (2, "talk", PairingReason::ScopeUpgrade, "0"),
        (3, "talk write", PairingReason::ScopeUpgrade, "1"),
        (4, "talk write", PairingReason::ScopeUpgrade, "0"),
        (5, "talk write", PairingReason::MetadataUpgrade, "1"),
    ] {
        let outcome = house.approve_locally(Ask { reason, ..local(id, scopes) });
        assert_eq!(told(&outcome), expected, "{id}: {scopes}");
    }
}
