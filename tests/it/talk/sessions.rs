//! Sessions over the WebSocket: sent once, found again after a kill, and who may do what.

use doorward::fronts::cli::client::{self, RpcError, Session};
use serde_json::{Value, json};

use super::PREFACE;
use crate::house::{Gateway, block_on, shared};

async fn open(gateway: &Gateway, scopes: &[&str]) -> Session {
    client::connect(&gateway.url(), &shared(scopes)).await.unwrap()
}

async fn call(session: &mut Session, method: &str, params: Value) -> Value {
    match session.request(method, params).await {
        Ok(answer) => answer,
        Err(error) => panic!("{method}: {error:?}"),
    }
}

async fn refused(session: &mut Session, method: &str, params: Value) -> String {
    match session.request(method, params).await {
        Err(RpcError::Refused(refusal)) => refusal.message,
        other => panic!("{method}: {other:?}"),
    }
}

fn words(message: &Value) -> String {
    let content = &message["content"];
    content.as_str().or(content[0]["text"].as_str()).unwrap_or_default().to_owned()
}

async fn history(session: &mut Session, key: &str) -> Vec<String> {
    let page = call(session, "chat.history", json!({"sessionKey": key})).await;
    page["messages"].as_array().unwrap().iter().map(words).collect()
}

const WRITE: &[&str] = &["operator.write"];

/// A message with its run's name as idempotency key.
fn message(key: &str, run: &str, words: &str) -> Value {
    json!({"sessionKey": key, "message": words, "idempotencyKey": run})
}

async fn answered(session: &mut Session, run: &str) -> Value {
    call(session, "agent.wait", json!({"runId": run, "timeoutMs": 10_000})).await
}

#[test]
fn what_is_sent_twice_is_said_once() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let mut session = open(&gateway, WRITE).await;
        let sent = call(&mut session, "chat.send", message("main", "r1", "hello")).await;
        assert_eq!((&sent["status"], &sent["messageSeq"]), (&json!("started"), &json!(1)));
        let done = answered(&mut session, "r1").await;
        assert_eq!(done["status"], "ok");
        assert_eq!(done["result"]["payloads"][0]["text"], format!("{PREFACE}hello"));
        let again = call(&mut session, "chat.send", message("main", "r1", "hello")).await;
        assert_eq!((&again["status"], &again["runId"]), (&json!("ok"), &json!("r1")));
        assert_eq!(
            history(&mut session, "main").await,
            ["hello".into(), format!("{PREFACE}hello")]
        );
    });
}

/// Whoever asks again after a failure is told of it, also by the next gateway on that state.
#[test]
fn what_failed_is_told_to_whoever_sends_it_again() {
    block_on(async {
        let config =
            "{agents: {entries: {main: {runtime: {type: 'command', command: ['/bin/false']}}}}}";
        let mut gateway = Gateway::start(config);
        let mut session = open(&gateway, WRITE).await;
        call(&mut session, "chat.send", message("main", "r1", "hello")).await;
        let ended = answered(&mut session, "r1").await;
        assert_eq!((&ended["status"], &ended["code"]), (&json!("error"), &json!("AGENT_CRASHED")));
        for restarted in [false, true] {
            if restarted {
                gateway.kill();
                gateway.run();
                session = open(&gateway, WRITE).await;
            }
            let again = call(&mut session, "chat.send", message("main", "r1", "hello")).await;
            assert_eq!(again["status"], "error", "{again}");
            assert!(again["error"].as_str().unwrap().starts_with("the agent's program failed"));
        }
        let page = call(&mut session, "chat.history", json!({"sessionKey": "main"})).await;
        assert_eq!(page["messages"][1]["errorCode"], "AGENT_CRASHED");
    });
}

