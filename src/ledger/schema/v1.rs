//! Version 1 of the disk shape: the envelope, the vocabulary that events share, and the head.
//!
//! The order of fields and of variants IS the format. Never reorder, never remove; add variants at
//! the end only, and fields only in a new version.

use bincode::{Decode, Encode};

use crate::{
    domain::{
        ids::{DeviceId, TokenId},
        origin, principal,
        refusal::PairingReason,
        registry::{self, approvals},
        scope::{self, Known},
        time::UnixMillis,
    },
    ledger::{
        chain::HeadState,
        codec::CodecError,
        merkle::{Frontier, Hash},
        record,
    },
};

/// The first byte of every record.
pub(in crate::ledger) const FORMAT: u8 = 1;

/// Everything about a record but its event's body, which follows directly.
#[derive(Encode, Decode)]
pub(in crate::ledger) struct Envelope {
    pub format: u8,
    pub seq: u64,
    pub at: u64,
    pub principal: Principal,
    pub authority: u64,
    pub via: Via,
    pub before: Scopes,
    pub after: Scopes,
    pub kind: u16,
    pub version: u16,
}

/// An enum without data, with the same variants here and in the domain; the order here is frozen.
macro_rules! mirror {
    ($name:ident = $domain:path { $($variant:ident),+ $(,)? }) => {
        #[derive(Encode, Decode, Clone, Copy)]
        pub(in crate::ledger) enum $name { $($variant),+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

mirror!(Role = scope::Role { Operator, Node });
mirror!(SecretKind = principal::SecretKind { Token, Password });
mirror!(
    Rule = principal::Rule {
        Startup,
        LocalPolicy,
        Expiry,
        TrustedCidr,
        KeyList,
        SetupCode,
        RateLimit,
        AgentRun,
        Retention
    }
);
mirror!(Transport = record::Transport { WebSocket, Http, AdminSocket, Internal, Grpc });
mirror!(Locality = origin::Locality { DirectLoopback, Elsewhere });
mirror!(Reason = PairingReason { NotPaired, RoleUpgrade, ScopeUpgrade, MetadataUpgrade });
mirror!(
    ApprovedBy =
        registry::ApprovedBy { Host, Operator, LocalPolicy, TrustedCidr, KeyList, SetupCode }
);
mirror!(AuthMode = registry::AuthMode { Token, Password, None, TrustedProxy });
mirror!(Access = registry::Access { Full, Limited, Node });
mirror!(
    Class =
        registry::CredentialClass { SharedSecret, DeviceToken, ServiceToken, SetupCode, Person }
);
mirror!(ApprovalKind = approvals::Kind { Exec, Plugin });
mirror!(Decision = approvals::Decision { AllowOnce, AllowAlways, Deny });
mirror!(Withdrawal = approvals::Withdrawal { RunEnded, AgentCrashed, GatewayRestarted });

#[derive(Encode, Decode)]
pub(in crate::ledger) enum Principal {
    Host { uid: u32 },
    SharedSecret(SecretKind),
    Open,
    Device([u8; 32], Role),
    Applicant([u8; 32]),
    System(Rule),
    Token([u8; 16]),
    Person(String),
}

impl From<&principal::Principal> for Principal {
    fn from(value: &principal::Principal) -> Self {
        use principal::Principal as P;
        match value {
            P::Host { uid } => Self::Host { uid: *uid },
            P::SharedSecret(kind) => Self::SharedSecret((*kind).into()),
            P::Open => Self::Open,
            P::Device(DeviceId(id), role) => Self::Device(*id, (*role).into()),
            P::Applicant(DeviceId(id)) => Self::Applicant(*id),
            P::System(rule) => Self::System((*rule).into()),
            P::Token(TokenId(id)) => Self::Token(*id),
            P::Person(name) => Self::Person(name.clone()),
        }
    }
}

impl From<Principal> for principal::Principal {
    fn from(value: Principal) -> Self {
        match value {
            Principal::Host { uid } => Self::Host { uid },
            Principal::SharedSecret(kind) => Self::SharedSecret(kind.into()),
            Principal::Open => Self::Open,
            Principal::Device(id, role) => Self::Device(DeviceId(id), role.into()),
            Principal::Applicant(id) => Self::Applicant(DeviceId(id)),
            Principal::System(rule) => Self::System(rule.into()),
            Principal::Token(id) => Self::Token(TokenId(id)),
            Principal::Person(name) => Self::Person(name),
        }
    }
}

#[derive(Encode, Decode)]
pub(in crate::ledger) enum Subject {
    Device([u8; 32], Role),
    SharedSecret,
    Open,
    Token([u8; 16]),
    Person(String),
}

impl From<&principal::Subject> for Subject {
    fn from(value: &principal::Subject) -> Self {
        use principal::Subject as S;
        match value {
            S::Device(DeviceId(id), role) => Self::Device(*id, (*role).into()),
            S::SharedSecret => Self::SharedSecret,
            S::Open => Self::Open,
            S::Token(TokenId(id)) => Self::Token(*id),
            S::Person(name) => Self::Person(name.clone()),
        }
    }
}

impl From<Subject> for principal::Subject {
    fn from(value: Subject) -> Self {
        match value {
            Subject::Device(id, role) => Self::Device(DeviceId(id), role.into()),
            Subject::SharedSecret => Self::SharedSecret,
            Subject::Open => Self::Open,
            Subject::Token(id) => Self::Token(TokenId(id)),
            Subject::Person(name) => Self::Person(name),
        }
    }
}

#[derive(Encode, Decode)]
pub(in crate::ledger) struct Via {
    transport: Transport,
    address: Option<String>,
    locality: Locality,
    connection: Option<String>,
    request: Option<String>,
}

impl From<&record::Via> for Via {
    fn from(value: &record::Via) -> Self {
        let record::Via { transport, address, locality, connection, request } = value;
        Self {
            transport: (*transport).into(),
            address: address.clone(),
            locality: (*locality).into(),
            connection: connection.clone(),
            request: request.clone(),
        }
    }
}

impl From<Via> for record::Via {
    fn from(value: Via) -> Self {
        let Via { transport, address, locality, connection, request } = value;
        Self {
            transport: transport.into(),
            address,
            locality: locality.into(),
            connection,
            request,
        }
    }
}

/// Scopes: a bit for each that has one here, and the names of all others.
#[derive(Encode, Decode)]
pub(in crate::ledger) struct Scopes {
    bits: u32,
    names: Vec<String>,
}

/// The bit of each scope. Frozen; a scope that is added gets the next free bit.
const SCOPE_BITS: [(Known, u32); 12] = [
    (Known::Admin, 1 << 0),
    (Known::Read, 1 << 1),
    (Known::Write, 1 << 2),
    (Known::Approvals, 1 << 3),
    (Known::Pairing, 1 << 4),
    (Known::Questions, 1 << 5),
    (Known::Talk, 1 << 6),
    (Known::TalkSecrets, 1 << 7),
    (Known::SessionsRead, 1 << 8),
    (Known::SessionsWrite, 1 << 9),
    (Known::SessionsArchive, 1 << 10),
    (Known::Audit, 1 << 11),
];

const ALL_SCOPE_BITS: u32 = (1 << SCOPE_BITS.len()) - 1;

impl From<&scope::ScopeSet> for Scopes {
    fn from(value: &scope::ScopeSet) -> Self {
        let mut scopes = Self { bits: 0, names: Vec::new() };
        for scope in value.iter() {
            match SCOPE_BITS.iter().find(|(known, _)| scope == scope::Scope::Known(*known)) {
                Some((_, bit)) => scopes.bits |= bit,
                None => scopes.names.push(scope.name().to_owned()),
            }
        }
        scopes
    }
}

impl TryFrom<Scopes> for scope::ScopeSet {
    type Error = CodecError;

    fn try_from(value: Scopes) -> Result<Self, CodecError> {
        let Scopes { bits, names } = value;
        if bits & !ALL_SCOPE_BITS != 0 {
            return Err(CodecError::Malformed(format!("scope bits {bits:#x} are unknown")));
        }
        let known = SCOPE_BITS.iter().filter(|(_, bit)| bits & bit != 0);
        let mut set: Self = known.map(|(known, _)| *known).collect();
        for name in names {
            // A name that has become a known scope since is read as that scope.
            let scope = scope::Scope::parse(&name);
            set.insert(scope.ok_or_else(|| CodecError::Malformed("not a scope name".into()))?);
        }
        Ok(set)
    }
}

#[derive(Encode, Decode)]
pub(in crate::ledger) struct Profile {
    display_name: Option<String>,
    client_id: String,
    client_mode: String,
    version: String,
    platform: String,
    device_family: Option<String>,
}

impl From<&registry::Profile> for Profile {
    fn from(value: &registry::Profile) -> Self {
        let registry::Profile {
            display_name,
            client_id,
            client_mode,
            version,
            platform,
            device_family,
        } = value.clone();
        Self { display_name, client_id, client_mode, version, platform, device_family }
    }
}

impl From<Profile> for registry::Profile {
    fn from(value: Profile) -> Self {
        let Profile { display_name, client_id, client_mode, version, platform, device_family } =
            value;
        Self { display_name, client_id, client_mode, version, platform, device_family }
    }
}

/// The head, as it stands in the `meta` tree.
#[derive(Encode, Decode)]
pub(in crate::ledger) struct Head {
    format: u8,
    size: u64,
    link: Hash,
    time: u64,
    peaks: Vec<Hash>,
}

impl From<&HeadState> for Head {
    fn from(value: &HeadState) -> Self {
        let HeadState { link, time, frontier } = value;
        let peaks = frontier.peaks().to_vec();
        Self { format: FORMAT, size: frontier.size(), link: *link, time: time.0, peaks }
    }
}

impl TryFrom<Head> for HeadState {
    type Error = CodecError;

    fn try_from(value: Head) -> Result<Self, CodecError> {
        let Head { format, size, link, time, peaks } = value;
        if format != FORMAT {
            return Err(CodecError::Malformed(format!("format {format} is unknown")));
        }
        let frontier = Frontier::from_parts(size, peaks);
        let frontier =
            frontier.ok_or_else(|| CodecError::Malformed("the frontier does not fit".into()))?;
        Ok(Self { link, time: UnixMillis(time), frontier })
    }
}
