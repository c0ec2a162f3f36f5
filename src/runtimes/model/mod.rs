//! Models of providers: local servers and the services that sell them.
//!
//! Two APIs are spoken, both streaming: OpenAI's chat completions, which nearly everybody has
//! (Ollama, llama.cpp, vLLM, LM Studio, Gemini, OpenRouter and so on), and Anthropic's messages.
//! `http` sends and understands refusals, `sse` puts events together, [`openai`] and [`anthropic`]
//! translate, `tally` collects, `listing` asks which models there are; this file chooses the model, tries again and falls back.
//!
//! What has not given a word yet may be tried again: the same model after a growing wait with
//! jitter, or after the provider's `Retry-After` if that is bearable; then the next of the list.
//! After the first word, a failure is the end: what was said cannot be unsaid.
//!
//! Why no library speaks for us: see [`http`].

pub mod anthropic;
mod embed;
pub mod http;
mod listing;
pub mod openai;
mod sse;
mod tally;
#[cfg(test)]
mod tests;
mod work;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{
    future::BoxFuture,
    stream::{self, StreamExt as _},
};
use serde_json::Value;

use super::{Answer, Runtime, Turn, limits, shortened};
use crate::{
    domain::talk::{Failure, Model, Texts, Vectors},
    support::secret::Secret,
};
pub use listing::list;
use work::Work;

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// Where models are had.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name here.
    pub id: String,
    /// Where its API begins, without a `/` at the end.
    pub base_url: String,
    /// How it is spoken to.
    pub api: Api,
    /// What it is paid with, if it wants anything.
    pub key: Option<Secret<String>>,
    /// What else is sent with each call.
    pub headers: Vec<(String, Secret<String>)>,
    /// How long to wait for the next piece of an answer.
    pub silence: Duration,
}

impl Provider {
    /// Every header that is nobody else's business. The file's own win over the usual ones.
    fn credentials(&self) -> Vec<(String, String)> {
        let own = self.headers.iter().map(|(name, value)| (name.clone(), value.expose().clone()));
        let usual = match self.api {
            Api::OpenAi => vec![("authorization", self.key.as_ref().map(bearer))],
            Api::Anthropic => vec![
                ("x-api-key", self.key.as_ref().map(|key| key.expose().clone())),
                ("anthropic-version", Some("2023-06-01".to_owned())),
            ],
        };
        let is_own = |name: &str| self.headers.iter().any(|(own, _)| own == name);
        let usual = usual.into_iter().filter(|(name, _)| !is_own(name));
        let usual = usual.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        usual.chain(own).collect()
    }

    /// A failure without what the provider was sent, which its words may repeat, and short.
    fn clean(&self, failure: Failure) -> Failure {
        let clean = |mut said: String| {
            let headers = self.headers.iter().map(|(_, value)| value);
            for secret in self.key.iter().chain(headers) {
                said = said.replace(secret.expose().as_str(), "…");
            }
            shortened(&said)
        };
        match failure {
            Failure::Credentials(said) => Failure::Credentials(clean(said)),
            Failure::RateLimited { retry_after_ms, said } => {
                Failure::RateLimited { retry_after_ms, said: clean(said) }
            }
            Failure::Unreachable(said) => Failure::Unreachable(clean(said)),
            Failure::Rejected { status, said } => Failure::Rejected { status, said: clean(said) },
            Failure::Broken(said) => Failure::Broken(clean(said)),
            other => other,
        }
    }
}

fn bearer(key: &Secret<String>) -> String {
    format!("Bearer {}", key.expose())
}

/// How patient the runtime is; what [`Patience::default`] says has its reasons in [`limits`].
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often one model is asked.
    pub tries: u32,
    /// The wait before the second try, at most; it doubles.
    pub backoff: Duration,
    /// The longest such wait.
    pub backoff_most: Duration,
    /// The longest `Retry-After` that is waited for.
    pub retry_after_most: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: limits::TRIES,
            backoff: limits::BACKOFF,
            backoff_most: limits::BACKOFF_MOST,
            retry_after_most: limits::RETRY_AFTER_MOST,
        }
    }
}

/// The runtime: a list of models, of which the first that can answers.
#[derive(Debug)]
pub struct Models {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    models: Vec<Model>,
    providers: Vec<Provider>,
    patience: Patience,
    http: http::Http,
}

impl Models {
    /// Answers with the first of these models, or with the next if that fails.
    pub fn new(models: Vec<Model>, providers: Vec<Provider>, patience: Patience) -> Self {
        let http = http::Http::default();
        Self { inner: Arc::new(Inner { models, providers, patience, http }) }
    }
}

impl Runtime for Models {
    fn kind(&self) -> &'static str {
        "model"
    }

    fn model(&self) -> Option<String> {
        self.inner.models.first().map(|model| format!("{}/{}", model.provider, model.name))
    }

    fn answer(&self, turn: Turn) -> Answer {
        let models = self.inner.models_of(turn.model.as_deref());
        let work = Work::new(Arc::clone(&self.inner), turn, models);
        stream::unfold(work, |mut work| async { Some((work.next().await?, work)) }).boxed()
    }

    fn embed(&self, texts: Texts) -> BoxFuture<'static, Result<Vectors, Failure>> {
        Box::pin(embed::embed(Arc::clone(&self.inner), texts))
    }
}

impl Inner {
    /// What a turn asks for, and nothing else; or the agent's own list. A name without a provider
    /// is one of the first model's.
    fn models_of(&self, asked: Option<&str>) -> VecDeque<Model> {
        let Some(asked) = asked else { return self.models.iter().cloned().collect() };
        let known = |id: &str| self.providers.iter().any(|provider| provider.id == id);
        let model = match (asked.split_once('/'), self.models.first()) {
            (Some((id, name)), first) if known(id) || first.is_none() => {
                Model { provider: id.to_owned(), name: name.to_owned() }
            }
            (_, first) => Model {
                provider: first.map(|first| first.provider.clone()).unwrap_or_default(),
                name: asked.to_owned(),
            },
        };
        VecDeque::from([model])
    }
}

/// What an error object of either API says: `message`, or all of it.
fn said_in(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    message.as_str().map_or_else(|| message.to_string(), str::to_owned)
}

/// An event that is not what the API promises.
fn malformed(error: &serde_json::Error) -> Failure {
    Failure::Broken(format!("an event cannot be understood: {error}"))
}

/// The JSON that came as text with a tool.
fn schema(tool: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Rejected {
        status: None,
        said: format!("what was said of the tool {tool} is not JSON: {error}"),
    })
}
