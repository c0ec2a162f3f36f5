//! The parameters of the methods about approvals.

use serde_json::{Value, json};

use super::{Itself, Row, UNEXPECTED, Validator, missing};

const UNKNOWN: &str = "unknown or expired approval id";
const ID: &str = "plugin:00000000-0000-4000-8000-000000000000";

/// Methods that take no parameters.
pub const WITHOUT: &[&str] =
    &["exec.approval.list", "openclaw.approval.list", "plugin.approval.list"];

pub fn rows() -> Vec<Row> {
    let mut rows = vec![];
    for method in ["approval.get", "exec.approval.get"] {
        rows.extend([
            (method, json!({}), missing("id")),
            (method, json!({"id": 1}), Validator("at /id: must be string")),
            (method, json!({"id": ID, "more": 1}), UNEXPECTED),
            (method, json!({"id": "x"}), Itself(UNKNOWN)),
            (method, json!({"id": ID}), Itself(UNKNOWN)),
        ]);
    }
    for method in ["exec.approval.resolve", "plugin.approval.resolve", "approval.resolve"] {
        let with = |more: Value| {
            let mut params = json!({});
            if method == "approval.resolve" {
                params["kind"] = "plugin".into();
            }
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            params
        };
        let decision = Validator("must have required property 'decision'");
        rows.extend([
            (method, with(json!({"decision": "deny"})), missing("id")),
            (method, with(json!({"id": ID})), decision),
            (method, with(json!({"id": ID, "decision": "perhaps"})), Itself("invalid decision")),
            (method, with(json!({"id": ID, "decision": "deny", "more": 1})), UNEXPECTED),
            (method, with(json!({"id": ID, "decision": "deny"})), Itself(UNKNOWN)),
            (method, with(json!({"id": ID, "decision": "deny", "reviewer": {}})), Itself(UNKNOWN)),
        ]);
    }
    let (resolve, history) = ("approval.resolve", "approval.history");
    let allowed = Validator("at /kind: must be equal to one of the allowed values");
    let standing = json!({
        "id": ID, "decision": "allow-always", "kind": "exec", "grantExpiresInDays": 3,
    });
    let system = json!({"id": ID, "decision": "deny", "kind": "system-agent"});
    rows.extend([
        (resolve, json!({"id": ID, "decision": "deny", "kind": "x"}), allowed),
        (resolve, standing, Itself("standing grants are not offered")),
        (resolve, system, Itself(UNKNOWN)),
        (history, json!({"cursor": "x"}), Itself("invalid approval.history cursor")),
        (history, json!({"limit": 0}), Validator("at /limit: must be >= 1")),
        (history, json!({"limit": 101}), Validator("at /limit: must be <= 100")),
        (history, json!({"kind": "x"}), allowed),
        (history, json!({"more": 1}), UNEXPECTED),
    ]);
    rows
}
