//! Everything that can be asked of the gateway, and what each asks in return.
//!
//! Closed on purpose: a front can only offer a method by naming its operation, so there is no
//! method without a declared requirement.

use super::scope::Known;

/// What must be true of the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// An operator that satisfies this scope.
    Scope(Known),
    /// As [`Self::Scope`], or a node: what a capability host may also ask.
    ScopeOrNode(Known),
    /// An operator that satisfies this scope, or a device in its own affairs.
    ScopeOrOwn(Known),
    /// A device that proved its key; it needs no scope to ask.
    DeviceKey,
    /// The host, or a rule of the house.
    Root,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident: $requirement:expr),+ $(,)?) => {
        /// One thing that can be asked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation { $($(#[$doc])* $variant),+ }

        impl Operation {
            /// Every operation, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// What it asks of the asker.
            pub const fn requirement(self) -> Requirement {
                use Requirement::*;
                match self { $(Self::$variant => $requirement),+ }
            }
        }
    };
}

operations! {
    /// Is the gateway well?
    ReadHealth: ScopeOrNode(Known::Read),
    /// What is the gateway doing?
    ReadStatus: Scope(Known::Read),
    /// Who is connected?
    ReadPresence: Scope(Known::Read),
    /// What is configured? Secrets are redacted.
    ReadConfig: Scope(Known::Read),
    /// Which key does the gateway sign with?
    ReadIdentity: Scope(Known::Read),
    /// Which devices are paired, which ask to be?
    ListPairings: Scope(Known::Pairing),
    /// Grant what a pairing request asks for.
    ApprovePairing: Scope(Known::Pairing),
    /// Turn a pairing request down, or withdraw one's own.
    RejectPairing: ScopeOrOwn(Known::Pairing),
    /// Ask to be paired.
    RequestPairing: DeviceKey,
    /// Receive the token of one's own grant.
    IssueToken: DeviceKey,
    /// Tell of one's own changed name, platform or version.
    DescribeDevice: DeviceKey,
    /// Read and check the ledger.
    ReadLedger: Scope(Known::Admin),
    /// Put a policy in force.
    AdoptPolicy: Root,
    /// End a pairing request that nobody repeats.
    ExpirePairing: Root,
}
