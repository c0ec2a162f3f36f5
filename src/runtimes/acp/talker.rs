//! One agent's process, spoken to in JSON-RPC 2.0, a message on each line.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::ChildStdin};

use super::super::{
    limits::EVENT_BYTES,
    program::{Process, Program},
    shortened,
};
use crate::domain::talk::Failure;

/// The version of the protocol.
const VERSION: u64 = 1;

/// The protocol's code for "log in first".
const AUTH_REQUIRED: i64 = -32_000;

/// JSON-RPC's code for a method that is not there.
const METHOD_NOT_FOUND: i64 = -32_601;

/// What an agent says.
#[derive(Debug)]
pub(super) enum Heard {
    /// More of its answer.
    Text(String),
    /// More of what it thinks.
    Thought(String),
    /// It wants leave.
    Wish(Wished),
    /// The answer to a request.
    Answer {
        /// Which.
        id: u64,
        /// What it came to.
        result: Value,
    },
    /// Something that is of no use here.
    Other,
}

/// A request for leave.
#[derive(Debug)]
pub(super) struct Wished {
    /// Names the request, to be answered with.
    pub id: Value,
    /// What it wants to do.
    pub title: String,
    /// What kind of thing that is.
    pub kind: Option<String>,
    /// What exactly.
    pub detail: Option<String>,
    /// What it can be answered.
    pub options: Vec<Value>,
}

/// The process with its one session.
#[derive(Debug)]
pub(super) struct Talker {
    /// Gone after its output ended.
    process: Option<Process>,
    stdin: ChildStdin,
    /// What came and was not read yet.
    rest: Vec<u8>,
    /// How many bytes of that hold no line's end.
    searched: usize,
    requests: u64,
    session: String,
    /// What it asked for leave for and was not answered yet.
    open: Vec<Value>,
}

impl Talker {
    /// Starts the agent and opens a session.
    ///
    /// # Errors
    /// If it cannot be started, does not speak the protocol, or wants a login.
    pub async fn start(program: &Program) -> Result<Self, Failure> {
        let (process, stdin) = Process::start(program, &[])?;
        let (process, session) = (Some(process), String::new());
        let (rest, open) = Default::default();
        let mut talker = Self { process, stdin, rest, searched: 0, requests: 0, session, open };
        let nothing = json!({
            "fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false,
        });
        let name = json!({"name": "doorward", "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({
            "protocolVersion": VERSION, "clientCapabilities": nothing, "clientInfo": name,
        });
        let agreed = talker.ask("initialize", hello).await?;
        if agreed["protocolVersion"] != VERSION {
            let version = shortened(&agreed["protocolVersion"].to_string());
            return Err(Failure::Broken(format!("it speaks version {version} of the protocol")));
        }
        let cwd = match &program.cwd {
            Some(cwd) => cwd.to_string_lossy().into_owned(),
            None => "/".to_owned(),
        };
        let opened = talker.ask("session/new", json!({"cwd": cwd, "mcpServers": []})).await?;
        match opened["sessionId"].as_str() {
            Some(session) => talker.session = session.to_owned(),
            None => return Err(Failure::Broken("it opened no session".into())),
        }
        Ok(talker)
    }

    /// Begins a turn; gives the request that its end answers.
    ///
    /// # Errors
    /// If the agent is gone.
    pub async fn prompt(&mut self, blocks: Value) -> Result<u64, Failure> {
        let session = self.session.clone();
        self.request("session/prompt", json!({"sessionId": session, "prompt": blocks})).await
    }

