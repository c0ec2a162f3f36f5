//! What has come of an answer, whichever API it came by.

use std::collections::{BTreeMap, VecDeque};

use super::super::limits::{ANSWER_BYTES, TOOL_CALLS};
use crate::domain::talk::{Delta, Failure, Stop, Usage};

/// An answer on its way.
#[derive(Debug, Default)]
pub struct Tally {
    /// Deltas that are ready to be given on.
    pub ready: VecDeque<Delta>,
    /// Why it ended, as soon as that was said.
    pub stop: Option<Stop>,
    /// What was counted.
    pub usage: Option<Usage>,
    /// Tool calls whose arguments are still coming, by their place in the answer.
    calls: BTreeMap<u64, Call>,
    /// Everything that came, in bytes.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Tally {
    /// More text.
    ///
    /// # Errors
    /// As the others: if the answer is too long.
    pub fn text(&mut self, text: String) -> Result<(), Failure> {
        self.weigh(text.len())?;
        if !text.is_empty() {
            self.ready.push_back(Delta::Text(text));
        }
        Ok(())
    }

    /// More of what it thinks.
    ///
    /// # Errors
    /// If the answer is too long.
    pub fn reasoning(&mut self, text: String) -> Result<(), Failure> {
        self.weigh(text.len())?;
        if !text.is_empty() {
            self.ready.push_back(Delta::Reasoning(text));
        }
        Ok(())
    }

    /// A piece of a tool call: its id and its name come once, its arguments in fragments.
    ///
    /// A piece without a place belongs to the last call, unless it has an id that is new.
    ///
    /// # Errors
    /// If the answer is too long, or calls too much.
    pub fn call(
        &mut self,
        place: Option<u64>,
        id: Option<String>,
        name: Option<String>,
        arguments: &str,
    ) -> Result<(), Failure> {
        self.weigh(arguments.len())?;
        let place = place.unwrap_or_else(|| self.guess(id.as_deref()));
        let call = self.calls.entry(place).or_default();
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            call.name = name;
        }
        call.arguments.push_str(arguments);
        match self.calls.len() <= TOOL_CALLS {
            true => Ok(()),
            false => Err(Failure::Broken(format!("it calls more than {TOOL_CALLS} tools"))),
        }
    }

    fn guess(&self, id: Option<&str>) -> u64 {
        match (self.calls.last_key_value(), id) {
            (None, _) => 0,
            (Some((place, call)), Some(id)) if !id.is_empty() && call.id != id => place + 1,
            (Some((place, _)), _) => *place,
        }
    }

    /// The answer is complete: gives what is left of it, and its end.
    pub fn finish(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        let mut stop = self.stop.unwrap_or(Stop::Done);
        // Some servers say `stop` after a tool call.
        if !calls.is_empty() && stop == Stop::Done {
            stop = Stop::ToolCalls;
        }
        for (place, call) in calls {
            let id = if call.id.is_empty() { format!("call_{place}") } else { call.id };
            let none = call.arguments.trim().is_empty();
            let arguments = if none { "{}".into() } else { call.arguments };
            self.ready.push_back(Delta::ToolCall { id, name: call.name, arguments });
        }
        self.ready.extend(self.usage.map(Delta::Usage));
        self.ready.push_back(Delta::End(stop));
    }

    fn weigh(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes;
        match self.bytes <= ANSWER_BYTES {
            true => Ok(()),
            false => Err(Failure::TooLong { limit: ANSWER_BYTES }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, name: &str, arguments: &str) -> Delta {
        Delta::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn calls_are_put_together() {
        let some = |text: &str| Some(text.to_owned());
        let mut tally = Tally { stop: Some(Stop::Done), ..Tally::default() };
        tally.call(Some(1), some("b"), some("two"), "").unwrap();
        tally.call(Some(0), some("a"), some("one"), "{\"x\"").unwrap();
        tally.call(Some(0), None, None, ":1}").unwrap();
        tally.finish();
        let expected =
            [call("a", "one", "{\"x\":1}"), call("b", "two", "{}"), Delta::End(Stop::ToolCalls)];
        assert_eq!(tally.ready, expected);
        let mut tally = Tally::default();
        for (id, name, arguments) in
            [(some("a"), some("one"), "{"), (None, None, "}"), (some("b"), some("two"), "{ }")]
        {
            tally.call(None, id, name, arguments).unwrap();
        }
        tally.finish();
        let expected =
            [call("a", "one", "{}"), call("b", "two", "{ }"), Delta::End(Stop::ToolCalls)];
        assert_eq!(tally.ready, expected, "without places");
    }

    #[test]
    fn an_answer_has_an_end() {
        let mut tally = Tally::default();
        assert_eq!(tally.text("a".repeat(ANSWER_BYTES)), Ok(()));
        assert_eq!(tally.reasoning("a".into()), Err(Failure::TooLong { limit: ANSWER_BYTES }));
        let mut tally = Tally::default();
        let mut calls = (0..).map(|place| tally.call(Some(place), None, None, ""));
        let fault = calls.find_map(Result::err);
        assert!(matches!(fault, Some(Failure::Broken(said)) if said.contains("128")));
    }
}
