//! What becomes of a paired device: `device.pair.remove`, `.rename`, `device.token.rotate`, `.revoke`.

use serde_json::json;

use super::read;
use crate::{
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_denied},
        wire::{self, OfDevice, OfGrant, Rename, Rotate},
    },
    support::clock,
};

/// `device.pair.remove {deviceId}`
pub fn remove(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfDevice { device } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let removed = service.remove_device(&standing, via, device, None).await;
        removed.map_err(|refusal| of_denied("device pairing removal", &refusal))?;
        Ok(json!({"deviceId": device.to_string()}).to_string())
    }))
}

/// `device.pair.rename {deviceId, label}`
pub fn rename(call: &Call<'_>) -> Result<Answer, Fault> {
    let Rename { device, label } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let renamed = service.rename_device(&standing, via, device, label.clone()).await;
        renamed.map_err(|refusal| of_denied("device pairing rename", &refusal))?;
        Ok(json!({"deviceId": device.to_string(), "label": label}).to_string())
    }))
}

/// `device.token.rotate {deviceId, role, scopes?}`: the new token is in the answer if the device
/// itself asked; any other device fetches it when it connects next.
pub fn rotate(call: &Call<'_>) -> Result<Answer, Fault> {
    let Rotate { grant: OfGrant { device, role }, scopes } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let rotated = service.rotate_token(&standing, via, device, role, scopes).await;
        let rotated = rotated.map_err(|refusal| of_denied("device token rotation", &refusal))?;
        let mut answer = json!({
            "deviceId": rotated.device.to_string(),
            "role": rotated.role.name(),
            "scopes": wire::scopes(&rotated.scopes),
            "rotatedAtMs": rotated.at.0,
            "tokenDelivery": "withheld-cross-device",
        });
        if let Some(token) = rotated.token {
            answer["token"] = token.expose().as_str().into();
            answer["tokenDelivery"] = "in-band".into();
        }
        Ok(answer.to_string())
    }))
}

/// `device.token.revoke {deviceId, role}`. Doing it twice is answered twice.
pub fn revoke(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfGrant { device, role } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let revoked = service.revoke_token(&standing, via, device, role, None).await;
        revoked.map_err(|refusal| of_denied("device token revocation", &refusal))?;
        let answer = json!({
            "deviceId": device.to_string(),
            "role": role.name(),
            "revokedAtMs": clock::unix_millis(),
        });
        Ok(answer.to_string())
    }))
}
