//! The parameters of the talk's methods.

use serde_json::json;

use super::{
    Row,
    Says::{Itself, Validator},
};

const KEY: &str = "must have required property 'key'";
const SESSION_KEY: &str = "must have required property 'sessionKey'";
const MESSAGE: &str = "must have required property 'message'";
const MORE: &str = "at root: unexpected property 'more'";
const RESERVED: &str = "the session key lies in a reserved internal namespace";

/// Methods whose parameters are all optional.
fn of_scope() -> Vec<Row> {
    let methods =
        ["agent.identity.get", "chat.metadata", "commands.list", "models.list", "tools.catalog"];
    let rows = methods.into_iter().flat_map(|method| {
        [
            (method, json!({"agentId": 7}), Validator("at /agentId: must be string")),
            (method, json!({"agentId": "-"}), Itself("unknown agent id")),
            (method, json!({"more": 1}), Validator(MORE)),
        ]
    });
    rows.collect()
}

/// Methods that are about one session.
fn of_session() -> Vec<Row> {
    let by_key = [
        "sessions.create",
        "sessions.delete",
        "sessions.describe",
        "sessions.messages.subscribe",
        "sessions.messages.unsubscribe",
        "sessions.patch",
        "sessions.reset",
    ];
    let rows = by_key.into_iter().flat_map(|method| {
        [
            (method, json!({"key": 7}), Validator("at /key: must be string")),
            (method, json!({"key": "cron:1"}), Itself(RESERVED)),
            (method, json!({"key": "a\nb"}), Itself("invalid sessionKey")),
            (method, json!({"key": "a", "more": 1}), Validator(MORE)),
        ]
    });
    rows.chain([
        ("sessions.delete", json!({}), Validator(KEY)),
        ("sessions.describe", json!({}), Validator(KEY)),
        ("sessions.patch", json!({}), Validator(KEY)),
        (
            "sessions.patch",
            json!({"key": "a", "archived": 1}),
            Validator("at /archived: must be boolean"),
        ),
        (
            "sessions.patch",
            json!({"key": "a", "label": ""}),
            Validator("at /label: must not have fewer than 1 characters"),
        ),
        (
            "sessions.patch",
            json!({"key": "a", "label": "x".repeat(513)}),
            Validator("at /label: must not have more than 512 characters"),
        ),
        ("sessions.patch", json!({"key": "nobody", "pinned": true}), Itself("session not found")),
        ("sessions.reset", json!({"key": "nobody"}), Itself("session not found")),
        ("sessions.create", json!({"agentId": "nobody"}), Itself("unknown agent id")),
    ])
    .collect()
}

