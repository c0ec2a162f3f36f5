//! What the gateway says about itself.

use serde_json::json;

use super::bad_params;
use crate::{
    fronts::{
        whoami,
        ws::{
            dispatch::Call,
            error::{Fault, of_call},
            wire,
        },
    },
    support::keys,
};

/// `health {}`. The real gateway takes any parameters here, and so does this one.
pub fn health(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    call.service.health(call.standing).map_err(|refusal| of_call(&refusal))?;
    out.push_str(&wire::health(call.service));
    Ok(())
}

/// `status {}`: how the gateway does, in figures.
pub fn status(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let status = call.service.status(call.standing).map_err(|refusal| of_call(&refusal))?;
    let payload = json!({
        "runtimeVersion": status.version,
        "bootId": status.boot_id,
        "startedAtMs": status.started_at.0,
        "uptimeMs": status.uptime_ms,
        "pid": std::process::id(),
        "authMode": status.auth_mode.name(),
        "connections": status.connections,
        "devices": {"paired": status.devices, "pending": status.pending},
        "ledger": {"size": status.ledger_size, "writable": status.ledger_writable},
    });
    out.push_str(&payload.to_string());
    Ok(())
}

/// `system-presence {}`: the list of who is connected.
pub fn system_presence(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let board = call.service.presence(call.standing).map_err(|refusal| of_call(&refusal))?;
    out.push_str(board.rendered(|board| wire::presence_list(board, call.service.info())));
    Ok(())
}

/// `gateway.identity.get {}`: the gateway's key and its fingerprint.
pub fn identity_get(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let key = call.service.identity(call.standing).map_err(|refusal| of_call(&refusal))?;
    let id = crate::domain::ids::DeviceId(keys::fingerprint(&key));
    let payload = json!({"deviceId": id.to_string(), "publicKey": keys::to_base64url(&key)});
    out.push_str(&payload.to_string());
    Ok(())
}

/// `doorward.whoami {}`: who the client is here, and where it was seen to come from.
pub fn whoami(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let whoami = call.service.whoami(call.standing).map_err(|refusal| of_call(&refusal))?;
    out.push_str(&whoami::document(&call.attribution.into(), &whoami).to_string());
    Ok(())
}

/// `config.get {}`: the configuration with its secrets redacted, in the real gateway's shape.
pub fn config_get(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let info = call.service.config(call.standing).map_err(|refusal| of_call(&refusal))?;
    let payload = json!({
        "path": info.config_path.to_string_lossy(),
        "includedPaths": [],
        "exists": info.config_exists,
        "raw": null,
        "parsed": *info.config,
        "sourceConfig": *info.config,
        "resolved": *info.config,
        "runtimeConfig": *info.config,
        "config": *info.config,
        "valid": true,
        "hash": info.config_hash,
        "issues": [],
        "warnings": [],
        "legacyIssues": [],
    });
    out.push_str(&payload.to_string());
    Ok(())
}
