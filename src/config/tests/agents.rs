//! Agents, their models, and who answers whom.

use std::time::Duration;

use super::{errors, load_text, load_with, shown};
use crate::{
    config::{
        Overrides,
        agents::{AgentRuntime, Agents, Api, Peer, Provider, usual_local},
    },
    domain::talk::{AgentId, spent::Price},
};

fn agents(text: &str) -> Agents {
    load_text(text).unwrap_or_else(|errors| panic!("{text}: {errors}")).settings.agents
}

fn id(text: &str) -> AgentId {
    AgentId::parse(text).unwrap()
}

/// What answers for an agent, in short.
fn runtime(agents: &Agents, agent: &str) -> String {
    match &agents.get(&id(agent)).unwrap().runtime {
        AgentRuntime::Echo => "echo".into(),
        AgentRuntime::Model { models } => {
            let names = models.iter().map(|model| format!("{}/{}", model.provider, model.name));
            names.collect::<Vec<_>>().join(" ")
        }
        AgentRuntime::Command { argv, .. } => format!("$ {}", argv.join(" ")),
        AgentRuntime::Acp { argv, .. } => format!("acp {}", argv.join(" ")),
    }
}

#[test]
fn with_nothing_configured_one_agent_echoes() {
    for text in ["{}", "{agents: {}}", "{agents: {defaults: {}, entries: {}}, models: {}}"] {
        let agents = agents(text);
        assert_eq!((agents.default.as_str(), agents.list.len()), ("main", 1), "{text}");
        assert_eq!(runtime(&agents, "main"), "echo", "{text}");
        assert_eq!(agents.list[0].timeout, Duration::from_secs(600));
        assert!(agents.bindings.is_empty() && agents.providers.is_empty());
    }
}

#[test]
fn what_answers_for_an_agent() {
    let providers = "models: {providers: {box: {baseUrl: 'http://box:8000/v1', models: [{id: \
                     'q/w', contextWindow: 4}]}}}";
    for (agents_text, expected) in [
        ("{defaults: {model: 'ollama/llama3.2'}}", "ollama/llama3.2"),
        ("{defaults: {model: {primary: 'openai/a', fallbacks: ['box/b/c']}}}", "openai/a box/b/c"),
        ("{defaults: {model: 'OpenAI/Gpt'}}", "openai/Gpt"),
        ("{defaults: {model: 'q/w'}}", "box/q/w"),
        ("{defaults: {models: {'box/z': {alias: 'Fast', params: {}}}, model: 'fast'}}", "box/z"),
        ("{defaults: {model: 'openai/a'}, entries: {main: {model: 'box/b'}}}", "box/b"),
        ("{defaults: {model: 'box/a'}, entries: {main: {}}}", "box/a"),
        ("{defaults: {model: 'box/a'}, entries: {main: {runtime: {type: 'embedded'}}}}", "box/a"),
        ("{defaults: {model: 'box/a'}, entries: {main: {runtime: {type: 'echo'}}}}", "echo"),
        ("{entries: {main: {runtime: {type: 'command', command: ['a', '-b']}}}}", "$ a -b"),
        ("{defaults: {runtime: {type: 'command', command: ['a']}}}", "$ a"),
        ("{entries: {main: {runtime: {type: 'acp', acp: {command: ['g']}}}}}", "acp g"),
    ] {
        let agents = agents(&format!("{{agents: {agents_text}, {providers}}}"));
        assert_eq!(runtime(&agents, "main"), expected, "{agents_text}");
    }
}

