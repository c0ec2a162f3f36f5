//! Names: agents, sessions, runs, and the `model` of an OpenAI client, which is an agent here.

use std::fmt;

/// The most characters of an agent's id. The real gateway's limit.
const AGENT_CHARS_MAX: usize = 64;

/// The most characters of a session key. docs/PROTOCOL.md: `ChatSendParams.sessionKey`.
const SESSION_KEY_CHARS_MAX: usize = 512;

/// The most characters of a run's id: the published schema's, for run ids in a history.
const RUN_CHARS_MAX: usize = 256;

/// Namespaces of session keys that only the gateway itself hands out. The protocol's OpenAI page.
const RESERVED: [&str; 3] = ["subagent", "cron", "acp"];

/// The first steps of a `model` that mean "an agent of this gateway".
const HOUSE_NAMES: [&str; 2] = ["openclaw", "doorward"];

/// An agent: lower-case letters, digits, `-` and `_`, the first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// Reads one; capitals are taken as small letters, as the real gateway does.
    pub fn parse(text: &str) -> Option<Self> {
        let id = text.trim().to_ascii_lowercase();
        let mut letters = id.chars();
        let first = letters.next()?;
        let fits = first.is_ascii_alphanumeric()
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && id.len() <= AGENT_CHARS_MAX;
        fits.then_some(Self(id))
    }

    /// The agent that a fresh gateway has.
    pub fn main() -> Self {
        Self("main".into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a `model` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The default agent, whichever that is.
    Default,
    /// This agent.
    Agent(AgentId),
}

/// A `model` that names no agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATarget;

impl Target {
    /// Reads `openclaw`, `openclaw/default`, `openclaw/<agent>`, `openclaw:<agent>`, the same with
    /// `doorward`, and `agent:<agent>`. The protocol's OpenAI page, "Agent-first model contract".
    ///
    /// # Errors
    /// If it is anything else: the name of a provider's model is not the name of an agent.
    pub fn parse(model: &str) -> Result<Self, NotATarget> {
        let model = model.trim();
        if let Some(agent) = model.strip_prefix("agent:") {
            return AgentId::parse(agent).map(Self::Agent).ok_or(NotATarget);
        }
        let lower = model.to_ascii_lowercase();
        let rest = HOUSE_NAMES.iter().find_map(|house| lower.strip_prefix(house));
        match rest.ok_or(NotATarget)? {
            "" | "/default" => Ok(Self::Default),
            named => {
                let agent = named.strip_prefix(['/', ':']).ok_or(NotATarget)?;
                AgentId::parse(agent).map(Self::Agent).ok_or(NotATarget)
            }
        }
    }
}

/// The key of a session, whole: `agent:<agent>:<rest>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    text: String,
    agent: AgentId,
}

/// Why a text is no session key that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKeyFault {
    /// It is blank, too long, or holds control characters.
    Malformed,
    /// It lies in a namespace that the gateway keeps to itself.
    Reserved,
}

