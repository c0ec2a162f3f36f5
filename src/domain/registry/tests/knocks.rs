//! What a knock comes to with each of the newer credentials.

use super::{
    super::admit::{Admission, Credential, Knock, ProvenDevice, admit},
    who::{OWNER, token_id},
    *,
};

/// The scopes with which it enters, why it has to be approved, or the code of the refusal.
pub(super) fn comes_to(
    house: &House,
    n: Option<u8>,
    with: &Credential,
    role: Role,
    asked: &str,
) -> String {
    let profile = Profile { platform: "linux".into(), ..Profile::default() };
    let device = n.map(|n| ProvenDevice { id: device(n), profile: &profile, profile_signed: true });
    let scopes = set(asked);
    let (credential, locality) = (with.clone(), Locality::Elsewhere);
    let knock = Knock { role, scopes: &scopes, device, credential, locality, cap: None };
    match admit(&house.state, &knock) {
        Ok(Admission::Enter(standing)) => {
            assert_eq!(session::authority(&house.state, &standing), Ok(standing.grant), "{with:?}");
            let who = match standing.principal {
                Principal::Device(..) => "device",
                Principal::Token(_) => "token",
                Principal::Person(_) => "person",
                other => panic!("{other:?}"),
            };
            let names: Vec<_> = standing.scopes.iter().map(|scope| scope.to_string()).collect();
            format!("{who}: {}", names.join(" ").replace("operator.", ""))
        }
        Ok(Admission::Pair(reason)) => format!("{reason:?}"),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[test]
fn n3_a_service_token_is_worth_what_it_says_and_a_device_beside_it_adds_nothing() {
    let mut house = House::with_an_owner();
    house.service_token(1, "read write", None);
    let token = Credential::ServiceToken(token_id(1));
    let gone = Credential::ServiceToken(token_id(2));
    for (n, with, role, asked, expected) in [
        (None, &token, Role::Operator, "", "token: read write"),
        (None, &token, Role::Operator, "read", "token: read"),
        (None, &token, Role::Operator, "admin", "token: read write"),
        (None, &token, Role::Operator, "pairing", "token: "),
        (Some(OWNER), &token, Role::Operator, "admin", "token: read write"),
        (Some(OWNER), &token, Role::Node, "", "WRONG_ROLE"),
        (None, &token, Role::Node, "", "WRONG_ROLE"),
        (None, &gone, Role::Operator, "", "GRANT_ENDED"),
    ] {
        let found = comes_to(&house, n, with, role, asked);
        assert_eq!(found, expected, "{n:?} {with:?} {role:?} {asked:?}");
    }
}

#[test]
fn a_person_is_worth_what_the_policy_says() {
    let person = |name: &str| Credential::Person(name.into());
    let people: std::collections::BTreeMap<_, _> =
        [("ada".to_owned(), set("admin"))].into_iter().collect();
    let proxied = Policy { auth_mode: AuthMode::TrustedProxy, people, ..policy() };
    let others = Policy { others: Some(set("read")), ..proxied.clone() };
    let no_proxy = Policy { auth_mode: AuthMode::Token, ..others.clone() };
    for (policy, n, name, role, asked, expected) in [
        (&proxied, None, "ada", Role::Operator, "", "person: admin"),
        (&proxied, None, "ada", Role::Operator, "read", "person: read"),
        (&proxied, None, "eve", Role::Operator, "", "AUTH_VERIFIED_USER_REQUIRED"),
        (&others, None, "eve", Role::Operator, "admin", "person: read"),
        (&no_proxy, None, "ada", Role::Operator, "", "AUTH_VERIFIED_USER_REQUIRED"),
        // A device beside it adds nothing.
        (&proxied, Some(OWNER), "eve", Role::Operator, "", "AUTH_VERIFIED_USER_REQUIRED"),
        (&others, Some(OWNER), "eve", Role::Operator, "admin", "person: read"),
        // As a node it is the device that enters, and only if the person may.
        (&proxied, Some(1), "ada", Role::Node, "", "device: "),
        (&proxied, Some(1), "eve", Role::Node, "", "AUTH_VERIFIED_USER_REQUIRED"),
        (&proxied, Some(2), "ada", Role::Node, "", "NotPaired"),
        (&proxied, Some(2), "eve", Role::Node, "", "AUTH_VERIFIED_USER_REQUIRED"),
        (&proxied, None, "ada", Role::Node, "", "DEVICE_IDENTITY_REQUIRED"),
    ] {
        let mut house = House::with_an_owner();
        house.node(1);
        house.start(policy.clone());
        let found = comes_to(&house, n, &person(name), role, asked);
        assert_eq!(found, expected, "{n:?} {name} {role:?} {asked:?} {:?}", policy.auth_mode);
    }
}

#[test]
fn n17_a17_2_a_listed_key_enters_with_what_it_was_given() {
    let mut house = House::with_an_owner();
    house.listed(1, Role::Operator, "read write");
    for (n, role, asked, expected) in [
        (1, Role::Operator, "", "device: read write"),
        (1, Role::Operator, "read", "device: read"),
        (1, Role::Operator, "admin", "ScopeUpgrade"),
        (1, Role::Node, "", "RoleUpgrade"),
        (2, Role::Operator, "", "NotPaired"),
    ] {
        let found = comes_to(&house, Some(n), &Credential::ListedKey, role, asked);
        assert_eq!(found, expected, "{n} {role:?} {asked:?}");
    }
    let found = comes_to(&house, None, &Credential::ListedKey, Role::Operator, "");
    assert_eq!(found, "DEVICE_IDENTITY_REQUIRED");
}

#[test]
fn a_redeemed_code_lets_in_with_what_it_gave_whatever_was_asked_for() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    house.node(2);
    for (n, role, asked, expected) in [
        (Some(1), Role::Operator, "", "device: read"),
        (Some(1), Role::Operator, "admin", "device: read"),
        (Some(1), Role::Node, "", "GRANT_ENDED"),
        (Some(2), Role::Node, "admin", "device: "),
        (Some(3), Role::Operator, "", "GRANT_ENDED"),
        (None, Role::Operator, "", "DEVICE_IDENTITY_REQUIRED"),
    ] {
        let found = comes_to(&house, n, &Credential::Redeemed, role, asked);
        assert_eq!(found, expected, "{n:?} {role:?} {asked:?}");
    }
}

#[test]
fn n17_a17_1_a_device_under_a_ceiling_enters_with_less_and_needs_no_approval() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "admin");
    house.issue(&own, 8).unwrap();
    house.assign(&host(), 1, Some(Policy::AUDITOR)).unwrap();
    let by_token = Credential::DeviceToken(token(8));
    for (with, asked, expected) in [
        (&by_token, "", "device: audit"),
        (&by_token, "admin", "device: audit"),
        (&by_token, "read", "device: "),
        (&Credential::Secret(SecretKind::Token), "admin", "device: audit"),
    ] {
        let found = comes_to(&house, Some(1), with, Role::Operator, asked);
        assert_eq!(found, expected, "{with:?} {asked:?}");
    }
}

