//! What a transcript was goes on record, by whoever may let it go.

use super::{
    super::digest::{SessionAct, TranscriptDigest},
    who::told,
    *,
};
use crate::domain::talk::{AgentId, SessionId, SessionKey};

fn digest() -> TranscriptDigest {
    let key = SessionKey::main_of(&AgentId::main());
    TranscriptDigest { key, transcript: SessionId([1; 16]), messages: 3, sha256: [2; 32] }
}

fn note(house: &mut House, who: &Standing, act: SessionAct) -> Result<Vec<Event>, Refusal> {
    let command = Command::NoteSession { act, digest: digest() };
    house.run(who, Operation::ManageSessions, command)
}

#[test]
fn who_may_let_a_transcript_go() {
    for (caller, expected) in [
        ("host", "1"),
        ("device:admin", "1"),
        ("token:admin", "1"),
        ("device:write", "MISSING_SCOPE operator.admin"),
        ("node", "WRONG_ROLE"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        assert_eq!(told(&note(&mut house, &who, SessionAct::Delete)), expected, "{caller}");
    }
    let mut house = House::with_an_owner();
    let rule = Standing::system(Rule::Retention);
    let before = house.state.clone();
    let deleted = note(&mut house, &rule, SessionAct::Delete).unwrap();
    assert_eq!(deleted, [Event::SessionDeleted(digest())]);
    let reset = note(&mut house, &rule, SessionAct::Reset).unwrap();
    assert_eq!(reset, [Event::SessionReset(digest())]);
    assert!(house.state == before, "it is no authority");
    let other = house.run(
        &host(),
        Operation::EditSessions,
        Command::NoteSession { act: SessionAct::Delete, digest: digest() },
    );
    assert_eq!(told(&other), "HOST_ONLY", "a permit for something else");
}

#[test]
fn a_grant_that_is_gone_lets_nothing_go() {
    let mut house = House::with_an_owner();
    let token = house.caller("token:admin");
    let Principal::Token(id) = token.principal else { panic!("no token") };
    let revoke = Command::RevokeServiceToken { id, force: None };
    house.run(&host(), Operation::RevokeServiceToken, revoke).unwrap();
    assert_eq!(told(&note(&mut house, &token, SessionAct::Delete)), "GRANT_ENDED");
}
