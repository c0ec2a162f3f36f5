//! Who answers: the agents of this gateway.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    domain::{
        operation::Operation,
        permit,
        principal::Standing,
        refusal::Refusal,
        talk::{
            AgentId, Model, SessionKey, SessionKeyFault, Target,
            spent::{ModelName, Price},
        },
    },
    runtimes::{
        Runtime,
        echo::{self, Echo},
    },
    service::Service,
};

/// How long an agent may work on one turn, unless the configuration says. The real gateway's default.
const DEADLINE: Duration = Duration::from_secs(600);

/// One agent.
#[derive(Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// What to call it.
    pub name: Option<String>,
    /// A picture to show with the name.
    pub emoji: Option<String>,
    /// What it is told before anything else.
    pub instructions: Option<String>,
    /// What answers for it.
    pub runtime: Arc<dyn Runtime>,
    /// How long it may work on one turn.
    pub deadline: Duration,
}

/// The agents, of which one is the default.
#[derive(Clone)]
pub struct Agents {
    default: AgentId,
    all: BTreeMap<AgentId, Agent>,
    /// Whom a channel talks to, if not to the default one.
    route: Route,
    prices: Arc<BTreeMap<ModelName, Price>>,
}

/// Which agent is bound to a channel.
pub type Route = Arc<dyn Fn(&str) -> Option<AgentId> + Send + Sync>;

impl Agents {
    /// What a gateway has with nothing configured: one agent, which echoes.
    pub fn embedded() -> Self {
        let id = AgentId::main();
        let agent = Agent {
            id: id.clone(),
            name: None,
            emoji: None,
            instructions: None,
            runtime: Arc::new(Echo),
            deadline: DEADLINE,
        };
        Self {
            default: id.clone(),
            all: [(id, agent)].into(),
            route: Arc::new(|_| None),
            prices: Arc::default(),
        }
    }

    /// These agents. Without any, the embedded one; without a default among them, the first.
    pub fn new(agents: Vec<Agent>, default: Option<AgentId>, route: Route) -> Self {
        let all: BTreeMap<_, _> =
            agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect();
        let default = default.filter(|id| all.contains_key(id));
        match default.or_else(|| all.keys().next().cloned()) {
            Some(default) => Self { default, all, route, prices: Arc::default() },
            None => Self::embedded(),
        }
    }

    /// The same, with what their models cost.
    pub fn priced(self, prices: BTreeMap<ModelName, Price>) -> Self {
        Self { prices: Arc::new(prices), ..self }
    }

    /// What a model costs, if that is configured. The embedded echo costs nothing.
    pub fn price(&self, model: &Model) -> Option<Price> {
        if model.provider == echo::PROVIDER {
            return Some(Price::default());
        }
        self.prices.get(&(model.provider.clone(), model.name.clone())).copied()
    }

    /// Whom one talks to without saying to whom.
    pub fn default_id(&self) -> &AgentId {
        &self.default
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.all.values()
    }

    /// One of them.
    ///
    /// # Errors
    /// If there is no such agent.
    pub fn get(&self, id: &AgentId) -> Result<&Agent, Refusal> {
        self.all.get(id).ok_or(Refusal::UnknownAgent)
    }

    /// Who is bound to a channel, if somebody is.
    pub fn routed(&self, channel: &str) -> Option<AgentId> {
        (self.route)(channel)
    }

    /// Whom a `model` means.
    ///
    /// # Errors
    /// If there is no such agent.
    pub fn targeted(&self, target: &Target) -> Result<&Agent, Refusal> {
        match target {
            Target::Default => self.get(&self.default),
            Target::Agent(id) => self.get(id),
        }
    }
}

impl Service {
    /// The agents.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn agents(&self, who: &Standing) -> Result<&Agents, Refusal> {
        permit::check(who, Operation::ReadModels).map(|()| &self.0.talk.agents)
    }

    /// The agents as an OpenAI client names them: the default one, then all of them.
    ///
    /// # Errors
    /// If `who` may not know.
    pub fn models(&self, who: &Standing) -> Result<Vec<String>, Refusal> {
        let agents = self.agents(who)?;
        let named = agents.iter().map(|agent| format!("openclaw/{}", agent.id));
        let default = ["openclaw".to_owned(), "openclaw/default".to_owned()];
        Ok(default.into_iter().chain(named).collect())
    }

    /// Who is bound to a channel, if somebody is.
    pub fn routed(&self, channel: &str) -> Option<AgentId> {
        self.0.talk.agents.routed(channel)
    }

    /// Reads a session key as a client wrote it.
    ///
    /// # Errors
    /// If it is none, or not for clients.
    pub fn session_key(
        &self,
        text: &str,
        agent: Option<&AgentId>,
    ) -> Result<SessionKey, SessionKeyFault> {
        SessionKey::parse(text, agent, self.0.talk.agents.default_id())
    }
}
