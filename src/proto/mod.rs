//! The gRPC contract as Rust: what the files in `proto/` give, and what both ends agree on beside it.
//!
//! Nothing here decides anything. Only `fronts::grpc` (the server) and `fronts::cli` (the client)
//! may name this room; everyone else speaks the language of the domain.
//!
//! `doorward.admin.v1.rs` is written by a generator and committed, so that building needs none.
//! After a change in `proto/`: `DOORWARD_REGENERATE=1 cargo test --test it proto`. Do that before the
//! code uses the change, because the test is only built if the crate is.

/// Version 1 of the admin contract.
#[allow(clippy::all, missing_docs, reason = "written by a generator")]
pub mod v1 {
    include!("doorward.admin.v1.rs");
}

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, with its comments: what reflection
/// gives. Written by the same generator.
pub const DESCRIPTORS: &[u8] = include_bytes!("doorward.admin.v1.binpb");

/// The largest request that the gateway reads, in bytes. The longest legitimate one is a list of 256
/// keys with every scope by name, some 90 KiB.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// The largest answer that the client reads, in bytes. A list of 1,000 requests with 32 long scopes
/// each is about 5 MiB.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The metadata that a refused call carries besides its gRPC code. The same is in the standard
/// details (`grpc-status-details-bin`): `google.rpc.ErrorInfo` with the code as its reason,
/// `PreconditionFailure` where the code is `FAILED_PRECONDITION`, `RetryInfo` where a delay is known.
pub mod refusal {
    /// The domain of every reason in `google.rpc.ErrorInfo`.
    pub const DOMAIN: &str = "doorward";
    /// The stable code, for programs.
    pub const CODE: &str = "doorward-code";
    /// What the asker lacks.
    pub const MISSING: &str = "doorward-missing";
    /// Who can grant it.
    pub const GRANTORS: &str = "doorward-grantors";
    /// What to run or to do.
    pub const REMEDY: &str = "doorward-remedy";
    /// When to try again, in milliseconds.
    pub const RETRY_AFTER_MS: &str = "doorward-retry-after-ms";
}

/// The metadata with which a client names its request; the ledger keeps it.
pub const REQUEST_ID: &str = "doorward-request-id";
