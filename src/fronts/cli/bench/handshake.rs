//! One connection from nothing to `hello-ok`, at the least cost for the client.

use std::{ops::Range, str};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;

use super::wire::{Endpoint, Wire, find, text_frame};
use crate::fronts::cli::client::{Challenge, ConnectOptions, Refusal};

/// What the gateway made of a `connect`.
pub enum Answer {
    /// It is open; the range is the `hello-ok` frame, until the next read.
    Welcome(Wire, Range<usize>),
    /// It said no.
    Refused(Refusal),
}

/// Connects and asks to be let in.
///
/// # Errors
/// If the connection breaks, or the peer does not speak this protocol.
pub async fn knock(endpoint: &Endpoint, options: &ConnectOptions) -> anyhow::Result<Answer> {
    let mut wire = Wire::open(endpoint).await?;
    let first = wire.next_text().await?;
    let challenge = Challenge::parse(str::from_utf8(wire.text(first))?)
        .context("the first frame is not connect.challenge")?;
    let mut frame = Vec::with_capacity(1024);
    text_frame(&options.connect_frame("c", &challenge), &mut frame);
    wire.send(&frame).await?;
    loop {
        let body = wire.next_text().await?;
        match Kind::of(wire.text(body.clone())) {
            Kind::Event => {}
            Kind::Yes => return Ok(Answer::Welcome(wire, body)),
            Kind::No => return Ok(Answer::Refused(refusal(wire.text(body))?)),
        }
    }
}

/// [`knock`], where a refusal is a failure like any other.
///
/// # Errors
/// As [`knock`], and if the gateway refuses.
pub async fn enter(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> anyhow::Result<(Wire, Range<usize>)> {
    match knock(endpoint, options).await? {
        Answer::Welcome(wire, hello) => Ok((wire, hello)),
        Answer::Refused(refusal) => bail!(refusal),
    }
}

fn refusal(frame: &[u8]) -> anyhow::Result<Refusal> {
    let mut frame: Value = serde_json::from_slice(frame)?;
    Refusal::deserialize(frame["error"].take()).context("the gateway's error has an unknown shape")
}

/// What a frame is, told from its bytes without parsing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An event: nobody asked for it.
    Event,
    /// An answer with `ok: true`.
    Yes,
    /// Any other answer.
    No,
}

impl Kind {
    /// Looks for the first `"ok"`, which precedes the payload in every gateway's answers. A frame
    /// that says `"event"` before that is an event.
    pub fn of(frame: &[u8]) -> Self {
        let ok = find(frame, b"\"ok\":");
        let head = &frame[..ok.unwrap_or(frame.len())];
        if find(head, b"\"event\"").is_some() {
            return Self::Event;
        }
        match ok {
            Some(at) if frame[at + 5..].starts_with(b"true") => Self::Yes,
            _ => Self::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_without_parsing() {
        for (frame, expected) in [
            (r#"{"type":"res","id":"a00","ok":true,"payload":{"ok":false}}"#, Kind::Yes),
            (r#"{"id":"a00","ok":true,"payload":{"event":"x"},"type":"res"}"#, Kind::Yes),
            (r#"{"type":"res","id":"a00","ok":false,"error":{"code":"X"}}"#, Kind::No),
            (r#"{"type":"event","event":"health","payload":{"ok":true}}"#, Kind::Event),
            (r#"{"event":"tick","payload":{"ok":true},"type":"event"}"#, Kind::Event),
            (r#"{"type":"event","event":"tick","payload":{}}"#, Kind::Event),
            (r#"{"ok":"#, Kind::No),
            ("", Kind::No),
        ] {
            assert_eq!(Kind::of(frame.as_bytes()), expected, "{frame}");
        }
    }
}
