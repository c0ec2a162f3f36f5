//! `health-pipelined`, `health-lone` and `presence-pipelined`: requests on open connections.
//!
//! Requests are encoded once and sent again and again, some in each write, so that between three
//! quarters of `depth` and all of them are always on their way.

use std::{io, sync::Arc};

use anyhow::ensure;

use super::{
    Name, Target, handshake,
    load::{self, Deadline, Samples},
    pipe::Pipe,
    report::Outcome,
    wire::text_frame,
};

/// How one method is called.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Under which name it is reported.
    pub name: Name,
    /// The method; it takes no parameters.
    pub method: &'static str,
    /// Connections.
    pub connections: usize,
    /// Requests under way on each, at most 100 (their ids have two digits).
    pub depth: usize,
}

/// Opens the connections and measures.
///
/// # Errors
/// If a connection cannot be opened or no request succeeds.
pub async fn measure(target: Arc<Target>, pattern: Pattern) -> anyhow::Result<Outcome> {
    ensure!((1..=100).contains(&pattern.depth), "the depth must be from 1 to 100");
    let options = target.operator(&["operator.read"]);
    let mut callers = Vec::with_capacity(pattern.connections);
    for _ in 0..pattern.connections {
        let (wire, _) = handshake::enter(&target.endpoint, &options).await?;
        callers.push(Caller::new(Pipe::new(wire), pattern));
    }
    let load = load::run_warm(target.pid, target.time, callers, Caller::call).await?;
    Ok(Outcome::measured(pattern.name, load.figures()?))
}

struct Caller {
    pipe: Pipe,
    /// Twice `depth` frames of one length, so that any run of up to `depth` is one slice.
    frames: Vec<u8>,
    depth: usize,
    /// Which of the first `depth` frames is next.
    next: usize,
}

impl Caller {
    fn new(pipe: Pipe, Pattern { method, depth, .. }: Pattern) -> Self {
        let mut frames = Vec::new();
        for slot in (0..depth).chain(0..depth) {
            let text =
                format!(r#"{{"type":"req","id":"b{slot:02}","method":"{method}","params":{{}}}}"#);
            text_frame(&text, &mut frames);
        }
        Self { pipe, frames, depth, next: 0 }
    }

    async fn call(mut self, deadline: Deadline) -> (Option<Self>, Samples) {
        let mut samples = Samples::default();
        match self.keep_calling(deadline, &mut samples).await {
            Ok(()) => (Some(self), samples),
            Err(error) => {
                samples.failed(error);
                (None, samples)
            }
        }
    }

    /// Keeps up to `depth` requests under way until the deadline, then waits for the last answers.
    async fn keep_calling(&mut self, deadline: Deadline, samples: &mut Samples) -> io::Result<()> {
        // A write for each answer would cost both sides a system call each.
        let enough = (self.depth / 4).max(1);
        self.send(self.depth, deadline).await?;
        while self.pipe.under_way() > 0 {
            self.pipe.answers(|| deadline.now(), samples).await?;
            let missing = self.depth - self.pipe.under_way();
            if missing >= enough && !deadline.passed() && !samples.hopeless() {
                self.send(missing, deadline).await?;
            }
        }
        Ok(())
    }

    /// Sends the next `count` requests, at most `depth`.
    async fn send(&mut self, count: usize, deadline: Deadline) -> io::Result<()> {
        let len = self.frames.len() / (2 * self.depth);
        let start = self.next * len;
        self.next = (self.next + count) % self.depth;
        self.pipe.send(&self.frames[start..start + count * len], count, deadline.now()).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::{accept_async, tungstenite::Message};

    use super::*;
    use crate::fronts::cli::bench::wire::{Endpoint, Wire};

    #[tokio::test]
    async fn what_was_answered_is_asked_again_with_ids_in_turn() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let endpoint = Endpoint::resolve(&url).await.unwrap();
        let gateway = tokio::spawn(async move {
            let mut ws = accept_async(listener.accept().await.unwrap().0).await.unwrap();
            let mut ids = Vec::new();
            // 8 come at once; each 2 answers bring 2 more.
            for round in [8, 2, 2, 2, 2] {
                for _ in 0..round {
                    let text = ws.next().await.unwrap().unwrap().into_text().unwrap();
                    let request: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
                    assert_eq!(request["method"], "health");
                    ids.push(request["id"].as_str().unwrap().to_owned());
                }
                for _ in 0..2 {
                    let text = r#"{"type":"res","id":"b","ok":true}"#;
                    ws.send(Message::text(text)).await.unwrap();
                }
            }
            ids
        });
        let wire = Wire::open(&endpoint).await.unwrap();
        let pattern =
            Pattern { name: Name::HealthLone, method: "health", connections: 1, depth: 8 };
        let caller = Caller::new(Pipe::new(wire), pattern);
        let (caller, _) = caller.call(Deadline::in_time(Duration::from_secs(3600))).await;
        assert!(caller.is_none(), "the gateway went away");
        let expected: Vec<_> = (0..16).map(|at| format!("b{:02}", at % 8)).collect();
        assert_eq!(gateway.await.unwrap(), expected);
    }
}