/// What was acknowledged is there after the worst that can happen to the process.
#[test]
fn nothing_acknowledged_is_lost_when_the_gateway_is_killed() {
    block_on(async {
        let mut gateway = Gateway::start("{}");
        let mut session = open(&gateway, WRITE).await;
        for n in 0..20 {
            let key = if n % 2 == 0 { "even" } else { "odd" };
            call(&mut session, "chat.send", message(key, &format!("r{n}"), &format!("m{n}"))).await;
        }
        gateway.kill();
        gateway.run();
        let mut session = open(&gateway, WRITE).await;
        for (key, first) in [("even", 0), ("odd", 1)] {
            let said = history(&mut session, key).await;
            let mine = said.iter().filter(|words| words.starts_with('m')).cloned();
            let sent: Vec<_> = (first..20).step_by(2).map(|n| format!("m{n}")).collect();
            assert_eq!(mine.collect::<Vec<_>>(), sent);
            let described = call(&mut session, "sessions.describe", json!({"key": key})).await;
            let row = &described["session"];
            assert_eq!(row["hasActiveRun"], false, "nothing waits for ever: {row}");
            let entries = call(&mut session, "chat.history", json!({"sessionKey": key})).await;
            let interrupted = entries["messages"].as_array().unwrap().iter();
            let interrupted = interrupted.filter(|m| m["errorCode"] == "AGENT_INTERRUPTED").count();
            let answered = said.iter().filter(|words| words.starts_with(PREFACE)).count();
            assert_eq!(interrupted + answered, 10, "each is answered or marked: {said:?}");
        }
        // A second try of the same message is still known.
        let again = call(&mut session, "chat.send", message("even", "r0", "m0")).await;
        assert_eq!(again["status"], "ok");
    });
}

#[test]
fn histories_come_in_pages_and_go_on_from_a_cursor() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let mut session = open(&gateway, WRITE).await;
        for n in 0..6 {
            let run = format!("r{n}");
            call(&mut session, "chat.send", message("main", &run, &format!("m{n}"))).await;
            answered(&mut session, &run).await;
        }
        let page = |more: Value| {
            let mut params = json!({"sessionKey": "main"});
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            params
        };
        let newest = call(&mut session, "chat.history", page(json!({"limit": 4}))).await;
        assert_eq!((&newest["hasMore"], &newest["totalMessages"]), (&json!(true), &json!(12)));
        assert_eq!(words(&newest["messages"][0]), "m4");
        let older =
            call(&mut session, "chat.history", page(json!({"limit": 4, "offset": 10}))).await;
        assert_eq!((words(&older["messages"][0]), &older["hasMore"]), ("m0".into(), &json!(false)));
        let cursor = newest["deltaCursor"].clone();
        let none = call(&mut session, "chat.history", page(json!({"cursor": cursor}))).await;
        assert_eq!((&none["kind"], &none["messages"]), (&json!("delta"), &json!([])));
        call(&mut session, "chat.send", message("main", "late", "later")).await;
        answered(&mut session, "late").await;
        let one =
            call(&mut session, "chat.history", page(json!({"cursor": cursor, "limit": 1}))).await;
        assert_eq!(words(&one["messages"][0]["message"]), "later");
        let next = page(json!({"cursor": one["deltaCursor"]}));
        let next = call(&mut session, "chat.history", next).await;
        assert_eq!(words(&next["messages"][0]["message"]), format!("{PREFACE}later"));
        for small in [json!({"maxBytes": 1}), json!({"cursor": cursor, "maxBytes": 1})] {
            let page = call(&mut session, "chat.history", page(small)).await;
            assert_eq!(page["messages"].as_array().unwrap().len(), 1, "one always fits");
        }
        let id = &newest["messages"][0]["__openclaw"]["id"];
        let one = json!({"sessionKey": "main", "messageId": id});
        let one = call(&mut session, "chat.message.get", one).await;
        assert_eq!((&one["ok"], words(&one["message"])), (&json!(true), "m4".into()));
        let none = json!({"sessionKey": "main", "messageId": "nothing"});
        let none = call(&mut session, "chat.message.get", none).await;
        assert_eq!(none, json!({"ok": false, "unavailableReason": "not_found"}));
        let mut admin = open(&gateway, &["operator.admin"]).await;
        call(&mut admin, "sessions.reset", json!({"key": "main"})).await;
        let reset = call(&mut session, "chat.history", page(json!({"cursor": cursor}))).await;
        assert_eq!(reset, json!({"kind": "reset"}));
        assert_eq!(history(&mut session, "main").await, [""; 0]);
    });
}

