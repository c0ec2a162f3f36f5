//! Service tokens: a credential per client that has no device key (N3).

use proptest::prelude::*;

use super::{
    super::service_token::{NewToken, RANGES_MAX, TOKENS_MAX},
    who::{HOUR, OWNER, token_id, told},
    *,
};
use crate::domain::scope::Known;

fn on(
    house: &mut House,
    who: &Standing,
    operation: Operation,
    n: u8,
) -> Result<Vec<Event>, Refusal> {
    let (id, token) = (token_id(n), token(n + 90));
    let command = match operation {
        Operation::RotateServiceToken => Command::RotateServiceToken { id, token },
        _ => Command::RevokeServiceToken { id, force: None },
    };
    house.run(who, operation, command)
}

#[test]
fn n3_who_may_make_replace_and_end_what() {
    let (missing, beyond) = ("MISSING_SCOPE operator.pairing", "BEYOND_APPROVER operator.read");
    // Service token 1 holds `read`, as does the one that is made.
    for (caller, create, rotate, revoke) in [
        ("host", "1", "1", "1"),
        ("device:admin", "1", "1", "1"),
        ("device:pairing read", "1", "1", "1"),
        ("device:pairing", beyond, beyond, "1"),
        ("device:write", missing, missing, missing),
        ("secret:pairing write", "1", "1", "1"),
        ("token:pairing read", "1", "1", "1"),
        ("token:read", missing, missing, missing),
        ("person:pairing talk", beyond, beyond, "1"),
        ("node", "WRONG_ROLE", "WRONG_ROLE", "WRONG_ROLE"),
        ("applicant", missing, missing, missing),
    ] {
        let mut house = House::with_an_owner();
        house.service_token(1, "read", None);
        let who = house.caller(caller);
        let new = house.new_token(3, "read");
        assert_eq!(told(&house.create(&who, new)), create, "{caller} makes one");
        let rotated = on(&mut house, &who, Operation::RotateServiceToken, 1);
        assert_eq!(told(&rotated), rotate, "{caller} replaces its secret");
        let revoked = on(&mut house, &who, Operation::RevokeServiceToken, 1);
        assert_eq!(told(&revoked), revoke, "{caller} ends it");
        assert_eq!(house.state.service_token(token_id(1)).is_none(), revoke == "1", "{caller}");
    }
}

#[test]
fn n3_what_cannot_be_made() {
    let range = |n: u8| ipnet::IpNet::new([10, n, 0, 0].into(), 16).unwrap();
    let many: ScopeSet =
        (0..=ScopeSet::LEN_MAX).map(|n| Scope::parse(&format!("operator.x{n}")).unwrap()).collect();
    type Change = Box<dyn Fn(&mut NewToken)>;
    let rows: [(&str, Change, &str); 6] = [
        ("as it is", Box::new(|_| {}), "1"),
        ("the same name", Box::new(|new| new.name = "token 1".into()), "NAME_TAKEN"),
        ("over already", Box::new(|new| new.until = Some(new.now)), "ALREADY_OVER"),
        ("not over yet", Box::new(|new| new.until = Some(new.now.plus(1))), "1"),
        ("many scopes", Box::new(move |new| new.scopes = many.clone()), "SCOPE_LIMIT_REACHED"),
        (
            "many ranges",
            Box::new(move |new| new.ranges = (0..=RANGES_MAX as u8).map(range).collect()),
            "LIMIT_REACHED",
        ),
    ];
    for (what, change, expected) in rows {
        let mut house = House::with_an_owner();
        house.service_token(1, "read", None);
        let mut new = house.new_token(3, "read");
        change(&mut new);
        assert_eq!(told(&house.create(&host(), new)), expected, "{what}");
    }
}

#[test]
fn how_many_there_may_be() {
    let mut house = House::with_an_owner();
    for n in 0..=TOKENS_MAX as u16 {
        let mut new = house.new_token(0, "read");
        new.id.0[..2].copy_from_slice(&n.to_be_bytes());
        new.token.0[..2].copy_from_slice(&n.to_be_bytes());
        new.name = n.to_string();
        let expected = if usize::from(n) < TOKENS_MAX { "1" } else { "LIMIT_REACHED" };
        assert_eq!(told(&house.create(&host(), new)), expected, "number {n}");
    }
}

#[test]
fn what_is_not_there_cannot_be_replaced_or_ended() {
    let mut house = House::with_an_owner();
    for operation in [Operation::RotateServiceToken, Operation::RevokeServiceToken] {
        assert_eq!(told(&on(&mut house, &host(), operation, 1)), "UNKNOWN_TOKEN", "{operation:?}");
    }
}

