//! What is held because records are lost: whom it keeps out, and who lets it go (N18 A18.2).

use super::{
    super::{
        admit::Credential,
        hold::{Item, Lost, Release},
        review::review,
    },
    knocks::comes_to,
    who::{HOUR, OWNER, token_id, told},
    *,
};

const LOST: Lost = Lost { from: 30, until: 38 };
const ONE: Item = Item::Device(DeviceId([1; 32]), Role::Operator);

/// An owner, device 1 with token 10 and as a node too, service token 2 with an end, and a setup code;
/// then all of it held.
fn held() -> House {
    let mut house = House::with_an_owner();
    let who = house.paired(1, "read write");
    house.issue(&who, 10).unwrap();
    house.node(1);
    house.service_token(2, "read", Some(UnixMillis(HOUR)));
    house.request(as_request(3, ask(1, "admin"))).unwrap();
    house.happened(Event::ReviewBegun { lost: LOST, root: None });
    house
}

fn release(house: &mut House, who: &Standing, what: Release) -> Result<Vec<Event>, Refusal> {
    house.run(who, Operation::ReleaseHeld, Command::ReleaseHeld { what })
}

#[test]
fn n18_a18_2_who_may_release_what() {
    let one = Release::Device(device(1), None);
    let as_operator = Release::Device(device(1), Some(Role::Operator));
    let (two, rules, all) = (Release::Token(token_id(2)), Release::Rules, Release::All);
    for (caller, what, expected) in [
        ("host", one, "2"),
        ("host", as_operator, "1"),
        ("host", two, "1"),
        ("host", rules, "1"),
        ("host", all, "5"),
        ("host", Release::Device(device(9), None), "UNKNOWN_DEVICE"),
        ("host", Release::Token(token_id(9)), "UNKNOWN_TOKEN"),
        ("device:admin", one, "2"),
        ("device:admin", all, "5"),
        ("token:admin", rules, "1"),
        ("secret:admin", two, "1"),
        ("device:pairing write", two, "MISSING_SCOPE operator.admin"),
        ("person:read", two, "MISSING_SCOPE operator.admin"),
        // Nobody gives for longer than they hold it; what ends sooner they may.
        ("passing", one, "BEYOND_APPROVER operator.read"),
        ("passing", rules, "BEYOND_APPROVER operator.admin"),
        ("passing", two, "1"),
        // Who is held releases nobody, and not itself.
        ("owner", one, "GRANT_ENDED"),
        ("owner", Release::Device(device(OWNER), None), "GRANT_ENDED"),
    ] {
        let mut house = held();
        let who = match caller {
            "owner" => house.session(OWNER, "admin"),
            "passing" => {
                let terms = Terms { until: Some(UnixMillis(2 * HOUR)), ..Terms::default() };
                house.grant_more(6, "admin", terms);
                house.paired(7, "admin");
                house.session(6, "admin")
            }
            caller => house.caller(caller),
        };
        assert_eq!(told(&release(&mut house, &who, what)), expected, "{caller} {what:?}");
    }
}

#[test]
fn n18_a18_2_what_is_held_lets_nobody_in() {
    let mut house = held();
    let (good, wrong) = (Credential::DeviceToken(token(10)), Credential::DeviceToken(token(11)));
    let bearer = Credential::DeviceBearer(device(1));
    let (secret, hub) =
        (Credential::Secret(SecretKind::Token), Credential::ServiceToken(token_id(2)));
    let rows = |house: &House| {
        [
            comes_to(house, Some(1), &good, Role::Operator, ""),
            comes_to(house, Some(1), &good, Role::Operator, "admin"),
            comes_to(house, Some(1), &secret, Role::Operator, ""),
            comes_to(house, Some(1), &secret, Role::Node, ""),
            comes_to(house, Some(1), &wrong, Role::Operator, ""),
            comes_to(house, Some(9), &secret, Role::Operator, ""),
            comes_to(house, None, &hub, Role::Operator, ""),
            comes_to(house, None, &bearer, Role::Operator, ""),
        ]
    };
    let out = "HELD_FOR_REVIEW";
    let wrong = "AUTH_DEVICE_TOKEN_MISMATCH";
    assert_eq!(rows(&house), [out, out, out, out, wrong, "NotPaired", out, out]);
    assert_eq!(told(&house.approve(&host(), 3)), out, "nothing is given on top of it");
    assert_eq!(house.state.provided(), Admins::Nobody);
    assert!(house.state.grantors(&set("read")).is_empty());
    assert!(house.state.standing_of(&ONE.subject().unwrap(), Locality::Elsewhere).is_err());

    release(&mut house, &host(), Release::All).unwrap();
    let inside = ["device: read write", "AUTH_SCOPE_MISMATCH", "device: read write", "device: "];
    assert_eq!(rows(&house)[..4], inside);
    assert_eq!(rows(&house)[6..], ["token: read", "device: read write"]);
    assert_eq!(told(&house.approve(&host(), 3)), "1");
    assert_eq!(told(&release(&mut house, &host(), Release::All)), "0", "twice is no fault");
}

