//! What a live session stands on, whatever happens to its grant (N10).

use super::{
    super::session::Session,
    who::{OWNER, token_id, told},
    *,
};
use crate::domain::principal::Subject;

/// A session of each kind, which asked for nothing in particular.
fn sessions(house: &mut House) -> Vec<(&'static str, Session)> {
    house.paired(1, "read write");
    let session = |standing| Session {
        standing,
        asked: ScopeSet::empty(),
        cap: None,
        locality: Locality::DirectLoopback,
    };
    let held = house.state.held(&Subject::SharedSecret, Locality::DirectLoopback).unwrap();
    let shared = Standing { scopes: held.scopes, ..house.shared("") };
    vec![
        ("device", session(house.session(1, "read write"))),
        ("node", session(house.node(1))),
        ("secret", session(shared)),
        ("token", session(house.service_token(1, "read write", None))),
        ("owner", session(house.session(OWNER, "admin"))),
        ("host", session(host())),
    ]
}

type Change = fn(&mut House);

fn revoke(house: &mut House, role: Role) {
    let command = Command::RevokeToken { device: device(1), role, force: None };
    house.run(&host(), Operation::RevokeToken, command).unwrap();
}

#[test]
fn n10_what_becomes_of_whom() {
    let full = "admin read write approvals pairing questions talk talk.secrets";
    let rows: [(&str, Change, [Option<&str>; 4]); 8] = [
        ("nothing", |_| {}, [Some("read write"), Some(""), Some(full), Some("read write")]),
        (
            "the operator's grant is revoked",
            |house| revoke(house, Role::Operator),
            [None, Some(""), Some(full), Some("read write")],
        ),
        (
            "the node's grant is revoked",
            |house| revoke(house, Role::Node),
            [Some("read write"), None, Some(full), Some("read write")],
        ),
        (
            "the device is removed",
            |house| {
                let command = Command::RemoveDevice { device: device(1), force: None };
                house.run(&host(), Operation::RemoveDevice, command).unwrap();
            },
            [None, None, Some(full), Some("read write")],
        ),
        (
            "more is granted",
            |house| house.grant_more(1, "pairing", Terms::default()),
            [Some("read write pairing"), Some(""), Some(full), Some("read write")],
        ),
        (
            "another secret is in force",
            |house| {
                let command =
                    Command::RotateSecret { kind: SecretKind::Token, fingerprint: token(70) };
                house.run(&host(), Operation::RotateSecret, command).unwrap();
            },
            [Some("read write"), Some(""), None, Some("read write")],
        ),
        (
            "another policy is in force",
            |house| {
                house.start(Policy { loopback_scopes: set("pairing"), ..policy() });
            },
            [Some("read write"), Some(""), Some("read write pairing"), Some("read write")],
        ),
        (
            "a ceiling lies on it",
            |house| {
                house.assign(&host(), 1, Some(Policy::AUDITOR)).unwrap();
            },
            [Some(""), Some(""), Some(full), Some("read write")],
        ),
    ];
    for (what, change, expected) in rows {
        let mut house = House::with_an_owner();
        let before = sessions(&mut house);
        change(&mut house);
        let mut expected = expected.to_vec();
        expected.extend([Some("admin"), Some(full)]);
        for ((who, session), expected) in before.iter().zip(expected) {
            let now = house.state.reassess(session).ok().map(|standing| standing.scopes);
            assert_eq!(now, expected.map(set), "{what}: {who}");
        }
    }
}

/// A session from before stands on what has ended, whatever was granted since.
#[test]
fn n10_a10_3_what_was_granted_again_is_another_grant() {
    for whole in [false, true] {
        let mut house = House::with_an_owner();
        let before = sessions(&mut house).remove(0).1;
        let (device, role) = (device(1), Role::Operator);
        let (operation, command) = match whole {
            true => (Operation::RemoveDevice, Command::RemoveDevice { device, force: None }),
            false => (Operation::RevokeToken, Command::RevokeToken { device, role, force: None }),
        };
        house.run(&host(), operation, command).unwrap();
        house.paired_again(1, "read write");
        assert_eq!(house.state.reassess(&before), Err(Refusal::GrantEnded), "whole: {whole}");
        // Nor does it act on the new grant.
        let (label, rename) = ("x".to_owned(), Operation::RenameDevice);
        let outcome = house.run(&before.standing, rename, Command::RenameDevice { device, label });
        assert_eq!(told(&outcome), "GRANT_ENDED", "whole: {whole}");
    }
}

#[test]
fn a_secret_that_comes_back_does_not_bring_its_sessions_back() {
    let mut house = House::with_an_owner();
    let before = sessions(&mut house).remove(2).1;
    for secret in [70, 9] {
        let fingerprint = token(secret);
        let command = Command::RotateSecret { kind: SecretKind::Token, fingerprint };
        assert_eq!(told(&house.run(&host(), Operation::RotateSecret, command)), "1");
    }
    assert_eq!(house.state.reassess(&before), Err(Refusal::GrantEnded));
}

#[test]
fn a_session_gets_what_it_asked_for_of_what_is_granted_now() {
    let mut house = House::with_an_owner();
    house.paired(1, "read");
    let session = Session {
        standing: house.session(1, "read"),
        asked: set("read write"),
        cap: Some(set("read write pairing")),
        locality: Locality::Elsewhere,
    };
    for (more, expected) in [("pairing", "read"), ("write", "read write"), ("admin", "read write")]
    {
        house.grant_more(1, more, Terms::default());
        assert_eq!(house.state.reassess(&session).unwrap().scopes, set(expected), "{more}");
    }
}

/// Whoever acts has to hold, at that moment, what its session says.
#[test]
fn nobody_acts_on_what_was_taken_away() {
    let mut house = House::with_an_owner();
    house.paired(2, "talk");
    let wide = house.paired(1, "admin");
    let rename = |house: &mut House, who: &Standing| {
        let (device, label) = (device(2), format!("name {}", house.seq));
        let command = Command::RenameDevice { device, label };
        told(&house.run(who, Operation::RenameDevice, command))
    };
    assert_eq!(rename(&mut house, &wide), "1");
    house.assign(&host(), 1, Some(Policy::AUDITOR)).unwrap();
    assert_eq!(rename(&mut house, &wide), "GRANT_ENDED");
    house.assign(&host(), 1, None).unwrap();
    assert_eq!(rename(&mut house, &wide), "1");
}

#[test]
fn who_could_give_it() {
    let mut house = House::with_an_owner();
    house.paired(1, "pairing read");
    house.paired(2, "write");
    house.service_token(1, "pairing write", None);
    let operator = |n| Subject::Device(device(n), Role::Operator);
    let token = || Subject::Token(token_id(1));
    for (required, expected) in [
        ("read", vec![operator(1), operator(OWNER), token()]),
        ("write", vec![operator(OWNER), token()]),
        ("admin", vec![operator(OWNER)]),
    ] {
        assert_eq!(house.state.grantors(&set(required)), expected, "{required}");
    }
}