#[test]
fn an_agent_has_what_the_file_says_of_it() {
    let text = "{agents: {defaults: {timeoutSeconds: 0}, entries: {
        main: {name: 'Main'},
        Night_Watch: {
            default: true, name: 'Plain', identity: {name: 'Watch', emoji: '🦉', theme: 'owl'},
            systemPromptOverride: 'Be brief.', timeoutSeconds: 5,
            runtime: {type: 'command', command: ['/x'], cwd: '/srv', env: ['TZ'], user: 'nobody'},
        },
    }}}";
    let agents = agents(text);
    assert_eq!(agents.default, id("night_watch"));
    let [main, watch] = &agents.list[..] else { panic!("{agents:?}") };
    assert_eq!((main.name.as_deref(), main.timeout.as_secs()), (Some("Main"), 172_800));
    assert_eq!((watch.name.as_deref(), watch.emoji.as_deref()), (Some("Watch"), Some("🦉")));
    assert_eq!(watch.instructions.as_deref(), Some("Be brief."));
    assert_eq!(watch.timeout, Duration::from_secs(5));
    let command = AgentRuntime::Command {
        argv: vec!["/x".into()],
        cwd: Some("/srv".into()),
        env: vec!["TZ".into()],
        user: Some("nobody".into()),
    };
    assert_eq!(watch.runtime, command);
}

#[test]
fn who_answers_where_nobody_is_named() {
    for (entries, default, warned) in [
        ("{a: {}}", "a", false),
        ("{a: {}, main: {}}", "main", false),
        ("{a: {}, b: {default: true}, main: {}}", "b", false),
        ("{b: {}, a: {}}", "a", true),
    ] {
        let loaded = load_text(&format!("{{agents: {{entries: {entries}}}}}")).unwrap();
        assert_eq!(loaded.settings.agents.default.as_str(), default, "{entries}");
        assert_eq!(!loaded.warnings.is_empty(), warned, "{entries}: {:?}", loaded.warnings);
    }
}

/// A provider by its id.
fn provider<'a>(agents: &'a Agents, id: &str) -> &'a Provider {
    agents.providers.iter().find(|provider| provider.id == id).unwrap()
}

#[test]
fn providers_are_read_and_known_ones_need_no_address() {
    let state = tempfile::tempdir().unwrap();
    let key = state.path().join("key");
    std::fs::write(&key, "from-file\n").unwrap();
    let text = format!(
        "{{agents: {{defaults: {{model: 'openai/a'}}}}, models: {{mode: 'merge', providers: {{
            Box: {{baseUrl: 'http://box:8000/v1/', apiKey: 'ollama', timeoutSeconds: 7,
                   headers: {{'X-Tenant': '${{TENANT}}'}}, models: [{{id: 'm', cost: {{}}}}]}},
            ollama: {{baseUrl: 'http://gpu:11434'}},
            other: {{api: 'ollama', baseUrl: 'http://gpu:1', apiKey: {{source: 'file', id: '{}'}}}},
            claude: {{api: 'anthropic-messages', baseUrl: 'https://api.anthropic.com', apiKey: '$A'}},
            gem: {{api: 'google-generative-ai', baseUrl: 'https://g/v1beta'}},
            resp: {{api: 'openai-responses', baseUrl: 'https://r/v1'}},
        }}}}}}",
        key.display()
    );
    let env = [("OPENAI_API_KEY", "sk-env"), ("TENANT", "t1"), ("A", "sk-a")];
    let loaded = load_with(&text, &env, Overrides::default()).unwrap();
    assert_eq!(loaded.warnings, []);
    let agents = &loaded.settings.agents;
    for (id, api, url, key) in [
        ("box", Api::OpenAi, "http://box:8000/v1", Some("ollama")),
        ("ollama", Api::OpenAi, "http://gpu:11434/v1", None),
        ("other", Api::OpenAi, "http://gpu:1/v1", Some("from-file")),
        ("claude", Api::Anthropic, "https://api.anthropic.com/v1", Some("sk-a")),
        ("gem", Api::OpenAi, "https://g/v1beta/openai", None),
        ("resp", Api::OpenAi, "https://r/v1", None),
        ("openai", Api::OpenAi, "https://api.openai.com/v1", Some("sk-env")),
    ] {
        let found = provider(agents, id);
        assert_eq!((found.api, found.base_url.as_str()), (api, url), "{id}");
        assert_eq!(found.key.as_ref().map(|key| key.expose().as_str()), key, "{id}");
    }
    assert_eq!(agents.providers.len(), 7, "what nobody names is not there");
    let named = provider(agents, "box");
    assert_eq!(
        (named.timeout, &named.models[..]),
        (Some(Duration::from_secs(7)), &["m".into()][..])
    );
    let [(name, value)] = &named.headers[..] else { panic!("{named:?}") };
    assert_eq!((name.as_str(), value.expose().as_str()), ("x-tenant", "t1"));
    let printed = format!("{:?}", loaded.settings);
    for secret in ["sk-env", "from-file", "t1\"", "sk-a"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}

