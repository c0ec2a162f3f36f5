//! Texts as vectors, from a provider of OpenAI's API (`POST {base}/embeddings`).
//!
//! One try with one model: vectors of two models cannot be compared, so nobody takes over.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Inner, Provider, http::Reply, work::nobody};
use crate::{
    domain::talk::{Failure, Texts, Usage, Vectors},
    runtimes::limits::EMBEDDING_BYTES,
};

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Row {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
}

/// Asks for them.
pub(super) async fn embed(inner: Arc<Inner>, texts: Texts) -> Result<Vectors, Failure> {
    let model = inner.models_of(texts.model.as_deref()).pop_front().ok_or_else(|| nobody(""))?;
    let provider = inner.providers.iter().find(|provider| provider.id == model.provider);
    let provider = provider.ok_or_else(|| nobody(&model.provider))?;
    if provider.api != Api::OpenAi {
        return Err(Failure::Unsupported("its provider has no embeddings"));
    }
    let body = request(&model.name, &texts);
    let answer = ask(&inner, provider, &body).await.and_then(|bytes| read(&bytes, &texts));
    let (vectors, usage) = answer.map_err(|failure| provider.clean(failure))?;
    Ok(Vectors { model, vectors, usage })
}

fn request(model: &str, texts: &Texts) -> Value {
    // Numbers and not base64: not everybody has the other form.
    let mut body = json!({"model": model, "input": texts.input, "encoding_format": "float"});
    if let Some(dimensions) = texts.dimensions {
        body["dimensions"] = dimensions.into();
    }
    body
}

async fn ask(inner: &Inner, provider: &Provider, body: &Value) -> Result<Vec<u8>, Failure> {
    let reply: &mut Reply =
        &mut inner.http.send(provider, "embeddings", body, provider.silence).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reply.more(provider.silence).await? {
        if bytes.len() + piece.len() > EMBEDDING_BYTES {
            return Err(Failure::TooLong { limit: EMBEDDING_BYTES });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads an answer: one vector for each text, whatever their order.
fn read(bytes: &[u8], texts: &Texts) -> Result<(Vec<Vec<f32>>, Usage), Failure> {
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|error| Failure::Broken(format!("the vectors cannot be understood: {error}")))?;
    let wrong = || Failure::Broken("not one vector came for each text".into());
    let mut vectors = vec![None; texts.input.len()];
    for (at, row) in answer.data.into_iter().enumerate() {
        let place = vectors.get_mut(row.index.unwrap_or(at)).ok_or_else(wrong)?;
        *place = Some(row.embedding);
    }
    let vectors = vectors.into_iter().collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    let input = answer.usage.map_or(0, |tokens| tokens.prompt_tokens);
    Ok((vectors, Usage { input, output: 0 }))
}
