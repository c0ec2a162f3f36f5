//! Why, row by row: who asks for what, whether it may, who could help, what to do.

use super::*;
use crate::domain::{
    ids::TokenId,
    operation::Requirement::{self, *},
    principal::Subject,
    registry::service_token::NewToken,
    scope::Known::*,
};

const TOKEN: TokenId = TokenId([5; 16]);

/// Device 1 holds admin, device 2 reads and writes under a role that only reads, device 3 may pair
/// and read, and a service token reads.
fn house() -> House {
    let mut house = House::new();
    let ceilings = [("reader".to_owned(), set("read"))].into();
    house.start(Policy { ceilings, ..policy() });
    house.paired(1, "admin");
    house.paired(2, "read write");
    house.paired(3, "pairing read");
    let subject = Subject::Device(device(2), Role::Operator);
    let command = Command::AssignCeiling { subject, ceiling: Some("reader".into()) };
    house.run(&host(), Operation::AssignRole, command).unwrap();
    let new = NewToken {
        id: TOKEN,
        name: "grafana".into(),
        scopes: set("read"),
        token: token(5),
        until: None,
        ranges: vec![],
        now: house.now(),
    };
    let command = Command::CreateToken(Box::new(new));
    house.run(&host(), Operation::CreateToken, command).unwrap();
    house
}

fn of(n: u8) -> Subject {
    Subject::Device(device(n), Role::Operator)
}

#[test]
fn explanations_row_by_row() {
    let house = house();
    let standing = |subject| house.state.standing_of(&subject, Locality::Elsewhere).unwrap();
    let takes_write = Some("doorward tokens create --name grafana-2 --scope operator.write");
    let config = Some("pair a device, or add operator.admin to gateway.auth.sharedSecret.scopes");
    let role_off = Some("let doorward.roles.reader hold operator.write, or take the role off");
    let node = Standing {
        principal: Principal::Device(device(4), Role::Node),
        role: Role::Node,
        scopes: ScopeSet::empty(),
        grant: Seq(1),
    };
    type Row<'a> = (Standing, Requirement, bool, Vec<Subject>, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        (host(), Root, true, vec![], None),
        (standing(of(1)), Scope(Admin), true, vec![], None),
        (standing(of(1)), Dynamic, true, vec![], None),
        (standing(of(1)), Root, false, vec![], Some("run the same command on the gateway host")),
        (standing(of(2)), Scope(Read), true, vec![], None),
        (standing(of(2)), Scope(Write), false, vec![of(1)], role_off),
        (standing(of(2)), ScopeOrOwn(Pairing), true, vec![], None),
        (standing(of(3)), ScopeOrNode(Read), true, vec![], None),
        (standing(of(3)), Node, false, vec![of(1)], Some("connect in the other role")),
        (standing(Subject::Token(TOKEN)), Scope(Write), false, vec![of(1)], takes_write),
        (standing(Subject::Token(TOKEN)), Scope(Read), true, vec![], None),
        (standing(Subject::SharedSecret), Scope(Admin), false, vec![], config),
        (standing(Subject::SharedSecret), Scope(Write), true, vec![], None),
        (node.clone(), ScopeOrNode(Read), true, vec![], None),
        (node, Scope(Read), false, vec![of(1), of(3)], Some("connect in the other role")),
    ];
    for (standing, requirement, allowed, grantors, remedy) in rows {
        let asked = format!("{:?} asks for {requirement:?}", standing.principal);
        let explanation = house.state.explain(&standing, requirement);
        assert_eq!(explanation.verdict.is_ok(), allowed, "{asked}: {explanation:?}");
        assert_eq!(explanation.grantors, grantors, "{asked}");
        assert_eq!(explanation.remedy.as_deref(), remedy, "{asked}");
    }
}

#[test]
fn an_explanation_is_what_gate_1_says() {
    let house = house();
    let subjects = [of(1), of(2), of(3), Subject::Token(TOKEN), Subject::SharedSecret];
    for subject in subjects {
        let standing = house.state.standing_of(&subject, Locality::Elsewhere).unwrap();
        for operation in Operation::ALL {
            let gate = permit::authorize(&standing, *operation).map(|permit| permit.reach());
            let explanation = house.state.explain(&standing, operation.requirement());
            assert_eq!(explanation.verdict, gate, "{subject:?} {operation:?}");
        }
    }
}

#[test]
fn a_line_says_by_which_record_and_under_which_role() {
    let house = house();
    let standing = house.state.standing_of(&of(2), Locality::Elsewhere).unwrap();
    let seq = house.state.grant(device(2), Role::Operator).unwrap().seq;
    for (requirement, expected) in [
        (Scope(Read), "that satisfies operator.read"),
        (Scope(Write), "it takes operator.write"),
        (ScopeOrOwn(Pairing), "without operator.pairing, on itself alone"),
        (Dynamic, "what it takes depends on the call; only operator.admin is always enough"),
        (Root, "it takes a shell on the gateway host"),
    ] {
        let held = format!("holds operator.read as operator (record {seq})");
        let under = "under role reader, which holds back operator.write";
        let why = house.state.explain(&standing, requirement).why;
        assert_eq!(why, format!("{held}, {under}; {expected}"));
    }
    let why = house.state.explain(&host(), Scope(Admin)).why;
    assert_eq!(why, "the host may do everything (record 0)");
}

#[test]
fn nobody_is_made_up() {
    let house = house();
    for (subject, refusal) in [
        (of(9), Refusal::UnknownDevice),
        (Subject::Device(device(1), Role::Node), Refusal::NoGrant { role: Role::Node }),
        (Subject::Token(TokenId([6; 16])), Refusal::UnknownToken),
        (Subject::Open, Refusal::GrantEnded),
        (Subject::Person("ada".into()), Refusal::GrantEnded),
    ] {
        assert_eq!(house.state.standing_of(&subject, Locality::Elsewhere), Err(refusal));
    }
}