#[test]
fn n4_a4_4_wrong_secret_wrong_token_and_too_little_scope_are_three_codes() {
    let mut house = House::with_an_owner();
    let own = house.paired(1, "read");
    house.issue(&own, 8).unwrap();
    let with = |n| Credential::DeviceToken(token(n));
    let wrong = comes_to(&house, Some(1), &with(9), Role::Operator, "read");
    let little = comes_to(&house, Some(1), &with(8), Role::Operator, "write");
    let secret = Refusal::SecretMismatch { kind: SecretKind::Token, device_proven: true };
    let codes = [secret.code(), wrong.as_str(), little.as_str()];
    let expected = ["AUTH_TOKEN_MISMATCH", "AUTH_DEVICE_TOKEN_MISMATCH", "AUTH_SCOPE_MISMATCH"];
    assert_eq!(codes, expected);
}

#[test]
fn a_device_token_as_a_bearer_is_worth_what_the_device_holds() {
    let mut house = House::with_an_owner();
    house.paired(1, "read write");
    house.paired(2, "admin");
    house.assign(&host(), 2, Some(Policy::AUDITOR)).unwrap();
    for (n, with, role, asked, expected) in [
        (None, 1, Role::Operator, "", "device: read write"),
        (None, 1, Role::Operator, "read", "device: read"),
        (None, 1, Role::Operator, "admin", "device: read write"),
        (None, 2, Role::Operator, "", "device: audit"),
        (None, 3, Role::Operator, "", "GRANT_ENDED"),
        (None, 1, Role::Node, "", "WRONG_ROLE"),
        // Who has the key signs with it.
        (Some(1), 1, Role::Operator, "", "WRONG_ROLE"),
    ] {
        let found = comes_to(&house, n, &Credential::DeviceBearer(device(with)), role, asked);
        assert_eq!(found, expected, "{with} {role:?} {asked:?}");
    }
}
