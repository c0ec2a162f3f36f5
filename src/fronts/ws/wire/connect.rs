//! The parameters of `connect`: wire to domain, every field named.

use serde_json::Value;

use super::fields::Fields;
use crate::{
    domain::{
        registry::Profile,
        scope::{Role, ScopeSet},
    },
    fronts::ws::limits,
    service::{DeviceClaim, Presented},
    support::secret::Secret,
};

/// The schema's client ids.
const CLIENT_IDS: &[&str] = &[
    "webchat-ui",
    "openclaw-control-ui",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-linux",
    "openclaw-ios",
    "openclaw-watchos",
    "openclaw-android",
    "node-host",
    "openclaw-worker",
    "test",
    "fingerprint",
    "openclaw-probe",
];

/// The schema's client modes.
const CLIENT_MODES: &[&str] =
    &["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"];

/// What a client sent, read.
#[derive(Debug)]
pub struct ConnectParams {
    /// The oldest protocol version it speaks.
    pub min_protocol: u64,
    /// The newest.
    pub max_protocol: u64,
    /// Its own id of this run.
    pub instance_id: Option<String>,
    /// What it says about itself.
    pub profile: Profile,
    /// Its role. `Err` holds a name that is no role.
    pub role: Result<Role, String>,
    /// The scopes it asks for, as sent.
    pub scopes: Vec<String>,
    /// The same, as a set.
    pub scope_set: ScopeSet,
    /// Its device.
    pub device: Option<DeviceClaim>,
    /// What it presents.
    pub auth: Presented,
}

/// Reads the parameters of `connect`.
///
/// # Errors
/// In the words of the schema's validator.
pub fn read_connect(params: Option<&str>) -> Result<ConnectParams, String> {
    let value: Value = match params {
        Some(text) => serde_json::from_str(text).map_err(|error| error.to_string())?,
        None => Value::Null,
    };
    let mut root = Fields::root(&value)?;
    let min_protocol = root.integer("minProtocol", 1)?;
    let max_protocol = root.integer("maxProtocol", 1)?;
    let (instance_id, profile) = read_client(root.object("client")?)?;
    let role = root.optional_text("role")?.unwrap_or("operator");
    let role = Role::parse(role).ok_or_else(|| role.to_owned());
    let scopes = root.optional_texts("scopes")?.unwrap_or_default();
    let scope_set = root.scopes("scopes", &scopes)?;
    let device = root.optional_object("device")?.map(read_device).transpose()?;
    let auth = root.optional_object("auth")?.map(read_auth).transpose()?.unwrap_or_default();
    root.optional_texts("caps")?;
    root.optional_texts("commands")?;
    root.optional_any_text("locale")?;
    root.optional_any_text("userAgent")?;
    root.optional_any_text("pathEnv")?;
    // `modelCatalog` is newer than the published schema; the console sends it.
    root.ignore(&["permissions", "computerUse", "workerRuns", "modelCatalog"]);
    root.end()?;
    let scopes = scopes.into_iter().map(str::to_owned).collect();
    Ok(ConnectParams {
        min_protocol,
        max_protocol,
        instance_id,
        profile,
        role,
        scopes,
        scope_set,
        device,
        auth,
    })
}

fn read_client(mut client: Fields<'_>) -> Result<(Option<String>, Profile), String> {
    let chars_max = limits::PROFILE_CHARS_MAX;
    let profile = Profile {
        client_id: client.one_of("id", CLIENT_IDS)?.to_owned(),
        version: client.short("version", chars_max)?.to_owned(),
        platform: client.short("platform", chars_max)?.to_owned(),
        client_mode: client.one_of("mode", CLIENT_MODES)?.to_owned(),
        display_name: client.optional_short("displayName", chars_max)?.map(str::to_owned),
        device_family: client.optional_short("deviceFamily", chars_max)?.map(str::to_owned),
    };
    let instance_id = client.optional_short("instanceId", chars_max)?.map(str::to_owned);
    client.optional_short("buildId", 96)?;
    client.optional_short("timeZone", 64)?;
    client.optional_text("modelIdentifier")?;
    client.end()?;
    Ok((instance_id, profile))
}

fn read_device(mut device: Fields<'_>) -> Result<DeviceClaim, String> {
    let claim = DeviceClaim {
        id: device.text("id")?.to_owned(),
        public_key: device.text("publicKey")?.to_owned(),
        signature: device.text("signature")?.to_owned(),
        signed_at: device.integer("signedAt", 0)?,
        nonce: device.text("nonce")?.to_owned(),
    };
    device.end()?;
    Ok(claim)
}

fn read_auth(mut auth: Fields<'_>) -> Result<Presented, String> {
    let mut secret = |name| {
        let text = auth.optional_any_text(name)?;
        Ok::<_, String>(text.map(|text| Secret::new(text.to_owned())))
    };
    let presented = Presented {
        token: secret("token")?,
        device_token: secret("deviceToken")?,
        bootstrap_token: secret("bootstrapToken")?,
        password: secret("password")?,
    };
    auth.ignore(&["approvalRuntimeToken", "agentRuntimeIdentityToken"]);
    auth.end()?;
    Ok(presented)
}