#[test]
fn sessions_are_made_changed_found_and_deleted() {
    block_on(async {
        let gateway = Gateway::start("{}");
        let mut session = open(&gateway, &["operator.admin"]).await;
        let create = json!({"key": "a", "label": "kitchen", "message": "Where is the Salt?"});
        let made = call(&mut session, "sessions.create", create).await;
        assert_eq!((&made["key"], &made["runStarted"]), (&json!("agent:main:a"), &json!(true)));
        answered(&mut session, made["runId"].as_str().unwrap()).await;
        let taken = json!({"key": "b", "label": "kitchen"});
        assert_eq!(refused(&mut session, "sessions.create", taken).await, "label already in use");
        for by in [
            json!({"key": "a"}),
            json!({"label": "kitchen"}),
            json!({"sessionId": made["sessionId"]}),
        ] {
            let found = call(&mut session, "sessions.resolve", by).await;
            assert_eq!(found["key"], "agent:main:a");
        }
        let missing = json!({"key": "zzz", "allowMissing": true});
        assert_eq!(call(&mut session, "sessions.resolve", missing).await, json!({"ok": false}));
        let missing = refused(&mut session, "sessions.resolve", json!({"key": "zzz"})).await;
        assert_eq!(missing, "session not found");
        let hit = call(&mut session, "sessions.search", json!({"query": "SALT"})).await;
        let roles: Vec<_> = hit["results"].as_array().unwrap().iter().map(|h| &h["role"]).collect();
        assert_eq!(roles, ["assistant", "user"]);
        assert!(hit["results"][1]["snippet"].as_str().unwrap().contains("the Salt"));
        let patch = json!({"key": "a", "label": null, "archived": true, "unread": false});
        let entry = call(&mut session, "sessions.patch", patch).await["entry"].clone();
        assert_eq!((&entry["archived"], &entry["label"]), (&json!(true), &Value::Null));
        let count = |listed: Value| listed["totalCount"].as_u64().unwrap();
        assert_eq!(count(call(&mut session, "sessions.list", json!({})).await), 0);
        assert_eq!(count(call(&mut session, "sessions.list", json!({"archived": "all"})).await), 1);
        let preview = json!({"keys": ["a", "zzz"], "maxChars": 20});
        let previews = call(&mut session, "sessions.preview", preview).await["previews"].clone();
        assert_eq!(previews[0]["items"][0], json!({"role": "user", "text": "Where is the Salt?"}));
        assert_eq!(previews[1], json!({"key": "agent:main:zzz", "status": "missing", "items": []}));
        let inject = json!({"sessionKey": "a", "message": "It is on the table.", "label": "note"});
        assert_eq!(call(&mut session, "chat.inject", inject).await["messageSeq"], 3);
        assert_eq!(history(&mut session, "a").await[2], "It is on the table.");
        let wrong = json!({"key": "a", "expectedSessionId": "x"});
        let wrong = refused(&mut session, "sessions.delete", wrong).await;
        assert_eq!(wrong, "the session was reset meanwhile");
        let gone = call(&mut session, "sessions.delete", json!({"key": "a"})).await;
        assert_eq!(gone["deleted"], true);
        let gone = call(&mut session, "sessions.delete", json!({"key": "a"})).await;
        assert_eq!(gone["deleted"], false);
        let nothing = call(&mut session, "sessions.search", json!({"query": "salt"})).await;
        assert_eq!(nothing["results"], json!([]));
    });
}
