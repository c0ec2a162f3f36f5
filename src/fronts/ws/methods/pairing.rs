//! Pairing over the wire: `device.pair.list`, `.approve`, `.reject`.

use serde_json::json;

use super::{bad_params, read};
use crate::{
    domain::registry::Terms,
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{self, OfRequest},
    },
};

/// `device.pair.list {}`: newest first, as the real gateway lists.
pub fn list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let pairings = call.service.pairings(call.standing).map_err(|refusal| of_call(&refusal))?;
    let mut pending: Vec<_> = pairings.state.all_pending().collect();
    pending.sort_by_key(|(_, request)| std::cmp::Reverse(request.asked));
    let pending: Vec<_> = pending
        .into_iter()
        .map(|(id, request)| wire::pairing_request(id, request, Some(pairings.expires_at(id).0)))
        .collect();
    let mut paired: Vec<_> = pairings.state.devices().collect();
    paired.sort_by_key(|(_, device)| std::cmp::Reverse(device.paired_at));
    let paired: Vec<_> = paired
        .into_iter()
        .map(|(id, device)| wire::paired_device(id, device, &pairings.state, Some(&pairings)))
        .collect();
    out.push_str(&json!({"pending": pending, "paired": paired}).to_string());
    Ok(())
}

/// `device.pair.approve {requestId}`
pub fn approve(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfRequest { request } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let approved = service
            .approve(&standing, via, request, None, Terms::default())
            .await
            .map_err(|refusal| of_call(&refusal))?;
        let state = service.registry_state();
        let device = state.device(approved.device);
        let device =
            device.map(|device| wire::paired_device(approved.device, device, &state, None));
        Ok(json!({"requestId": approved.request_id.to_string(), "device": device}).to_string())
    }))
}

/// `device.pair.reject {requestId}`
pub fn reject(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfRequest { request } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let rejected =
            service.reject(&standing, via, request).await.map_err(|refusal| of_call(&refusal))?;
        let (request, device) = (rejected.request_id.to_string(), rejected.device.to_string());
        Ok(json!({"requestId": request, "deviceId": device}).to_string())
    }))
}
