//! A program for each turn: the last message on its standard input, the answer on its standard
//! output.
//!
//! It is told where it stands by `DOORWARD_AGENT`, `DOORWARD_SESSION` (not for a single question)
//! and `DOORWARD_RUN`, so that one that wants a memory can keep its own. What was said before is
//! not handed over, nor are instructions, pictures and tools. Its environment holds nothing else but
//! what its description says.
//!
//! What it prints is given on as it comes, without the last line's end; what it says on standard
//! error is read when it fails. It runs in a process group of its own, and whoever drops the answer
//! ends the whole group, grandchildren too: a time limit is no more than that. `child` starts and
//! ends it, `text` makes text of its bytes.

mod child;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt as _};

use super::{Answer, Runtime, Turn, limits::ANSWER_BYTES, shortened};
use crate::domain::talk::{Author, Delta, Failure, Model, Stop, ToolChoice};
use child::Running;
use text::Decoder;

/// What is started, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// The program and its arguments; not empty.
    pub argv: Vec<String>,
    /// Where it is started; the gateway's own directory otherwise.
    pub cwd: Option<PathBuf>,
    /// The whole of its environment, but for what this runtime adds.
    pub env: Vec<(String, String)>,
    /// As whom it runs, by a name of `/etc/passwd`; only root can give it to another.
    pub user: Option<String>,
}

impl Program {
    /// What it is called, without its directory.
    fn name(&self) -> String {
        let program = self.argv.first().map(String::as_str).unwrap_or_default();
        let name = Path::new(program).file_name();
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The runtime.
#[derive(Debug)]
pub struct Command {
    program: Program,
}

impl Command {
    /// Answers with what this program prints.
    pub fn new(program: Program) -> Self {
        Self { program }
    }
}

impl Runtime for Command {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn model(&self) -> Option<String> {
        Some(format!("command/{}", self.program.name()))
    }

    fn answer(&self, turn: Turn) -> Answer {
        let work = Work { program: self.program.clone(), stage: Stage::Asked(Box::new(turn)) };
        stream::unfold(work, |mut work| async { Some((work.next().await?, work)) }).boxed()
    }
}

/// A turn on its way.
struct Work {
    program: Program,
    stage: Stage,
}

enum Stage {
    Asked(Box<Turn>),
    Running(Box<Open>),
    Ended,
    Over,
}

/// A program's output.
struct Open {
    running: Running,
    decoder: Decoder,
    bytes: usize,
}

impl Work {
    async fn next(&mut self) -> Option<Result<Delta, Failure>> {
        let step = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Asked(turn) => self.start(&turn),
            Stage::Running(open) => self.read(open).await,
            Stage::Ended => Ok(Delta::End(Stop::Done)),
            Stage::Over => return None,
        };
        Some(step)
    }

    fn start(&mut self, turn: &Turn) -> Result<Delta, Failure> {
        let message = asked(turn)?;
        let running = Running::start(&self.program, turn, message)?;
        let open = Open { running, decoder: Decoder::default(), bytes: 0 };
        self.stage = Stage::Running(Box::new(open));
        Ok(Delta::Model(Model { provider: "command".into(), name: self.program.name() }))
    }

    async fn read(&mut self, mut open: Box<Open>) -> Result<Delta, Failure> {
        loop {
            let piece = open.running.more().await?;
            if piece.is_empty() {
                open.running.end().await?;
                let last = open.decoder.end();
                if last.is_empty() {
                    return Ok(Delta::End(Stop::Done));
                }
                self.stage = Stage::Ended;
                return Ok(Delta::Text(last));
            }
            open.bytes += piece.len();
            if open.bytes > ANSWER_BYTES {
                return Err(Failure::TooLong { limit: ANSWER_BYTES });
            }
            let text = open.decoder.push(&piece);
            if !text.is_empty() {
                self.stage = Stage::Running(open);
                return Ok(Delta::Text(text));
            }
        }
    }
}

/// The message that is to be answered.
fn asked(turn: &Turn) -> Result<String, Failure> {
    if matches!(turn.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
        return Err(Failure::Unsupported("it calls no tools"));
    }
    let last = turn.messages.iter().rev().find(|message| message.author == Author::User);
    let words = last.map(|message| message.words()).unwrap_or_default();
    match words.is_empty() {
        true => Err(Failure::Unsupported("it reads text, and the message has none")),
        false => Ok(words),
    }
}

/// A program that failed, with what it said last.
fn crashed(what: &str, said: &[u8]) -> Failure {
    let said = String::from_utf8_lossy(said);
    // The last words say what went wrong, so the first ones go.
    let skipped = said.chars().count().saturating_sub(super::limits::SAID_CHARS);
    let said = shortened(&said.chars().skip(skipped).collect::<String>());
    Failure::Crashed(if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") })
}
