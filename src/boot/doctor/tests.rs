//! What is made of what was found, row by row.

use super::*;
use crate::config::{Env, Overrides, load};

fn configured(text: &str) -> Agents {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("doorward.json"), text).unwrap();
    let overrides = Overrides { state_dir: Some(state.path().to_owned()), ..Overrides::default() };
    load(&Env::from_pairs([("HOME", "/root")]), &overrides).unwrap().settings.agents
}

fn ollama() -> Provider {
    usual_local().remove(0)
}

#[test]
fn what_was_found_row_by_row() {
    use Status::{Offer, Ok as Fine, Warning};
    let has = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    let gone = || Err(Failure::Unreachable("Connection refused".into()));
    let late = || Err(Failure::TimedOut { after_ms: 1000 });
    let page = || Err(Failure::Rejected { status: Some(404), said: "<html>".into() });
    let key = || Err(Failure::Credentials("who?".into()));
    let many = ["a", "b", "c", "d", "e", "f"];
    for (users, answer, status, found, remedy) in [
        ("", has(&["m"]), Offer, "used by no agent: found, with the model m", None),
        ("", has(&["a", "b"]), Offer, "used by no agent: found, with 2 models: a, b", None),
        ("", has(&many), Offer, "found, with 6 models: a, b, c, d, e and others", None),
        ("", has(&[]), Fine, "used by no agent: found, without any model", Some("program")),
        ("", gone(), Fine, "used by no agent: not found: Connection refused", None),
        ("", late(), Fine, "not found: no answer within 1 s", None),
        ("", page(), Fine, "not found: what is there answers with status 404", None),
        ("", key(), Fine, "the provider refused the credential: who?", Some("ollama.apiKey")),
        ("main", has(&["m"]), Fine, "used by main: found, with the model m", None),
        ("main", has(&[]), Warning, "used by main: found, without any model", Some("program")),
        ("main", gone(), Warning, "not found: Connection refused", Some("ollama.baseUrl")),
        ("main", late(), Warning, "not found: no answer within 1 s", Some("ollama.baseUrl")),
        ("main", page(), Warning, "status 404", Some("ollama.baseUrl")),
        ("main", key(), Warning, "credential: who?", Some("ollama.apiKey")),
    ] {
        let check = judge(&ollama(), users, answer);
        assert_eq!((check.id.as_str(), check.status), ("models.ollama", status), "{check:?}");
        assert!(check.message.ends_with(found), "{check:?}");
        assert_eq!(check.snippet.is_some(), status == Offer, "{check:?}");
        let told = check.remedy.as_deref();
        assert_eq!(told.is_some(), remedy.is_some(), "{check:?}");
        assert!(told.is_none_or(|told| told.ends_with(remedy.unwrap())), "{check:?}");
    }
}

#[test]
fn what_is_offered_is_a_model_to_talk_to_and_can_be_read() {
    for (names, expected) in [
        (&["llama3.2:latest", "b"][..], "llama3.2:latest"),
        (&["text-embedding-nomic", "org/qwen"], "org/qwen"),
        (&["nomic-embed-text"], "nomic-embed-text"),
        (&["odd \"name\" \\ }"], "odd \"name\" \\ }"),
    ] {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let snippet = judge(&ollama(), "", Ok(names)).snippet.unwrap();
        let agents = configured(&snippet);
        let AgentRuntime::Model { models } = &agents.list[0].runtime else { panic!("{snippet}") };
        assert_eq!((models[0].provider.as_str(), models[0].name.as_str()), ("ollama", expected));
        assert_eq!(users(&agents, &ollama()), "main");
    }
}

/// A server that nobody has: its port was free a moment ago.
fn nowhere(id: &str) -> Provider {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Provider { id: id.into(), base_url: format!("http://{free}/v1"), ..ollama() }
}

#[tokio::test]
async fn one_server_is_looked_at_once_and_none_elsewhere() {
    let (declared, other) = (nowhere("mine"), nowhere("other"));
    let port = declared.local_port().unwrap();
    let text = format!(
        "{{models: {{providers: {{
            mine: {{baseUrl: 'http://localhost:{port}/v1'}},
            far: {{baseUrl: 'http://192.0.2.1/v1'}},
            lmstudio: {{baseUrl: 'http://127.0.0.1:{port}/v1'}},
        }}}}}}"
    );
    let same_id = Provider { id: "lmstudio".into(), ..nowhere("lmstudio") };
    let usual = vec![Provider { id: "same-port".into(), ..declared }, same_id, other];
    let checks = models(&configured(&text), usual, Duration::from_secs(60)).await;
    let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["models.lmstudio", "models.mine", "models.other"]);
}
