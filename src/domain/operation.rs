//! Everything that can be asked of the gateway, and what each asks in return.
//!
//! Closed on purpose: a front can only offer a method by naming its operation, so there is no
//! method without a declared requirement.

use super::scope::{Known, ScopeSet};

/// What must be true of the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// An operator that satisfies this scope.
    Scope(Known),
    /// As [`Self::Scope`], or a node: what a capability host may also ask.
    ScopeOrNode(Known),
    /// An operator that satisfies this scope, or a device in its own affairs.
    ScopeOrOwn(Known),
    /// A node.
    Node,
    /// It depends on what the call says; whoever has not looked at that asks for admin.
    Dynamic,
    /// A device that proved its key; it needs no scope to ask.
    DeviceKey,
    /// Nothing: whoever was let in.
    Anyone,
    /// The host, or a rule of the house.
    Root,
}

impl Requirement {
    /// The scopes that it names.
    pub fn scopes(self) -> ScopeSet {
        match self {
            Self::Scope(scope) | Self::ScopeOrNode(scope) | Self::ScopeOrOwn(scope) => {
                ScopeSet::from_iter([scope])
            }
            Self::Dynamic => ScopeSet::from_iter([Known::Admin]),
            Self::Node | Self::DeviceKey | Self::Anyone | Self::Root => ScopeSet::empty(),
        }
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident: $requirement:expr),+ $(,)?) => {
        /// One thing that can be asked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation { $($(#[$doc])* $variant),+ }

        impl Operation {
            /// Every operation, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

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
    /// What are the gateway's figures?
    ReadMetrics: Scope(Known::Read),
    /// Who is connected?
    ReadPresence: Scope(Known::Read),
    /// What is configured? Secrets are redacted.
    ReadConfig: Scope(Known::Read),
    /// Which key does the gateway sign with?
    ReadIdentity: Scope(Known::Read),
    /// Which agents can be talked to?
    ReadModels: Scope(Known::Read),
    /// Have an agent answer.
    Complete: Scope(Known::Write),
    /// What was said, and which sessions are there?
    ReadSessions: Scope(Known::Read),
    /// Make sessions, and change their labels, models and marks.
    EditSessions: Scope(Known::Write),
    /// Reset or delete sessions, or put words into them.
    ManageSessions: Scope(Known::Admin),
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
    /// Show that one has the token that replaced another.
    ConfirmToken: DeviceKey,
    /// Tell of one's own changed name, platform or version.
    DescribeDevice: DeviceKey,
    /// Read and check the ledger.
    ReadLedger: Scope(Known::Audit),
    /// Take a device out, with everything that it holds.
    RemoveDevice: ScopeOrOwn(Known::Pairing),
    /// Give a device a name to go by.
    RenameDevice: ScopeOrOwn(Known::Pairing),
    /// Replace a device's token; the grant stays, or gets smaller.
    RotateToken: ScopeOrOwn(Known::Pairing),
    /// End a device's grant in one role.
    RevokeToken: ScopeOrOwn(Known::Pairing),
    /// Put a role's ceiling on a grant, or take it off.
    AssignRole: Scope(Known::Admin),
    /// Replace the shared secret.
    RotateSecret: Scope(Known::Admin),
    /// Which service tokens are there?
    ListTokens: Scope(Known::Pairing),
    /// Make a service token.
    CreateToken: Scope(Known::Pairing),
    /// Replace the secret of a service token.
    RotateServiceToken: Scope(Known::Pairing),
    /// End a service token.
    RevokeServiceToken: Scope(Known::Pairing),
    /// Make a setup code.
    CreateCode: Scope(Known::Admin),
    /// What became of a setup code?
    ReadCode: Scope(Known::Admin),
    /// Adopt a list of keys that need no approval.
    AdoptKeys: Root,
    /// Who is locked out?
    ListLockouts: Scope(Known::Pairing),
    /// Lift lockouts.
    ClearLockouts: Scope(Known::Admin),
    /// What is held for review?
    ListHeld: Scope(Known::Pairing),
    /// Let be in force again what was held for review.
    ReleaseHeld: Scope(Known::Admin),
    /// Lock out what keeps failing.
    LockOut: Root,
    /// End what ran out.
    EndGrant: Root,
    /// Why may someone else do something, or not? (About oneself, everyone may ask.)
    Explain: Scope(Known::Pairing),
    /// Who am I here, and where do I come from?
    WhoAmI: Anyone,
    /// Carry everything away, secrets included.
    BackUp: Root,
    /// Put a policy in force.
    AdoptPolicy: Root,
    /// End a pairing request that nobody repeats.
    ExpirePairing: Root,
    /// What waits for a person's approval, and what became of what did?
    ReadApprovals: Scope(Known::Approvals),
    /// Allow or deny what waits.
    DecideApproval: Scope(Known::Approvals),
    /// Have a person decide, on behalf of an agent.
    RequestApproval: Root,
    /// End an approval that nobody decides, or nobody waits for.
    EndApproval: Root,
}
