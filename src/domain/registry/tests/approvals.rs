//! What waits for a person: who may ask, who may decide, and that it ends once.

use super::{
    super::approvals::{
        Asker, Command as Approving, Decision, ENDED_MAX, Event as Happened, Kind, PENDING_MAX,
        Presentation, Request, Withdrawal,
    },
    who::told,
    *,
};
use crate::domain::{ids::ApprovalId, refusal::ApprovalFault};

const UNTIL: u64 = 600_000;
use Decision::{AllowAlways, AllowOnce, Deny};

const fn approval(n: u64) -> ApprovalId {
    ApprovalId((n as u128).to_be_bytes())
}

fn asked(n: u64) -> Request {
    Request {
        id: approval(n),
        kind: Kind::Plugin,
        asker: Asker::default(),
        presentation: Presentation {
            title: "touch a file".into(),
            description: "an agent asks".into(),
            ..Presentation::default()
        },
        offered: [AllowOnce, Deny].into(),
        until: UnixMillis(UNTIL),
    }
}

impl House {
    fn approving(
        &mut self,
        who: &Standing,
        operation: Operation,
        command: Approving,
    ) -> Result<Vec<Event>, Refusal> {
        self.run(who, operation, Command::Approval(command))
    }

    fn ask_for(&mut self, who: &Standing, request: Request) -> Result<Vec<Event>, Refusal> {
        let command = Approving::Request(Box::new(request));
        self.approving(who, Operation::RequestApproval, command)
    }

    fn waiting(&mut self, n: u64) {
        self.ask_for(&Standing::system(Rule::AgentRun), asked(n)).unwrap();
    }

    fn answer(
        &mut self,
        who: &Standing,
        n: u64,
        decision: Decision,
    ) -> Result<Vec<Event>, Refusal> {
        self.answer_at(who, n, decision, 0)
    }

    fn answer_at(
        &mut self,
        who: &Standing,
        n: u64,
        decision: Decision,
        now: u64,
    ) -> Result<Vec<Event>, Refusal> {
        let command = Approving::Decide { id: approval(n), decision, now: UnixMillis(now) };
        self.approving(who, Operation::DecideApproval, command)
    }

    fn expire_at(&mut self, who: &Standing, n: u64, now: u64) -> Result<Vec<Event>, Refusal> {
        let command = Approving::Expire { id: approval(n), now: UnixMillis(now) };
        self.approving(who, Operation::EndApproval, command)
    }

    fn withdraw(&mut self, who: &Standing, n: u64) -> Result<Vec<Event>, Refusal> {
        let command = Approving::Withdraw { id: approval(n), why: Withdrawal::AgentCrashed };
        self.approving(who, Operation::EndApproval, command)
    }

    fn status(&self, n: u64) -> Option<&'static str> {
        let (_, outcome) = self.state.approvals().get(approval(n))?.ended.as_ref()?;
        Some(outcome.status())
    }
}

