//! Who is asking, how they proved it, and what they hold.

use super::{
    ids::{DeviceId, Seq, TokenId},
    scope::{Role, ScopeSet},
};

/// The kind of shared secret that was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// `gateway.auth.token`
    Token,
    /// `gateway.auth.password`
    Password,
}

/// A rule of the house that acts by itself. It has a permit like everyone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// What the gateway does while it starts: the first record, adopting the configured policy.
    Startup,
    /// Approves a local device that proved the shared secret, within that secret's local grant.
    LocalPolicy,
    /// Ends what ran out: pairing requests that nobody repeats, grants and tokens with an end,
    /// devices that were enrolled for as long as they stay connected.
    Expiry,
    /// Approves fresh nodes without scopes from the addresses that the policy names.
    TrustedCidr,
    /// Approves keys of the adopted list, within what the list says.
    KeyList,
    /// Approves the first device that redeems a setup code, within what the code holds.
    SetupCode,
    /// Locks out what keeps failing to authenticate.
    RateLimit,
    /// Asks a person on behalf of an agent, and withdraws what the agent waits for no longer.
    AgentRun,
    /// Puts away and deletes sessions that nobody came back to, as the configuration says.
    Retention,
}

impl Rule {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Startup,
        Self::LocalPolicy,
        Self::Expiry,
        Self::TrustedCidr,
        Self::KeyList,
        Self::SetupCode,
        Self::RateLimit,
        Self::AgentRun,
        Self::Retention,
    ];

    /// Whether it approves by itself. Such a rule may approve and do nothing else; how much it may
    /// grant is the decider's rule.
    pub fn approves(self) -> bool {
        matches!(self, Self::LocalPolicy | Self::TrustedCidr | Self::KeyList | Self::SetupCode)
    }
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Someone with a shell on the host, proven by the peer credentials of the admin socket.
    Host {
        /// The user id that the kernel reported.
        uid: u32,
    },
    /// A client that proved a shared secret and no device key.
    SharedSecret(SecretKind),
    /// A client of a gateway in mode `none`, which asks for no proof.
    Open,
    /// A paired device.
    Device(DeviceId, Role),
    /// A device that proved its key and is not (yet) granted what it asks for.
    Applicant(DeviceId),
    /// A rule of the house.
    System(Rule),
    /// A client that presented a service token.
    Token(TokenId),
    /// A person whom a trusted proxy vouches for, by the name that it gave.
    Person(String),
}

/// Whose authority it is: what a live session, a listing and a commit have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A device in one role.
    Device(DeviceId, Role),
    /// Everyone who proves the shared secret.
    SharedSecret,
    /// Everyone, where nothing is asked for.
    Open,
    /// A service token.
    Token(TokenId),
    /// A person behind a trusted proxy.
    Person(String),
}

impl Principal {
    /// Whose authority it acts on; `None` for the host, its rules, and devices that hold nothing.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Device(id, role) => Some(Subject::Device(*id, *role)),
            Self::SharedSecret(_) => Some(Subject::SharedSecret),
            Self::Open => Some(Subject::Open),
            Self::Token(id) => Some(Subject::Token(*id)),
            Self::Person(name) => Some(Subject::Person(name.clone())),
            Self::Host { .. } | Self::Applicant(_) | Self::System(_) => None,
        }
    }

    /// It in one word, as lists and filters name it: `host`, `device:<id>`, `token:<id>`,
    /// `person:<name>`, `shared-secret`, `open`; `gateway` for its own rules.
    pub fn reference(&self) -> String {
        match self {
            Self::Host { .. } => "host".into(),
            Self::SharedSecret(_) => "shared-secret".into(),
            Self::Open => "open".into(),
            Self::Device(id, _) | Self::Applicant(id) => format!("device:{id}"),
            Self::Token(id) => format!("token:{id}"),
            Self::Person(name) => format!("person:{name}"),
            Self::System(_) => "gateway".into(),
        }
    }

    /// The device behind it, if there is one.
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Device(id, _) | Self::Applicant(id) => Some(*id),
            Self::Host { .. }
            | Self::SharedSecret(_)
            | Self::Open
            | Self::System(_)
            | Self::Token(_)
            | Self::Person(_) => None,
        }
    }

    /// Whether this is the root of authority itself, which no scope limits: the host and the
    /// rules that act on its behalf.
    pub fn is_root(&self) -> bool {
        match self {
            Self::Host { .. } => true,
            Self::System(rule) => !rule.approves(),
            _ => false,
        }
    }
}

/// A principal with what it holds in this session, and the grant it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub principal: Principal,
    /// In which role.
    pub role: Role,
    /// What it may use: never more than the grant, possibly less because it asked for less.
    pub scopes: ScopeSet,
    /// The record that granted it.
    pub grant: Seq,
}

impl Standing {
    /// Someone with a shell on the host. The host is the root: record 0 is its authority.
    pub fn host(uid: u32) -> Self {
        Self::root(Principal::Host { uid })
    }

    /// A rule that acts on the host's behalf.
    pub fn system(rule: Rule) -> Self {
        Self::root(Principal::System(rule))
    }

    /// A device that has proven its key and asks to be let in; it holds nothing.
    pub fn applicant(device: DeviceId, role: Role) -> Self {
        let principal = Principal::Applicant(device);
        Self { principal, role, scopes: ScopeSet::empty(), grant: Seq(0) }
    }

    fn root(principal: Principal) -> Self {
        let scopes = ScopeSet::full_operator();
        Self { principal, role: Role::Operator, scopes, grant: Seq(0) }
    }

    /// Whether it may hand out, or use, every scope of `scopes`.
    pub fn covers(&self, scopes: &ScopeSet) -> bool {
        self.principal.is_root() || self.scopes.covers(scopes)
    }
}
