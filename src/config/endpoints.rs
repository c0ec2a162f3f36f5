//! Which parts of the HTTP API are served: `gateway.http.endpoints`.
//!
//! The keys are the real gateway's. There everything is off until it is switched on; here it is on,
//! because each call needs a scope of its own (docs/PROTOCOL.md (h)).

use super::{findings::Report, known, reader::Section};

/// What is served. `GET /v1/models` and `POST /v1/embeddings` are there as soon as either is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// `POST /v1/chat/completions`.
    pub chat_completions: bool,
    /// `POST /v1/responses`.
    pub responses: bool,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self { chat_completions: true, responses: true }
    }
}

impl Endpoints {
    /// What `gateway.http` says; where it is silent, the default.
    pub(super) fn read(mut http: Section, report: &mut Report) -> Self {
        let mut endpoints = http.section("endpoints", report);
        http.leave(known::HTTP, report);
        let mut is_on = |key, unused| {
            let mut endpoint = endpoints.section(key, report);
            let enabled = endpoint.switch("enabled", report);
            endpoint.leave(unused, report);
            enabled.is_none_or(|given| given.value)
        };
        let chat_completions = is_on("chatCompletions", known::CHAT_COMPLETIONS);
        let responses = is_on("responses", known::RESPONSES);
        endpoints.leave(&[], report);
        Self { chat_completions, responses }
    }
}
