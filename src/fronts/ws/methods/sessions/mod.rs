//! `sessions.*`: which there are, and what can be done with them.
//!
//! [`reading`] lists and finds, [`search`] looks for words, [`changing`] makes, changes and deletes;
//! what a client wants to hear of is here. The published schema's optional fields that have no
//! meaning here are accepted and left alone.
//!
//! Start with [`reading::list`].

pub mod changing;
pub mod reading;
pub mod search;

use serde_json::json;

use super::{read, talk_params as params};
use crate::{
    domain::{refusal::Refusal, talk::SessionKey},
    fronts::ws::{
        dispatch::Call,
        error::{Fault, of_call},
        wire::no_params,
    },
};

/// `sessions.subscribe {}`: news of every session.
pub fn subscribe(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    no_params(call.params).map_err(|fault| super::bad_params(call, &fault))?;
    call.subscriptions.to_all();
    out.push_str(r#"{"subscribed":true}"#);
    Ok(())
}

/// `sessions.messages.subscribe {key}`
pub fn messages_subscribe(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let key = own_key(call)?;
    if !call.subscriptions.to(key.clone()) {
        return Err(of_call(&Refusal::LimitReached { what: "sessions that one client follows" }));
    }
    out.push_str(&json!({"subscribed": true, "key": key.as_str()}).to_string());
    Ok(())
}

/// `sessions.messages.unsubscribe {key}`
pub fn messages_unsubscribe(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let key = own_key(call)?;
    call.subscriptions.drop_one(&key);
    out.push_str(&json!({"subscribed": false, "key": key.as_str()}).to_string());
    Ok(())
}

fn own_key(call: &Call<'_>) -> Result<SessionKey, Fault> {
    let params: params::OfSession = read(call)?;
    params::session_key(call, &params.key, params.agent.as_ref())
}
