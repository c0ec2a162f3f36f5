//! `agents`, `models.providers` and `bindings`: who answers, with what, and for whom.
//!
//! The keys are OpenClaw's (its `config-agents` pages and the JSON Schema that its CLI prints), so
//! that an existing file loads. Doorward's own are `runtime` under `agents.defaults`, the runtime
//! types `echo` and `command`, and `runtime.acp.command`. `systemPromptOverride` is OpenClaw's
//! older key for an agent's instructions.
//!
//! How it goes: `Written::read` takes the sections apart and says everything that is wrong with
//! them; `Written::resolve` looks the secrets up. What is named and not there (a provider, the
//! agent of a binding) is a warning, because the rest of the gateway serves without it; the agent
//! itself says so when it is asked. Start with [`Agents`].

mod bindings;
mod entries;
mod providers;
mod runtime;

use std::{collections::BTreeSet, time::Duration};

use super::{
    env::Env,
    findings::{Place, Report},
    reader::Section,
};
use crate::{domain::talk::AgentId, support::secret::Secret};
pub use bindings::{Binding, Peer};
pub use providers::{Api, Provider, usual_local};
pub use runtime::AgentRuntime;

/// Who answers, and with what.
#[derive(Debug, Clone)]
pub struct Agents {
    /// Who answers where nobody is named; one of `list`.
    pub default: AgentId,
    /// Every agent, in the order of their ids; never empty.
    pub list: Vec<Agent>,
    /// Which agent answers a channel, in the order of the file; every one of them is in `list`.
    pub bindings: Vec<Binding>,
    /// Where models are had: what the file declares, and what its models name and is known.
    pub providers: Vec<Provider>,
    /// Those of the gateway's own environment variables that programs are given, as far as they are
    /// set: what every program needs, and what agents name.
    pub environment: Vec<(String, Secret<String>)>,
}

/// The variables that every program is given: without them, little can be found and read.
pub const ENVIRONMENT: [&str; 3] = ["PATH", "HOME", "LANG"];

/// One agent.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its name in the protocol.
    pub id: AgentId,
    /// Its name for people.
    pub name: Option<String>,
    /// Its picture, one grapheme or so.
    pub emoji: Option<String>,
    /// What it is told before anything else.
    pub instructions: Option<String>,
    /// What answers.
    pub runtime: AgentRuntime,
    /// How long one answer may take as a whole.
    pub timeout: Duration,
}

impl Agents {
    /// The agent with this id.
    pub fn get(&self, id: &AgentId) -> Option<&Agent> {
        self.list.iter().find(|agent| agent.id == *id)
    }

    /// The agent that is bound to what is said on a channel, by OpenClaw's order: the conversation,
    /// then the account, then every account; the first of equals. `None`: the default agent.
    ///
    /// No account means the channel's `default` one.
    pub fn route(
        &self,
        channel: &str,
        account: Option<&str>,
        peer: Option<&Peer>,
    ) -> Option<&AgentId> {
        bindings::route(&self.bindings, channel, account.unwrap_or(bindings::DEFAULT_ACCOUNT), peer)
    }
}

/// What the file says, before its secrets are looked up.
#[derive(Debug)]
pub(super) struct Written {
    default: AgentId,
    list: Vec<Agent>,
    bindings: Vec<Binding>,
    providers: Vec<providers::Written>,
}

impl Written {
    /// Reads the three sections out of the file.
    pub fn read(root: &mut Section, report: &mut Report) -> Self {
        let providers = providers::read(root.section("models", report), report);
        let (entries, aliases) = entries::read(root.section("agents", report), report);
        let models = providers::Names::new(&providers, aliases);
        let default = entries::default(&entries, report);
        let list: Vec<Agent> =
            entries.into_iter().map(|entry| entry.resolve(&models, report)).collect();
        let bindings = bindings::read(root, report)
            .into_iter()
            .filter(|(place, binding)| is_there(&list, binding, place, report))
            .map(|(_, binding)| binding)
            .collect();
        let providers = providers::with_known(providers, &list);
        Self { default, list, bindings, providers }
    }

    /// Looks the secrets up.
    pub fn resolve(&self, env: &Env, report: &mut Report) -> Agents {
        Agents {
            default: self.default.clone(),
            list: self.list.clone(),
            bindings: self.bindings.clone(),
            providers: self.providers.iter().map(|written| written.resolve(env, report)).collect(),
            environment: self.environment(env),
        }
    }

    /// Looks the variables up. What is not set, or no text, is not given on.
    fn environment(&self, env: &Env) -> Vec<(String, Secret<String>)> {
        let named = self.list.iter().flat_map(|agent| match &agent.runtime {
            AgentRuntime::Command { env, .. } | AgentRuntime::Acp { env, .. } => &env[..],
            AgentRuntime::Echo | AgentRuntime::Model { .. } => &[],
        });
        let names: BTreeSet<&str> =
            ENVIRONMENT.into_iter().chain(named.map(String::as_str)).collect();
        let found = names.into_iter().filter_map(|name| Some((name, env.get(name)?.to_str()?)));
        found.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned()))).collect()
    }
}

/// Warns about a binding to nobody: it would be a silent way to the default agent.
fn is_there(list: &[Agent], binding: &Binding, place: &Place, report: &mut Report) -> bool {
    let found = list.iter().any(|agent| agent.id == binding.agent);
    if !found {
        report.warn(place, "not used: no agent of this id is in agents.entries");
    }
    found
}