#[test]
fn what_models_cost_if_it_is_said() {
    let text = "{models: {providers: {box: {baseUrl: 'http://box/v1', models: [
        {id: 'a', cost: {input: 1.5, output: 8, cacheRead: 0.1, cacheWrite: 2}},
        {id: 'b', cost: {input: 0, output: 0}},
        {id: 'c', cost: {output: 3}},
        {id: 'd', cost: {}},
        {id: 'e'},
    ]}}}, agents: {defaults: {model: 'box/a'}}}";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.warnings, []);
    let price = |id: &str, input, output| (id.to_owned(), Price { input, output });
    let expected = [price("a", 1.5, 8.0), price("b", 0.0, 0.0), price("c", 0.0, 3.0)];
    assert_eq!(provider(&loaded.settings.agents, "box").prices, expected);
    for (cost, expected) in [
        ("7", ": must be an object, but is a number"),
        ("{input: '1'}", ".input: must be dollars for a million tokens, 0 or more"),
        ("{output: -1}", ".output: must be dollars for a million tokens, 0 or more"),
    ] {
        let text = format!(
            "{{models: {{providers: {{box: {{baseUrl: 'http://box/v1', models: [{{id: 'a', cost: {cost}}}]}}}}}}}}"
        );
        let place = "doorward.json:1: models.providers.box.models[0].cost";
        assert_eq!(errors(load_text(&text)), [format!("{place}{expected}")]);
    }
}

#[test]
fn what_is_refused_with_its_place() {
    let rows: &[(&str, &[&str])] = &[
        ("{agents: []}", &["agents: must be an object, but is a list"]),
        ("{agents: {entries: {'a b': {}}}}", &["agents.entries[\"a b\"]: must be an agent's id"]),
        ("{agents: {entries: {A: {}, a: {}}}}", &["agents.entries.a: is the id of another agent"]),
        (
            "{agents: {entries: {a: {default: true}, b: {default: true}}}}",
            &["agents.entries.b: there is another default agent"],
        ),
        ("{agents: {defaults: {model: 7}}}", &["agents.defaults.model: must be a model's name"]),
        ("{agents: {defaults: {model: {}}}}", &["agents.defaults.model: needs a primary"]),
        (
            "{agents: {defaults: {model: {primary: 'x', fallbacks: ['y/']}}}}",
            &[
                "agents.defaults.model.primary: must be a model's whole name",
                "agents.defaults.model.fallbacks[0]: must be a model's whole name",
            ],
        ),
        ("{agents: {defaults: {timeoutSeconds: -1}}}", &["timeoutSeconds: must be a whole number"]),
        ("{agents: {defaults: {runtime: {type: 'pi'}}}}", &["runtime.type: needs a type"]),
        ("{agents: {defaults: {runtime: {}}}}", &["runtime: needs a type"]),
        ("{agents: {defaults: {runtime: {type: 'command'}}}}", &["runtime: needs a command"]),
        (
            "{agents: {defaults: {runtime: {type: 'command', command: []}}}}",
            &["runtime.command: must begin with a program"],
        ),
        (
            "{agents: {defaults: {runtime: {type: 'command', command: 'x', cwd: 'y', env: ['A=B']}}}}",
            &[
                "runtime.command: must be a list",
                "runtime.cwd: must be an absolute path",
                "runtime.env[0]: must be the name",
            ],
        ),
        ("{models: {providers: {x: {baseUrl: 'box'}}}}", &["x.baseUrl: must be an address"]),
        ("{models: {providers: {x: {baseUrl: 'ftp://b'}}}}", &["x.baseUrl: must be an address"]),
        ("{models: {providers: {x: {baseUrl: 'http://u:p@b'}}}}", &["x.baseUrl: must not hold"]),
        ("{models: {providers: {ollama: {api: 'soap'}}}}", &["ollama.api: must be \"openai-"]),
        ("{models: {providers: {ollama: {apiKey: '${NOT_SET}'}}}}", &["ollama.apiKey: the env"]),
        ("{models: {providers: {ollama: {apiKey: ' '}}}}", &["ollama.apiKey: is empty"]),
        ("{models: {providers: {ollama: {headers: {'a b': 'c'}}}}}", &["is not the name of a he"]),
        ("{models: {providers: {ollama: {models: [{}]}}}}", &["ollama.models[0]: needs an id"]),
        ("{bindings: {}}", &["bindings: must be a list of objects"]),
        ("{bindings: [{match: {channel: 'x'}}]}", &["bindings[0]: needs an agentId"]),
        ("{bindings: [{agentId: 'main'}]}", &["bindings[0]: needs match.channel"]),
        (
            "{bindings: [{agentId: 'main', match: {channel: 'x', peer: {kind: 'y', id: 'z'}}}]}",
            &["bindings[0].match.peer.kind: must be \"direct\""],
        ),
    ];
    for (text, expected) in rows {
        let found = errors(load_text(text));
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found.starts_with("doorward.json:1: ") && found.contains(expected), "{found}");
        }
    }
}