#[test]
fn n18_a18_2_what_is_held_stays_listed_and_holds_nothing() {
    let house = held();
    let rows: Vec<_> = house
        .state
        .holders()
        .into_iter()
        .filter(|holder| holder.review.is_some())
        .map(|holder| (holder.name, holder.scopes.is_empty()))
        .collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.iter().all(|(_, empty)| *empty), "{rows:?}");
    let able = house.state.who_can(&Scope::Known(crate::domain::scope::Known::Admin));
    assert!(able.iter().all(|holder| holder.review.is_none()), "{able:?}");
    assert_eq!(house.state.device_count(), 2);
}

/// Rules, the list of keys and codes of before give nothing: a person may have taken it back.
#[test]
fn n18_a18_2_no_rule_approves_and_codes_have_ended() {
    let mut house = House::with_an_owner();
    let (id, code) = (crate::domain::ids::CodeId([4; 16]), token(40));
    let until = UnixMillis(HOUR);
    let command = Command::CreateCode { id, code, access: Access::Full, until };
    house.run(&host(), Operation::CreateCode, command).unwrap();
    let local = || Ask { locality: Locality::DirectLoopback, ..ask(8, "read") };
    let covered = |house: &House| house.state.basis_for(&local(), house.now());
    assert_eq!(covered(&house), Some(Basis::LocalPolicy));
    house.happened(Event::ReviewBegun { lost: LOST, root: None });
    assert_eq!(covered(&house), None);
    assert!(house.state.setup_code(id).is_none());
    let by_code = house.approve_by(ask(8, "read"), Basis::SetupCode(code));
    assert_eq!(told(&by_code), "AUTH_BOOTSTRAP_TOKEN_INVALID");
    release(&mut house, &host(), Release::Rules).unwrap();
    assert_eq!(covered(&house), Some(Basis::LocalPolicy));
}

#[test]
fn what_is_taken_away_or_ends_is_not_held_any_more() {
    let (one, role) = (device(1), Role::Operator);
    for (event, left) in [
        (Event::GrantRevoked { device: one, role, reason: None, bars: true }, 4),
        (Event::GrantExpired { device: one, role, scopes: None }, 4),
        (Event::DeviceRemoved { device: one, reason: None, bars: true }, 3),
        (Event::ServiceTokenRevoked { id: token_id(2), reason: None }, 4),
        (Event::ServiceTokenExpired { id: token_id(2) }, 4),
        (Event::DeviceSeen { device: one }, 5),
    ] {
        let mut house = held();
        house.happened(event.clone());
        assert_eq!(house.state.all_held().count(), left, "{event:?}");
        assert_eq!(invariants::check(&house.state), Ok(()), "{event:?}");
    }
}

/// Whoever goes back behind a hold that is in force comes back under one, and loses nothing by it.
#[test]
fn going_back_behind_a_hold_is_held_again() {
    let mut house = House::with_an_owner();
    house.paired(1, "read write");
    let backup = house.state.clone();
    assert_eq!(backup.hold_again(), None);
    house.happened(Event::ReviewBegun { lost: LOST, root: None });
    assert_eq!(review(&backup, &house.state), vec![]);
    assert_eq!(house.state.hold_again(), Some(Event::ReviewBegun { lost: LOST, root: None }));
}
