//! Lockouts over the wire: `doorward.lockouts.list`, `.clear`. The real gateway has no such methods.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::bad_params;
use crate::{
    domain::registry::{CredentialClass, LockKey},
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{self, Fields},
    },
    service::LockoutFilter,
};

/// `doorward.lockouts.list {}`: those in force.
pub fn list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let lockouts = call.service.lockouts(call.standing).map_err(|refusal| of_call(&refusal))?;
    let rows = lockouts.iter().map(|(key, lockout)| {
        let mut row = named(&key);
        row["seq"] = lockout.seq.0.into();
        row["atMs"] = lockout.at.0.into();
        row["untilMs"] = lockout.until.0.into();
        row["failures"] = json!(lockout.failures);
        row
    });
    let rows: Vec<_> = rows.collect();
    out.push_str(&json!({"lockouts": rows, "nowMs": lockouts.now.0}).to_string());
    Ok(())
}

/// `doorward.lockouts.clear {class?, address?}`: those that are meant, or all.
pub fn clear(call: &Call<'_>) -> Result<Answer, Fault> {
    let filter = filter(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let cleared = service.clear_lockouts(&standing, via, filter).await;
        let cleared = cleared.map_err(|refusal| of_call(&refusal))?;
        Ok(json!({"cleared": cleared.iter().map(named).collect::<Vec<_>>()}).to_string())
    }))
}

/// A lockout for everywhere has no address.
fn named(key: &LockKey) -> Value {
    let mut row = json!({"class": key.class.name()});
    if let Some(address) = key.address {
        row["address"] = address.to_string().into();
    }
    row
}

fn filter(call: &Call<'_>) -> Result<LockoutFilter, Fault> {
    let Some(text) = call.params.filter(|text| *text != "null") else {
        return Ok(LockoutFilter::default());
    };
    let value: Value =
        serde_json::from_str(text).map_err(|error| bad_params(call, &error.to_string()))?;
    let read = || {
        let mut fields = Fields::root(&value)?;
        let class = fields.optional_text("class")?;
        let address = fields.optional_text("address")?;
        let class = class.map(|name| match CredentialClass::parse(name) {
            Some(class) => Ok(class),
            None => fields.refuse("class", "must be equal to one of the allowed values"),
        });
        let address = address.map(|text| match text.parse::<IpAddr>() {
            Ok(address) => Ok(address),
            Err(_) => fields.refuse("address", "must be an IP address"),
        });
        let filter = LockoutFilter { class: class.transpose()?, address: address.transpose()? };
        fields.end().map(|()| filter)
    };
    read().map_err(|fault: String| bad_params(call, &fault))
}