impl SessionKey {
    /// Reads what a client wrote. A key without an agent is one of `agent`, or of `fallback`.
    ///
    /// # Errors
    /// If it is none, or not for clients.
    pub fn parse(
        text: &str,
        agent: Option<&AgentId>,
        fallback: &AgentId,
    ) -> Result<Self, SessionKeyFault> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.chars().count() <= SESSION_KEY_CHARS_MAX
            && !text.chars().any(char::is_control);
        if !fits {
            return Err(SessionKeyFault::Malformed);
        }
        let named = text.strip_prefix("agent:").and_then(|rest| rest.split_once(':'));
        let (agent, rest) = match named {
            Some((id, rest)) if !rest.is_empty() => {
                (AgentId::parse(id).ok_or(SessionKeyFault::Malformed)?, rest)
            }
            Some(_) => return Err(SessionKeyFault::Malformed),
            None if text.starts_with("agent:") => return Err(SessionKeyFault::Malformed),
            None => (agent.unwrap_or(fallback).clone(), text),
        };
        let space = rest.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match RESERVED.contains(&space.as_str()) {
            true => Err(SessionKeyFault::Reserved),
            false => Ok(Self::of(&agent, rest)),
        }
    }

    /// A key of the gateway's own making, or one that was stored.
    pub fn of(agent: &AgentId, rest: &str) -> Self {
        Self { text: format!("agent:{agent}:{rest}"), agent: agent.clone() }
    }

    /// Reads one that was stored: as [`Self::parse`], and no namespace is closed.
    pub fn stored(text: &str) -> Option<Self> {
        let (agent, rest) = text.strip_prefix("agent:")?.split_once(':')?;
        Some(Self::of(&AgentId::parse(agent)?, rest))
    }

    /// The session that an agent has of itself.
    pub fn main_of(agent: &AgentId) -> Self {
        Self::of(agent, "main")
    }

    /// Whose session it is.
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// Whether it is the agent's own session.
    pub fn is_main(&self) -> bool {
        *self == Self::main_of(&self.agent)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One run: an agent's work on one turn. The client chooses it, as its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.trim().is_empty()
            && text.chars().count() <= RUN_CHARS_MAX
            && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One transcript. A session that was reset goes on under its key with a new one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// Reads the wire form, a UUID.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(|id| Self(id.into_bytes()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(self.0).hyphenated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str) -> AgentId {
        AgentId::parse(id).unwrap()
    }

    #[test]
    fn a_model_is_an_agent() {
        let named = |id| Ok(Target::Agent(agent(id)));
        for (model, means) in [
            ("openclaw", Ok(Target::Default)),
            ("openclaw/default", Ok(Target::Default)),
            ("doorward", Ok(Target::Default)),
            ("Doorward/Default", Ok(Target::Default)),
            (" openclaw ", Ok(Target::Default)),
            ("openclaw/main", named("main")),
            ("openclaw:research", named("research")),
            ("doorward/Research", named("research")),
            ("agent:research", named("research")),
            ("gpt-4", Err(NotATarget)),
            ("", Err(NotATarget)),
            ("openclaw/", Err(NotATarget)),
            ("openclawx", Err(NotATarget)),
            ("openclaw/a/b", Err(NotATarget)),
            ("openclaw/-a", Err(NotATarget)),
            ("agent:", Err(NotATarget)),
        ] {
            assert_eq!(Target::parse(model), means, "{model:?}");
        }
    }

    #[test]
    fn a_session_key_belongs_to_an_agent() {
        let long = "x".repeat(513);
        let (main, other) = (agent("main"), agent("other"));
        for (text, means) in [
            ("agent:main:main", Ok("agent:main:main")),
            ("agent:Other:app:1", Ok("agent:other:app:1")),
            ("main", Ok("agent:main:main")),
            ("app:1", Ok("agent:main:app:1")),
            (" app ", Ok("agent:main:app")),
            ("", Err(SessionKeyFault::Malformed)),
            ("  ", Err(SessionKeyFault::Malformed)),
            ("a\nb", Err(SessionKeyFault::Malformed)),
            (&long, Err(SessionKeyFault::Malformed)),
            ("agent:main", Err(SessionKeyFault::Malformed)),
            ("agent:main:", Err(SessionKeyFault::Malformed)),
            ("agent:-:x", Err(SessionKeyFault::Malformed)),
            ("cron:1", Err(SessionKeyFault::Reserved)),
            ("CRON:1", Err(SessionKeyFault::Reserved)),
            ("agent:main:subagent:1", Err(SessionKeyFault::Reserved)),
            ("acp", Err(SessionKeyFault::Reserved)),
            ("acpx", Ok("agent:main:acpx")),
        ] {
            let key = SessionKey::parse(text, None, &main);
            assert_eq!(key.as_ref().map(SessionKey::as_str).map_err(|fault| *fault), means);
        }
        let key = SessionKey::parse("app", Some(&other), &main).unwrap();
        assert_eq!((key.agent(), key.as_str()), (&other, "agent:other:app"));
        assert_eq!(SessionKey::stored(key.as_str()), Some(key.clone()));
        assert!(!key.is_main() && SessionKey::main_of(&other).is_main());
        assert!(SessionKey::stored("agent:main:cron:1").is_some());
    }

    #[test]
    fn a_run_has_a_name_of_some_length() {
        assert_eq!(RunId::parse("a-1").unwrap().as_str(), "a-1");
        assert!(RunId::parse(&"x".repeat(256)).is_some());
        for text in ["", "  ", "a\u{7}", &"x".repeat(257)] {
            assert_eq!(RunId::parse(text), None, "{text:?}");
        }
    }
}
