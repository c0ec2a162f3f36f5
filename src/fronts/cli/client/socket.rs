//! A WebSocket that carries JSON texts, up to the gateway's challenge and no further.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue, Request, Uri},
        protocol::WebSocketConfig,
    },
};

use super::{Challenge, Closed, ConnectError};

/// Above the gateway's own limit for a frame (25 MiB), so that it is the gateway that decides.
const LARGEST_MESSAGE: usize = 32 << 20;

/// How long a close may take to arrive or to be answered. Long past any loopback delay, and short
/// enough that a person waits for it.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// An open WebSocket, before or after the handshake of the protocol.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens `url` and waits for the challenge. There is no time limit here.
    ///
    /// # Errors
    /// [`ConnectError`], never `Refused`.
    pub async fn open(
        url: &str,
        headers: &[(String, String)],
    ) -> Result<(Self, Challenge), ConnectError> {
        let request = upgrade_request(url, headers)?;
        let tcp = dial(request.uri()).await?;
        // The default read buffer is 128 KiB for each connection; tests open thousands.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        let opened = client_async_with_config(request, tcp, Some(config)).await;
        let (stream, _) = opened.map_err(not_upgraded)?;
        let mut socket = Self(stream);
        let first = socket.next_text().await?;
        let challenge = Challenge::parse(&first).ok_or_else(|| {
            ConnectError::NotThisProtocol("the first frame is not connect.challenge".into())
        })?;
        Ok((socket, challenge))
    }

    /// Sends one text message.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Closed> {
        self.send(Message::text(text.into())).await
    }

    /// Sends one binary message.
    ///
    /// # Errors
    /// If the connection has ended.
    pub async fn send_binary(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), Closed> {
        self.send(Message::binary(bytes.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Closed> {
        self.0.send(message).await.map_err(|error| broken(&error))
    }

    /// The next frame of the protocol. Text that is not JSON ends the wait as a broken connection.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn next_frame(&mut self) -> Result<Value, Closed> {
        let text = self.next_text().await?;
        serde_json::from_str(&text)
            .map_err(|error| Closed { code: 1006, reason: format!("not JSON: {error}") })
    }

    /// The next text message; pings are answered on the way.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn next_text(&mut self) -> Result<String, Closed> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    let reason = frame.reason.as_str().to_owned();
                    return Err(Closed { code: frame.code.into(), reason });
                }
                Some(Ok(Message::Close(None))) => {
                    return Err(Closed { code: 1005, reason: String::new() });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(&error)),
                None => return Err(Closed { code: 1006, reason: String::new() }),
            }
        }
    }

    /// How the gateway closes, if it does so soon; frames before that are dropped.
    pub async fn closed(&mut self) -> Option<Closed> {
        let end = async {
            loop {
                if let Err(closed) = self.next_text().await {
                    break closed;
                }
            }
        };
        timeout(CLOSE_WAIT, end).await.ok()
    }

    /// Closes without a code, as the official clients do, and waits for the answer.
    pub async fn close(mut self) {
        if self.0.close(None).await.is_ok() {
            self.closed().await;
        }
    }
}

fn upgrade_request(url: &str, headers: &[(String, String)]) -> Result<Request<()>, ConnectError> {
    let mut request =
        url.into_client_request().map_err(|error| ConnectError::Url(format!("{url}: {error}")))?;
    if request.uri().scheme_str() != Some("ws") {
        let text = format!("{url}: only ws:// is spoken here; put a tunnel before wss://");
        return Err(ConnectError::Url(text));
    }
    for (name, value) in headers {
        let bad = |error: &dyn std::error::Error| ConnectError::Url(format!("{name}: {error}"));
        let key = HeaderName::try_from(name.as_str()).map_err(|error| bad(&error))?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|error| bad(&error))?;
        request.headers_mut().append(key, value);
    }
    Ok(request)
}

async fn dial(uri: &Uri) -> Result<TcpStream, ConnectError> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let tcp = TcpStream::connect((host, uri.port_u16().unwrap_or(80)))
        .await
        .map_err(ConnectError::Unreachable)?;
    // Small frames that wait for an answer: Nagle's algorithm would only add its delay.
    tcp.set_nodelay(true).map_err(ConnectError::Unreachable)?;
    Ok(tcp)
}

fn not_upgraded(error: Error) -> ConnectError {
    match error {
        Error::Http(response) => ConnectError::Upgrade {
            status: response.status().as_u16(),
            body: response
                .body()
                .as_deref()
                .map(|body| String::from_utf8_lossy(body).into_owned())
                .unwrap_or_default(),
        },
        Error::Io(error) => ConnectError::Unreachable(error),
        other => ConnectError::NotThisProtocol(other.to_string()),
    }
}

fn broken(error: &Error) -> Closed {
    Closed { code: 1006, reason: error.to_string() }
}
