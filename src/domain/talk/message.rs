//! What is said: messages and their parts, what a client asks of a model, what an answer is made of.

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// Instructions to the agent.
    System,
    /// Whoever talks to it.
    User,
    /// The agent.
    Assistant,
    /// A tool that the agent called, with its result.
    Tool,
}

impl Author {
    /// The wire's word.
    pub const fn role(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }

    /// Reads the wire's word; `developer` is the newer one for `system`, `function` the older one
    /// for `tool`.
    pub fn parse(role: &str) -> Option<Self> {
        match role {
            "system" | "developer" => Some(Self::System),
            "user" => Some(Self::User),
            "assistant" => Some(Self::Assistant),
            "tool" | "function" => Some(Self::Tool),
            _ => None,
        }
    }
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Image {
        /// Its media type, such as `image/png`.
        mime: String,
        /// Its bytes in standard base64.
        base64: String,
    },
    /// The agent wants a tool of the client to be called.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// What to call it with: a JSON text.
        arguments: String,
    },
    /// What a call came to.
    ToolResult {
        /// Which call.
        call: String,
        /// What the tool said.
        content: String,
    },
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub author: Author,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// A message that is one text.
    pub fn text(author: Author, text: impl Into<String>) -> Self {
        Self { author, parts: vec![Part::Text(text.into())] }
    }

    /// Its texts, one after another.
    pub fn words(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().concat()
    }
}

/// A tool that the client offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, as text.
    pub parameters: Option<String>,
}

/// Whether the agent is to call a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// As it sees fit.
    #[default]
    Auto,
    /// No.
    None,
    /// One of them.
    Required,
    /// This one.
    Named(String),
}

/// How a model is to choose its words; `None` leaves it to the model. Passed on as far as the
/// provider knows them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    /// The most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// For the same answer again.
    pub seed: Option<i64>,
    /// Up to four texts before which the answer ends.
    pub stop: Vec<String>,
}

/// Which model answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Who runs it, such as `ollama`.
    pub provider: String,
    /// Its name there.
    pub name: String,
}

/// Tokens that were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of what was read.
    pub input: u64,
    /// Of what was written.
    pub output: u64,
}

impl Usage {
    /// Both together.
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// This and another.
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was complete.
    Done,
    /// It reached its most tokens.
    Length,
    /// The client's tools are to be called.
    ToolCalls,
    /// The provider withheld the rest.
    Filtered,
    /// Somebody ended it.
    Aborted,
}

impl Stop {
    /// OpenAI's word (`finish_reason`).
    pub const fn finish_reason(self) -> &'static str {
        match self {
            Self::Done | Self::Aborted => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Filtered => "content_filter",
        }
    }

    /// The gateway protocol's word (`stopReason`), which is also what is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "stop",
            Self::Length => "length",
            Self::ToolCalls => "toolUse",
            Self::Filtered => "filtered",
            Self::Aborted => "aborted",
        }
    }

    /// Reads [`Self::name`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Done, Self::Length, Self::ToolCalls, Self::Filtered, Self::Aborted]
            .into_iter()
            .find(|stop| stop.name() == name)
    }
}

/// One step of an answer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// This model answers; said before its first word, and again if another takes over.
    Model(Model),
    /// More text.
    Text(String),
    /// More of what it thinks, which is not part of the answer.
    Reasoning(String),
    /// A whole tool call.
    ToolCall {
        /// Names the call.
        id: String,
        /// The tool.
        name: String,
        /// A JSON text.
        arguments: String,
    },
    /// What it has used by now, all together.
    Usage(Usage),
    /// The end; nothing follows.
    End(Stop),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_wire_are_read_back() {
        for author in [Author::System, Author::User, Author::Assistant, Author::Tool] {
            assert_eq!(Author::parse(author.role()), Some(author));
        }
        assert_eq!(Author::parse("developer"), Some(Author::System));
        assert_eq!(Author::parse("function"), Some(Author::Tool));
        assert_eq!(Author::parse("User"), None);
        for stop in [Stop::Done, Stop::Length, Stop::ToolCalls, Stop::Filtered, Stop::Aborted] {
            assert_eq!(Stop::parse(stop.name()), Some(stop));
        }
    }

    #[test]
    fn the_words_of_a_message_are_its_texts() {
        let image = Part::Image { mime: "image/png".into(), base64: String::new() };
        let parts = vec![Part::Text("a".into()), image, Part::Text("b".into())];
        assert_eq!(Message { author: Author::User, parts }.words(), "ab");
    }
}
