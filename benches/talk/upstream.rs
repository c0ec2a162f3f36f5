//! A model server that says as many words as it is asked for, each at its time.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};

/// Each word as it stands in an answer, so that whoever listens can count words by bytes alone.
pub const WORD: &str = "word ";

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Serves for as long as the process lives. What it is told last says how many words it says and how
/// many milliseconds lie between them: `WORDS/MILLISECONDS`.
pub async fn serve() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    Ok(address)
}

/// One connection, until it is closed.
async fn talk(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Vec::new();
    while let Some(request) = next(&mut stream, &mut inbox).await? {
        let (words, pace) = wish(&request).unwrap_or((1, 0));
        let begun = Instant::now();
        stream.write_all(HEAD.as_bytes()).await?;
        for nth in 0..words {
            sleep_until(begun + Duration::from_millis(pace * nth)).await;
            let delta = serde_json::json!({"choices": [{"index": 0, "delta": {"content": WORD}}]});
            stream.write_all(chunk(&format!("data: {delta}\n\n")).as_bytes()).await?;
        }
        let end =
            serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let end = chunk(&format!("data: {end}\n\ndata: [DONE]\n\n"));
        stream.write_all(format!("{end}0\r\n\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The body of the next request; `None` once the connection is closed.
async fn next(stream: &mut TcpStream, inbox: &mut Vec<u8>) -> anyhow::Result<Option<String>> {
    loop {
        let text = String::from_utf8_lossy(inbox);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            let length: usize = length.unwrap_or(0);
            if body.len() >= length {
                let request = body[..length].to_owned();
                inbox.clear();
                return Ok(Some(request));
            }
        }
        if stream.read_buf(inbox).await? == 0 {
            return Ok(None);
        }
    }
}

fn wish(request: &str) -> Option<(u64, u64)> {
    let request: serde_json::Value = serde_json::from_str(request).ok()?;
    let said = request["messages"].as_array()?.last()?["content"].as_str()?.to_owned();
    let (words, pace) = said.split_once('/')?;
    Some((words.parse().ok()?, pace.parse().ok()?))
}
