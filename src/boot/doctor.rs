//! What `doorward doctor` looks at: the model servers of this host, each with who uses it.
//!
//! Asked are the providers that the configuration has on this host, and the known ones on their
//! usual ports. Only the former are sent a credential: their own.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::agents::provider;
use crate::{
    config::{
        Loaded,
        agents::{AgentRuntime, Agents, Provider, usual_local},
    },
    domain::talk::Failure,
    fronts::cli::{Check, Status},
    runtimes::{limits, model},
};

/// The most models of one server that are named.
const NAMED_MAX: usize = 5;

/// Looks at everything that this configuration needs outside of itself.
pub fn examine(loaded: &Loaded) -> BoxFuture<'_, Vec<Check>> {
    Box::pin(models(&loaded.settings.agents, usual_local(), limits::LISTING))
}

/// A check for each server that the agents have on this host, and for each of the `usual` ones that
/// is not among them.
async fn models(agents: &Agents, usual: Vec<Provider>, patience: Duration) -> Vec<Check> {
    let mut all: Vec<Provider> = agents.providers.clone();
    for one in usual {
        let is_it = |other: &Provider| other.id == one.id || other.local_port() == one.local_port();
        if !agents.providers.iter().any(is_it) {
            all.push(one);
        }
    }
    all.retain(|provider| provider.local_port().is_some());
    let asked: Vec<_> = all.iter().map(provider).collect();
    let answers = model::list(&asked, patience).await;
    all.iter().zip(answers).map(|(one, answer)| judge(one, &users(agents, one), answer)).collect()
}

/// The ids of the agents that may ask it.
fn users(agents: &Agents, provider: &Provider) -> String {
    let uses = |runtime: &AgentRuntime| match runtime {
        AgentRuntime::Model { models } => models.iter().any(|model| model.provider == provider.id),
        _ => false,
    };
    let users = agents.list.iter().filter(|agent| uses(&agent.runtime));
    users.map(|agent| agent.id.as_str()).collect::<Vec<_>>().join(", ")
}

fn judge(provider: &Provider, users: &str, answer: Result<Vec<String>, Failure>) -> Check {
    let Provider { id, base_url, .. } = provider;
    let used = !users.is_empty();
    let by = if used { format!("used by {users}") } else { "used by no agent".into() };
    let (mut snippet, mut remedy) = (None, None);
    let (status, found) = match answer {
        Ok(models) if models.is_empty() => {
            remedy = Some("give it a model, with its own program".to_owned());
            (if used { Status::Warning } else { Status::Ok }, "found, without any model".to_owned())
        }
        Ok(models) if used => (Status::Ok, format!("found, with {}", named(&models))),
        Ok(models) => {
            snippet = talker(&models).map(|name| to_write(id, name));
            (Status::Offer, format!("found, with {}", named(&models)))
        }
        Err(failure) => {
            let credentials = matches!(failure, Failure::Credentials(_));
            remedy = used.then(|| format!("start it, or correct models.providers.{id}.baseUrl"));
            if credentials {
                remedy = Some(format!("set its key: models.providers.{id}.apiKey"));
            }
            let found = format!("not found: {}", why(&failure));
            (if used { Status::Warning } else { Status::Ok }, found)
        }
    };
    let message = format!("{id} at {base_url}, {by}: {found}");
    Check { id: format!("models.{id}"), status, message, snippet, remedy }
}

/// In the words of whoever asks for a list, not for an answer.
fn why(failure: &Failure) -> String {
    match failure {
        Failure::Unreachable(said) | Failure::Broken(said) => said.clone(),
        Failure::Rejected { status: Some(status), .. } => {
            format!("what is there answers with status {status}")
        }
        other => other.message(),
    }
}

fn named(models: &[String]) -> String {
    let shown = models.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match models.len() {
        1 => format!("the model {shown}"),
        count @ ..=NAMED_MAX => format!("{count} models: {shown}"),
        count => format!("{count} models: {shown} and others"),
    }
}

/// A model to talk to: the first whose name does not say that it is for vectors.
fn talker(models: &[String]) -> Option<&String> {
    models.iter().find(|name| !name.contains("embed")).or_else(|| models.first())
}

/// What makes every agent without a model of its own use this one.
fn to_write(provider: &str, model: &str) -> String {
    let name = json!(format!("{provider}/{model}"));
    format!("{{ agents: {{ defaults: {{ model: {name} }} }} }}")
}

#[cfg(test)]
mod tests;
