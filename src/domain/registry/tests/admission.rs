//! What a knock comes to.

use super::{
    super::admit::{Admission, Credential, Knock, ProvenDevice, admit},
    *,
};

#[test]
fn knocks_row_by_row() {
    let mut house = House::new();
    house.paired(1, "read write");
    let session = house.session(1, "read");
    house.issue(&session, 8).unwrap();

    let secret = &Credential::Secret(SecretKind::Token);
    let own = &Credential::DeviceToken(token(8));
    let wrong = &Credential::DeviceToken(token(0));
    let (here, there) = (Locality::DirectLoopback, Locality::Elsewhere);
    let enter = |scopes: &str| Ok(set(scopes));
    let pair = |reason| Err(format!("{reason:?}"));
    let no = |code: &str| Err(code.to_owned());
    let full = "admin read write approvals pairing questions talk talk.secrets";
    for (known, credential, role, asked, locality, expected) in [
        (None, secret, Role::Operator, "", here, enter(full)),
        (None, secret, Role::Operator, "", there, enter("read write")),
        (None, secret, Role::Operator, "admin", there, enter("read write")),
        (None, secret, Role::Operator, "read", here, enter("read")),
        (None, secret, Role::Operator, "pairing", there, enter("")),
        (None, &Credential::Open, Role::Operator, "read", here, no("GRANT_ENDED")),
        (None, secret, Role::Node, "", here, no("DEVICE_IDENTITY_REQUIRED")),
        (None, own, Role::Operator, "", here, no("DEVICE_IDENTITY_REQUIRED")),
        (Some(1), own, Role::Operator, "read", there, enter("read")),
        (Some(1), own, Role::Operator, "", there, enter("read write")),
        (Some(1), own, Role::Operator, "admin", there, no("AUTH_SCOPE_MISMATCH")),
        (Some(1), own, Role::Node, "", there, no("AUTH_DEVICE_TOKEN_MISMATCH")),
        (Some(1), wrong, Role::Operator, "read", there, no("AUTH_DEVICE_TOKEN_MISMATCH")),
        (Some(2), own, Role::Operator, "read", there, no("AUTH_DEVICE_TOKEN_MISMATCH")),
        (Some(1), secret, Role::Operator, "write", there, enter("write")),
        (Some(1), secret, Role::Operator, "admin", there, pair(PairingReason::ScopeUpgrade)),
        (Some(1), secret, Role::Node, "", there, pair(PairingReason::RoleUpgrade)),
        (Some(2), secret, Role::Operator, "read", there, pair(PairingReason::NotPaired)),
    ] {
        let profile = Profile { platform: "linux".into(), ..Profile::default() };
        let device =
            known.map(|n| ProvenDevice { id: device(n), profile: &profile, profile_signed: true });
        let scopes = set(asked);
        let knock = Knock {
            role,
            scopes: &scopes,
            device,
            credential: credential.clone(),
            locality,
            cap: None,
        };
        let found = match admit(&house.state, &knock) {
            Ok(Admission::Enter(standing)) => Ok(standing.scopes),
            Ok(Admission::Pair(reason)) => Err(format!("{reason:?}")),
            Err(refusal) => Err(refusal.code().to_owned()),
        };
        assert_eq!(found, expected, "{known:?} {credential:?} {role:?} {asked:?} {locality:?}");
    }
}

#[test]
fn n4_a4_3_a_changed_platform_needs_approval_only_if_it_is_not_signed() {
    let mut house = House::new();
    house.paired(1, "read");
    for (platform, family, signed, expected) in [
        ("linux", None, false, None),
        ("Linux ", None, false, None),
        ("ios", None, true, None),
        ("ios", None, false, Some(PairingReason::MetadataUpgrade)),
        ("linux", Some("Phone"), false, Some(PairingReason::MetadataUpgrade)),
        ("linux", Some("Phone"), true, None),
    ] {
        let device_family = family.map(str::to_owned);
        let profile = Profile { platform: platform.into(), device_family, ..Profile::default() };
        let scopes = set("read");
        let knock = Knock {
            role: Role::Operator,
            scopes: &scopes,
            device: Some(ProvenDevice { id: device(1), profile: &profile, profile_signed: signed }),
            credential: Credential::Secret(SecretKind::Token),
            locality: Locality::Elsewhere,
            cap: None,
        };
        let found = match admit(&house.state, &knock).unwrap() {
            Admission::Pair(reason) => Some(reason),
            Admission::Enter(_) => None,
        };
        assert_eq!(found, expected, "{platform} {family:?} signed: {signed}");
    }
}

#[test]
fn nobody_enters_without_a_proof_unless_the_policy_asks_for_none() {
    let mut house = House::new();
    for (auth_mode, expected) in [
        (AuthMode::None, Some(set("read"))),
        (AuthMode::Password, None),
        (AuthMode::TrustedProxy, None),
        (AuthMode::Token, None),
    ] {
        house.start(Policy { auth_mode, ..policy() });
        let knock = Knock {
            role: Role::Operator,
            scopes: &set("read"),
            device: None,
            credential: Credential::Open,
            locality: Locality::DirectLoopback,
            cap: None,
        };
        let found = match admit(&house.state, &knock) {
            Ok(Admission::Enter(standing)) => Some(standing.scopes),
            Ok(Admission::Pair(_)) | Err(_) => None,
        };
        assert_eq!(found, expected, "{auth_mode:?}");
    }
}
