//! How a run can fail: closed, each with a stable code, what happened and what to do.
//!
//! A failure is not a [`Refusal`](crate::domain::refusal::Refusal): whoever asked had every right
//! to, and the agent could not. What a provider said is passed on, shortened: it is often the only
//! useful line. Credentials are never part of it; a runtime sees to that.

/// Why a run ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The provider does not know the credential, or there is none.
    Credentials(String),
    /// The provider wants fewer calls.
    RateLimited {
        /// When to try again, in milliseconds, if the provider said.
        retry_after_ms: Option<u64>,
        /// Its words.
        said: String,
    },
    /// Nobody answers there.
    Unreachable(String),
    /// The answer did not come in time.
    TimedOut {
        /// The limit, in milliseconds.
        after_ms: u64,
    },
    /// The provider turned the request down.
    Rejected {
        /// Its HTTP status, if it speaks HTTP.
        status: Option<u16>,
        /// Its words.
        said: String,
    },
    /// The answer broke off, or could not be understood.
    Broken(String),
    /// The answer is longer than what is taken.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The agent's program ended badly.
    Crashed(String),
    /// The agent cannot do what was asked, such as calling the client's tools.
    Unsupported(&'static str),
    /// The gateway was restarted under it.
    Interrupted,
}

impl Failure {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "AGENT_CREDENTIALS",
            Self::RateLimited { .. } => "AGENT_RATE_LIMITED",
            Self::Unreachable(_) => "AGENT_UNREACHABLE",
            Self::TimedOut { .. } => "AGENT_TIMED_OUT",
            Self::Rejected { .. } => "AGENT_REJECTED",
            Self::Broken(_) => "AGENT_BROKEN_ANSWER",
            Self::TooLong { .. } => "AGENT_ANSWER_TOO_LONG",
            Self::Crashed(_) => "AGENT_CRASHED",
            Self::Unsupported(_) => "AGENT_UNSUPPORTED",
            Self::Interrupted => "AGENT_INTERRUPTED",
        }
    }

    /// What happened, in one line.
    pub fn message(&self) -> String {
        match self {
            Self::Credentials(said) => format!("the provider refused the credential: {said}"),
            Self::RateLimited { said, .. } => format!("the provider wants fewer calls: {said}"),
            Self::Unreachable(said) => format!("the provider cannot be reached: {said}"),
            Self::TimedOut { after_ms } => format!("no answer within {} s", after_ms / 1000),
            Self::Rejected { status: Some(status), said } => {
                format!("the provider rejected the request ({status}): {said}")
            }
            Self::Rejected { status: None, said } => {
                format!("the agent rejected the request: {said}")
            }
            Self::Broken(said) => format!("the answer broke off: {said}"),
            Self::TooLong { limit } => format!("the answer is longer than {limit} bytes"),
            Self::Crashed(said) => format!("the agent's program failed: {said}"),
            Self::Unsupported(what) => format!("this agent cannot do that: {what}"),
            Self::Interrupted => "the gateway was restarted before the answer was complete".into(),
        }
    }

    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "set the provider's key: models.providers.<id>.apiKey",
            Self::RateLimited { .. } => "wait, or name a fallback in agents.defaults.model",
            Self::Unreachable(_) => "start the provider, or correct models.providers.<id>.baseUrl",
            Self::TimedOut { .. } => "raise agents.defaults.timeoutSeconds",
            Self::Rejected { .. } => "correct the request, or the model's name",
            Self::Broken(_) | Self::Interrupted => "send the message again",
            Self::TooLong { .. } => "ask for less at a time",
            Self::Crashed(_) => "run the agent's program by hand and read what it says",
            Self::Unsupported(_) => "use an agent whose runtime can",
        }
    }

    /// Whether the next model of a list may be tried, or the same one again: nothing of the request
    /// itself was found wrong.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unreachable(_)
                | Self::TimedOut { .. }
                | Self::Broken(_)
                | Self::Rejected { status: Some(500..), .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        let said = || String::from("no");
        for (failure, passing) in [
            (Failure::Credentials(said()), false),
            (Failure::RateLimited { retry_after_ms: None, said: said() }, true),
            (Failure::Unreachable(said()), true),
            (Failure::TimedOut { after_ms: 1 }, true),
            (Failure::Rejected { status: Some(400), said: said() }, false),
            (Failure::Rejected { status: Some(503), said: said() }, true),
            (Failure::Rejected { status: None, said: said() }, false),
            (Failure::Broken(said()), true),
            (Failure::TooLong { limit: 1 }, false),
            (Failure::Crashed(said()), false),
            (Failure::Unsupported("tools"), false),
            (Failure::Interrupted, false),
        ] {
            assert_eq!(failure.is_passing(), passing, "{failure:?}");
            assert!(failure.code().starts_with("AGENT_") && !failure.remedy().is_empty());
        }
    }
}
