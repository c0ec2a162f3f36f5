//! Webhooks, signed by the scheme of Standard Webhooks (`v1`, HMAC-SHA256).
//!
//! One request per batch. `webhook-id` names its records, so a batch that is sent again has the same id
//! and the same body; the timestamp and the signature are of the attempt.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{super::record::line::Line, Batch, Failed, Origin, http::Http};
use crate::{
    config::HttpTo,
    support::{clock, secret::Secret},
};

/// A receiver, and the key that it shares with us.
pub(super) struct Webhook {
    http: Http,
    key: Secret<Vec<u8>>,
}

/// The body: what it is, when the last of it happened, and the records.
pub(super) fn encode(_: &Origin, lines: &[Line]) -> Vec<Vec<u8>> {
    let at = clock::to_utc(lines.last().map_or(0, |line| line.at));
    let records: Vec<_> = lines.iter().map(|line| line.json.as_str()).collect();
    let body = format!(
        "{{\"type\":\"doorward.ledger.records\",\"timestamp\":\"{at}\",\"data\":{{\"records\":[{}]}}}}",
        records.join(",")
    );
    vec![body.into_bytes()]
}

impl Webhook {
    pub fn new(to: HttpTo, key: Secret<Vec<u8>>) -> Self {
        Self { http: Http::new(to), key }
    }

    /// Posts a batch.
    pub async fn send(&mut self, Batch { lines, payload }: &Batch) -> Result<(), Failed> {
        let (id, body) = (id(lines), payload.concat());
        let timestamp = (clock::unix_millis() / 1000).to_string();
        let signature = signature(&self.key, &id, &timestamp, &body)?;
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        self.http.post(&headers, body).await.map(drop)
    }
}

/// Which records, and of which history.
fn id(lines: &[Line]) -> String {
    match (lines.first(), lines.last()) {
        (Some(first), Some(last)) => {
            let hash = last.mark.hash.get(..16).unwrap_or_default();
            format!("dw_{}_{}_{hash}", first.mark.seq, last.mark.seq)
        }
        _ => String::new(),
    }
}

/// Over `id.timestamp.body`.
pub(super) fn signature(
    key: &Secret<Vec<u8>>,
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Result<String, Failed> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).map_err(Failed::refused)?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}
