//! A client of chat completions that costs little: it writes one request and looks for words.

use std::net::SocketAddr;

use anyhow::ensure;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use super::{TOKEN, upstream::WORD};

/// What was heard, and when.
pub struct Heard {
    /// The request was written then.
    pub asked: Instant,
    /// Each word.
    pub words: Vec<Instant>,
}

/// Asks for one answer and hears it to its end.
pub async fn stream(to: SocketAddr, wish: &str, user: Option<&str>) -> anyhow::Result<Heard> {
    let mut body = serde_json::json!({
        "model": "openclaw", "stream": true, "messages": [{"role": "user", "content": wish}],
    });
    if let Some(user) = user {
        body["user"] = user.into();
    }
    let body = body.to_string();
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let asked = Instant::now();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut heard = Heard { asked, words: Vec::new() };
    let mut inbox = Vec::with_capacity(16 * 1024);
    loop {
        let read = stream.read_buf(&mut inbox).await?;
        let now = Instant::now();
        let (words, rest) = count(&inbox);
        heard.words.extend(std::iter::repeat_n(now, words));
        let text = String::from_utf8_lossy(&inbox);
        if text.contains("[DONE]") {
            return Ok(heard);
        }
        ensure!(read > 0, "the answer ends early: {text}");
        inbox.drain(..rest);
    }
}

/// The words in it, and where the last one ends.
fn count(bytes: &[u8]) -> (usize, usize) {
    let (mut words, mut at, word) = (0, 0, WORD.as_bytes());
    while let Some(next) = bytes[at..].windows(word.len()).position(|window| window == word) {
        words += 1;
        at += next + word.len();
    }
    (words, at)
}