/// Talking, reading and looking for.
fn talking() -> Vec<Row> {
    let text = json!({"sessionKey": "a", "message": "x"});
    let with = |more: serde_json::Value| {
        let mut all = text.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let picture = |attachment| with(json!({"idempotencyKey": "k", "attachments": [attachment]}));
    let sixteen = json!({"idempotencyKey": "k", "attachments": vec![json!({}); 9]});
    vec![
        ("agent", json!({}), Validator(MESSAGE)),
        (
            "agent",
            json!({"message": "x"}),
            Validator("must have required property 'idempotencyKey'"),
        ),
        (
            "agent",
            json!({"message": "x", "idempotencyKey": "k", "timeout": -1}),
            Validator("at /timeout: must be >= 0"),
        ),
        (
            "agent",
            json!({"message": "x", "idempotencyKey": "k", "agentId": "nobody"}),
            Itself("unknown agent id"),
        ),
        ("agent.wait", json!({}), Validator("must have required property 'runId'")),
        (
            "agent.wait",
            json!({"runId": "x".repeat(257)}),
            Validator("at /runId: must not have more than 256 characters"),
        ),
        ("chat.send", json!({"message": "x", "idempotencyKey": "k"}), Validator(SESSION_KEY)),
        ("chat.send", text.clone(), Validator("must have required property 'idempotencyKey'")),
        (
            "chat.send",
            with(json!({"idempotencyKey": ""})),
            Validator("at /idempotencyKey: must not have fewer than 1 characters"),
        ),
        (
            "chat.send",
            with(json!({"idempotencyKey": "k", "message": " "})),
            Itself("message or attachment required"),
        ),
        (
            "chat.send",
            with(json!({"idempotencyKey": "k", "sessionKey": "acp:1"})),
            Itself(RESERVED),
        ),
        ("chat.send", with(json!({"idempotencyKey": "k", "more": 1})), Validator(MORE)),
        (
            "chat.send",
            with(json!({"idempotencyKey": "k", "sessionKey": "agent:nobody:main"})),
            Itself("unknown agent id"),
        ),
        (
            "chat.send",
            with(json!({"idempotencyKey": "k", "attachments": 7})),
            Validator("at /attachments: must be array"),
        ),
        ("chat.send", with(sixteen), Itself("too many attachments")),
        (
            "chat.send",
            picture(json!({"mimeType": "text/plain", "content": "aGk="})),
            Itself("only pictures can be attached"),
        ),
        (
            "chat.send",
            picture(json!({"mimeType": "image/png", "content": "?"})),
            Itself("an attachment's content must be base64"),
        ),
        ("sessions.send", json!({"message": "x"}), Validator(KEY)),
        (
            "sessions.send",
            json!({"key": "a", "message": ""}),
            Itself("message or attachment required"),
        ),
        ("chat.abort", json!({}), Itself("sessionKey or runId required")),
        ("sessions.abort", json!({"key": "a", "more": 1}), Validator(MORE)),
        ("chat.history", json!({}), Validator(KEY)),
        (
            "chat.history",
            json!({"sessionKey": "a", "limit": 0}),
            Validator("at /limit: must be >= 1"),
        ),
        (
            "chat.history",
            json!({"sessionKey": "a", "cursor": 7}),
            Validator("at /cursor: must be string"),
        ),
        ("chat.startup", json!({"sessionKey": "a", "more": 1}), Validator(MORE)),
        ("sessions.get", json!({"key": "a", "more": 1}), Validator(MORE)),
        (
            "chat.message.get",
            json!({"sessionKey": "a"}),
            Validator("must have required property 'messageId'"),
        ),
        ("chat.inject", json!({"sessionKey": "a"}), Validator(MESSAGE)),
        (
            "chat.inject",
            json!({"sessionKey": "nobody", "message": "x"}),
            Itself("session not found"),
        ),
        (
            "sessions.list",
            json!({"archived": "some"}),
            Validator("at /archived: must match a schema in anyOf"),
        ),
        ("sessions.list", json!({"limit": 0}), Validator("at /limit: must be >= 1")),
        ("sessions.list", json!({"more": 1}), Validator(MORE)),
        ("sessions.preview", json!({}), Validator("must have required property 'keys'")),
        ("sessions.preview", json!({"keys": vec!["a"; 257]}), Itself("too many keys")),
        ("sessions.resolve", json!({}), Itself("key, sessionId or label required")),
        ("sessions.resolve", json!({"key": "nobody"}), Itself("session not found")),
        ("sessions.search", json!({}), Validator("must have required property 'query'")),
        (
            "sessions.search",
            json!({"query": "x".repeat(4097)}),
            Validator("at /query: must not have more than 4096 characters"),
        ),
    ]
}

/// What talking has cost.
fn counting() -> Vec<Row> {
    let day = |name: &'static str, text: &str| json!({name: text});
    let rows = ["sessions.usage", "usage.cost"].into_iter().flat_map(|method| {
        [
            (method, json!({"agentId": 7}), Validator("at /agentId: must be string")),
            (method, json!({"agentId": "-"}), Itself("unknown agent id")),
            (
                method,
                json!({"agentScope": "some"}),
                Validator("at /agentScope: must be equal to one of the allowed values"),
            ),
            (
                method,
                json!({"agentScope": "all", "agentId": "main"}),
                Itself("agentScope=all cannot be combined with agentId"),
            ),
            (method, json!({"days": 0}), Validator("at /days: must be >= 1")),
            (
                method,
                json!({"range": "2d"}),
                Validator("at /range: must be equal to one of the allowed values"),
            ),
            (
                method,
                json!({"mode": "here"}),
                Validator("at /mode: must be equal to one of the allowed values"),
            ),
            (
                method,
                day("startDate", "2026-02-30"),
                Itself("invalid startDate: expected a valid YYYY-MM-DD calendar date"),
            ),
            (
                method,
                day("endDate", "today"),
                Itself("invalid endDate: expected a valid YYYY-MM-DD calendar date"),
            ),
            (
                method,
                day("startDate", "2026-02-01"),
                Itself("startDate and endDate must be provided together"),
            ),
            (
                method,
                json!({"startDate": "2026-02-02", "endDate": "2026-02-01"}),
                Itself("startDate must not be after endDate"),
            ),
            (
                method,
                json!({"mode": "specific", "utcOffset": "UTC+15"}),
                Itself("invalid utcOffset: expected UTC-12:00 through UTC+14:00"),
            ),
            (
                method,
                json!({"mode": "specific", "timeZone": "Europe/Vienna"}),
                Itself("timeZone needs utcOffset beside it"),
            ),
            (method, json!({"more": 1}), Validator(MORE)),
        ]
    });
    rows.chain([
        ("sessions.usage", json!({"key": "cron:1"}), Itself(RESERVED)),
        (
            "sessions.usage",
            json!({"key": "a", "agentScope": "all"}),
            Itself("agentScope=all cannot be combined with key or agentId"),
        ),
        (
            "sessions.usage",
            json!({"groupBy": "people"}),
            Validator("at /groupBy: must be equal to one of the allowed values"),
        ),
        ("sessions.usage", json!({"limit": 0}), Validator("at /limit: must be >= 1")),
        ("usage.status", json!({"more": 1}), Validator(MORE)),
    ])
    .collect()
}

/// All of them.
pub fn rows() -> Vec<Row> {
    [of_scope(), of_session(), talking(), counting()].concat()
}
