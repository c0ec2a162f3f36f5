//! What is missing, who can grant it, what to run: the sentences of a refusal, for people.

use super::{IdentityFault, ProofFault, Refusal, TokenFault};
use crate::domain::{
    ids::{RequestId, Seq},
    principal::SecretKind,
    registry::hold::{Item, Lost},
};

impl IdentityFault {
    fn missing(self) -> &'static str {
        match self {
            Self::Direct => "a trusted proxy that says who it is",
            Self::Loopback => "leave for a proxy on loopback to name people",
            Self::OwnAddress => "a proxy with an address of its own",
            Self::Header => "a header that the proxy must send",
            Self::Name => "the person's name from the proxy",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Direct => {
                "doorward whoami --url <address>  (as this client; connect through the proxy)"
            }
            Self::Loopback => "set gateway.auth.trustedProxy.allowLoopback: true",
            Self::OwnAddress => "let the proxy connect over loopback, or from another host",
            Self::Header => "check gateway.auth.trustedProxy.requiredHeaders",
            Self::Name => "check gateway.auth.trustedProxy.userHeader",
        }
    }
}

const WHERE_THE_SECRET_LIES: &str = "doorward status  (on the host; it says where the secret lies)";

const ADD_THE_PERSON: &str = "add the person to gateway.auth.trustedProxy.allowUsers";
const ASK_FOR_MORE: &str =
    "reconnect with the shared secret to ask for more, then: doorward devices list";

fn release(item: Item) -> String {
    format!("doorward review release {}  (after a look at it)", item.reference())
}

fn approve(request: RequestId) -> String {
    format!("doorward devices approve {request}")
}

/// What is held, and why.
fn held(item: Item, record: Seq, lost: Lost) -> String {
    let what = match item {
        Item::Device(..) => "this device",
        Item::Token(_) => "this service token",
        Item::Rules => "the rules that approve by themselves",
    };
    let records = lost.count().map_or_else(|| "records".into(), |count| format!("{count} records"));
    let from = lost.from;
    format!("a review of {what}: {records} from {from} on are lost, held since record {record}")
}

impl Refusal {
    /// What the asker lacks, in a few words.
    pub fn missing(&self) -> String {
        match self {
            Self::SecretMissing(kind) | Self::SecretMismatch { kind, .. } => match kind {
                SecretKind::Token => "the gateway's shared token".into(),
                SecretKind::Password => "the gateway's shared password".into(),
            },
            Self::DeviceTokenMismatch => "this device's current token".into(),
            Self::DeviceScopeMismatch { missing, .. }
            | Self::MissingScope { missing, .. }
            | Self::BeyondApprover { missing, .. }
            | Self::BeyondBaseline { missing } => format!("scope {missing}"),
            Self::SetupCode(_) => "a setup code that is still good".into(),
            Self::ServiceToken(TokenFault::Address) => "an address that the token is for".into(),
            Self::ServiceToken(_) => "a service token that is in force".into(),
            Self::IdentityMissing(fault) => fault.missing().into(),
            Self::IdentityNotAllowed => "a person who may enter".into(),
            Self::RateLimited { .. } | Self::Throttled { .. } => "patience".into(),
            Self::DeviceIdentityRequired => "a shared secret or a device key".into(),
            Self::DeviceProof(_) => "a valid proof of the device key".into(),
            Self::OriginNotAllowed(_) => "an allowed page origin".into(),
            Self::PairingRequired(_) => "an approval of this device".into(),
            Self::TooManyPending => "a free place among the pending requests".into(),
            Self::TooManyScopes => "a shorter list of scopes".into(),
            Self::WrongRole { .. } => "the other role".into(),
            Self::NotYours => "scope operator.admin".into(),
            Self::HostOnly => "a shell on the gateway host".into(),
            Self::UnknownRequest | Self::RequestClosed { .. } => "a pending request".into(),
            Self::RequestSuperseded { .. } | Self::RequestChanged { .. } => {
                "a look at the request as it is now".into()
            }
            Self::GrantEnded => "a grant that is still in force".into(),
            Self::HeldForReview { item, record, lost } => held(*item, *record, *lost),
            Self::UnknownDevice => "a paired device".into(),
            Self::NoGrant { role } => format!("a grant in role {}", role.name()),
            Self::LastAdmin => "another holder of operator.admin".into(),
            Self::UnknownToken => "a service token with that id or name".into(),
            Self::UnknownCode => "a setup code with that id".into(),
            Self::UnknownCeiling => "a role with that name in the policy".into(),
            Self::NameTaken => "a name that is free".into(),
            Self::LimitReached { what } => format!("a free place among the {what}"),
            Self::AlreadyOver => "an end that lies ahead".into(),
            Self::WeakSecret { why } => format!("a stronger secret: {why}"),
            Self::SecretIsElsewhere { place } => format!("a change at {place}"),
            Self::UnknownMethod => "a method or operation with that name".into(),
            Self::IdempotencyKeyReused => "an idempotency key that is new".into(),
            Self::AddressUnfit { .. } => "an address that a client can be given".into(),
            Self::UnknownRecord => "a record with that number".into(),
            Self::UnknownAgent => "an agent of that name".into(),
            Self::UnknownSession => "a session with that key".into(),
            Self::SessionWasReset => "a look at the session as it is now".into(),
            Self::UnknownRun => "a run with that id".into(),
            Self::LabelTaken => "a label that is free".into(),
            Self::Approval(fault) => fault.missing(),
            Self::Unavailable { reason, .. } => (*reason).into(),
        }
    }

