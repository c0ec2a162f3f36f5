//! A gateway of a few lines, to test the client and the benchmark against.
//!
//! It shares no code with the real one, so that a mistake is not made twice: it takes the `connect`
//! request apart on its own and checks the v3 signature over what it finds there.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::support::keys;

/// The shared token that the fake accepts, besides the device tokens that it gave out itself.
pub const TOKEN: &str = "example-shared-token";

#[derive(Default)]
pub struct Counts {
    pub connects: AtomicUsize,
    /// Distinct devices.
    pub paired: AtomicUsize,
    pub with_device_token: AtomicUsize,
    pub approved: AtomicUsize,
    pub health: AtomicUsize,
    pub presence: AtomicUsize,
}

pub struct FakeGateway {
    pub addr: SocketAddr,
    pub counts: Arc<Counts>,
}

struct State {
    counts: Arc<Counts>,
    /// Whether a fresh device is paired at once or has to be approved.
    automatic: bool,
    token: Option<&'static str>,
    tokens: Mutex<HashMap<String, String>>,
    pending: Mutex<HashMap<String, String>>,
}

impl FakeGateway {
    pub async fn start(automatic: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, automatic, Some(TOKEN))
    }

    /// Takes any token for the shared one.
    pub fn serve_any_token(listener: TcpListener, automatic: bool) -> Self {
        Self::serve(listener, automatic, None)
    }

    fn serve(listener: TcpListener, automatic: bool, token: Option<&'static str>) -> Self {
        let addr = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let state = Arc::new(State {
            counts: Arc::clone(&counts),
            automatic,
            token,
            tokens: Mutex::default(),
            pending: Mutex::default(),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&state)));
            }
        });
        Self { addr, counts }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.addr)
    }
}

/// Ends in silence when the client goes: the client's side is what is tested.
async fn converse(mut stream: TcpStream, state: Arc<State>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut start = [0u8; 11];
    while stream.peek(&mut start).await.ok()? < start.len() {}
    if &start == b"GET /readyz" {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        return stream.write_all(answer).await.ok();
    }
    let mut ws = accept_async(stream).await.ok()?;
    let nonce = crate::support::entropy::uuid().to_string();
    let ts = crate::support::clock::unix_millis();
    let challenge = json!({"type": "event", "event": "connect.challenge",
        "payload": {"nonce": nonce, "ts": ts, "capabilities": []}});
    say(&mut ws, &challenge).await?;
    let request = hear(&mut ws).await?;
    match admit(&state, &request, &nonce, ts) {
        Ok(payload) => {
            let hello = json!({"type": "res", "id": request["id"], "ok": true, "payload": payload});
            say(&mut ws, &hello).await?;
            answer_all(&mut ws, &state).await
        }
        Err(error) => {
            let reason = error["message"].as_str()?.to_owned();
            let no = json!({"type": "res", "id": request["id"], "ok": false, "error": error});
            say(&mut ws, &no).await?;
            let frame = CloseFrame { code: CloseCode::Policy, reason: reason.into() };
            ws.close(Some(frame)).await.ok()
        }
    }
}

async fn answer_all(ws: &mut WebSocketStream<TcpStream>, state: &State) -> Option<()> {
    let mut answered = 0;
    loop {
        let request = hear(ws).await?;
        let id = &request["id"];
        let answer = match call(state, &request) {
            Ok(payload) => json!({"type": "res", "id": id, "ok": true, "payload": payload}),
            Err(error) => json!({"type": "res", "id": id, "ok": false, "error": error}),
        };
        say(ws, &answer).await?;
        answered += 1;
        if answered % 10 == 0 {
            // A client that counts frames must not take this one for an answer.
            let tick = json!({"type": "event", "event": "health", "payload": {"ok": true}});
            say(ws, &tick).await?;
            ws.send(Message::Ping("still there?".into())).await.ok()?;
        }
    }
}

