//! Requests to a sink over HTTP: no redirect is followed, no proxy asked, and the answer is bounded in
//! size and time.

use std::{error::Error, fs, time::Duration};

use reqwest::{Certificate, Client, header, redirect::Policy};

use super::Failed;
use crate::config::HttpTo;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take, its answer included (Standard Webhooks advise 15 to 30 seconds).
const WHOLE: Duration = Duration::from_secs(15);

/// How much of an answer is read, in bytes; what follows is nothing that a sink needs to know.
const ANSWER_MAX: usize = 64 * 1024;

/// A server, and the way to it.
pub(super) struct Http {
    to: HttpTo,
    client: Option<Client>,
}

impl Http {
    pub fn new(to: HttpTo) -> Self {
        Self { to, client: None }
    }

    /// Posts a body, and gives the beginning of the answer if it was a success.
    pub async fn post(
        &mut self,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Failed> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(client(&self.to)?).clone(),
        };
        let mut request = client.post(self.to.url.clone()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.to.authorization {
            let value = header::HeaderValue::from_str(authorization.expose());
            let mut value = value.map_err(|_| Failed::refused("authorization is no header"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(broken)?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        let mut answer = Vec::new();
        while answer.len() < ANSWER_MAX
            && let Some(more) = response.chunk().await.map_err(broken)?
        {
            answer.extend_from_slice(&more[..more.len().min(ANSWER_MAX - answer.len())]);
        }
        match status.as_u16() {
            200..=299 => Ok(answer),
            300..=399 => {
                Err(Failed::refused(format!("it answers {status}, and no redirect is followed")))
            }
            408 | 425 | 429 | 500..=599 => {
                Err(Failed { after, ..Failed::passing(format!("it answers {status}")) })
            }
            _ => Err(Failed::refused(format!("it answers {status}"))),
        }
    }
}

fn client(to: &HttpTo) -> Result<Client, Failed> {
    // The first one stays: it is the only provider in the build.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .pool_max_idle_per_host(1);
    let builder = match (&to.ca, to.url.scheme()) {
        (Some(path), _) => {
            let failed = |error: &dyn ToString| {
                Failed::refused(format!("{}: {}", path.display(), error.to_string()))
            };
            let pem = fs::read(path).map_err(|error| failed(&error))?;
            builder
                .tls_certs_only(Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))?)
        }
        // Nobody's certificate is asked for, so a system without authorities will do.
        (None, "http") => builder.tls_certs_only([]),
        (None, _) => builder,
    };
    builder.build().map_err(|error| Failed::refused(told(&error)))
}

fn broken(error: reqwest::Error) -> Failed {
    Failed::passing(told(&error.without_url()))
}

/// The error with its causes, which say more than it does itself.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// `Retry-After` in seconds; as a date it is not heeded, because clocks differ.
fn retry_after(headers: &header::HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