    /// Which principals can grant it.
    pub fn grantors(&self) -> &'static str {
        match self {
            Self::SecretMissing(_)
            | Self::SecretMismatch { .. }
            | Self::OriginNotAllowed(_)
            | Self::IdentityMissing(_)
            | Self::IdentityNotAllowed
            | Self::UnknownCeiling
            | Self::UnknownAgent
            | Self::AddressUnfit { .. }
            | Self::SecretIsElsewhere { .. } => "whoever configures the gateway host",
            Self::DeviceTokenMismatch
            | Self::DeviceScopeMismatch { .. }
            | Self::SetupCode(_)
            | Self::ServiceToken(_)
            | Self::UnknownToken
            | Self::UnknownCode
            | Self::NoGrant { .. }
            | Self::BeyondBaseline { .. }
            | Self::PairingRequired(_)
            | Self::TooManyPending
            | Self::MissingScope { .. }
            | Self::BeyondApprover { .. }
            | Self::NotYours
            | Self::GrantEnded
            | Self::UnknownDevice => {
                "the gateway host, or an operator with operator.pairing that holds those scopes"
            }
            Self::HeldForReview { .. } => {
                "the gateway host, or an operator with operator.admin that is not held itself"
            }
            Self::HostOnly | Self::LastAdmin => "the gateway host",
            Self::UnknownRequest
            | Self::RequestSuperseded { .. }
            | Self::RequestClosed { .. }
            | Self::RequestChanged { .. } => "the device, by asking again",
            Self::DeviceIdentityRequired
            | Self::DeviceProof(_)
            | Self::TooManyScopes
            | Self::NameTaken
            | Self::LabelTaken
            | Self::UnknownSession
            | Self::SessionWasReset
            | Self::UnknownRun
            | Self::LimitReached { .. }
            | Self::AlreadyOver
            | Self::UnknownMethod
            | Self::IdempotencyKeyReused
            | Self::WeakSecret { .. }
            | Self::Approval(_)
            | Self::WrongRole { .. } => "the client itself",
            Self::UnknownRecord => "nobody; the ledger ends before it",
            Self::RateLimited { .. } => "an operator with operator.admin, or waiting",
            Self::Throttled { .. } | Self::Unavailable { .. } => "nobody; wait",
        }
    }

    /// What to run (a command to copy), or to do where there is no command.
    pub fn remedy(&self) -> String {
        match self {
            Self::SecretMissing(_) | Self::SecretMismatch { .. } => WHERE_THE_SECRET_LIES.into(),
            Self::PairingRequired(pairing) => approve(pairing.request_id),
            Self::RequestSuperseded { by } => approve(*by),
            Self::UnknownAgent
            | Self::UnknownSession
            | Self::SessionWasReset
            | Self::UnknownRun
            | Self::LabelTaken => self.talk_remedy().into(),
            Self::RequestChanged { .. }
            | Self::UnknownRequest
            | Self::RequestClosed { .. }
            | Self::UnknownDevice
            | Self::TooManyPending
            | Self::DeviceTokenMismatch
            | Self::NoGrant { .. }
            | Self::GrantEnded => "doorward devices list".into(),
            Self::HeldForReview { item, .. } => release(*item),
            Self::SetupCode(_) | Self::UnknownCode => {
                "doorward devices setup-code  (or, for the first owner: doorward bootstrap)".into()
            }
            Self::ServiceToken(_) | Self::UnknownToken | Self::NameTaken => {
                "doorward tokens list".into()
            }
            Self::LimitReached { what: "service tokens" } => "doorward tokens list".into(),
            Self::LimitReached { .. } => "wait until one of them is over".into(),
            Self::IdentityMissing(fault) => fault.remedy().into(),
            Self::IdentityNotAllowed => ADD_THE_PERSON.into(),
            Self::UnknownCeiling => "add the role under doorward.roles".into(),
            Self::RateLimited { .. } => "doorward lockouts clear".into(),
            Self::Throttled { retry_after_ms } => {
                format!("doorward whoami, then try again in {retry_after_ms} ms")
            }
            Self::LastAdmin => {
                "give another device operator.admin, or on the host: --force --reason <why>".into()
            }
            Self::UnknownMethod => "spell it as the protocol does, such as cron.add".into(),
            Self::IdempotencyKeyReused => "make a new key for each thing to do".into(),
            Self::AlreadyOver => "name a later end, such as --until 1h".into(),
            Self::WeakSecret { .. } => "doorward auth rotate  (it makes a strong one)".into(),
            Self::AddressUnfit { .. } => "set gateway.publicUrl to a wss:// address".into(),
            Self::SecretIsElsewhere { .. } => "change it there, then restart the gateway".into(),
            Self::DeviceScopeMismatch { .. } | Self::BeyondBaseline { .. } => ASK_FOR_MORE.into(),
            Self::MissingScope { missing, .. } => format!(
                "connect asking for {missing}; if pairing is then required: doorward devices \
                 approve; without a device: doorward tokens create --name <client> --scope {missing}"
            ),
            Self::BeyondApprover { .. } | Self::NotYours => {
                "doorward devices approve <request-id>  (on the host)".into()
            }
            Self::HostOnly => "run the same command on the gateway host".into(),
            Self::DeviceIdentityRequired => {
                "pass the shared secret (see: doorward status), or pair the device".into()
            }
            Self::DeviceProof(fault) => fault.remedy().into(),
            Self::OriginNotAllowed(_) => {
                "add the origin to gateway.controlUi.allowedOrigins, then: doorward config check"
                    .into()
            }
            Self::WrongRole { .. } => "connect in the other role".into(),
            Self::TooManyScopes => "ask for fewer scopes".into(),
            Self::UnknownRecord => "doorward audit log".into(),
            Self::Approval(fault) => fault.remedy().into(),
            Self::Unavailable { retry_after_ms, .. } => format!("try again in {retry_after_ms} ms"),
        }
    }

    /// [`Self::remedy`] for what is refused in talking.
    fn talk_remedy(&self) -> &'static str {
        match self {
            Self::UnknownAgent => {
                "GET /v1/models tells which agents there are; add it under agents.entries"
            }
            Self::UnknownRun => "read the session's history; the run is over",
            Self::LabelTaken => "choose another label, or take it off the other session",
            _ => "ask for the sessions there are (sessions.list) and try again",
        }
    }
}

impl ProofFault {
    fn remedy(self) -> &'static str {
        match self {
            Self::Stale => "set the client's clock",
            _ => "sign this connection's challenge with the device's key",
        }
    }
}
