//! What would have been decided under another policy.

use super::{
    lineage::{Chronicle, stories},
    *,
};
use crate::domain::{
    lineage::Past,
    registry::replay::{Decided, Otherwise, Replay},
};

impl Chronicle {
    /// What would have gone otherwise, and what device 1 would hold.
    fn replayed(&self, policy: Policy) -> (Vec<String>, Option<ScopeSet>) {
        let mut replay = Replay::under(policy);
        let mut otherwise = vec![];
        for seq in 0.. {
            let Ok(record) = self.record(Seq(seq)) else { break };
            let act = Self::act(&record);
            let how = replay.take(Decided {
                stamp: Stamp { seq: act.seq, at: UnixMillis(1000 + seq) },
                principal: act.principal,
                address: "192.0.2.7".parse().ok(),
                locality: Locality::DirectLoopback,
                before: act.before,
                event: act.event,
            });
            otherwise.extend(how.map(|how| match how {
                Otherwise::Refused(refusal) => format!("{} {}", act.event.kind(), refusal.code()),
                Otherwise::ByRule(basis) => format!("{} {:?}", act.event.kind(), basis.rule()),
                Otherwise::Moot => format!("{} moot", act.event.kind()),
            }));
        }
        let held = replay.state().grant(device(1), Role::Operator);
        (otherwise, held.map(|grant| grant.scopes.clone()))
    }
}

#[test]
fn what_would_have_gone_otherwise_row_by_row() {
    let no_local_rule = || Policy { auto_approve_local: false, ..policy() };
    let less_here = || Policy {
        loopback_scopes: set("read"),
        shared_scopes: set("read"),
        auto_approve_local: false,
        ..policy()
    };
    for (what, other, otherwise, held) in [
        ("host", policy(), vec![], Some("read")),
        ("operators", policy(), vec![], Some("read")),
        ("operators", less_here(), vec![], Some("read")),
        ("local rule", policy(), vec![], Some("read")),
        (
            "local rule",
            no_local_rule(),
            vec!["pairing_approved HOST_ONLY", "token_issued moot"],
            None,
        ),
        ("code beside a grant", policy(), vec![], Some("audit write")),
        ("shared secret", policy(), vec![], Some("read")),
        ("shared secret", less_here(), vec!["pairing_approved MISSING_SCOPE"], None),
        ("for a while on top", policy(), vec![], Some("read write")),
    ] {
        let mut house = Chronicle::begin();
        let (_, story) = stories().into_iter().find(|(name, _)| *name == what).unwrap();
        story(&mut house);
        let (found, holds) = house.replayed(other);
        assert_eq!((found, holds), (owned(&otherwise), held.map(set)), "{what}");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn who_had_to_wait_might_have_been_approved_by_a_rule() {
    let mut house = Chronicle::begin();
    let who = Standing::applicant(device(1), Role::Node);
    let ask = Ask { role: Role::Node, ..ask(1, "") };
    house.run(&who, Operation::RequestPairing, Command::RequestPairing(Box::new(ask)));
    assert_eq!(house.replayed(policy()).0, owned(&[]));
    let ranges = vec!["192.0.2.0/24".parse().unwrap()];
    let wider = Policy { auto_approve_cidrs: ranges, ..policy() };
    assert_eq!(house.replayed(wider).0, ["pairing_requested TrustedCidr"]);
}
