//! What a client says and hears before it is let in: the challenge and the `connect` request.
//!
//! Pure text, no socket: the same frames serve the client next door and the benchmark's own,
//! faster one. Shapes are those of `docs/PROTOCOL.md` (b), the signature is that of (c).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::support::{device_key::DeviceKey, secret::Secret};

/// The gateway's first word: what a device has to sign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// An opaque text that must come back inside the signature.
    pub nonce: String,
    /// The gateway's clock, in milliseconds since the Unix epoch; clients sign it verbatim.
    pub ts: u64,
}

impl Challenge {
    /// Reads the `connect.challenge` event; `None` if `text` is any other frame.
    pub fn parse(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(borrow)]
            event: std::borrow::Cow<'a, str>,
            payload: Challenge,
        }
        let frame: Event<'_> = serde_json::from_str(text).ok()?;
        (frame.event == "connect.challenge").then_some(frame.payload)
    }
}

/// What the client can prove beside its device key. All absent is legal and says so on the wire.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// The gateway's shared token.
    pub token: Option<Secret<String>>,
    /// The token that the gateway gave to this device when it was paired.
    pub device_token: Option<Secret<String>>,
    /// The token of a setup code.
    pub bootstrap_token: Option<Secret<String>>,
    /// The gateway's shared password.
    pub password: Option<Secret<String>>,
}

impl Auth {
    /// Only the shared token.
    pub fn token(token: Secret<String>) -> Self {
        Self { token: Some(token), ..Self::default() }
    }

    /// Only a device token.
    pub fn device_token(token: Secret<String>) -> Self {
        Self { device_token: Some(token), ..Self::default() }
    }

    /// What the signature covers: the first of the tokens; the password never (`docs/PROTOCOL.md` (c)).
    fn signed(&self) -> &str {
        let first = self.token.as_ref().or(self.device_token.as_ref());
        first.or(self.bootstrap_token.as_ref()).map_or("", |secret| secret.expose())
    }

    fn is_empty(&self) -> bool {
        self.token.is_none()
            && self.device_token.is_none()
            && self.bootstrap_token.is_none()
            && self.password.is_none()
    }
}

/// Who connects, as what, and for what. The default is an operator's `cli` that asks for nothing.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `client.id`, one of the ids that the protocol knows.
    pub client_id: String,
    /// `client.version`, free text.
    pub client_version: String,
    /// `client.platform`, for example `linux`; signed in lower case.
    pub platform: String,
    /// `client.deviceFamily`, for example `Linux`; signed in lower case.
    pub device_family: Option<String>,
    /// `client.mode`, one of the modes that the protocol knows.
    pub mode: String,
    /// `operator` or `node`.
    pub role: String,
    /// The scopes asked for, in this order.
    pub scopes: Vec<String>,
    /// The lowest and highest protocol version spoken.
    pub protocol: (u32, u32),
    /// The proof.
    pub auth: Auth,
    /// The device identity, if the client shows one.
    pub device: Option<Arc<DeviceKey>>,
    /// More members of `params`, for example `commands` of a node.
    pub extra: Map<String, Value>,
    /// More headers of the upgrade request, for example `Origin`.
    pub headers: Vec<(String, String)>,
    /// The longest wait for the connection, and later for each answer.
    pub timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            client_id: "cli".into(),
            client_version: env!("CARGO_PKG_VERSION").into(),
            platform: std::env::consts::OS.into(),
            device_family: None,
            mode: "cli".into(),
            role: "operator".into(),
            scopes: Vec::new(),
            protocol: (4, 4),
            auth: Auth::default(),
            device: None,
            extra: Map::new(),
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl ConnectOptions {
    /// An operator that proves the shared token, if there is one, and asks for `scopes`.
    pub fn operator(token: Option<Secret<String>>, scopes: &[&str]) -> Self {
        Self {
            auth: Auth { token, ..Auth::default() },
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The same client, showing this device.
    #[must_use]
    pub fn with_device(mut self, device: Arc<DeviceKey>) -> Self {
        self.device = Some(device);
        self
    }

    /// The whole `connect` request, signed for `challenge` if there is a device.
    pub fn connect_frame(&self, id: &str, challenge: &Challenge) -> String {
        let device = self.device.as_deref().map(|key| Device {
            id: key.id(),
            public_key: key.public(),
            signature: key.sign(self.signed_payload(key, challenge).as_bytes()),
            signed_at: challenge.ts,
            nonce: &challenge.nonce,
        });
        let frame = Request { kind: "req", id, method: "connect", params: self.params(device) };
        serde_json::to_string(&frame).expect("texts and numbers always serialise")
    }

    /// The v3 signature payload: eleven fields between bars.
    fn signed_payload(&self, key: &DeviceKey, challenge: &Challenge) -> String {
        format!(
            "v3|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            key.id(),
            self.client_id,
            self.mode,
            self.role,
            self.scopes.join(","),
            challenge.ts,
            self.auth.signed(),
            challenge.nonce,
            self.platform.trim().to_ascii_lowercase(),
            self.device_family.as_deref().unwrap_or("").trim().to_ascii_lowercase(),
        )
    }

    fn params<'a>(&'a self, device: Option<Device<'a>>) -> Params<'a> {
        Params {
            min_protocol: self.protocol.0,
            max_protocol: self.protocol.1,
            client: Client {
                id: &self.client_id,
                version: &self.client_version,
                platform: &self.platform,
                device_family: self.device_family.as_deref(),
                mode: &self.mode,
            },
            role: &self.role,
            scopes: &self.scopes,
            auth: (!self.auth.is_empty()).then(|| Proof::of(&self.auth)),
            device,
            extra: &self.extra,
        }
    }
}

/// Any request, as it goes over the wire.
#[derive(Serialize)]
pub(super) struct Request<'a, P> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: &'a str,
    pub method: &'a str,
    pub params: P,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    min_protocol: u32,
    max_protocol: u32,
    client: Client<'a>,
    role: &'a str,
    scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<Proof<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Client<'a> {
    id: &'a str,
    version: &'a str,
    platform: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_family: Option<&'a str>,
    mode: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Device<'a> {
    id: &'a str,
    public_key: &'a str,
    signature: String,
    signed_at: u64,
    nonce: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proof<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

impl<'a> Proof<'a> {
    fn of(auth: &'a Auth) -> Self {
        let text =
            |secret: &'a Option<Secret<String>>| secret.as_ref().map(|s| s.expose().as_str());
        Self {
            token: text(&auth.token),
            device_token: text(&auth.device_token),
            bootstrap_token: text(&auth.bootstrap_token),
            password: text(&auth.password),
        }
    }
}
