//! What a backup may not bring back, row by row (N18 A18.2).

use super::{
    super::{keys::KeyList, review::review},
    who::token_id,
    *,
};

/// Device 1 with two tokens, 10 and 11, of which 11 is newer; service token 2; both to read and write.
fn house() -> House {
    let mut house = House::new();
    // A ceiling that takes nothing away yet is one all the same.
    let ceilings = [("x".to_owned(), set("read write"))].into();
    house.start(Policy { ceilings, ..policy() });
    let who = house.paired(1, "read write");
    house.issue(&who, 10).unwrap();
    house.happened(Event::TokenIssued {
        device: device(1),
        role: Role::Operator,
        token: token(11),
    });
    house.happened(made(2, "read write"));
    house
}

fn made(n: u8, scopes: &str) -> Event {
    Event::ServiceTokenCreated {
        id: token_id(n),
        name: "hub".into(),
        scopes: set(scopes),
        token: token(n + 90),
        until: None,
        ranges: vec![],
        creator: Principal::Host { uid: 0 },
    }
}

impl House {
    pub(super) fn happened(&mut self, event: Event) {
        let stamp = Stamp { seq: Seq(self.seq), at: self.now() };
        self.state.apply(stamp, &event);
        self.seq += 1;
    }
}

#[test]
fn n18_a18_2_row_by_row() {
    let (one, role, reason) = (device(1), Role::Operator, None::<String>);
    let rotated = |scopes, n| Event::TokenRotated {
        device: one,
        role,
        scopes: set(scopes),
        token: Some(token(n)),
    };
    let issued = |n| Event::TokenIssued { device: one, role, token: token(n) };
    let rejected = Event::PairingRejected {
        request_id: request(7),
        device: device(7),
        role,
        withdrawn: false,
    };
    let ceiling = |subject| Event::CeilingAssigned { subject, ceiling: Some("x".into()) };
    let list = KeyList { file_hash: [1; 32], keys: Default::default() };
    let until = |n| Event::PairingApproved(Box::new(until(&house(), n)));
    for (what, since, expected) in [
        ("nothing", vec![], vec![]),
        ("it was here", vec![Event::DeviceSeen { device: one }], vec![]),
        (
            "its grant was revoked",
            vec![Event::GrantRevoked { device: one, role, reason: reason.clone(), bars: true }],
            vec!["grant_revoked"],
        ),
        (
            "it was removed",
            vec![Event::DeviceRemoved { device: one, reason: reason.clone(), bars: false }],
            vec!["grant_revoked"],
        ),
        ("it was narrowed", vec![rotated("read", 12)], vec!["grant_revoked"]),
        ("its token was replaced", vec![rotated("read write", 12)], vec!["grant_revoked"]),
        ("it was given another token", vec![issued(12)], vec!["grant_revoked"]),
        (
            "its first token is dead",
            vec![Event::TokenConfirmed { device: one, role }],
            vec!["token_confirmed"],
        ),
        ("a ceiling lies on it", vec![ceiling(Subject::Device(one, role))], vec!["grant_revoked"]),
        ("it ends", vec![until(50_000)], vec!["grant_revoked"]),
        ("another was turned down", vec![rejected], vec!["pairing_rejected"]),
        (
            "the service token was revoked",
            vec![Event::ServiceTokenRevoked { id: token_id(2), reason }],
            vec!["service_token_revoked"],
        ),
        (
            "the service token was replaced",
            vec![Event::ServiceTokenRotated { id: token_id(2), token: token(3) }],
            vec!["service_token_revoked"],
        ),
        (
            "a ceiling lies on the service token",
            vec![ceiling(Subject::Token(token_id(2)))],
            vec!["service_token_revoked"],
        ),
        ("a list of keys was adopted", vec![Event::KeysAdopted(list)], vec!["keys_adopted"]),
    ] {
        check(what, since, &expected);
    }
}

fn check(what: &str, since: Vec<Event>, expected: &[&str]) {
    let (backup, mut newer) = (house(), house());
    since.into_iter().for_each(|event| newer.happened(event));
    let events = review(&backup.state, &newer.state);
    let kinds: Vec<_> = events.iter().map(Event::kind).collect();
    assert_eq!(kinds, expected, "{what}");
    let mut restored = backup;
    events.into_iter().for_each(|event| restored.happened(event));
    assert_eq!(review(&restored.state, &newer.state), [], "{what}: once is enough");
    for barred in newer.state.barred.keys() {
        assert!(restored.state.is_barred(*barred), "{what}: {barred}");
    }
}

/// The grant of device 1 once more, with an end.
fn until(house: &House, at: u64) -> Approval {
    let grant = house.state.grant(device(1), Role::Operator).unwrap();
    Approval {
        request_id: request(1),
        device: device(1),
        public_key: PublicKey([1; 32]),
        role: Role::Operator,
        scopes: grant.scopes.clone(),
        profile: Profile::default(),
        by: ApprovedBy::Host,
        approver: None,
        until: Some(UnixMillis(at)),
        ceiling: None,
        ephemeral: false,
    }
}
