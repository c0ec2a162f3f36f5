//! Whom someone means: a device, a service token, the shared secret, or a person.

use std::collections::BTreeMap;

use super::{
    Session,
    admin::Admin,
    devices::named,
    exit::{ExitStatusCode, Trouble},
    words,
};
use crate::proto::v1::{
    DeviceInRole, Party, RecordFilter, TailRequest,
    party::{Anyone, Kind},
};

/// How people are named where others are too.
const PERSON: &str = "person:";

/// Whom someone means. A device before a service token of the same name.
///
/// # Errors
/// If it is nobody, or could be several.
pub async fn find(session: &Session<'_>, admin: &mut Admin, who: &str) -> Result<Kind, Trouble> {
    let local = who.starts_with("local-");
    match who {
        "shared-secret" | "local-shared-secret" => return Ok(Kind::SharedSecret(Anyone { local })),
        "open" | "local-open" => return Ok(Kind::Open(Anyone { local })),
        _ => {}
    }
    if let Some(name) = who.strip_prefix(PERSON) {
        return Ok(Kind::Person(name.to_owned()));
    }
    let here = Names::of_now(admin).await?;
    match here.choose(who) {
        Ok(kind) => Ok(kind),
        // Whoever is gone is asked about too, once the ledger is read for it.
        Err(nobody) if nobody.exit == ExitStatusCode::NOT_DONE => {
            let ever = Names::of_the_ledger(admin).await?;
            ever.choose(who).map_err(|_| nobody.run(session.command("devices list")))
        }
        Err(unclear) => Err(unclear.run(session.command("devices list"))),
    }
}

/// What devices and service tokens are or were called.
#[derive(Default)]
struct Names {
    devices: BTreeMap<String, (i32, Vec<String>)>,
    tokens: BTreeMap<String, Vec<String>>,
}

impl Names {
    /// Of a running gateway, or of the files of one that is not running.
    async fn of_now(admin: &mut Admin) -> Result<Self, Trouble> {
        let (devices, tokens) = match admin.devices().await {
            Ok(listed) => (listed.devices, admin.tokens().await?.tokens),
            Err(trouble) if trouble.exit == ExitStatusCode::REFUSED => return Err(trouble),
            Err(_) => {
                let state = admin.as_of(None).await?;
                (state.devices, state.tokens)
            }
        };
        let mut names = Self::default();
        for device in devices {
            let role = device.grants.first().map(|grant| grant.role).unwrap_or_default();
            let claimed = device.profile.and_then(|profile| profile.display_name);
            let called = device.label.into_iter().chain(claimed).collect();
            names.devices.insert(device.device_id, (role, called));
        }
        let tokens = tokens.into_iter().map(|token| (token.token_id, vec![token.name]));
        names.tokens.extend(tokens);
        Ok(names)
    }

    /// Of everyone who ever held anything.
    async fn of_the_ledger(admin: &mut Admin) -> Result<Self, Trouble> {
        let kinds =
            ["pairing_approved", "device_described", "device_renamed", "service_token_created"];
        let kinds = kinds.map(str::to_owned).to_vec();
        let filter = Some(RecordFilter { kinds, ..Default::default() });
        let mut records = admin.tail(TailRequest { filter, ..Default::default() }).await?;
        let mut names = Self::default();
        while let Some(response) = records.next().await? {
            let event = response.record.unwrap_or_default().event.unwrap_or_default();
            let told = |key: &str| event.details.get(key).cloned();
            if let Some(id) = told("token_id") {
                names.tokens.entry(id).or_default().extend(told("name"));
            } else if let Some(id) = event.device_id.clone() {
                let (role, called) = names.devices.entry(id).or_default();
                *role = event.role.unwrap_or(*role);
                called.extend(told("display_name").into_iter().chain(told("label")));
            }
        }
        Ok(names)
    }

    /// A device before a service token of the same name.
    fn choose(&self, who: &str) -> Result<Kind, Trouble> {
        let devices: Vec<_> =
            self.devices.iter().map(|(id, (_, names))| (id.as_str(), names.clone())).collect();
        let no_device = match named::choose("device", &devices, who) {
            Ok(device_id) => {
                let role = self.devices.get(&device_id).map(|(role, _)| *role).unwrap_or_default();
                return Ok(Kind::Device(DeviceInRole { device_id, role }));
            }
            Err(no_device) => no_device,
        };
        let tokens: Vec<_> =
            self.tokens.iter().map(|(id, names)| (id.as_str(), names.clone())).collect();
        named::choose("service token", &tokens, who).map(Kind::TokenId).map_err(|_| no_device)
    }
}

/// Whom, in words.
pub fn words(party: Option<&Party>) -> String {
    let Some(Party { kind: Some(kind), name }) = party else { return "unknown".into() };
    let here = |what: &str, anyone: &Anyone| match anyone.local {
        true => format!("{what}, on this machine"),
        false => what.to_owned(),
    };
    let who = match kind {
        Kind::Device(device) => {
            format!("{} {}", words::role(device.role), words::short(&device.device_id))
        }
        Kind::TokenId(id) => format!("token {}", words::short(id)),
        Kind::SharedSecret(anyone) => here("the shared secret", anyone),
        Kind::Open(anyone) => here("anyone", anyone),
        Kind::Person(name) if name == "*" => "any other person".into(),
        Kind::Person(name) => return format!("person {}", words::plain(name)),
    };
    match name {
        Some(name) => format!("{} ({who})", words::plain(name)),
        None => who,
    }
}

/// Whom, for programs.
pub fn json(party: Option<&Party>) -> serde_json::Value {
    use serde_json::json;
    let Some(Party { kind: Some(kind), name }) = party else { return serde_json::Value::Null };
    match kind {
        Kind::Device(device) => json!({
            "kind": "device",
            "deviceId": device.device_id,
            "role": words::role(device.role),
            "name": name,
        }),
        Kind::TokenId(id) => json!({"kind": "service-token", "tokenId": id, "name": name}),
        Kind::SharedSecret(anyone) => json!({"kind": "shared-secret", "local": anyone.local}),
        Kind::Open(anyone) => json!({"kind": "open", "local": anyone.local}),
        Kind::Person(name) => json!({"kind": "person", "name": name}),
    }
}

/// As filters name someone.
pub fn reference(kind: &Kind) -> String {
    match kind {
        Kind::Device(device) => format!("device:{}", device.device_id),
        Kind::TokenId(id) => format!("token:{id}"),
        Kind::SharedSecret(_) => "shared-secret".into(),
        Kind::Open(_) => "open".into(),
        Kind::Person(name) => format!("{PERSON}{name}"),
    }
}
