//! `doorward doctor`: a model server of this host is found, offered, taken and missed.
//!
//! Whatever listens on the usual ports of the host that runs the tests is asked too; no test looks
//! at what came of that.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    thread,
};

use serde_json::Value;

use crate::admin::gateway::{Ended, doorward};

/// A model server: each request is answered with this body. Gives its base address.
fn server(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"GET /v1/models HTTP/1.1\r\n"));
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    url
}

fn configure(state: &Path, url: &str, agents: &str) {
    let text = format!("{{models: {{providers: {{house: {{baseUrl: '{url}'}}}}}}{agents}}}");
    fs::write(state.join("doorward.json"), text).unwrap();
}

fn check(ended: &Ended, id: &str) -> Value {
    let document = ended.json();
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{document}")).clone()
}

#[test]
fn a_server_is_offered_until_an_agent_uses_it() {
    let state = tempfile::tempdir().unwrap();
    let url =
        server(r#"{"object": "list", "data": [{"id": "llama3.2:latest"}, {"id": "b\u202ec"}]}"#);
    configure(state.path(), &url, "");
    let found = doorward(state.path(), "doctor --json");
    assert_eq!(found.code, 0, "{found:?}");
    let offer = check(&found, "models.house");
    assert_eq!(offer["status"], "offer", "{offer}");
    let snippet = r#"{ agents: { defaults: { model: "house/llama3.2:latest" } } }"#;
    assert_eq!(offer["snippet"], snippet);
    let remedy = offer["remedy"].as_str().unwrap();
    let dir = state.path().display();
    let command = format!("then run: doorward --state-dir {dir} config check");
    assert!(remedy.ends_with(&command), "{remedy}");
    for usual in ["ollama", "lmstudio", "llama-cpp", "vllm"] {
        check(&found, &format!("models.{usual}"));
    }
    let text = doorward(state.path(), "doctor");
    let first = format!(
        "offer    models.house: house at {url}, used by no agent: found, with 2 models: \
         llama3.2:latest, b\u{fffd}c\n"
    );
    assert!(text.code == 0 && text.out.contains(&first), "{text:?}");
    assert!(text.out.contains(&format!("\n           {snippet}\n")), "{text:?}");

    // As it says.
    let inner = snippet.trim_start_matches('{').trim_end_matches('}');
    configure(state.path(), &url, &format!(",{inner}"));
    assert_eq!(doorward(state.path(), "config check --strict").code, 0);
    let taken = doorward(state.path(), "doctor --json");
    let used = check(&taken, "models.house");
    assert_eq!((taken.code, &used["status"], &used["snippet"]), (0, &"ok".into(), &Value::Null));
}

#[test]
fn what_an_agent_misses_is_a_warning() {
    let agents = ", agents: {defaults: {model: 'house/m'}}";
    // Nobody accepts there, but the system takes connections for it: a server that hangs.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("http://{}/v1", hangs.local_addr().unwrap());
    for (url, said) in [
        (hanging, "no answer within 1 s"),
        (server("<html>hello</html>"), "what it says is no list of models"),
        (server(r#"{"data": null}"#), "without any model"),
    ] {
        let state = tempfile::tempdir().unwrap();
        configure(state.path(), &url, agents);
        let ended = doorward(state.path(), "doctor --json");
        let found = check(&ended, "models.house");
        assert_eq!((ended.code, &found["status"]), (1, &"warning".into()), "{found}");
        assert!(found["message"].as_str().unwrap().contains(said), "{found}");
        assert!(found["remedy"].is_string(), "{found}");
        assert_eq!(ended.json()["ok"], false);
    }
}

#[test]
fn a_configuration_with_errors_is_the_only_finding() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("doorward.json"), "{gateway: {port: 'x'}}").unwrap();
    let ended = doorward(state.path(), "doctor --json");
    assert_eq!(ended.code, 1, "{ended:?}");
    let document = ended.json();
    assert_eq!(document["checks"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(check(&ended, "config")["status"], "warning");
    let remedy = check(&ended, "config")["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains(" config check"), "{remedy}");
}
