//! Sessions and agents from the command line and over the admin API: what was said is read, carried away,
//! begun anew and deleted.

use doorward::proto::v1::{
    ExportSessionRequest, ListSessionsRequest, Session, SessionName,
    session_service_client::SessionServiceClient,
};
use serde_json::{Value, json};
use tonic::Code;

use super::{
    client::{Client, Way, refusal},
    gateway::{Ended, Gateway, block_on, doorward},
};

fn say(gateway: &tempfile::TempDir, key: &str, words: &str) -> Value {
    let said = doorward(gateway.path(), &format!("agent --session-key {key} -m {words} --json"));
    assert_eq!(said.code, 0, "{said:?}");
    said.json()
}

fn lines(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.ends_with('\n'), "{}", ended.out);
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["parts"][0]["text"].as_str().unwrap()).collect()
}

const PREFACE: &str = "No agent is configured, so this is only an echo \
                       (set agents.defaults in the configuration): ";

#[test]
fn an_agent_answers_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(dir.path());
    let agents = doorward(dir.path(), "agents list --json").json();
    let main = json!({
        "id": "main", "name": null, "emoji": null, "runtime": "echo", "model": "doorward/echo",
        "isDefault": true,
    });
    assert_eq!(agents, json!({"agents": [main]}));
    assert!(doorward(dir.path(), "agents list").out.contains("main"));
    let said = doorward(dir.path(), "agent --message hello");
    assert_eq!((said.code, said.out), (0, format!("{PREFACE}hello\n")), "{}", said.err);
    let told = say(&dir, "x", "again");
    assert_eq!((&told["sessionKey"], &told["agentId"]), (&json!("agent:main:x"), &json!("main")));
    assert_eq!((&told["status"], &told["stopReason"]), (&json!("ok"), &json!("stop")));
    assert_eq!(told["text"], format!("{PREFACE}again"));
    assert_eq!((&told["model"], &told["code"]), (&json!("doorward/echo"), &Value::Null));
    for (line, code, says) in [
        ("agent -m hi --agent nobody", 1, "UNKNOWN_AGENT"),
        ("agent -m hi --session-key cron:1", 2, "INVALID_REQUEST"),
        ("sessions show nowhere", 1, "UNKNOWN_SESSION"),
        ("sessions export nowhere", 1, "UNKNOWN_SESSION"),
        ("sessions reset nowhere", 1, "UNKNOWN_SESSION"),
        ("sessions delete nowhere --yes", 1, "UNKNOWN_SESSION"),
        ("sessions list --agent=-x", 1, "UNKNOWN_AGENT"),
    ] {
        let ended = doorward(dir.path(), line);
        assert_eq!(ended.code, code, "{line}: {ended:?}");
        assert!(ended.err.contains(says), "{line}: {}", ended.err);
    }
}

#[test]
fn sessions_are_listed_shown_and_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let _gateway = Gateway::start(dir.path());
    assert_eq!(doorward(dir.path(), "sessions list").out, "Nothing was said yet.\n");
    say(&dir, "x", "first");
    say(&dir, "y", "second");
    let listed = doorward(dir.path(), "sessions list --json").json();
    assert_eq!((&listed["count"], &listed["totalCount"]), (&json!(2), &json!(2)));
    let keys: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|one| &one["key"]).collect();
    assert_eq!(keys, [&json!("agent:main:y"), &json!("agent:main:x")], "newest first");
    let cut = doorward(dir.path(), "sessions list --limit 1");
    assert!(cut.out.contains("agent:main:y") && !cut.out.contains("agent:main:x"), "{}", cut.out);
    assert!(cut.out.contains("1 older ones are not shown"), "{}", cut.out);
    let none = doorward(dir.path(), "sessions list --agent ops --json").json();
    assert_eq!(none["totalCount"], 0);

    let shown = doorward(dir.path(), "sessions show x --json").json();
    let session = &shown["session"];
    assert_eq!((&session["messages"], &session["previous"]), (&json!(2), &json!(0)));
    assert_eq!((&session["lastRun"]["state"], &session["openRuns"]), (&json!("done"), &json!([])));
    let roles: Vec<_> = shown["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["role"], &one["by"]))
        .collect();
    let answer = (&json!("assistant"), &Value::Null);
    assert_eq!(roles, [(&json!("user"), &json!("host")), answer]);
    let people = doorward(dir.path(), "sessions show x --limit 1").out;
    assert!(people.contains("agent:main:x") && people.contains(PREFACE), "{people}");

    let reset = doorward(dir.path(), "sessions reset x --json").json();
    assert_eq!((&reset["messages"], &reset["previous"]), (&json!(0), &json!(1)));
    assert_ne!(reset["sessionId"], session["sessionId"]);
}

