//! What there is: agents, models, commands, tools. Lists name what is there and nothing else.

use serde_json::{Value, json};

use super::{read, talk_params as params};
use crate::{
    domain::{principal::Standing, refusal::Refusal},
    fronts::ws::{
        dispatch::Call,
        error::{Fault, of_call},
        wire,
    },
    service::{Agent, Agents, Service},
};

/// `agents.list {}`
pub fn agents_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    wire::no_params(call.params).map_err(|fault| super::bad_params(call, &fault))?;
    let all = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
    out.push_str(&agents(all).to_string());
    Ok(())
}

/// `AgentsListResult` of the schema.
pub(super) fn agents(agents: &Agents) -> Value {
    json!({
        "defaultId": agents.default_id().as_str(),
        "mainKey": "main",
        "scope": "per-sender",
        "agents": agents.iter().map(agent).collect::<Vec<_>>(),
    })
}

fn agent(agent: &Agent) -> Value {
    let mut row = json!({
        "id": agent.id.as_str(),
        "kind": "agent",
        "agentRuntime": {"id": agent.runtime.kind(), "source": "agent"},
    });
    if let Some(name) = &agent.name {
        row["name"] = name.clone().into();
    }
    if let Some(model) = agent.runtime.model() {
        row["model"] = json!({"primary": model});
    }
    let identity: serde_json::Map<String, Value> = [("name", &agent.name), ("emoji", &agent.emoji)]
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())))
        .collect();
    if !identity.is_empty() {
        row["identity"] = identity.into();
    }
    row
}

/// With what a session of an agent begins. The one choice there is, of a model, is the session's own.
pub(in crate::fronts::ws) fn defaults(agent: &Agent) -> Value {
    let mut defaults = json!({
        "modelProvider": null,
        "model": null,
        "contextTokens": null,
        "agentRuntime": {"id": agent.runtime.kind(), "source": "agent"},
        "modelSelectionTarget": "session",
    });
    if let Some(model) = agent.runtime.model() {
        let (provider, name) = model.split_once('/').unwrap_or(("unknown", &model));
        defaults["modelProvider"] = provider.into();
        defaults["model"] = name.into();
    }
    defaults
}

/// `models.list {...}`: the models that agents are bound to.
pub fn models_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let _: params::Scope = read(call)?;
    let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
    out.push_str(&json!({"models": models(agents)}).to_string());
    Ok(())
}

fn models(agents: &Agents) -> Vec<Value> {
    let mut names: Vec<_> = agents.iter().filter_map(|agent| agent.runtime.model()).collect();
    names.sort();
    names.dedup();
    let default = agents.get(agents.default_id()).ok().and_then(|agent| agent.runtime.model());
    let rows = names.iter().map(|full| {
        let (provider, name) = full.split_once('/').unwrap_or(("unknown", full));
        let mut row = json!({"id": name, "name": name, "provider": provider, "available": true});
        if default.as_deref() == Some(full) {
            row["tags"] = json!(["default"]);
        }
        row
    });
    rows.collect()
}

/// `commands.list {...}`: none; a message is a message here, whatever it begins with.
pub fn commands_list(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let _: params::Scope = read(call)?;
    out.push_str(r#"{"commands":[]}"#);
    Ok(())
}

/// `tools.catalog {...}`: none of the gateway's own; runtimes have theirs and clients bring theirs.
pub fn tools_catalog(call: &Call<'_>, out: &mut String) -> Result<(), Fault> {
    let params: params::Scope = read(call)?;
    let agents = call.service.agents(call.standing).map_err(|refusal| of_call(&refusal))?;
    let agent = agents.get(params.agent.as_ref().unwrap_or(agents.default_id()));
    let agent = agent.map_err(|refusal| of_call(&refusal))?;
    out.push_str(&json!({"agentId": agent.id.as_str(), "profiles": [], "groups": []}).to_string());
    Ok(())
}

/// What a client needs to know to draw a conversation.
pub(super) fn metadata(service: &Service, who: &Standing) -> Result<Value, Refusal> {
    Ok(json!({"models": models(service.agents(who)?), "commands": []}))
}
