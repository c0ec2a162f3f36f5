//! The WebSocket front: the OpenClaw Gateway protocol, version 4.
//!
//! Parses a frame, calls one service method, renders the answer. There is no `if` about authority
//! here: every row of [`catalog`] names the operation that its method is, and gate 1 is asked before
//! the method runs.
//!
//! Source of every shape: the protocol's published schema and recordings of the real gateway.
//! Start with [`socket`] (bytes), then [`dialogue`] (a connection's life), then [`catalog`].

mod catalog;
mod dialogue;
mod dispatch;
mod error;
mod events;
mod frame;
mod handshake;
mod hello;
pub mod limits;
mod methods;
pub mod socket;
mod subscriptions;
#[cfg(test)]
mod tests;
mod throttle;
mod wire;

pub use catalog::{METHODS, operation_of};