    /// Ends a turn.
    ///
    /// # Errors
    /// If the agent is gone.
    pub async fn cancel(&mut self) -> Result<(), Failure> {
        let params = json!({"sessionId": self.session});
        self.send(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": params})).await
    }

    /// Answers the agent.
    ///
    /// # Errors
    /// If it is gone.
    pub async fn answer(&mut self, id: Value, result: Value) -> Result<(), Failure> {
        self.open.retain(|open| *open != id);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await
    }

    /// What it says next.
    ///
    /// # Errors
    /// If it is gone, refuses a request, or cannot be understood.
    pub async fn hear(&mut self) -> Result<Heard, Failure> {
        let line = self.line().await?;
        self.read(line).await
    }

    /// What it still waits to be allowed.
    pub fn open(&self) -> Vec<Value> {
        self.open.clone()
    }

    /// What a line of it says.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub async fn read(&mut self, message: Value) -> Result<Heard, Failure> {
        let (id, method) = (&message["id"], message["method"].as_str());
        match (method, id.is_null()) {
            (Some("session/update"), true) => Ok(self.update(&message["params"])),
            (Some("session/request_permission"), false) => {
                self.open.push(id.clone());
                Ok(Heard::Wish(wished(id.clone(), &message["params"])))
            }
            (Some(_), false) => {
                let error = json!({"code": METHOD_NOT_FOUND, "message": "not offered"});
                self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error})).await?;
                Ok(Heard::Other)
            }
            (None, false) => match (id.as_u64(), message.get("error")) {
                (_, Some(error)) => Err(refused(error)),
                (Some(id), None) => Ok(Heard::Answer { id, result: message["result"].clone() }),
                (None, None) => Ok(Heard::Other),
            },
            _ => Ok(Heard::Other),
        }
    }

    fn update(&self, params: &Value) -> Heard {
        let update = &params["update"];
        let text = update["content"]["text"].as_str().filter(|text| !text.is_empty());
        match (update["sessionUpdate"].as_str(), text) {
            _ if params["sessionId"] != self.session => Heard::Other,
            (Some("agent_message_chunk"), Some(text)) => Heard::Text(text.to_owned()),
            (Some("agent_thought_chunk"), Some(text)) => Heard::Thought(text.to_owned()),
            _ => Heard::Other,
        }
    }

    /// Asks, and waits for the answer.
    async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let asked = self.request(method, params).await?;
        loop {
            match self.hear().await? {
                Heard::Answer { id, result } if id == asked => return Ok(result),
                _ => {}
            }
        }
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<u64, Failure> {
        self.requests += 1;
        let id = self.requests;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&request).await?;
        Ok(id)
    }

    async fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let line = format!("{message}\n");
        match self.stdin.write_all(line.as_bytes()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.gone().await),
        }
    }

    /// The next line that is not blank. Given up while it waits, it has lost nothing.
    ///
    /// # Errors
    /// If the agent is gone, or cannot be understood.
    pub async fn line(&mut self) -> Result<Value, Failure> {
        loop {
            if let Some(end) = self.rest[self.searched..].iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=self.searched + end).collect();
                self.searched = 0;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line).map_err(|error| {
                    Failure::Broken(format!("a line is not of the protocol: {error}"))
                });
            }
            self.searched = self.rest.len();
            if self.searched > EVENT_BYTES {
                return Err(Failure::TooLong { limit: EVENT_BYTES });
            }
            let piece = match &mut self.process {
                Some(process) => process.more().await?,
                None => Vec::new(),
            };
            if piece.is_empty() {
                return Err(self.gone().await);
            }
            self.rest.extend_from_slice(&piece);
        }
    }

    async fn gone(&mut self) -> Failure {
        match self.process.take() {
            Some(process) => process.gone().await,
            None => Failure::Crashed("it has ended".into()),
        }
    }
}

fn wished(id: Value, params: &Value) -> Wished {
    let call = &params["toolCall"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Wished {
        id,
        title: text(&call["title"]).unwrap_or_else(|| "something".into()),
        kind: text(&call["kind"]),
        detail: detail(call),
        options: params["options"].as_array().cloned().unwrap_or_default(),
    }
}

/// All that a tool call says about what it would do: where, with what, and what it would change.
fn detail(call: &Value) -> Option<String> {
    let every = |field: &str| call[field].as_array().cloned().unwrap_or_default();
    let mut said: Vec<String> = every("locations")
        .iter()
        .filter_map(|location| location["path"].as_str().map(|path| format!("at {path}")))
        .collect();
    let input = &call["rawInput"];
    if !input.is_null() {
        said.push(input.as_str().map_or_else(|| format!("{input:#}"), str::to_owned));
    }
    for content in every("content") {
        if let Some(path) = content["path"].as_str() {
            said.push(format!("{path}:\n{}", content["newText"].as_str().unwrap_or_default()));
        }
        said.extend(content["content"]["text"].as_str().map(str::to_owned));
    }
    (!said.is_empty()).then(|| said.join("\n"))
}

/// A request that the agent refused.
fn refused(error: &Value) -> Failure {
    let said = shortened(error["message"].as_str().unwrap_or("no reason was given"));
    match error["code"].as_i64() {
        Some(AUTH_REQUIRED) => {
            Failure::Credentials(format!("{said} (log in with the agent's own program)"))
        }
        _ => Failure::Rejected { status: None, said },
    }
}
