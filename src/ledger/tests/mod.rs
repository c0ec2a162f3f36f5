//! The ledger's tests, by what they try to break.

mod conformance;
mod damage;
mod faults;
pub(super) mod fixtures;
mod formats;
pub(super) mod frozen;
mod hashes;
mod recovery;
mod syncing;
mod tampering;