fn call(state: &State, request: &Value) -> Result<Value, Value> {
    match request["method"].as_str() {
        Some("health") => {
            state.counts.health.fetch_add(1, Ordering::Relaxed);
            Ok(json!({"ok": true, "ts": 1}))
        }
        Some("system-presence") => {
            state.counts.presence.fetch_add(1, Ordering::Relaxed);
            Ok(json!([]))
        }
        Some("device.pair.approve") => {
            let id = request["params"]["requestId"].as_str().unwrap_or_default();
            let device = state.pending.lock().unwrap().remove(id).ok_or_else(
                || json!({"code": "INVALID_REQUEST", "message": "unknown requestId"}),
            )?;
            state.counts.approved.fetch_add(1, Ordering::Relaxed);
            Ok(json!({"requestId": id, "device": {"deviceId": device}}))
        }
        _ => Err(json!({"code": "INVALID_REQUEST", "message": "unknown method"})),
    }
}

fn admit(state: &State, request: &Value, nonce: &str, ts: u64) -> Result<Value, Value> {
    state.counts.connects.fetch_add(1, Ordering::Relaxed);
    let params = &request["params"];
    let auth = &params["auth"];
    let mut hello = json!({"type": "hello-ok", "protocol": 4, "server": {"version": "fake"},
        "auth": {"role": "operator", "scopes": params["scopes"]}});
    let device = &params["device"];
    if device.is_object() {
        check_device(params, nonce, ts)?;
    }
    let id = device["id"].as_str().unwrap_or_default();
    if let Some(token) = auth["deviceToken"].as_str() {
        if state.tokens.lock().unwrap().get(id).map(String::as_str) != Some(token) {
            return Err(refusal("AUTH_DEVICE_TOKEN_MISMATCH"));
        }
        state.counts.with_device_token.fetch_add(1, Ordering::Relaxed);
        return Ok(hello);
    }
    if state.token.is_some_and(|token| auth["token"] != token) {
        return Err(refusal("AUTH_TOKEN_MISMATCH"));
    }
    if device.is_object() {
        hello["auth"]["deviceToken"] = json!(pair(state, id)?);
    }
    Ok(hello)
}

fn pair(state: &State, device: &str) -> Result<String, Value> {
    if !state.automatic {
        let request = crate::support::entropy::uuid().to_string();
        let mut error = refusal("PAIRING_REQUIRED");
        error["details"]["requestId"] = json!(request);
        state.pending.lock().unwrap().insert(request, device.to_owned());
        return Err(error);
    }
    let token = crate::support::entropy::token().expose().clone();
    if state.tokens.lock().unwrap().insert(device.to_owned(), token.clone()).is_none() {
        state.counts.paired.fetch_add(1, Ordering::Relaxed);
    }
    Ok(token)
}

fn refusal(code: &str) -> Value {
    json!({"code": "INVALID_REQUEST", "message": format!("refused: {code}"), "details": {"code": code}})
}

fn check_device(params: &Value, nonce: &str, ts: u64) -> Result<(), Value> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (device, client, auth) = (&params["device"], &params["client"], &params["auth"]);
    let scopes: Vec<_> = params["scopes"].as_array().into_iter().flatten().map(text).collect();
    let token = [&auth["token"], &auth["deviceToken"], &auth["bootstrapToken"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    let fields = [
        "v3".to_owned(),
        text(&device["id"]),
        text(&client["id"]),
        text(&client["mode"]),
        text(&params["role"]),
        scopes.join(","),
        ts.to_string(),
        token.to_owned(),
        nonce.to_owned(),
        text(&client["platform"]).to_ascii_lowercase(),
        text(&client["deviceFamily"]).to_ascii_lowercase(),
    ];
    let key = keys::from_base64url(&text(&device["publicKey"])).ok_or_else(|| refusal("KEY"))?;
    let signature =
        keys::from_base64url(&text(&device["signature"])).ok_or_else(|| refusal("SIGNATURE"))?;
    let id: String = keys::fingerprint(&key).iter().map(|byte| format!("{byte:02x}")).collect();
    let honest = device["id"] == id && device["nonce"] == nonce && device["signedAt"] == ts;
    if honest && keys::verify(&key, fields.join("|").as_bytes(), &signature) {
        return Ok(());
    }
    Err(refusal("DEVICE_AUTH_SIGNATURE_INVALID"))
}

async fn say(ws: &mut WebSocketStream<TcpStream>, frame: &Value) -> Option<()> {
    ws.send(Message::text(frame.to_string())).await.ok()
}

async fn hear(ws: &mut WebSocketStream<TcpStream>) -> Option<Value> {
    loop {
        match ws.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(text.as_str()).ok(),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}
