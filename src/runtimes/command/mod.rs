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
//! ends the whole group, grandchildren too: a time limit is no more than that.
//! [`program`](super::program) starts and ends it, `text` makes text of its bytes.

mod text;

#[cfg(test)]
mod tests;

use futures_util::stream::{self, StreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::{
    Answer, Runtime, Turn,
    limits::ANSWER_BYTES,
    program::{Process, Program},
};
use crate::domain::talk::{Author, Delta, Failure, Model, Stop, ToolChoice};
use text::Decoder;

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
    process: Process,
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
        let (process, mut stdin) = Process::start(&self.program, &told(turn))?;
        // A program that does not read it all has had enough.
        tokio::spawn(async move {
            let _ = stdin.write_all(message.as_bytes()).await;
        });
        let open = Open { process, decoder: Decoder::default(), bytes: 0 };
        self.stage = Stage::Running(Box::new(open));
        Ok(Delta::Model(Model { provider: "command".into(), name: self.program.name() }))
    }

    async fn read(&mut self, mut open: Box<Open>) -> Result<Delta, Failure> {
        loop {
            let piece = open.process.more().await?;
            if piece.is_empty() {
                open.process.end().await?;
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

/// Where it stands.
fn told(turn: &Turn) -> Vec<(&'static str, &str)> {
    let session = turn.session.as_ref().map(|session| ("DOORWARD_SESSION", session.as_str()));
    let mut told =
        vec![("DOORWARD_AGENT", turn.agent.as_str()), ("DOORWARD_RUN", turn.run.as_str())];
    told.extend(session);
    told
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
