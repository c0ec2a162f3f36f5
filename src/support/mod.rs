//! What std forgot: the clock, random bytes, secrets, keys and the order to stop.
//!
//! The lowest room of the house. Everything here is small, has no idea what a gateway is, and may
//! be used by every other room; it names none of them.
//!
//! Two files are monopolies that `tests/it/tidy.rs` enforces: [`clock`] is the only place that
//! reads the system clock and [`entropy`] the only one that asks for random bytes. That is what
//! lets the domain be a pure function and a test be repeated.

pub mod clock;
pub mod device_key;
pub mod embedded;
pub mod entropy;
pub mod gateway_url;
pub mod keys;
pub mod network;
pub mod new_file;
pub mod private_file;
pub mod qr;
pub mod secret;
pub mod setup_code;
pub mod shutdown;
pub mod strength;
pub mod whole_lines;
