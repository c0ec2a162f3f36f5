//! What is kept, what is not, and what is found after the process was gone.

mod holding;
mod orders;
mod storing;

use std::path::Path;

use super::*;
use crate::domain::talk::{AgentId, Author, Message, RunId};

fn key(rest: &str) -> SessionKey {
    SessionKey::of(&AgentId::main(), rest)
}

fn id(n: u8) -> SessionId {
    SessionId([n; 16])
}

fn run(name: &str) -> RunId {
    RunId::parse(name).unwrap()
}

fn says(author: Author, text: &str) -> Draft {
    Draft::of(Message::text(author, text))
}

fn begin(rest: &str, name: &str, text: &str) -> Order {
    let said = vec![says(Author::User, text)];
    let (at, id) = (UnixMillis(10), id(rest.as_bytes()[0] - b'a' + 1));
    Order::Begin { key: key(rest), id, expect: None, at, run: run(name), said }
}

fn open(dir: &Path) -> (Transcripts, Found) {
    Transcripts::open(dir, UnixMillis(99)).unwrap()
}

/// Runs a story on a runtime of its own.
fn on<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}

fn words(transcripts: &Transcripts, rest: &str) -> Vec<String> {
    let session = transcripts.session(&key(rest)).unwrap();
    let entries = transcripts.entries(session.id, 1, 1000).unwrap();
    entries.iter().map(|entry| entry.draft.message.words()).collect()
}
