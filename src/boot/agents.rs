//! What answers for each agent: the configuration's words, as the runtimes take them.

use crate::{
    config::agents::{Agent, AgentRuntime, Agents, Api, ENVIRONMENT, Provider},
    runtimes::{Description, limits, model, program::Program},
    support::secret::Secret,
};

/// Describes the runtime of one of these agents, for [`build`](crate::runtimes::build).
pub fn description(agent: &Agent, agents: &Agents) -> Description {
    match &agent.runtime {
        AgentRuntime::Echo => Description::Echo,
        AgentRuntime::Model { models } => Description::Model {
            models: models.clone(),
            providers: agents.providers.iter().map(provider).collect(),
        },
        AgentRuntime::Command { argv, cwd, env, user } => Description::Command(Program {
            argv: argv.clone(),
            cwd: cwd.clone(),
            env: environment(agents, env, user.is_some()),
            user: user.clone(),
        }),
        AgentRuntime::Acp { argv, cwd, env } => Description::Acp(Program {
            argv: argv.clone(),
            cwd: cwd.clone(),
            env: environment(agents, env, false),
            user: None,
        }),
    }
}

/// A provider as the runtimes know it.
pub(super) fn provider(provider: &Provider) -> model::Provider {
    model::Provider {
        id: provider.id.clone(),
        base_url: provider.base_url.clone(),
        api: match provider.api {
            Api::OpenAi => model::Api::OpenAi,
            Api::Anthropic => model::Api::Anthropic,
        },
        key: provider.key.clone(),
        headers: provider.headers.clone(),
        silence: provider.timeout.unwrap_or(limits::SILENCE),
    }
}

/// What a program is given. Somebody else does not live in the gateway's home.
fn environment(
    agents: &Agents,
    named: &[String],
    is_somebody_else: bool,
) -> Vec<(String, Secret<String>)> {
    let usual = |name: &str| ENVIRONMENT.contains(&name) && !(is_somebody_else && name == "HOME");
    let given = agents.environment.iter();
    let given = given.filter(|(name, _)| usual(name) || named.contains(name));
    given.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, Overrides, load};

    fn described(agent: &str) -> String {
        let state = tempfile::tempdir().unwrap();
        let text = "{
            agents: {entries: {
                main: {},
                model: {model: {primary: 'ollama/a', fallbacks: ['claude/b']}},
                command: {runtime: {type: 'command', command: ['/x', 'y'], cwd: '/', env: ['TZ']}},
                other: {runtime: {type: 'command', command: ['/x'], user: 'nobody'}},
                acp: {runtime: {type: 'acp', acp: {command: ['g']}}},
            }},
            models: {providers: {claude: {
                api: 'anthropic-messages', baseUrl: 'https://c', apiKey: 'k', timeoutSeconds: 9,
            }}},
        }";
        std::fs::write(state.path().join("doorward.json"), text).unwrap();
        let overrides =
            Overrides { state_dir: Some(state.path().to_owned()), ..Overrides::default() };
        let env = Env::from_pairs([("TZ", "CET"), ("HOME", "/root"), ("PATH", "/bin")]);
        let agents = load(&env, &overrides).unwrap().settings.agents;
        let found = agents.list.iter().find(|found| found.id.as_str() == agent).unwrap();
        format!("{:?}", description(found, &agents))
    }

    #[test]
    fn what_is_written_is_what_is_built() {
        let claude = "Provider { id: \"claude\", base_url: \"https://c/v1\", api: Anthropic, key: \
                      Some(Secret(…)), headers: [], silence: 9s }";
        let ollama = "Provider { id: \"ollama\", base_url: \"http://127.0.0.1:11434/v1\", api: \
                      OpenAi, key: None, headers: [], silence: 300s }";
        let models = "[Model { provider: \"ollama\", name: \"a\" }, Model { provider: \"claude\", \
                      name: \"b\" }]";
        let secret = |name: &str| format!("(\"{name}\", Secret(…))");
        let [home, path, tz] = ["HOME", "PATH", "TZ"].map(secret);
        for (agent, expected) in [
            ("main", "Echo".to_owned()),
            ("model", format!("Model {{ models: {models}, providers: [{claude}, {ollama}] }}")),
            (
                "command",
                format!(
                    "Command(Program {{ argv: [\"/x\", \"y\"], cwd: Some(\"/\"), env: [{home}, \
                     {path}, {tz}], user: None }})"
                ),
            ),
            (
                "other",
                format!(
                    "Command(Program {{ argv: [\"/x\"], cwd: None, env: [{path}], user: \
                     Some(\"nobody\") }})"
                ),
            ),
            (
                "acp",
                format!(
                    "Acp(Program {{ argv: [\"g\"], cwd: None, env: [{home}, {path}], user: \
                         None }})"
                ),
            ),
        ] {
            assert_eq!(described(agent), expected, "{agent}");
        }
    }
}
