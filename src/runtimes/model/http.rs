//! One request to a provider: sent, its refusals understood, its stream read piece by piece.
//!
//! A reply that is dropped hangs up, which is how a provider learns that nobody listens any more.
//! Redirects are not followed, because the credential would go with them.
//!
//! Why not the crate `genai` (0.7), which speaks thirty APIs: Cargo gives everybody the features
//! that anybody asks for, and it asks for serde_json's `preserve_order` and tokio's `test-util`.
//! The first changes the order of every JSON object that the gateway reads or writes. Besides, it
//! cuts `-high`, `-max` and the like off the names of models, has no bound on an event or on the
//! place of a tool call, reads a call's arguments into numbers and writes them anew, wants a key
//! where there is none, and logs what providers say, which may hold one.

use std::{sync::OnceLock, time::Duration};

use bytes::Bytes;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect::Policy};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    super::limits::{CONNECT, REFUSAL, REFUSAL_BYTES},
    Provider,
};
use crate::domain::talk::Failure;

/// What makes the connections. TLS is set up when it is first needed, so that a host without any
/// certificates can still talk to a model of its own.
#[derive(Debug, Default)]
pub struct Http(OnceLock<Result<Client, String>>);

impl Http {
    /// The client, which is made by the first who asks: that takes a moment.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(super) fn client(&self) -> Result<&Client, Failure> {
        let made = self.0.get_or_init(|| {
            // Somebody else may have named it already, and there is only one to name.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = Client::builder()
                .connect_timeout(CONNECT)
                .redirect(Policy::none())
                .no_proxy()
                .tcp_nodelay(true)
                .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")));
            client.build().map_err(|error| innermost(&error))
        });
        made.as_ref().map_err(|error| Failure::Unreachable(format!("TLS: {error}")))
    }

    /// Sends a request to `path` of the API; gives the stream as soon as the provider takes it on.
    ///
    /// # Errors
    /// What the provider says against it, or why it says nothing.
    pub async fn send(
        &self,
        provider: &Provider,
        path: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let request = self
            .client()?
            .post(format!("{}/{path}", provider.base_url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream")
            .body(body.to_string());
        exchange(provider, request, patience).await
    }

    /// Asks for what is at `path` of the API.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn get(
        &self,
        provider: &Provider,
        path: &str,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let request = self.client()?.get(format!("{}/{path}", provider.base_url));
        exchange(provider, request, patience).await
    }
}

/// Sends a request with the provider's credentials, and takes the answer if it is one.
async fn exchange(
    provider: &Provider,
    mut request: RequestBuilder,
    patience: Duration,
) -> Result<Reply, Failure> {
    for (name, value) in provider.credentials() {
        let value = header::HeaderValue::from_str(&value).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let value =
            value.map_err(|_| Failure::Credentials("it cannot be sent in a header".into()))?;
        request = request.header(name, value);
    }
    let sent = timeout(patience, request.send()).await.map_err(|_| late(patience))?;
    let response = sent.map_err(|error| unreachable(&error))?;
    if response.status() != StatusCode::OK {
        return Err(refusal(response).await);
    }
    Ok(Reply(response))
}

/// A stream on its way.
#[derive(Debug)]
pub struct Reply(Response);

impl Reply {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// If none comes in time, or the connection breaks.
    pub async fn more(&mut self, patience: Duration) -> Result<Option<Bytes>, Failure> {
        let piece = timeout(patience, self.0.chunk()).await.map_err(|_| late(patience))?;
        piece.map_err(|error| Failure::Broken(innermost(&error)))
    }
}

/// What is said of an answer that did not come in time.
pub(super) fn late(patience: Duration) -> Failure {
    Failure::TimedOut { after_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX) }
}

/// Before an answer has begun, whatever breaks is the provider's absence.
fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::Unreachable(innermost(error))
}

/// The cause of causes, which says what happened without the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// What a provider says against a request.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let retry_after_ms = retry_after(response.headers());
    let body = words(response).await;
    let said = match serde_json::from_slice::<Value>(&body) {
        Ok(value) => super::said_in(value.get("error").unwrap_or(&value)),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    match status.as_u16() {
        401 | 403 => Failure::Credentials(said),
        429 => Failure::RateLimited { retry_after_ms, said },
        status => Failure::Rejected { status: Some(status), said },
    }
}

/// As much of a body as is worth reading, as far as it comes.
async fn words(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= REFUSAL_BYTES {
                break;
            }
        }
    };
    // Whatever has come by then is what it said.
    let _ = timeout(REFUSAL, read).await;
    body.truncate(REFUSAL_BYTES);
    body
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3), or OpenAI's `retry-after-ms`. A date is not
/// read: providers send none, and their clocks are not ours.
fn retry_after(headers: &header::HeaderMap) -> Option<u64> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let ms = number("retry-after-ms").or_else(|| Some(number("retry-after")? * 1000.0))?;
    // A float is cut to what fits, and one that is no number to 0.
    (ms >= 0.0).then_some(ms as u64)
}
