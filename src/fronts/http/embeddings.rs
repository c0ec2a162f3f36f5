//! `POST /v1/embeddings`: texts as vectors, from the provider of an agent's model. docs/PROTOCOL.md (h).
//!
//! `model` names an agent, `x-openclaw-model` one of its provider's embedding models. Providers are
//! asked for numbers; whoever wants base64 (the npm client does unless told otherwise) gets it from
//! here, so that it works with those that have only numbers.

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderMap, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    asking::{self, Read, fields},
    auth, body, error, limits,
};
use crate::{
    domain::talk::{Target, Texts, Vectors},
    service::Service,
};

/// The path.
pub const PATH: &str = "/v1/embeddings";

/// The body.
#[derive(Deserialize)]
struct Wire {
    model: Option<String>,
    input: Input,
    encoding_format: Option<String>,
    dimensions: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

/// What is asked for.
struct Asked {
    target: Target,
    texts: Texts,
    model: String,
    in_base64: bool,
}

/// Answers.
///
/// # Errors
/// The answer, if it is a no.
pub async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    service: &Service,
) -> Result<HttpResponse, HttpResponse> {
    let session = auth::enter(request, service).await?;
    let refused = |refusal| auth::denied(request, service, &session, PATH, &refusal);
    service.may_complete(&session.standing).map_err(refused)?;
    let wire: Wire = body::json(request, payload, limits::COMPLETION_BYTES_MAX).await?;
    let asked = read(wire, request.headers(), service).map_err(|fault| error::invalid(&fault))?;
    // A body may take a while, and so may the vectors; the grant may have changed meanwhile.
    let standing = service.reassess(&session).map_err(refused)?;
    let found = service.embed(&standing, &asked.target, asked.texts).await.map_err(refused)?;
    service.reassess(&session).map_err(refused)?;
    let found = found.map_err(|failure| error::failed(&failure))?;
    Ok(HttpResponse::Ok().json(listed(&found, &asked.model, asked.in_base64)))
}

fn read(wire: Wire, headers: &HeaderMap, service: &Service) -> Read<Asked> {
    let input = match wire.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    if input.is_empty() || input.iter().any(String::is_empty) {
        return Err("`input` must be a text or a list of texts, none of them empty.".into());
    }
    if input.len() > limits::TEXTS_MAX {
        return Err(format!("Too many texts: at most {}.", limits::TEXTS_MAX));
    }
    let in_base64 = match wire.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err("`encoding_format` must be `float` or `base64`.".into()),
    };
    let texts = Texts {
        model: asking::header(headers, "x-openclaw-model")?,
        input,
        dimensions: fields::tokens(wire.dimensions.as_ref(), "dimensions")?,
    };
    let target = asking::target(wire.model.as_deref(), headers, service)?;
    Ok(Asked { target, texts, model: wire.model.unwrap_or_else(|| "openclaw".into()), in_base64 })
}

fn listed(found: &Vectors, model: &str, in_base64: bool) -> Value {
    let written = |vector: &Vec<f32>| match in_base64 {
        true => {
            STANDARD.encode(vector.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()).into()
        }
        false => json!(vector),
    };
    let row = |(index, vector)| json!({"object": "embedding", "index": index, "embedding": written(vector)});
    let data: Vec<_> = found.vectors.iter().enumerate().map(row).collect();
    let used = found.usage;
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": used.input, "total_tokens": used.total()},
    })
}
