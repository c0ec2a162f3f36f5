//! The command line: what a person types on the host.
//!
//! Only `output.rs` prints; every other file here returns text or values.
//!
//! - [`client`] talks to a gateway as any client of the protocol would;
//! - [`bench`] measures a gateway through that same door.

pub mod bench;
pub mod client;

#[cfg(test)]
mod fake_gateway;