#[test]
fn what_was_said_is_exported_whole_and_deleted_as_seen() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    say(&dir, "x", "first");
    let before = doorward(dir.path(), "sessions show x --json").json();
    doorward(dir.path(), "sessions reset x");
    let long = "long".repeat(50_000);
    say(&dir, "x", &long);
    let told = lines(&doorward(dir.path(), "sessions export x"));
    assert_eq!(
        texts(&told),
        ["first", &format!("{PREFACE}first"), &long, &format!("{PREFACE}{long}")]
    );
    let places: Vec<_> = told.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(places, [1, 2, 1, 2]);
    assert_eq!(told[0]["transcript"], before["session"]["sessionId"]);
    assert_ne!(told[0]["transcript"], told[2]["transcript"]);
    assert_eq!((&told[0]["author"], &told[0]["by"]), (&json!("user"), &json!("host")));
    assert_eq!(told[1]["model"], json!(["doorward", "echo"]));

    let file = dir.path().join("x.jsonl");
    let to = format!("sessions export x --to {} --json", file.display());
    let exported = doorward(dir.path(), &to).json();
    assert_eq!(exported["messages"], 4);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, doorward(dir.path(), "sessions export x").out);
    let again = doorward(dir.path(), &to);
    assert_eq!(again.code, 1, "a file that is there stays: {again:?}");

    let preview = doorward(dir.path(), "sessions delete x");
    assert_eq!(preview.code, 1, "{preview:?}");
    assert!(preview.out.contains("sessions delete agent:main:x --yes"), "{}", preview.out);
    assert_eq!(doorward(dir.path(), "sessions list --json").json()["count"], 1);
    let deleted = doorward(dir.path(), "sessions delete x --yes --json").json();
    assert_eq!(deleted["deleted"][0]["key"], "agent:main:x");
    assert_eq!(doorward(dir.path(), "sessions list --json").json()["count"], 0);
    assert_eq!(doorward(dir.path(), "sessions export x").code, 1);
    drop(gateway);
}

#[test]
fn sessions_come_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    for key in ["a", "b", "c"] {
        say(&dir, key, "hi");
    }
    block_on(async {
        let host = Client::host(&gateway).await;
        let mut sessions = SessionServiceClient::new(host.line.clone());
        let mut request = ListSessionsRequest { page_size: 2, ..Default::default() };
        let first = sessions.list_sessions(request.clone()).await.unwrap().into_inner();
        let keys = |page: &[Session]| -> Vec<_> {
            page.iter().map(|one| one.key.rsplit(':').next().unwrap().to_owned()).collect()
        };
        assert_eq!(keys(&first.sessions), ["a", "b"]);
        request.page_token = first.next_page_token;
        let second = sessions.list_sessions(request.clone()).await.unwrap().into_inner();
        assert_eq!(
            (keys(&second.sessions), second.next_page_token.as_str()),
            (vec!["c".into()], "")
        );
        request.agent_id = "main".into();
        let other = refusal(sessions.list_sessions(request).await);
        assert_eq!(other, (Code::InvalidArgument, "PAGE_TOKEN_UNFIT".into()));
    });
}

/// Eight megabytes are more than all that lies between a reader and the disk.
#[test]
fn an_export_ends_with_the_credential_that_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let long = "x".repeat(200_000);
    for _ in 0..20 {
        say(&dir, "x", &long);
    }
    let line = "tokens create --name reader --scope operator.read --json";
    let made = doorward(dir.path(), line).json();
    block_on(async {
        let secret = made["secret"].as_str().unwrap();
        let reader = Client::with(&gateway, Way::Socket, secret).await;
        let mut sessions = SessionServiceClient::new(reader.line.clone());
        let session = Some(SessionName { key: "x".into(), ..Default::default() });
        let told = sessions.export_session(ExportSessionRequest { session }).await;
        let mut told = told.unwrap().into_inner();
        assert!(told.message().await.unwrap().is_some());
        let (state, id) = (dir.path(), made["tokenId"].as_str().unwrap());
        assert_eq!(doorward_on_a_thread(state, &format!("tokens revoke {id}")).await, 0);
        let ended = loop {
            match told.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the export was whole"),
                Err(status) => break refusal::<()>(Err(status)),
            }
        };
        assert_eq!(ended, (Code::PermissionDenied, "GRANT_ENDED".into()));
    });
}

async fn doorward_on_a_thread(state: &std::path::Path, line: &str) -> u8 {
    let (state, line) = (state.to_owned(), line.to_owned());
    tokio::task::spawn_blocking(move || doorward(&state, &line).code).await.unwrap()
}
