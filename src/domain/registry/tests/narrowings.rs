//! Why a session may not use what it asked for (N2 A2.2).

use super::{
    super::{
        admit::{Admission, Credential, Knock, ProvenDevice, admit},
        narrowing::Bound,
        session::Session,
    },
    who::token_id,
    *,
};

/// What keeps what from a client that comes with this, and what it is told to do.
fn withheld(
    house: &House,
    n: Option<u8>,
    with: Credential,
    asked: &str,
    cap: Option<&str>,
) -> Vec<(String, String)> {
    let profile = Profile::default();
    let device = n.map(|n| ProvenDevice { id: device(n), profile: &profile, profile_signed: true });
    let (asked, cap, locality) = (set(asked), cap.map(set), Locality::Elsewhere);
    let (role, credential) = (Role::Operator, with);
    let knock = Knock { role, scopes: &asked, device, credential, locality, cap: cap.as_ref() };
    let Ok(Admission::Enter(standing)) = admit(&house.state, &knock) else { panic!("{asked}") };
    let session = Session { standing, asked, cap, locality };
    let told = house.state.withheld(&session).into_iter().map(|withheld| {
        let by = match &withheld.by {
            Bound::Ceiling(role) => format!("{} {role}", withheld.by.code()),
            by => by.code().to_owned(),
        };
        let scope = withheld.scope.name().replace("operator.", "");
        (format!("{scope} {by}"), withheld.remedy(&session.standing.principal))
    });
    told.collect()
}

/// Device 1 reads and writes under `reader`; service token 1 writes, and 2 writes under `reader`; the
/// shared secret reads and writes; `ada` reads.
fn furnished(mode: AuthMode) -> House {
    let mut house = House::with_an_owner();
    house.paired(1, "read write");
    house.service_token(1, "write", None);
    house.service_token(2, "write", None);
    let ceilings = [("reader".to_owned(), set("read"))].into_iter().collect();
    let people = [("ada".to_owned(), set("read"))].into_iter().collect();
    house.start(Policy { ceilings, people, auth_mode: mode, ..policy() });
    house.assign(&host(), 1, Some("reader")).unwrap();
    let subject = crate::domain::principal::Subject::Token(token_id(2));
    let command = Command::AssignCeiling { subject, ceiling: Some("reader".into()) };
    house.run(&host(), Operation::AssignRole, command).unwrap();
    house
}

#[test]
fn n2_a2_2_what_is_withheld_says_by_what_and_what_to_do() {
    let secret = || Credential::Secret(SecretKind::Token);
    let token = |n| Credential::ServiceToken(token_id(n));
    let person = || Credential::Person("ada".into());
    let (role, cap) = ("widen the role reader under doorward.roles", "let the request's own cap");
    let (config, people) = ("connect with a device key", "name operator.pairing in gateway.auth");
    for (n, with, asked, limit, expected) in [
        (None, secret(), "read write", None, vec![]),
        (None, secret(), "", None, vec![]),
        (None, secret(), "read pairing", None, vec![("pairing NOT_GRANTED", config)]),
        // Admin is asked for, and what it implies of what is granted is not withheld.
        (None, secret(), "admin", None, vec![("admin NOT_GRANTED", config)]),
        (None, secret(), "write", Some("read"), vec![("write REQUEST_CAP", cap)]),
        (None, secret(), "", Some("read"), vec![("write REQUEST_CAP", cap)]),
        (
            None,
            secret(),
            "write pairing",
            Some("read"),
            vec![("write REQUEST_CAP", cap), ("pairing NOT_GRANTED", config)],
        ),
        (None, token(1), "write", None, vec![]),
        (
            None,
            token(1),
            "pairing",
            None,
            vec![("pairing NOT_GRANTED", "doorward tokens create --scope operator.pairing")],
        ),
        // Nothing is asked for: what the grant has and the role hides is told.
        (None, token(2), "", None, vec![("write CEILING reader", role)]),
        (None, token(2), "read", None, vec![]),
        (Some(1), secret(), "", None, vec![("write CEILING reader", role)]),
        (Some(1), secret(), "write", None, vec![("write CEILING reader", role)]),
        (Some(1), secret(), "read", None, vec![]),
        (Some(1), secret(), "read", Some("pairing"), vec![("read REQUEST_CAP", cap)]),
        (None, person(), "read pairing", None, vec![("pairing NOT_GRANTED", people)]),
    ] {
        let mode = match &with {
            Credential::Person(_) => AuthMode::TrustedProxy,
            _ => AuthMode::Token,
        };
        let what = format!("{n:?} {with:?} {asked:?} {limit:?}");
        let told = withheld(&furnished(mode), n, with, asked, limit);
        let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{what}");
        for ((_, remedy), (_, begins)) in told.iter().zip(&expected) {
            assert!(remedy.starts_with(begins), "{what}: {remedy}");
        }
    }
}