#[test]
fn what_is_accepted_and_said() {
    let rows: &[(&str, &[&str])] = &[
        (
            "{agents: {defaults: {workspace: '~', heartbeat: {}, timeoutSeconds: 5}, entries: {main: {\
          tools: {}}}, ownership: 'explicit'}}",
            &[
                "agents.defaults.heartbeat: accepted, not used by this version",
                "agents.defaults.workspace: accepted, not used by this version",
                "agents.entries.main.tools: accepted, not used by this version",
            ],
        ),
        (
            "{agents: {entries: {main: {modle: 'x'}}}}",
            &["agents.entries.main.modle: unknown key, ignored"],
        ),
        (
            "{models: {providers: {ollama: {region: 'x', models: [{id: 'a', contxt: 1}]}}}}",
            &[
                "models.providers.ollama.models[0].contxt: unknown key, ignored",
                "models.providers.ollama.region: accepted, not used by this version",
            ],
        ),
        (
            "{agents: {defaults: {model: 'minimax/m2'}}}",
            &[
                "agents.defaults.model: no provider of this name is in models.providers: whoever asks \
             is told so",
            ],
        ),
        (
            "{agents: {entries: {main: {runtime: {type: 'acp', acp: {agent: 'codex'}}}}}}",
            &[
                "agents.entries.main.runtime.acp: not used: say how the agent is started in command, \
             such as [\"gemini\", \"--acp\"]",
                "agents.entries.main.runtime.acp.agent: accepted, not used by this version",
            ],
        ),
        (
            "{bindings: [{type: 'acp', agentId: 'main', match: {channel: 'x'}}]}",
            &["bindings[0].type: not used: this version has only route bindings"],
        ),
        (
            "{bindings: [{agentId: 'qa', match: {channel: 'x'}}]}",
            &["bindings[0]: not used: no agent of this id is in agents.entries"],
        ),
        (
            "{bindings: [{agentId: 'main', match: {channel: 'x', guildId: '1'}}]}",
            &[
                "bindings[0].match.guildId: this version cannot match by it, so the binding is not used",
            ],
        ),
    ];
    for (text, expected) in rows {
        let loaded = load_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut found = shown(&loaded.warnings);
        found.sort();
        let mut expected: Vec<_> =
            expected.iter().map(|warning| format!("doorward.json:1: {warning}")).collect();
        expected.sort();
        assert_eq!(found, expected, "{text}");
        assert!(loaded.settings.agents.bindings.is_empty(), "{text}");
    }
}

