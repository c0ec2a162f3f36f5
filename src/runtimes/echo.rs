//! The embedded default: says back what it is told, and that it is no more than that.
//!
//! A fresh gateway answers its first message with nothing configured, so that everything between a
//! client and an agent can be tried before there is an agent.

use futures_util::stream::{self, StreamExt as _};

use super::{Answer, Runtime, Turn};
use crate::domain::talk::{Author, Delta, Model, Stop, Usage};

/// What it says of itself, before what it was told.
const PREFACE: &str = "No agent is configured, so this is only an echo \
                       (set agents.defaults in the configuration): ";

/// Under which name it answers; it costs nothing.
pub const PROVIDER: &str = "doorward";

/// The runtime. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Runtime for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn model(&self) -> Option<String> {
        Some("doorward/echo".into())
    }

    fn answer(&self, turn: Turn) -> Answer {
        let heard = turn.messages.iter().rev().find(|message| message.author == Author::User);
        let heard = heard.map(|message| message.words()).unwrap_or_default();
        let model = Model { provider: PROVIDER.into(), name: "echo".into() };
        // Words are its tokens: an echo has no tokenizer, and a count has to be true of something.
        let words = |text: &str| text.split_whitespace().count() as u64;
        let input = turn.messages.iter().map(|message| words(&message.words())).sum();
        let output = words(PREFACE) + words(&heard);
        let pieces = heard.split_inclusive(' ').map(|word| Delta::Text(word.to_owned()));
        let mut deltas = vec![Delta::Model(model), Delta::Text(PREFACE.into())];
        deltas.extend(pieces);
        deltas.push(Delta::Usage(Usage { input, output }));
        deltas.push(Delta::End(Stop::Done));
        stream::iter(deltas.into_iter().map(Ok)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::talk::{AgentId, Message, RunId, Sampling, ToolChoice};

    #[test]
    fn it_says_back_the_last_words_and_what_it_is() {
        let say = |author, text: &str| Message::text(author, text);
        let turn = Turn {
            run: RunId::parse("r").unwrap(),
            agent: AgentId::main(),
            session: None,
            messages: vec![
                say(Author::User, "first"),
                say(Author::Assistant, "yes"),
                say(Author::User, "hello  there"),
            ],
            model: None,
            tools: vec![],
            tool_choice: ToolChoice::Auto,
            sampling: Sampling::default(),
        };
        let deltas = futures_util::future::FutureExt::now_or_never(
            Echo.answer(turn).map(Result::unwrap).collect::<Vec<_>>(),
        );
        let deltas = deltas.unwrap();
        let text: String = deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, format!("{PREFACE}hello  there"));
        let usage = Usage { input: 4, output: PREFACE.split_whitespace().count() as u64 + 2 };
        assert_eq!(deltas[deltas.len() - 2..], [Delta::Usage(usage), Delta::End(Stop::Done)]);
    }
}
