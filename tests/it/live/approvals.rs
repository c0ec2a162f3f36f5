//! What waits for a person and is a command to be run; and what nobody decides.

use std::time::Duration;

use doorward::{
    domain::{
        ids::ApprovalId,
        operation::Operation,
        permit,
        principal::{Rule, Standing},
        registry::{
            Command,
            approvals::{Asker, Command as Approving, Decision, Kind, Presentation, Request},
        },
        time::UnixMillis,
    },
    ledger::record::Via,
    support::clock::{self, Stopwatch},
};
use serde_json::json;
use tokio::time::sleep;

use super::gateway::Gateway;
use crate::house::{block_on, shared};

const ID: &str = "a9a9a9a9-a9a9-a9a9-a9a9-a9a9a9a9a9a9";

/// Has a command wait, for so many milliseconds.
async fn wait(gateway: &Gateway, id: u8, ms: u64) -> ApprovalId {
    let request = Request {
        id: ApprovalId([id; 16]),
        kind: Kind::Exec,
        asker: Asker::default(),
        presentation: Presentation {
            title: "make".into(),
            description: "a build".into(),
            detail: Some("make -j2 all".into()),
            ..Presentation::default()
        },
        offered: [Decision::AllowOnce, Decision::Deny].into(),
        until: UnixMillis(clock::unix_millis()).plus(ms),
    };
    let id = request.id;
    let rule = Standing::system(Rule::AgentRun);
    let permit = permit::authorize(&rule, Operation::RequestApproval).unwrap();
    let command = Command::Approval(Approving::Request(Box::new(request)));
    gateway.registry.execute(permit, command, Via::internal()).await.unwrap();
    id
}

#[test]
fn what_nobody_decides_runs_out_and_is_told() {
    block_on(async {
        let gateway = Gateway::start();
        let mut reviewer = gateway.connect(&shared(&["operator.approvals"])).await;
        let lasting = wait(&gateway, 1, 600_000).await;
        let id = wait(&gateway, 2, 200).await;
        gateway.start_sweeping(Duration::from_secs(60));
        let resolved = reviewer.event("exec.approval.resolved").await.unwrap();
        assert_eq!(resolved["payload"]["id"], id.to_string());
        assert_eq!(resolved["payload"]["terminalStatus"], "expired");
        let waiting = Stopwatch::start();
        let ended = |id| gateway.registry.state().approvals().get(id).unwrap().ended.clone();
        while ended(id).is_none() {
            assert!(waiting.elapsed() < Duration::from_secs(20), "it does not run out");
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(ended(id).unwrap().1.status(), "expired");
        assert_eq!(ended(lasting), None, "its time is not up");
        let history = reviewer.request("approval.history", json!({})).await.unwrap();
        let [item] = history["items"].as_array().unwrap().as_slice() else { panic!("{history}") };
        assert_eq!((&item["status"], &item["reason"]), (&json!("expired"), &json!("timeout")));
    });
}

#[test]
fn a_command_is_listed_shown_and_decided_as_one() {
    block_on(async {
        let gateway = Gateway::start();
        let mut reviewer = gateway.connect(&shared(&["operator.approvals"])).await;
        wait(&gateway, 0xa9, 600_000).await;
        let asked = reviewer.event("exec.approval.requested").await.unwrap();
        let listed = reviewer.request("exec.approval.list", json!({})).await.unwrap();
        assert_eq!(listed, json!([asked["payload"]]));
        assert_eq!(
            (&listed[0]["id"], &listed[0]["request"]["command"]),
            (&json!(ID), &json!("make -j2 all"))
        );
        let others = reviewer.request("plugin.approval.list", json!({})).await.unwrap();
        assert_eq!(others, json!([]));
        let shown = reviewer.request("exec.approval.get", json!({"id": ID})).await.unwrap();
        assert_eq!(
            (&shown["id"], &shown["commandText"], &shown["allowedDecisions"]),
            (&json!(ID), &json!("make -j2 all"), &json!(["allow-once", "deny"]))
        );
        for (method, decision, code) in [
            ("plugin.approval.resolve", "deny", "APPROVAL_NOT_FOUND"),
            ("exec.approval.resolve", "allow-always", "DECISION_NOT_OFFERED"),
        ] {
            let params = json!({"id": ID, "decision": decision});
            let refused = reviewer.request(method, params).await.unwrap_err();
            assert_eq!(refused.refusal().unwrap().details_code(), Some(code), "{method}");
        }
        let params = json!({"id": ID, "decision": "deny"});
        let done = reviewer.request("exec.approval.resolve", params).await.unwrap();
        assert_eq!(done, json!({"ok": true}));
        let gone = reviewer.request("exec.approval.get", json!({"id": ID})).await.unwrap_err();
        assert_eq!(gone.refusal().unwrap().details_code(), Some("APPROVAL_NOT_FOUND"));
    });
}

#[test]
fn the_history_goes_on_where_a_page_ends() {
    block_on(async {
        let gateway = Gateway::start();
        let mut reviewer = gateway.connect(&shared(&["operator.approvals"])).await;
        for n in 1..=3 {
            let id = wait(&gateway, n, 600_000).await.to_string();
            let params = json!({"id": id, "decision": "deny"});
            reviewer.request("exec.approval.resolve", params).await.unwrap();
        }
        let (mut cursor, mut seen) = (None, vec![]);
        for more in [true, false] {
            let mut params = json!({"limit": 2, "kind": "exec"});
            if let Some(cursor) = cursor.take() {
                params["cursor"] = cursor;
            }
            let page = reviewer.request("approval.history", params).await.unwrap();
            for item in page["items"].as_array().unwrap() {
                seen.push(item["id"].as_str().unwrap()[..2].to_owned());
            }
            cursor = page.get("nextCursor").cloned();
            assert_eq!(cursor.is_some(), more, "{page}");
        }
        assert_eq!(seen, ["03", "02", "01"]);
        for kind in ["plugin", "system-agent"] {
            let page = reviewer.request("approval.history", json!({"kind": kind})).await.unwrap();
            assert_eq!(page, json!({"items": []}), "{kind}");
        }
    });
}