#[test]
fn who_may_ask_decide_and_end() {
    for (caller, asks, decides, ends) in [
        ("host", "1", "1", "1"),
        ("device:approvals", "HOST_ONLY", "1", "HOST_ONLY"),
        ("device:admin", "HOST_ONLY", "1", "HOST_ONLY"),
        ("secret:admin", "HOST_ONLY", "1", "HOST_ONLY"),
        ("token:approvals", "HOST_ONLY", "1", "HOST_ONLY"),
        ("person:pairing", "HOST_ONLY", "MISSING_SCOPE operator.approvals", "HOST_ONLY"),
        ("device:read write pairing", "HOST_ONLY", "MISSING_SCOPE operator.approvals", "HOST_ONLY"),
        ("node", "HOST_ONLY", "WRONG_ROLE", "HOST_ONLY"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        assert_eq!(told(&house.ask_for(&who, asked(1))), asks, "{caller}");
        house.waiting(2);
        assert_eq!(told(&house.answer(&who, 2, AllowOnce)), decides, "{caller}");
        house.waiting(3);
        assert_eq!(told(&house.withdraw(&who, 3)), ends, "{caller}");
        house.waiting(4);
        assert_eq!(told(&house.expire_at(&who, 4, UNTIL)), ends, "{caller}");
    }
}

#[test]
fn a_permit_for_one_thing_is_no_permit_for_another() {
    let mut house = House::with_an_owner();
    house.waiting(1);
    let decide =
        Approving::Decide { id: approval(1), decision: AllowOnce, now: UnixMillis::default() };
    let expire = Approving::Expire { id: approval(1), now: UnixMillis(UNTIL) };
    let withdraw = Approving::Withdraw { id: approval(1), why: Withdrawal::RunEnded };
    for (operation, command) in [
        (Operation::ReadApprovals, decide),
        (Operation::DecideApproval, expire),
        (Operation::DecideApproval, withdraw),
        (Operation::DecideApproval, Approving::Request(Box::new(asked(2)))),
    ] {
        assert_eq!(told(&house.approving(&host(), operation, command)), "HOST_ONLY");
    }
}

#[test]
fn the_first_end_is_the_only_one() {
    type End = fn(&mut House) -> Result<Vec<Event>, Refusal>;
    let ends: [(&str, End); 5] = [
        ("allowed", |house| {
            let owner = house.session(1, "admin");
            house.answer(&owner, 1, AllowOnce)
        }),
        ("denied", |house| house.answer(&host(), 1, Deny)),
        ("expired", |house| house.expire_at(&Standing::system(Rule::Expiry), 1, UNTIL)),
        ("cancelled", |house| house.withdraw(&Standing::system(Rule::AgentRun), 1)),
        ("denied", |house| house.answer(&host(), 1, Deny)),
    ];
    for (first, (how, end)) in ends.iter().enumerate() {
        for (second, (_, again)) in ends.iter().enumerate() {
            let mut house = House::with_an_owner();
            house.paired(1, "admin");
            house.waiting(1);
            assert_eq!(told(&end(&mut house)), "1", "{how}");
            assert_eq!(house.status(1), Some(*how));
            let answers = [0, 1, 4].contains(&second);
            let expected = if answers { "APPROVAL_ALREADY_RESOLVED" } else { "0" };
            assert_eq!(told(&again(&mut house)), expected, "{first} {second}");
            assert_eq!(house.status(1), Some(*how), "{first} {second}");
            // Asked again by the same id, it does not wait again.
            house.waiting(1);
            assert_eq!(house.status(1), Some(*how));
        }
    }
}

#[test]
fn whoever_comes_second_is_told_who_was_first() {
    let mut house = House::with_an_owner();
    house.waiting(1);
    house.answer(&host(), 1, Deny).unwrap();
    let closed = ApprovalFault::Closed { how: "denied", by: Some("host".into()) };
    assert_eq!(house.answer(&host(), 1, AllowOnce), Err(closed.into()));
    assert_eq!(house.answer(&host(), 9, AllowOnce), Err(ApprovalFault::Unknown.into()));
}

#[test]
fn time_is_up_when_it_is_up() {
    for (now, answer, expiry) in
        [(0, "1", "0"), (UNTIL - 1, "1", "0"), (UNTIL, "APPROVAL_ALREADY_RESOLVED", "1")]
    {
        let mut house = House::with_an_owner();
        house.waiting(1);
        house.waiting(2);
        assert_eq!(told(&house.answer_at(&host(), 1, AllowOnce, now)), answer, "at {now}");
        let rule = Standing::system(Rule::Expiry);
        assert_eq!(told(&house.expire_at(&rule, 2, now)), expiry, "at {now}");
    }
}

#[test]
fn only_what_is_offered_is_taken_and_a_no_always() {
    for (offered, decision, expected) in [
        (vec![AllowOnce, Deny], AllowOnce, "1"),
        (vec![AllowOnce, Deny], AllowAlways, "DECISION_NOT_OFFERED"),
        (vec![AllowAlways], AllowOnce, "DECISION_NOT_OFFERED"),
        (vec![AllowAlways], AllowAlways, "1"),
        (vec![AllowOnce], Deny, "1"),
    ] {
        let mut house = House::with_an_owner();
        let request = Request { offered: offered.iter().copied().collect(), ..asked(1) };
        house.ask_for(&host(), request).unwrap();
        assert_eq!(told(&house.answer(&host(), 1, decision)), expected, "{offered:?} {decision:?}");
    }
}

#[test]
fn a_decision_stands_on_a_grant_that_is_in_force() {
    let mut house = House::with_an_owner();
    let reviewer = house.paired(3, "approvals");
    house.waiting(1);
    let command = Command::RevokeToken { device: device(3), role: Role::Operator, force: None };
    house.run(&host(), Operation::RevokeToken, command).unwrap();
    assert_eq!(told(&house.answer(&reviewer, 1, AllowOnce)), "GRANT_ENDED");
    assert_eq!(house.status(1), None);
}

#[test]
fn what_waits_what_is_shown_and_what_is_remembered_is_bounded() {
    let mut house = House::with_an_owner();
    for n in 0..PENDING_MAX as u64 {
        house.waiting(n);
    }
    let next = PENDING_MAX as u64;
    assert_eq!(told(&house.ask_for(&host(), asked(next))), "LIMIT_REACHED");
    house.answer(&host(), 0, Deny).unwrap();
    house.waiting(next);
    for n in 1..=ENDED_MAX as u64 {
        house.answer(&host(), n, Deny).unwrap();
    }
    assert_eq!(house.state.approvals().get(approval(0)), None, "the oldest made room");
    assert_eq!(house.status(1), Some("denied"));
    for (title, description, tool, detail) in [
        (String::new(), "x".to_owned(), 0, 0),
        ("é".repeat(81), "x".into(), 0, 0),
        ("x".into(), String::new(), 0, 0),
        ("x".into(), "é".repeat(513), 0, 0),
        ("x".into(), "x".into(), 65, 0),
        ("x".into(), "x".into(), 0, 4097),
    ] {
        let (tool, detail) = (Some("é".repeat(tool)), Some("x".repeat(detail)));
        let presentation = Presentation { tool, title, description, detail, whole: None };
        let request = Request { presentation, ..asked(next + 1) };
        assert_eq!(told(&house.ask_for(&host(), request)), "LIMIT_REACHED");
    }
}

#[test]
fn the_last_that_ended_comes_first_and_pages_go_on() {
    let mut house = House::with_an_owner();
    for n in 1..=4 {
        house.waiting(n);
        house.answer(&host(), n, Deny).unwrap();
    }
    let page = |before: Seq| -> Vec<_> {
        let ended = house.state.approvals().ended_before(before).take(2);
        ended.map(|one| (one.request.id, one.ended.as_ref().unwrap().0.seq)).collect()
    };
    let first = page(Seq(u64::MAX));
    let second = page(first[1].1);
    let ids: Vec<_> = first.iter().chain(&second).map(|(id, _)| *id).collect();
    assert_eq!(ids, [4, 3, 2, 1].map(approval));
    assert_eq!(page(second[1].1), []);
}

#[test]
fn the_record_says_who_decided() {
    let mut house = House::with_an_owner();
    house.waiting(1);
    let events = house.answer(&host(), 1, Deny).unwrap();
    let by = Principal::Host { uid: 1000 };
    assert_eq!(
        events,
        [Event::Approval(Happened::Decided { id: approval(1), decision: Deny, by })]
    );
}
