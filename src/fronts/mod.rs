//! The doors: parse, call one service method, render.
//!
//! A front holds no authority. It may not name another front, nor the ledger, and it contains no
//! `if` about who may do what: it passes who is asking to the service and renders the answer. The
//! types of a wire stay in their front.
//!
//! [`ws`] is the gateway protocol, [`http`] shares its port; the admin socket and the command line
//! are beside them, and [`sinks`] faces outwards. What two of them say in the same words is in a file of its own here.

pub mod cli;
pub mod grpc;
pub mod http;
mod proxy;
mod record;
pub mod sinks;
mod whoami;
pub mod ws;
