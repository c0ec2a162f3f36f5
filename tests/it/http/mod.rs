//! The HTTP API against the real binary: who is let in, what they hold, and what they are told.

mod bodies;
pub mod client;
mod control_ui;
mod credentials;
mod endpoints;
mod ends;
mod tlog;

/// A completion that is as it should be.
pub const HELLO: &str = r#"{"model":"openclaw","messages":[{"role":"user","content":"hello"}]}"#;

/// The two calls that need a credential, with the scope that each needs.
pub const CALLS: [(&str, &str); 2] =
    [("GET /v1/models", "operator.read"), ("POST /v1/chat/completions", "operator.write")];
