//! Live sessions follow the ledger: what a session may do changes when the commit does, and only for
//! those whom it concerns.

mod approvals;
mod commits;
mod ephemeral;
mod gaps;
mod gateway;
mod interleaved;
mod sessions;
mod sockets;
mod talk;
