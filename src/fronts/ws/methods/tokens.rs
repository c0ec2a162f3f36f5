//! doorward's own: `doorward.tokens.list`, `.create`, `.rotate`, `.revoke` for service tokens, and
//! `doorward.auth.rotate` for the shared secret.

use serde_json::{Value, json};

use super::{bad_params, read};
use crate::{
    domain::{ids::TokenId, principal::Principal, registry::ServiceToken},
    fronts::ws::{
        dispatch::{Answer, Call},
        error::{Fault, of_call},
        wire::{self, NewSecret, NewToken, OfToken},
    },
    service::{MintedToken, Tokens},
};

/// `doorward.tokens.list {}`: oldest first. Never shows a secret.
pub fn list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| bad_params(call, &fault))?;
    let tokens = call.service.tokens(call.standing).map_err(|refusal| of_call(&refusal))?;
    let mut all: Vec<_> = tokens.state.service_tokens().collect();
    all.sort_by_key(|(_, token)| token.at);
    let rows: Vec<_> = all.into_iter().map(|(id, token)| row(id, token, &tokens)).collect();
    out.push_str(&json!({"tokens": rows}).to_string());
    Ok(())
}

fn row(id: TokenId, token: &ServiceToken, tokens: &Tokens) -> Value {
    let ranges: Vec<_> = token.ranges.iter().map(ToString::to_string).collect();
    let mut row = json!({
        "id": id.to_string(),
        "name": token.name,
        "scopes": wire::scopes(&token.scopes),
        "ranges": ranges,
        "createdAtMs": token.at.0,
        "createdBy": creator(&token.creator),
    });
    let times = [
        ("expiresAtMs", token.until),
        ("rotatedAtMs", token.rotated_at),
        ("lastUsedAtMs", tokens.last_used(id)),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            row[name] = at.0.into();
        }
    }
    if let Some(role) = &token.ceiling {
        row["ceiling"] = role.as_str().into();
    }
    row
}

/// Who made it, in words that other methods take.
fn creator(principal: &Principal) -> String {
    match principal {
        Principal::Host { uid } => format!("host:{uid}"),
        other => other.reference(),
    }
}

/// `doorward.tokens.create {name, scopes, expiresAtMs?, ranges?}`
pub fn create(call: &Call<'_>) -> Result<Answer, Fault> {
    let NewToken { order } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let minted = service.create_token(&standing, via, order).await;
        minted.map(|minted| told_once(&minted)).map_err(|refusal| of_call(&refusal))
    }))
}

/// `doorward.tokens.rotate {id}`
pub fn rotate(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfToken { token } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let minted = service.rotate_service_token(&standing, via, token).await;
        minted.map(|minted| told_once(&minted)).map_err(|refusal| of_call(&refusal))
    }))
}

/// `doorward.tokens.revoke {id}`
pub fn revoke(call: &Call<'_>) -> Result<Answer, Fault> {
    let OfToken { token } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let revoked = service.revoke_service_token(&standing, via, token, None).await;
        let seq = revoked.map_err(|refusal| of_call(&refusal))?;
        Ok(json!({"id": token.to_string(), "seq": seq.0}).to_string())
    }))
}

/// `doorward.auth.rotate {secret?}`: says where the new secret lies, and never what it is.
pub fn rotate_secret(call: &Call<'_>) -> Result<Answer, Fault> {
    let NewSecret { secret } = read(call)?;
    let (service, standing, via) = (call.service.clone(), call.standing.clone(), (call.via)());
    Ok(Box::pin(async move {
        let rotated = service.rotate_secret(&standing, via, secret).await;
        let rotated = rotated.map_err(|refusal| of_call(&refusal))?;
        let answer = json!({
            "authMode": service.auth_mode().name(),
            "path": rotated.path.to_string_lossy(),
            "changed": rotated.seq.is_some(),
        });
        Ok(answer.to_string())
    }))
}

fn told_once(minted: &MintedToken) -> String {
    let MintedToken { id, secret, seq } = minted;
    json!({"id": id.to_string(), "token": secret.expose().as_str(), "seq": seq.0}).to_string()
}