#[test]
fn a_binding_names_who_answers() {
    let text = "{agents: {entries: {main: {}, a: {}, b: {}, c: {}, d: {}}}, bindings: [
        {agentId: 'a', match: {channel: 'DingTalk', accountId: '*'}},
        {agentId: 'b', match: {channel: 'dingtalk'}, comment: 'the default account'},
        {agentId: 'main', match: {channel: 'dingtalk'}},
        {agentId: 'd', match: {channel: 'dingtalk', accountId: '*', peer: {kind: 'group', id: '*'}}},
        {type: 'route', agentId: 'c', match: {channel: 'dingtalk', accountId: '*',
                                              peer: {kind: 'dm', id: '7'}}},
    ]}";
    let agents = agents(text);
    let peer = |kind: &str, id: &str| Some(Peer { kind: kind.into(), id: id.into() });
    for (channel, account, peer, expected) in [
        ("dingtalk", None, None, Some("b")),
        ("DINGTALK", Some("default"), None, Some("b")),
        ("dingtalk", Some("work"), None, Some("a")),
        ("dingtalk", None, peer("direct", "7"), Some("c")),
        ("dingtalk", Some("work"), peer("direct", "8"), Some("a")),
        ("dingtalk", None, peer("group", "7"), Some("d")),
        ("telegram", None, None, None),
    ] {
        let found = agents.route(channel, account, peer.as_ref());
        assert_eq!(found.map(AgentId::as_str), expected, "{channel} {account:?} {peer:?}");
    }
}

#[test]
fn programs_are_given_what_is_named_and_set() {
    let text = "{agents: {entries: {
        a: {default: true, runtime: {type: 'command', command: ['x'], env: ['TZ', 'UNSET']}},
        b: {runtime: {type: 'acp', acp: {command: ['y'], env: ['API_KEY', 'TZ']}}},
    }}}";
    let env =
        [("PATH", "/bin"), ("HOME", "/root"), ("TZ", "CET"), ("API_KEY", "k"), ("OTHER", "o")];
    let agents = load_with(text, &env, Overrides::default()).unwrap().settings.agents;
    let given = agents.environment.iter().map(|(name, value)| format!("{name}={}", value.expose()));
    assert_eq!(given.collect::<Vec<_>>(), ["API_KEY=k", "HOME=/root", "PATH=/bin", "TZ=CET"]);
}

#[test]
fn every_example_of_the_page_loads_without_a_word() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/AGENTS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples = page.split("```json5\n").skip(1);
    let examples: Vec<&str> = examples.map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 6);
    for example in examples {
        let loaded = load_with(example, &[("GPU_KEY", "k")], Overrides::default());
        let loaded = loaded.unwrap_or_else(|errors| panic!("{example}: {errors}"));
        assert_eq!(loaded.warnings, [], "{example}");
    }
}

#[test]
fn which_providers_are_on_this_host() {
    for (base_url, port) in [
        ("http://127.0.0.1:11434/v1", Some(11434)),
        ("http://127.9.9.9:1", Some(1)),
        ("http://[::1]:8000/v1", Some(8000)),
        ("https://localhost", Some(443)),
        ("http://localhost.example:80/v1", None),
        ("http://192.168.1.5:11434/v1", None),
        ("https://api.openai.com/v1", None),
    ] {
        let text = format!("{{models: {{providers: {{p: {{baseUrl: '{base_url}'}}}}}}}}");
        assert_eq!(agents(&text).providers[0].local_port(), port, "{base_url}");
    }
    let usual: Vec<_> = usual_local().into_iter().map(|usual| usual.id).collect();
    assert_eq!(usual, ["ollama", "lmstudio", "llama-cpp", "vllm"]);
}
