//! Handing a gateway to a new device: `device.pair.setupCode`, `.setupStatus`.

use serde_json::json;

use super::read;
use crate::{
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{self, NewSetup, OfSetup},
    },
    support::qr::Qr,
};

/// `device.pair.setupCode {publicUrl?, preferRemoteUrl?, includeQr?, bootstrapProfile?, joinUrl?}`
pub fn code(call: &Call<'_>) -> Result<Answer, Fault> {
    let NewSetup { order, draws } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let handover = service.hand_over(&standing, via, order).await;
        let handover = handover.map_err(|refusal| of_call(&refusal))?;
        let mut answer = json!({
            "setupId": handover.code.id.to_string(),
            "expiresAtMs": handover.code.until.0,
            "setupCode": handover.text.expose().as_str(),
            "gatewayUrl": handover.url.to_string(),
            "auth": service.auth_mode().name(),
            "urlSource": handover.url_source,
            "access": handover.code.access.name(),
        });
        if handover.downgraded {
            answer["accessDowngraded"] = true.into();
        }
        if let Some(url) = handover.join_url {
            answer["joinUrl"] = url.expose().as_str().into();
        }
        let qr = draws.then(|| Qr::new(handover.text.expose())).flatten();
        if let Some(picture) = qr.and_then(|qr| qr.png_data_url()) {
            answer["qrDataUrl"] = picture.into();
        }
        Ok(answer.to_string())
    }))
}

/// `device.pair.setupStatus {setupId}`: empty until a device came with the code.
pub fn status(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let OfSetup { code } = read(call)?;
    let status = call.service.setup_status(call.standing, code);
    let status = status.map_err(|refusal| of_call(&refusal))?;
    let answer = match status.redeemed {
        None => json!({}),
        Some((device, name, at)) => {
            let completion =
                wire::setup_completion(code, device, name.as_deref(), status.access, at);
            json!({"completion": completion})
        }
    };
    out.push_str(&answer.to_string());
    Ok(())
}
