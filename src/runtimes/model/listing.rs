//! Which models a provider has: one short question, which both APIs answer at `models`.

use std::time::Duration;

use futures_util::future;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    super::limits::{LISTING_BYTES, LISTING_MODELS, MODEL_NAME_BYTES},
    Provider,
    http::{Http, late},
};
use crate::domain::talk::Failure;

/// Asks all of them at once for the names of their models, and gives the answers in their order, none
/// later than after `patience`. Names that cannot be shown are left out.
pub async fn list(providers: &[Provider], patience: Duration) -> Vec<Result<Vec<String>, Failure>> {
    let http = Http::default();
    // Before the time of the first begins to run. What is wrong with it, each answer says.
    let _ = http.client();
    let ask = async |provider: &Provider| {
        let body = timeout(patience, read(&http, provider, patience)).await;
        let body = body.unwrap_or_else(|_| Err(late(patience)));
        body.and_then(|body| names(&body)).map_err(|failure| provider.clean(failure))
    };
    future::join_all(providers.iter().map(ask)).await
}

async fn read(http: &Http, provider: &Provider, patience: Duration) -> Result<Vec<u8>, Failure> {
    let mut reply = http.get(provider, "models", patience).await?;
    let mut body = Vec::new();
    while let Some(piece) = reply.more(patience).await? {
        body.extend_from_slice(&piece);
        if body.len() > LISTING_BYTES {
            return Err(Failure::TooLong { limit: LISTING_BYTES });
        }
    }
    Ok(body)
}

/// `{"data": [{"id"}]}`; Ollama writes an empty list as null.
fn names(body: &[u8]) -> Result<Vec<String>, Failure> {
    let not_a_list = || Failure::Broken("what it says is no list of models".into());
    let body: Value = serde_json::from_slice(body).map_err(|_| not_a_list())?;
    let rows = match body.get("data") {
        Some(Value::Array(rows)) => rows.as_slice(),
        Some(Value::Null) => &[],
        _ => return Err(not_a_list()),
    };
    let names = rows.iter().filter_map(|row| row.get("id")?.as_str());
    let shown = |name: &&str| {
        !name.is_empty() && name.len() <= MODEL_NAME_BYTES && !name.chars().any(char::is_control)
    };
    Ok(names.filter(shown).take(LISTING_MODELS).map(str::to_owned).collect())
}