#[test]
fn n3_where_and_until_when_it_is_good() {
    let mut house = House::with_an_owner();
    let end = house.now().plus(HOUR);
    let lan: ipnet::IpNet = "192.168.1.0/24".parse().unwrap();
    let new = NewToken { until: Some(end), ranges: vec![lan], ..house.new_token(1, "read") };
    house.create(&host(), new).unwrap();
    house.service_token(2, "read", None);
    let (inside, outside) = (Some("192.168.1.9"), Some("192.168.2.9"));
    for (secret, from, now, expected) in [
        (1, inside, end.0 - 1, "in"),
        (1, inside, end.0, "SERVICE_TOKEN_EXPIRED"),
        (1, outside, end.0 - 1, "SERVICE_TOKEN_ADDRESS"),
        (1, None, end.0 - 1, "SERVICE_TOKEN_ADDRESS"),
        (2, outside, u64::MAX, "in"),
        (2, None, 0, "in"),
        (3, inside, 0, "SERVICE_TOKEN_INVALID"),
    ] {
        let address = from.map(|from| from.parse().unwrap());
        let found = house.state.present(token(secret), address, UnixMillis(now));
        let found = found.map_or_else(|refusal| refusal.code(), |_| "in");
        assert_eq!(found, expected, "{secret} from {from:?} at {now}");
    }
}

#[test]
fn n3_a3_3_replacing_or_ending_one_ends_its_sessions_and_nobody_elses() {
    for operation in [Operation::RotateServiceToken, Operation::RevokeServiceToken] {
        let mut house = House::with_an_owner();
        let sessions: Vec<_> = [
            house.service_token(1, "read", None),
            house.service_token(2, "read", None),
            house.session(OWNER, "admin"),
            house.shared("read"),
        ]
        .map(|standing| session::Session {
            standing,
            asked: ScopeSet::empty(),
            cap: None,
            locality: Locality::Elsewhere,
        })
        .into();
        let events = on(&mut house, &host(), operation, 1).unwrap();
        for (index, session) in sessions.iter().enumerate() {
            let stays = house.state.reassess(session).is_ok();
            assert_eq!(stays, index > 0, "{operation:?}: session {index}");
            let subject = session.standing.principal.subject().unwrap();
            assert_eq!(events[0].concerns(&subject), index == 0, "{operation:?}: session {index}");
        }
        let old = house.state.present(token(1), None, house.now());
        assert_eq!(old.unwrap_err().code(), "SERVICE_TOKEN_INVALID", "{operation:?}");
    }
}

#[test]
fn n3_a3_3_another_shared_secret_leaves_it_alone() {
    let mut house = House::with_an_owner();
    let standing = house.service_token(1, "read", None);
    let rotate = Command::RotateSecret { kind: SecretKind::Token, fingerprint: token(77) };
    house.run(&host(), Operation::RotateSecret, rotate).unwrap();
    let session = session::Session {
        standing,
        asked: ScopeSet::empty(),
        cap: None,
        locality: Locality::Elsewhere,
    };
    assert!(house.state.reassess(&session).is_ok());
    assert!(house.state.present(token(1), None, house.now()).is_ok());
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    proptest::collection::vec(proptest::sample::select(Known::ALL), 0..4)
        .prop_map(|known| known.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    /// N3 A3.4: whoever makes one, under whatever ceiling, holds all of it themselves.
    #[test]
    fn n3_a3_4_a_creator_cannot_mint_what_it_does_not_hold(
        grant in scopes(), ceiling in scopes(), session in scopes(), minted in scopes(),
        by_token in any::<bool>(),
    ) {
        let mut house = House::with_an_owner();
        let ceilings = [("some".to_owned(), ceiling.clone())].into_iter().collect();
        house.start(Policy { ceilings, ..policy() });
        let mut who = if by_token {
            house.create(&host(), NewToken { scopes: grant.clone(), ..house.new_token(1, "") }).unwrap();
            let subject = crate::domain::principal::Subject::Token(token_id(1));
            let ceiling = Some("some".to_owned());
            let command = Command::AssignCeiling { subject, ceiling };
            house.run(&host(), Operation::AssignRole, command).unwrap();
            let grant = house.state.service_token(token_id(1)).unwrap().seq;
            Standing { principal: Principal::Token(token_id(1)), grant, ..host() }
        } else {
            house.request(Ask { scopes: grant.clone(), ..ask(1, "") }).unwrap();
            let ceiling = Some("some".to_owned());
            house.approve_on(&host(), 1, Terms { ceiling, ..Terms::default() }).unwrap();
            house.session(1, "")
        };
        // As wide as the caller says: what does not stand on the grant does not count.
        who.scopes = session.clone();
        let outcome = house.create(&who, NewToken { scopes: minted.clone(), ..house.new_token(3, "") });
        if outcome.is_ok() {
            prop_assert!(grant.covers(&minted), "{} of {}", minted, grant);
            prop_assert!(ceiling.covers(&minted), "{} under {}", minted, ceiling);
            prop_assert!(session.covers(&minted), "{} in a session of {}", minted, session);
        } else if grant.covers(&session) && ceiling.covers(&session) {
            let may = session.satisfies_known(Known::Pairing) && session.covers(&minted);
            prop_assert!(!may, "{} holds {} and may not make it", session, minted);
        }
    }
}
