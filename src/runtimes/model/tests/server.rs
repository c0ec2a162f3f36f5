//! A model server that does as it is told: one reply after another, to whoever asks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// One step of a reply.
#[derive(Debug, Clone)]
pub enum Step {
    /// These bytes.
    Send(String),
    /// Nothing for a while.
    Wait(Duration),
    /// Nothing more; says on the channel when the other side has hung up.
    Hang,
}

/// A reply that is a stream of these events.
pub fn events(events: &[&str]) -> Vec<Step> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let events = events.iter().map(|event| Step::Send(format!("data: {event}\n\n")));
    std::iter::once(Step::Send(head.into())).chain(events).collect()
}

/// A reply that is a refusal.
pub fn refusal(status: &str, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Send(format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))]
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The first line and the headers, in lower case.
    pub head: String,
    /// The body.
    pub body: Value,
}

/// The server.
pub struct Server {
    /// Where it is, as a base address.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    hung_up: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Gives these replies, one for each request, in their order.
    pub async fn start(replies: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (tell, hung_up) = mpsc::unbounded_channel();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, tell) = (Arc::clone(&seen), tell.clone());
                tokio::spawn(serve(stream, reply, seen, tell));
            }
            // The listener goes: whoever asks once more is refused.
        });
        Self { url, asked, hung_up }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until the client of a hanging reply has hung up.
    pub async fn hung_up(&mut self) {
        self.hung_up.recv().await.unwrap();
    }
}

async fn serve(
    mut stream: TcpStream,
    reply: Vec<Step>,
    seen: Arc<Mutex<Vec<Asked>>>,
    tell: mpsc::UnboundedSender<()>,
) {
    let asked = read(&mut stream).await;
    seen.lock().unwrap().push(asked);
    for step in reply {
        match step {
            Step::Send(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => {
                let mut byte = [0];
                while !matches!(stream.read(&mut byte).await, Ok(0) | Err(_)) {}
                let _ = tell.send(());
            }
        }
    }
}

/// Reads one request.
async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        // What only asks has no body.
        let Some(length) = head.split("content-length: ").nth(1) else {
            return Asked { body: Value::Null, head };
        };
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() == length {
            return Asked { body: serde_json::from_str(body).unwrap(), head };
        }
    }
}
