//! A month of a household, and every question that its ledger can be asked.
//!
//! [`household`] lives it: five people, twenty devices, rotations, revocations, an intrusion. Times,
//! ids and keys are fixed, so the ledger is the same in every run, down to its signed checkpoint, and
//! each answer is a golden file. Start with [`household::live`].

mod household;
pub mod shelf;

use doorward::{
    domain::time::UnixMillis,
    service::{Moment, offline},
};

use crate::{admin::gateway::doorward, golden};
use household::{DAY, START, live};

/// Every question and how the command line is asked it. The answers are in `tests/goldens/story`.
const QUESTIONS: &[(&str, &str, u8)] = &[
    ("log", "audit log --from 0", 0),
    ("why-owner", "audit why ada-laptop operator.admin", 0),
    ("why-grafana", "audit why grafana operator.read", 0),
    ("why-second-hand", "audit why cleo-phone operator.write", 0),
    ("why-code", "audit why dan-phone operator.read", 0),
    ("why-list", "audit why ci-runner operator.read", 0),
    ("why-secret", "audit why shared-secret operator.write", 0),
    ("why-not", "audit why eve-tablet operator.admin", 3),
    ("why-not-ceiling", "audit why auditor-pc operator.read", 3),
    ("why-intruder", "audit why intruder operator.admin --at 2026-01-12T20:00:00Z", 0),
    ("who-can-admin", "audit who-can operator.admin", 0),
    ("who-could-admin", "audit who-can operator.admin --at 2026-01-12T20:00:00Z", 0),
    ("diff-intrusion", "audit diff 2026-01-12 2026-01-13", 0),
    ("diff-clean-up", "audit diff 2026-01-13 2026-01-14", 0),
    ("diff-month", "audit diff 2026-01-02 2026-02-01", 0),
    ("as-of", "audit as-of 2026-01-12T20:00:00Z", 0),
    ("log-by", "audit log --by ben-phone", 0),
    ("log-about", "audit log --about cleo-phone", 0),
    ("log-scope", "audit log --scope operator.admin", 0),
    ("log-kind", "audit log --kind service_token_created,service_token_revoked", 0),
    ("log-address", "audit log --address 203.0.113.0/24", 0),
    ("log-time", "audit log --since 2026-01-20 --until 2026-01-25", 0),
    ("log-rule", "audit log --by rule:key_list", 0),
    ("log-newest", "audit log --kind pairing_approved --limit 3", 0),
    ("replay-same", "audit replay --policy {}/same.json", 0),
    ("replay-stricter", "audit replay --policy {}/stricter.json", 1),
    ("verify", "audit verify", 0),
];

/// The policy of the household, as a configuration file.
const SAME: &str = "{
    gateway: {nodes: {pairing: {autoApproveCidrs: ['192.168.40.0/24']}}},
    doorward: {roles: {family: ['operator.read', 'operator.write', 'operator.talk']}},
}";

/// One that lets no node in by its address and gives a family less.
const STRICTER: &str = "{
    gateway: {auth: {sharedSecret: {loopbackScopes: ['operator.read']}}},
    doorward: {roles: {family: ['operator.read']}},
}";

#[test]
fn every_question_has_its_answer() {
    let state = tempfile::tempdir().unwrap();
    live(state.path());
    std::fs::write(state.path().join("same.json"), SAME).unwrap();
    std::fs::write(state.path().join("stricter.json"), STRICTER).unwrap();
    for (name, line, code) in QUESTIONS {
        let line = &line.replace("{}", state.path().to_str().unwrap());
        let told = doorward(state.path(), line);
        assert_eq!(told.code, *code, "{line}: {told:?}");
        golden::assert_matches(&format!("story/{name}.txt"), &told.out);
        let document = doorward(state.path(), &format!("{line} --json"));
        assert_eq!(document.code, *code, "{line}: {document:?}");
        golden::assert_matches(&format!("story/{name}.json"), &document.out);
    }
}

#[test]
fn n5_a5_3_the_state_at_any_time_is_the_straight_fold() {
    let state = tempfile::tempdir().unwrap();
    let folds = live(state.path());
    let history = || offline(state.path()).unwrap().history();
    let ledger = history();
    for (stamp, fold) in &folds {
        let as_of = ledger.as_of(Moment::Seq(stamp.seq.0)).unwrap().unwrap();
        assert_eq!((as_of.stamp, &as_of.state), (*stamp, fold), "{stamp:?}");
        let at = ledger.as_of(Moment::Time(stamp.at)).unwrap().unwrap();
        let last = folds.iter().rfind(|(other, _)| other.at <= stamp.at).unwrap();
        assert_eq!((at.stamp, &at.state), (last.0, &last.1), "at the time of {stamp:?}");
    }
    assert!(ledger.as_of(Moment::Seq(folds.len() as u64)).unwrap().is_none());
    assert!(ledger.as_of(Moment::Time(UnixMillis(START - DAY))).unwrap().is_none());
}

/// Two runs of the story give the same bytes: what the goldens stand on.
#[test]
fn the_story_is_the_same_each_time() {
    let roots = [(); 2].map(|()| {
        let state = tempfile::tempdir().unwrap();
        live(state.path());
        shelf::open(state.path(), &shelf::key()).head.root()
    });
    assert_eq!(roots[0], roots[1]);
}
